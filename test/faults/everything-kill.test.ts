/**
 * The power goes: storage and both gateways are killed with -9 at once, again and again, while every pattern is under load.
 * Whoever got no answer sends the same command again, and many send it twice at once to begin with. In the end everything
 * that was acknowledged stands, once.
 */
import { makeSeededIds } from '../../src/core/ids';
import type { Program } from '../e2e/support/program';
import { until } from '../e2e/support/collector';
import { useTier } from '../e2e/support/tier';

const minute = 60_000;
const tier = useTier();

/** What the one field of an operation answers: the members that these operations ask for. */
interface Answer {
  readonly __typename: string;
  readonly id: string;
  readonly version: string;
  readonly reservationId: string;
  readonly token: string;
  readonly allowed: boolean;
  readonly fencingToken: number;
  readonly candidateId: string;
  readonly secret: string;
  readonly events: readonly { readonly eventId: string; readonly version: number; readonly position: string }[];
}

interface Edge {
  readonly cursor: string;
  readonly node: {
    readonly streamId: string;
    readonly version: number;
    readonly eventId: string;
    readonly position: string;
  };
}

/** Codes after which the same command is sent again. */
const unsure = new Set(['UNAVAILABLE', 'OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED', 'OVERLOADED', 'CONTENTION']);

class Shop {
  readonly seed = Number(process.env['NORIGATE_TEST_SEED'] ?? 1);
  readonly #ids = makeSeededIds(this.seed);
  #life: Promise<readonly Program[]>;
  acknowledged = 0;
  resent = 0;
  isOver = false;

  constructor() {
    this.#life = this.#start();
  }

