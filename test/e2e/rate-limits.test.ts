/** Rate limits over real processes: one storage tier, two gateways, callers of both at once. */
import { WebSocket } from 'ws';
import { createClient } from 'graphql-ws';
import { systemClock } from '../../src/core/clock';
import { until } from './support/collector';
import type { Program } from './support/program';
import { useTier } from './support/tier';

interface Decision {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  readonly resetAt: string;
  readonly retryAfterMs: number;
}

const minute = 60_000;
const check = `mutation($input: CheckRateLimitInput!) {
  checkRateLimit(input: $input) { allowed limit remaining resetAt retryAfterMs }
}`;

const { startStorage, startTwoGateways } = useTier();

async function decide(gateway: Program, input: Record<string, unknown>): Promise<Decision> {
  const { data, errors } = await gateway.query(check, { input });
  if (!data) throw new Error(JSON.stringify(errors));
  return data['checkRateLimit'] as Decision;
}

const times = <T>(count: number, action: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => action(index)));

describe('a rate limit', () => {
  it(
    'is exact for hundreds of callers of two gateways at once, in every algorithm, and for several policies',
    async () => {
      await startStorage();
      const gateways = await startTwoGateways();
      const hour = 3_600_000;
      const policies = ['SLIDING_WINDOW_LOG', 'SLIDING_WINDOW_COUNTER', 'TOKEN_BUCKET'].map((algorithm) => ({
        limit: 40,
        // So long that a bucket regains nothing meanwhile.
        windowMs: 5_000 * hour,
        algorithm,
      }));
      for (const own of [...policies.map((each) => [each]), policies]) {
        const identifier = `hot-${own.map(({ algorithm }) => algorithm).join()}`;
        const decisions = await times(200, (index) =>
          decide(gateways[index % 2]!, { identifier, policies: own, cost: 3 }),
        );
        expect([identifier, decisions.filter(({ allowed }) => allowed).length]).toEqual([identifier, 13]);
      }
      const { data } = await gateways[0].query('mutation { resetRateLimit(identifier: "hot-TOKEN_BUCKET") }');
      expect(data).toEqual({ resetRateLimit: true });
      const again = await decide(gateways[1], { identifier: 'hot-TOKEN_BUCKET', policies: [policies[2]], cost: 40 });
      expect(again).toMatchObject({ allowed: true, remaining: 0 });
    },
    minute,
  );

  it(
    'lets in who comes after retryAfterMs, through whichever gateway',
    async () => {
      await startStorage();
      const gateways = await startTwoGateways();
      for (const algorithm of ['SLIDING_WINDOW_LOG', 'SLIDING_WINDOW_COUNTER', 'TOKEN_BUCKET']) {
        const input = { identifier: algorithm, policies: [{ limit: 2, windowMs: 150, algorithm }] };
        for (let round = 0; round < 10; round += 1) {
          const decision = await decide(gateways[round % 2]!, input);
          if (decision.allowed) continue;
          await systemClock.sleep(decision.retryAfterMs);
          expect(await decide(gateways[(round + 1) % 2]!, input)).toMatchObject({ allowed: true, retryAfterMs: 0 });
        }
      }
    },
    minute,
  );

  it(
    'loses and doubles nothing when storage is killed under load and everything is sent again',
    async () => {
      let storage = await startStorage();
      const gateways = await startTwoGateways({ NORIGATE_STORE_DEADLINE_MS: '2000' });
      const policies = [{ limit: 100, windowMs: 3_600_000 }];
      const input = (index: number): Record<string, unknown> => ({
        identifier: 'hot',
        policies,
        idempotencyKey: `attempt-${index}`,
      });
      const untilAnswered = async (index: number, gateway: Program): Promise<Decision> => {
        for (;;) {
          const { data, errors } = await gateway.query(check, { input: input(index) });
          if (data) return data['checkRateLimit'] as Decision;
          expect(['UNAVAILABLE', 'OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED', 'CONTENTION']).toContain(
            errors![0]!.extensions.code,
          );
        }
      };
      let answered = 0;
      const calls = times(150, async (index) => {
        await systemClock.sleep(index * 8);
        const decision = await untilAnswered(index, gateways[index % 2]!);
        answered += 1;
        return decision;
      });
      for (const count of [30, 80]) {
        await until(() => answered >= count);
        await storage.destroy();
        storage = await startStorage();
      }
      const decisions = await calls;
      expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(100);
      // Through the other gateway, each of them is answered as the first time.
      const again = await times(150, (index) => untilAnswered(index, gateways[(index + 1) % 2]!));
      expect(again).toEqual(decisions);
      const peek = '{ rateLimit(identifier: "hot", policies: [{ limit: 200, windowMs: 3600000 }]) { remaining } }';
      expect((await gateways[0].query(peek)).data).toEqual({ rateLimit: { remaining: 100 } });
    },
    minute,
  );
});

describe("the gateway's limit of its callers", () => {
  const limited = { NORIGATE_RATE_LIMIT: '5', NORIGATE_RATE_LIMIT_WINDOW_MS: '3600000' };
  const ask = (gateway: Program, tenant: string, accept = 'application/json'): Promise<Response> =>
    fetch(`${gateway.origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-tenant-id': tenant, accept },
      body: '{"query":"{ __typename }"}',
    });

  it(
    'counts the requests of a tenant over all gateways, and says so',
    async () => {
      await startStorage();
      const gateways = await startTwoGateways(limited);
      const answers = await times(40, (index) => ask(gateways[index % 2]!, 'a'));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
      const refused = answers.find(({ status }) => status === 429)!;
      expect(refused.headers.get('ratelimit-policy')).toBe('"requests";q=5;w=3600');
      expect(refused.headers.get('ratelimit')).toMatch(/^"requests";r=0;t=\d+$/);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await refused.json()).toMatchObject({
        errors: [{ extensions: { code: 'RATE_LIMITED', retryable: true, limit: 5, remaining: 0 } }],
      });
      const streamed = await ask(gateways[0], 'a', 'text/event-stream');
      expect([streamed.status, streamed.headers.get('retry-after')]).toEqual([429, expect.stringMatching(/^\d+$/)]);
      const other = await ask(gateways[0], 'b');
      expect([other.status, other.headers.get('ratelimit')]).toEqual([
        200,
        expect.stringMatching(/^"requests";r=4;t=\d+$/),
      ]);
      for (const path of ['/healthz', '/readyz', '/metrics', '/schema.graphql'])
        expect((await fetch(`${gateways[0].origin}${path}`, { headers: { 'x-tenant-id': 'a' } })).status).toBe(200);
      // What callers limit is another thing, whatever its name.
      const reset = await fetch(`${gateways[0].origin}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-tenant-id': 'b' },
        body: '{"query":"mutation { resetRateLimit(identifier: \\"requests\\") }"}',
      });
      expect(await reset.json()).toEqual({ data: { resetRateLimit: false } });
    },
    minute,
  );

  it(
    'counts the requests with a key apart, so that one key cannot use up what is the others',
    async () => {
      await startStorage();
      const gateways = await startTwoGateways({ NORIGATE_RATE_LIMIT: '12', NORIGATE_RATE_LIMIT_PER_KEY: '4' });
      // Without a key only the limit of the tenant counts.
      const made = await gateways[0].query(
        'mutation { createTenant(input: { tenantId: "shop", name: "S" }) { __typename } ' +
          'one: createApiKey(input: { tenantId: "shop", name: "1" }) { secret } ' +
          'two: createApiKey(input: { tenantId: "shop", name: "2" }) { secret } }',
      );
      const [one, two] = ['one', 'two'].map((name) => (made.data as Record<string, { secret: string }>)[name]!.secret);
      const askWith = (secret: string, gateway: Program): Promise<Response> =>
        fetch(`${gateway.origin}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
          body: '{"query":"{ __typename }"}',
        });
      const flood = await times(30, (index) => askWith(one!, gateways[index % 2]!));
      expect(flood.filter(({ status }) => status === 200)).toHaveLength(4);
      const refused = flood.find(({ status }) => status === 429)!;
      expect(refused.headers.get('ratelimit')).toMatch(/^"key";r=0;t=\d+$/);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      const other = await askWith(two!, gateways[1]);
      expect(other.status).toBe(200);
      expect(other.headers.get('ratelimit-policy')).toBe('"key";q=4;w=60, "requests";q=12;w=60');
      expect(other.headers.get('ratelimit')).toMatch(/^"key";r=3;t=\d+, "requests";r=7;t=\d+$/);
    },
    minute,
  );

  it(
    'counts the operations of a WebSocket, which stays open, and is UNAVAILABLE while storage is down',
    async () => {
      const storage = await startStorage();
      const [gateway] = await startTwoGateways({ ...limited, NORIGATE_STORE_DEADLINE_MS: '3000' });
      const client = createClient({
        url: `${gateway.origin.replace('http', 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        retryAttempts: 0,
      });
      let closes = 0;
      client.on('closed', () => (closes += 1));
      // Not the event itself, which jest would print with the whole socket in it.
      const shown = (error: unknown): unknown => (error instanceof Error || Array.isArray(error) ? error : 'closed');
      const run = (query: string): Promise<unknown> =>
        new Promise((resolve) => {
          client.subscribe(
            { query },
            { next: resolve, error: (error) => resolve(shown(error)), complete: () => resolve('complete') },
          );
        });
      const keptOpen = new Promise((resolve) => {
        client.subscribe(
          { query: 'subscription { clusterChanged { engine } }' },
          { next: resolve, error: resolve, complete: () => resolve('complete') },
        );
      });
      expect(await keptOpen).toMatchObject({ data: { clusterChanged: { engine: expect.any(String) } } });
      for (let count = 0; count < 4; count += 1)
        expect(await run('{ __typename }')).toMatchObject({ data: { __typename: 'Query' } });
      expect(await run('{ __typename }')).toMatchObject([{ extensions: { code: 'RATE_LIMITED', retryable: true } }]);
      expect(closes).toBe(0);
      await storage.destroy();
      const down = await ask(gateway, 'c');
      expect([down.status, await down.json()]).toEqual([
        503,
        { errors: [expect.objectContaining({ extensions: { code: 'UNAVAILABLE', retryable: true } })] },
      ]);
      await client.dispose();
    },
    minute,
  );
});