  async #start(): Promise<readonly Program[]> {
    const storage = await tier.startStorage();
    return [...(await tier.startTwoGateways()), storage];
  }

  below(bound: number): number {
    return Math.floor(this.#ids.fraction() * bound);
  }

  /** Kills everything at once, and starts it again. */
  async losePower(): Promise<void> {
    const programs = await this.#life;
    this.#life = (async () => {
      for (const { process } of programs) process.kill('SIGKILL');
      await Promise.all(programs.map(({ ended }) => ended));
      return this.#start();
    })();
    await this.#life;
  }

  /** Sends a command until its answer comes, now and then twice at once; both must have the same answer. */
  async do(query: string, variables: Record<string, unknown> = {}, isSafeTwice = true): Promise<Answer> {
    return (await this.ask(query, variables, isSafeTwice))!;
  }

  /** The same, where null is an answer. */
  async ask(query: string, variables: Record<string, unknown> = {}, isSafeTwice = true): Promise<Answer | null> {
    const isDoubled = isSafeTwice && this.below(4) === 0;
    const gateway = this.below(2);
    const sent = isDoubled ? [gateway, 1 - gateway] : [gateway];
    const [first, second] = await Promise.all(sent.map((at) => this.#insist(at, query, variables)));
    if (sent.length === 2) expect(second).toEqual(first);
    this.acknowledged += 1;
    return first ?? null;
  }

  async #insist(first: number, query: string, variables: Record<string, unknown>): Promise<Answer | null> {
    for (let at = first; ; at = 1 - at) {
      const gateway = (await this.#life)[at]!;
      try {
        const { data, errors } = await gateway.query(query, variables);
        if (!errors) return Object.values(data!)[0] as Answer | null;
        if (!unsure.has(errors[0]!.extensions.code)) throw new Wrong(JSON.stringify(errors));
      } catch (error) {
        if (error instanceof Wrong) throw error;
        // The socket broke: nobody knows.
      }
      this.resent += 1;
    }
  }

  /** Repeats some work until the shop closes. */
  async repeat(workers: number, work: (name: string) => Promise<void>): Promise<void> {
    await Promise.all(
      Array.from({ length: workers }, async (_, worker) => {
        for (let round = 0; !this.isOver; round += 1) await work(`${worker}-${round}`);
      }),
    );
  }
}

/** An answer that no fault explains. */
class Wrong extends Error {}

const increment = `mutation ($name: String!, $key: String!) {
  incrementCounter(input: { name: $name, idempotencyKey: $key }) { ... on IncrementCounterSuccess { value } }
}`;
const put = `mutation ($key: String!, $text: String!, $id: String!) {
  kvPut(input: { key: $key, value: { text: $text }, ifAbsent: true, idempotencyKey: $id }) { __typename ... on KvPutSuccess { version } }
}`;
const reserve = `mutation ($input: ReserveInventoryInput!) {
  reserveInventory(input: $input) { __typename ... on Reservation { reservationId } }
}`;
const settle = (field: string): string => `mutation ($input: SettleReservationInput!) {
  ${field}(input: $input) { __typename ... on Reservation { status } }
}`;
const createSession = `mutation ($user: String!, $key: String!) {
  createSession(input: { userId: $user, idempotencyKey: $key }) { token session { id } }
}`;
const check = `mutation ($key: String!) {
  checkRateLimit(input: { identifier: "door", policies: [{ limit: 150, windowMs: 3600000 }], idempotencyKey: $key }) { allowed }
}`;
const campaign = `mutation ($candidate: String!, $key: String!) {
  campaign(input: { election: "chair", candidateId: $candidate, leaseMs: 100, idempotencyKey: $key }) {
    __typename ... on Leadership { fencingToken candidateId }
  }
}`;
const cachePut = `mutation ($key: String!, $text: String!, $id: String!) {
  cachePut(input: { key: $key, value: { text: $text }, idempotencyKey: $id }) { __typename }
}`;
const createKey = `mutation ($name: String!) {
  createApiKey(input: { tenantId: "default", name: $name, idempotencyKey: $name }) { id secret }
}`;
const append = `mutation ($input: AppendEventsInput!) {
  appendEvents(input: $input) { __typename ... on AppendEventsSuccess { events { eventId version position } } }
}`;

test(
  'nothing that was acknowledged is lost or done twice, whatever the pattern',
  async () => {
    const shop = new Shop();
    const counted = new Map<string, number>();
    const puts = new Map<string, string>();
    const sold: string[] = [];
    const reserved = new Map<string, string>();
    const sessions = new Map<string, { token: string; isDestroyed: boolean }>();
    let allowed = 0;
    let asked = 0;
    const reigns = new Map<number, string>();
    const cached = new Map<string, string>();
    const secrets = new Map<string, string>();
    const events = new Map<string, string>();
    for (const sku of ['a', 'b'])
      await shop.do(
        'mutation ($sku: String!) { createInventoryItem(input: { sku: $sku, quantity: 5000, idempotencyKey: $sku }) { __typename } }',
        { sku },
      );
    const load = [
      shop.repeat(4, async (name) => {
        const counter = `c${shop.below(3)}`;
        await shop.do(increment, { name: counter, key: name });
        counted.set(counter, (counted.get(counter) ?? 0) + 1);
      }),
      shop.repeat(2, async (name) => {
        const { __typename, version } = await shop.do(put, { key: `kv ${name}`, text: name, id: name });
        expect(__typename).toBe('KvPutSuccess');
        puts.set(`kv ${name}`, version);
      }),
      shop.repeat(3, async (name) => {
        const lines = [
          { sku: 'a', quantity: 1 },
          { sku: 'b', quantity: 2 },
        ];
        const { reservationId } = await shop.do(reserve, { input: { lines, idempotencyKey: name } });
        reserved.set(name, reservationId);
        const isSold = shop.below(2) === 0;
        const field = isSold ? 'commitReservation' : 'releaseReservation';
        const answer = await shop.do(settle(field), { input: { reservationId, idempotencyKey: `s ${name}` } });
        expect(answer).toEqual({ __typename: 'Reservation', status: isSold ? 'COMMITTED' : 'RELEASED' });
        if (isSold) sold.push(reservationId);
      }),
      shop.repeat(2, async (name) => {
        const { token } = await shop.do(createSession, { user: `u${shop.below(3)}`, key: name });
        const isDestroyed = shop.below(2) === 0;
        if (isDestroyed)
          await shop.do('mutation ($token: String!) { destroySession(token: $token) }', { token }, false);
        sessions.set(name, { token, isDestroyed });
        const session = await shop.ask('query ($token: String!) { session(token: $token) { id } }', { token });
        expect(session === null).toBe(isDestroyed);
      }),
      shop.repeat(2, async (name) => {
        asked += 1;
        if ((await shop.do(check, { key: name })).allowed) allowed += 1;
      }),
      shop.repeat(2, async (name) => {
        const candidate = `candidate ${name.split('-')[0]}`;
        const won = await shop.do(campaign, { candidate, key: name });
        if (won.__typename !== 'Leadership') return;
        expect(won.candidateId).toBe(candidate);
        expect(reigns.has(won.fencingToken)).toBe(false);
        reigns.set(won.fencingToken, candidate);
      }),
      shop.repeat(2, async (name) => {
        const key = `cached ${name.split('-')[0]}`;
        await shop.do(cachePut, { key, text: name, id: name }, false);
        cached.set(key, name);
      }),
      shop.repeat(3, async (name) => {
        const streamId = `s${shop.below(2)}`;
        const ids = Array.from({ length: 1 + shop.below(3) }, (_, index) => `${name}-${index}`);
        const input = { streamId, events: ids.map((eventId) => ({ eventId, type: 'noted', data: {} })) };
        const isKeyed = shop.below(2) === 0;
        const answer = await shop.do(append, { input: isKeyed ? { ...input, idempotencyKey: name } : input });
        expect(answer.events.map(({ eventId }) => eventId)).toEqual(ids);
        for (const { eventId, version, position } of answer.events) {
          expect(events.has(position)).toBe(false);
          events.set(position, `${streamId} ${version} ${eventId}`);
        }
      }),
      shop.repeat(1, async (name) => {
        if (secrets.size === 50) return void (await shop.do('{ __typename }'));
        secrets.set(name, (await shop.do(createKey, { name })).secret);
      }),
    ];
    const failed = Promise.all(load);
    for (let outages = 1; outages <= 4; outages += 1) {
      const goal = shop.acknowledged + 250;
      await Promise.race([until(() => shop.acknowledged >= goal), failed]);
      await Promise.race([shop.losePower(), failed]);
    }
    const goal = shop.acknowledged + 100;
    await Promise.race([until(() => shop.acknowledged >= goal), failed]);
    shop.isOver = true;
    await failed;
    expect(shop.resent).toBeGreaterThan(0);

    const read = 'query ($name: String!) { counter(name: $name) { value } }';
    for (const [name, value] of counted) expect(await shop.do(read, { name })).toEqual({ value });
    const get = 'query ($key: String!) { kvGet(key: $key) { version value { text } } }';
    for (const [key, version] of puts)
      expect(await shop.do(get, { key })).toEqual({ version, value: { text: key.slice(3) } });
    const item = 'query ($sku: String!) { inventoryItem(sku: $sku) { quantity reserved } }';
    expect(new Set(reserved.values()).size).toBe(reserved.size);
    for (const [sku, each] of [
      ['a', 1],
      ['b', 2],
    ] as const)
      expect(await shop.do(item, { sku })).toEqual({
        quantity: 5_000 - each * sold.length,
        reserved: 0,
      });
    for (const [name, { token, isDestroyed }] of sessions) {
      const session = await shop.ask('query ($token: String!) { session(token: $token) { id } }', { token });
      expect([name, session === null]).toEqual([name, isDestroyed]);
    }
    expect(allowed).toBe(Math.min(150, asked));
    // A reign that nobody was told of has a token as well; no token was given twice.
    expect(reigns.size).toBeGreaterThan(0);
    const look = 'query ($key: String!) { cached(key: $key) { entry { value { text } } } }';
    for (const [key, text] of cached) expect(await shop.do(look, { key })).toEqual({ entry: { value: { text } } });
    const page = `query ($after: String) { allEvents(first: 1000, after: $after) {
      edges { cursor node { streamId version eventId position } } } }`;
    let standing = 0;
    for (let after: string | null = null; ;) {
      const { edges } = (await shop.do(page, { after })) as unknown as { edges: readonly Edge[] };
      for (const { node } of edges) {
        standing += 1;
        expect(node.position).toBe(String(standing));
        expect(events.get(node.position)).toBe(`${node.streamId} ${node.version} ${node.eventId}`);
      }
      after = edges.at(-1)?.cursor ?? null;
      if (edges.length < 1_000) break;
    }
    expect(standing).toBe(events.size);
    for (const [name, secret] of secrets) expect((await shop.do(createKey, { name })).secret).toBe(secret);
  },
  3 * minute,
);
