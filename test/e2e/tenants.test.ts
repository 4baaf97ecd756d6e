/** Tenants as their people meet them: two gateways on one storage process, credentials over HTTP and WebSocket, and the end of a tenant. */
import { createSign, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { systemClock } from '../../src/core/clock';
import { Collector, until } from './support/collector';
import type { Program } from './support/program';
import { ensureBuilt, isOnEtcd, startProgram, temporaryDirectory } from './support/program';
import { post } from './support/sample-gateway';
import type { GraphqlAnswer } from './support/sample-gateway';

const minute = 60_000;
const operatorKey = 'operator-key-of-these-tests-0123456789';
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

interface TokenParts {
  readonly claims: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
}

/** A token as the issuer of these tests makes it; `exp` in seconds from now. */
function token({ claims, header = {} }: TokenParts): string {
  const nowS = Math.floor(systemClock.nowMs() / 1_000);
  const payload = { iss: 'https://issuer.test', aud: 'norigate', exp: nowS + 600, ...claims };
  const text = `${base64url({ alg: 'ES256', kid: 'k1', typ: 'JWT', ...header })}.${base64url(payload)}`;
  const signature = createSign('sha256').update(text).sign({ key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

let keys: { path: string; remove: () => Promise<void> };
let directory: { path: string; remove: () => Promise<void> };
let storage: Program;
let gateways: Program[];
/** Of gateways that require credentials. */
let settings: Record<string, string>;

async function startGateways(count: number, environment: Record<string, string>): Promise<Program[]> {
  return Promise.all(
    Array.from({ length: count }, () => startProgram(directory.path, environment, ['gateway']).ready()),
  );
}

async function startStorage(): Promise<Program> {
  const program = startProgram(directory.path, {}, ['storage']);
  await program.logged('storage listens');
  return program;
}

async function ask(
  gateway: Program,
  credential: string | undefined,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<GraphqlAnswer> {
  const headers = credential === undefined ? undefined : { authorization: `Bearer ${credential}` };
  return (await post(gateway.origin, { query, variables }, headers)).body;
}

const codeOf = ({ errors }: GraphqlAnswer): string | undefined => errors?.[0]?.extensions.code;
const put = 'mutation ($key: String!) { kvPut(input: { key: $key, value: { text: "v" } }) { __typename } }';
const get = 'query ($key: String!) { kvGet(key: $key) { value { text } } }';

async function makeTenant(tenantId: string, { plan = 'ENTERPRISE', at = gateways[0]! } = {}): Promise<void> {
  const query = 'mutation ($input: CreateTenantInput!) { createTenant(input: $input) { __typename } }';
  const { data } = await ask(at, operatorKey, query, { input: { tenantId, name: tenantId, plan } });
  expect(data).toEqual({ createTenant: { __typename: 'Tenant' } });
}

const makeKeyQuery = 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { id secret } }';

async function makeKey(tenantId: string, role = 'WRITER'): Promise<{ id: string; secret: string }> {
  const answer = await ask(gateways[0]!, operatorKey, makeKeyQuery, { input: { tenantId, name: role, role } });
  return answer.data!['createApiKey'] as { id: string; secret: string };
}

/** A subscription over WebSocket: what it brings, and how it ends. */
function subscribe(gateway: Program, credential: string, query: string) {
  const client = createClient({
    url: `${gateway.origin.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${credential}` },
    retryAttempts: 0,
  });
  const seen = new Collector<unknown>();
  const ended = new Promise<unknown>((resolve) => {
    client.subscribe(
      { query },
      { next: (message) => seen.add(message), error: resolve, complete: () => resolve('complete') },
    );
  });
  return { seen, ended: ended.finally(() => void client.dispose()) };
}

const watchCounter = 'subscription { counterChanged(name: "c") { value } }';
const count = 'mutation { incrementCounter(input: { name: "c" }) { __typename } }';

beforeAll(async () => {
  await ensureBuilt();
  directory = await temporaryDirectory();
  keys = await temporaryDirectory();
  const jwks = join(keys.path, 'jwks.json');
  writeFileSync(jwks, JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256' }] }));
  storage = await startStorage();
  settings = {
    NORIGATE_AUTH: 'required',
    NORIGATE_OPERATOR_KEY: operatorKey,
    NORIGATE_JWT_ISSUER: 'https://issuer.test',
    NORIGATE_JWT_AUDIENCE: 'norigate',
    NORIGATE_JWT_JWKS: jwks,
  };
  gateways = await startGateways(2, settings);
}, 5 * minute);

afterAll(async () => {
  for (const program of [...(gateways ?? []), storage]) await program?.destroy();
  await directory?.remove();
  await keys?.remove();
});

describe('where credentials are required', () => {
  it('nobody is let in without one, or with a wrong one', async () => {
    const [first] = gateways;
    const wrong = ['nrg_00000000000000000000000000000000_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', 'x', 'a.b.c'];
    expect(codeOf(await ask(first!, undefined, '{ __typename }'))).toBe('UNAUTHENTICATED');
    for (const each of wrong) expect(codeOf(await ask(first!, each, '{ __typename }'))).toBe('UNAUTHENTICATED');
    const { status } = await post(first!.origin, { query: '{ __typename }' }, { 'x-tenant-id': 'a' });
    expect(status).toBe(401);
    const client = subscribe(first!, 'x', watchCounter);
    expect(await client.ended).toMatchObject({ code: 4401 });
  });

  it('a tenant sees its own data alone, on every gateway, whatever header it sends', async () => {
    for (const tenant of ['a', 'b']) await makeTenant(tenant);
    const [a, b] = await Promise.all(['a', 'b'].map((tenant) => makeKey(tenant)));
    expect(codeOf(await ask(gateways[0]!, a!.secret, put, { key: 'k' }))).toBeUndefined();
    expect((await ask(gateways[1]!, a!.secret, get, { key: 'k' })).data).toEqual({ kvGet: { value: { text: 'v' } } });
    expect((await ask(gateways[1]!, b!.secret, get, { key: 'k' })).data).toEqual({ kvGet: null });
    const headers = { authorization: `Bearer ${b!.secret}`, 'x-tenant-id': 'a' };
    const { body } = await post(gateways[0]!.origin, { query: get, variables: { key: 'k' } }, headers);
    expect(body.data).toEqual({ kvGet: null });
  });

  it('roles allow what they say', async () => {
    await makeTenant('roles');
    const [reader, writer, admin] = await Promise.all(
      ['READER', 'WRITER', 'ADMIN'].map((role) => makeKey('roles', role)),
    );
    const [gateway] = gateways;
    const keyInput = { input: { tenantId: 'roles', name: 'n' } };
    expect(codeOf(await ask(gateway!, reader!.secret, put, { key: 'k' }))).toBe('FORBIDDEN');
    expect(codeOf(await ask(gateway!, reader!.secret, get, { key: 'k' }))).toBeUndefined();
    expect(codeOf(await ask(gateway!, writer!.secret, put, { key: 'k' }))).toBeUndefined();
    expect(codeOf(await ask(gateway!, writer!.secret, makeKeyQuery, keyInput))).toBe('FORBIDDEN');
    expect(codeOf(await ask(gateway!, writer!.secret, '{ tenant { apiKeys { id } } }'))).toBe('FORBIDDEN');
    expect(codeOf(await ask(gateway!, admin!.secret, makeKeyQuery, keyInput))).toBeUndefined();
    expect(codeOf(await ask(gateway!, admin!.secret, '{ tenants { nodes { id } } }'))).toBe('FORBIDDEN');
    expect(codeOf(await ask(gateway!, admin!.secret, 'mutation { deleteTenant(id: "a") }'))).toBe('FORBIDDEN');
    const foreign = await ask(gateway!, admin!.secret, makeKeyQuery, { input: { tenantId: 'a', name: 'n' } });
    expect(codeOf(foreign)).toBe('NOT_FOUND');
    const { id } = await makeKey('a');
    const revoke = 'mutation ($id: String!) { revokeApiKey(id: $id) }';
    expect((await ask(gateway!, admin!.secret, revoke, { id })).data).toEqual({ revokeApiKey: false });
  });

  it('the same command makes the same key, through whichever gateway, and its secret is in no log', async () => {
    const input = { tenantId: 'a', name: 'once', idempotencyKey: 'k-1' };
    const answers = await Promise.all(
      [0, 1, 0, 1].map((at) => ask(gateways[at]!, operatorKey, makeKeyQuery, { input })),
    );
    const secrets = new Set(answers.map(({ data }) => JSON.stringify(data)));
    expect(secrets.size).toBe(1);
    const { secret } = answers[0]!.data!['createApiKey'] as { secret: string };
    expect(codeOf(await ask(gateways[1]!, secret, get, { key: 'k' }))).toBeUndefined();
    const other = await ask(gateways[0]!, operatorKey, makeKeyQuery, { input: { ...input, name: 'other' } });
    expect(codeOf(other)).toBe('IDEMPOTENCY_KEY_REUSED');
    for (const program of gateways) expect(program.stdout + program.stderr).not.toContain(secret.slice(37));
  });

  it('a revoked key stops within a second on the other gateway, and so does what it holds open', async () => {
    const { id, secret } = await makeKey('a');
    const open = subscribe(gateways[1]!, secret, watchCounter);
    await ask(gateways[0]!, secret, count);
    await open.seen.atLeast(1);
    const startMs = systemClock.monotonicMs();
    const revoke = 'mutation ($id: String!) { revokeApiKey(id: $id) }';
    expect((await ask(gateways[0]!, operatorKey, revoke, { id })).data).toEqual({ revokeApiKey: true });
    expect(await open.ended).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
    for (const gateway of gateways)
      while (codeOf(await ask(gateway, secret, get, { key: 'k' })) !== 'UNAUTHENTICATED')
        expect(systemClock.monotonicMs() - startMs).toBeLessThan(1_000);
    expect(systemClock.monotonicMs() - startMs).toBeLessThan(1_500);
  });

  it('a token of the issuer says tenant and role, and what is open ends when it expires', async () => {
    const [gateway] = gateways;
    const nowS = Math.floor(systemClock.nowMs() / 1_000);
    expect((await ask(gateway!, token({ claims: { tenant: 'a' } }), get, { key: 'k' })).data).toEqual({
      kvGet: { value: { text: 'v' } },
    });
    expect(codeOf(await ask(gateway!, token({ claims: { tenant: 'a' } }), put, { key: 'k' }))).toBe('FORBIDDEN');
    const writer = token({ claims: { tenant: 'a', role: 'WRITER' } });
    expect(codeOf(await ask(gateway!, writer, put, { key: 'k' }))).toBeUndefined();
    expect(codeOf(await ask(gateway!, token({ claims: { tenant: 'nobody' } }), get, { key: 'k' }))).toBe('FORBIDDEN');
    const wrong: TokenParts[] = [
      { claims: { tenant: 'a', exp: nowS - 1 } },
      { claims: { tenant: 'a', exp: undefined } },
      { claims: { tenant: 'a', iss: 'https://other.test' } },
      { claims: { tenant: 'a', aud: 'other' } },
      { claims: { tenant: 7 } },
      { claims: {} },
      { claims: { tenant: 'a', role: 'OPERATOR' } },
      { claims: { tenant: 'a' }, header: { alg: 'none' } },
      { claims: { tenant: 'a' }, header: { alg: 'HS256' } },
      { claims: { tenant: 'a' }, header: { kid: 'other' } },
    ];
    for (const each of wrong)
      expect([each, codeOf(await ask(gateway!, token(each), get, { key: 'k' }))]).toEqual([each, 'UNAUTHENTICATED']);
    const brief = token({ claims: { tenant: 'a', exp: nowS + 3 } });
    const open = subscribe(gateway!, brief, watchCounter);
    await open.seen.atLeast(1);
    expect(await open.ended).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
    expect(systemClock.nowMs()).toBeGreaterThanOrEqual((nowS + 3) * 1_000);
    expect(codeOf(await ask(gateway!, brief, get, { key: 'k' }))).toBe('UNAUTHENTICATED');
  });

  it('operators are of no tenant', async () => {
    const [gateway] = gateways;
    expect(codeOf(await ask(gateway!, operatorKey, get, { key: 'k' }))).toBe('FORBIDDEN');
    expect(codeOf(await ask(gateway!, operatorKey, '{ tenant { id } }'))).toBe('NOT_FOUND');
    expect((await ask(gateway!, operatorKey, '{ cluster { engine } }')).data).toEqual({
      cluster: { engine: isOnEtcd ? 'etcd' : 'lmdb' },
    });
  });

  it(
    'a deleted tenant is shut at once on every gateway, and begins anew without what it had, while it is written to',
    async () => {
      await makeTenant('mortal');
      const { secret } = await makeKey('mortal');
      const reading = subscribe(gateways[1]!, secret, watchCounter);
      await ask(gateways[0]!, secret, count);
      await reading.seen.atLeast(1);
      let isOver = false;
      const codes = new Set<string>();
      let acknowledged = 0;
      const writers = gateways.flatMap((gateway, at) =>
        Array.from({ length: 8 }, async (_, writer) => {
          for (let key = 0; !isOver; key += 1) {
            const code = codeOf(await ask(gateway, secret, put, { key: `${at}-${writer}-${key}` }));
            if (code === undefined) acknowledged += 1;
            else codes.add(code);
          }
        }),
      );
      await until(() => acknowledged > 200);
      const deleted = await ask(gateways[0]!, operatorKey, 'mutation { deleteTenant(id: "mortal") }');
      const held = deleted.data!['deleteTenant'] as number;
      const before = acknowledged;
      for (const gateway of gateways)
        expect(codeOf(await ask(gateway, secret, get, { key: '0-0-0' }))).toMatch(/^(UNAUTHENTICATED|FORBIDDEN)$/);
      isOver = true;
      await Promise.all(writers);
      // Answers that were on their way when the count was answered; nothing was written after it.
      expect(acknowledged - before).toBeLessThanOrEqual(16);
      // The counter, and every acknowledged key.
      expect(held).toBe(acknowledged + 1);
      expect([...codes].every((code) => ['UNAUTHENTICATED', 'FORBIDDEN'].includes(code))).toBe(true);
      expect(await reading.ended).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
      const again = await ask(gateways[1]!, operatorKey, 'mutation { deleteTenant(id: "mortal") }');
      expect(again.data).toEqual({ deleteTenant: held });

      await makeTenant('mortal', { at: gateways[1]! });
      expect(codeOf(await ask(gateways[0]!, secret, get, { key: 'k' }))).toBe('UNAUTHENTICATED');
      const anew = await makeKey('mortal');
      for (const gateway of gateways)
        expect((await ask(gateway, anew.secret, get, { key: '0-0-0' })).data).toEqual({ kvGet: null });
      await ask(gateways[1]!, anew.secret, put, { key: '0-0-0' });
      await gateways[0]!.logged('removing the data of a deleted tenant');
      const isDone = (): boolean =>
        gateways[0]!.log.items.some((line) => line['tenantId'] === 'mortal' && line['isDone'] === true);
      await until(isDone);
      expect((await ask(gateways[0]!, anew.secret, get, { key: '0-0-0' })).data).toEqual({
        kvGet: { value: { text: 'v' } },
      });
    },
    minute,
  );

  it(
    'what a deleted tenant had goes away though storage and the gateway that removes it are killed, and no command is done twice',
    async () => {
      await makeTenant('large');
      const { secret } = await makeKey('large');
      const many = 'mutation ($input: KvTransactInput!) { kvTransact(input: $input) { __typename } }';
      const rounds = Array.from({ length: 60 }, (_, round) =>
        ask(gateways[round % 2]!, secret, many, {
          input: {
            puts: Array.from({ length: 100 }, (__, at) => ({ key: `${round}-${at}`, value: { text: 'v' } })),
          },
        }),
      );
      expect((await Promise.all(rounds)).map(codeOf).filter((code) => code !== undefined)).toEqual([]);
      const dying = startProgram(directory.path, settings, ['gateway']);
      await dying.ready();
      const deletion = 'mutation { deleteTenant(id: "large") }';
      const held = (await ask(dying, operatorKey, deletion)).data!['deleteTenant'];
      storage.process.kill('SIGKILL');
      await dying.destroy();
      await storage.ended;
      // Sent all the while: storage is away, then there again; each is made once.
      const input = { tenantId: 'a', name: 'in the storm', idempotencyKey: 'storm' };
      const made = Promise.all(
        Array.from({ length: 8 }, async (_, at) => {
          for (;;) {
            const { data, errors } = await ask(gateways[at % 2]!, operatorKey, makeKeyQuery, { input });
            if (data?.['createApiKey']) return JSON.stringify(data);
            expect(['UNAVAILABLE', 'OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED']).toContain(errors![0]!.extensions.code);
          }
        }),
      );
      storage = await startStorage();
      expect(new Set(await made).size).toBe(1);
      const named = await ask(gateways[0]!, operatorKey, '{ tenantById(id: "a") { apiKeys { name } } }');
      const { apiKeys } = named.data!['tenantById'] as { apiKeys: { name: string }[] };
      expect(apiKeys.filter(({ name }) => name === 'in the storm')).toHaveLength(1);
      for (const gateway of gateways) {
        expect(codeOf(await ask(gateway, secret, get, { key: '0-0' }))).toMatch(/^(UNAUTHENTICATED|FORBIDDEN)$/);
        expect((await ask(gateway, operatorKey, deletion)).data).toEqual({ deleteTenant: held });
      }
      expect(held).toBe(6_000);
      const isDone = ({ log }: Program): boolean =>
        log.items.some((line) => line['tenantId'] === 'large' && line['isDone'] === true);
      await until(() => gateways.some(isDone) || isDone(dying));
    },
    minute,
  );
});

describe('keys of an issuer that lie behind a URL', () => {
  it(
    'are fetched when a token comes, and while they cannot be had a token is UNAVAILABLE',
    async () => {
      await makeTenant('url');
      const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256' };
      let isUp = false;
      let fetches = 0;
      const issuer = createServer((_, response) => {
        fetches += 1;
        response.statusCode = isUp ? 200 : 500;
        response.setHeader('content-type', 'application/json').end(isUp ? JSON.stringify({ keys: [jwk] }) : '{}');
      });
      await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
      const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks`;
      const [gateway] = await startGateways(1, { ...settings, NORIGATE_JWT_JWKS: url });
      try {
        const right = token({ claims: { tenant: 'url', role: 'WRITER' } });
        expect(codeOf(await ask(gateway!, right, put, { key: 'k' }))).toBe('UNAVAILABLE');
        isUp = true;
        await until(async () => codeOf(await ask(gateway!, right, put, { key: 'k' })) === undefined);
        expect((await ask(gateway!, right, '{ tenant { tenantId } }')).data).toEqual({ tenant: { tenantId: 'url' } });
        const before = fetches;
        const foreign = token({ claims: { tenant: 'url' }, header: { kid: 'another' } });
        for (let again = 0; again < 10; again += 1)
          expect(codeOf(await ask(gateway!, foreign, get, { key: 'k' }))).toBe('UNAUTHENTICATED');
        // Whoever sends tokens of keys that nobody knows must not make the gateway ask the issuer each time.
        expect(fetches - before).toBeLessThanOrEqual(1);
      } finally {
        await gateway!.destroy();
        issuer.closeAllConnections();
        await new Promise((resolve) => issuer.close(resolve));
      }
    },
    minute,
  );
});

describe('a plan', () => {
  const usageQuery = '{ tenant { plan limits { maxKeys maxStorageMb } usage { keys storageBytes } } }';
  /** On etcd usage is written down a moment after what it counts; else it is exact at once. */
  const usageComesTo = (keys: number, secret: string): Promise<void> =>
    until(async () => {
      const { data } = await ask(gateways[0]!, secret, usageQuery);
      return !isOnEtcd || (data!['tenant'] as { usage: { keys: number } }).usage.keys === keys;
    });
  const count = 'mutation ($name: String!) { incrementCounter(input: { name: $name }) { __typename } }';
  const remove = 'mutation ($key: String!) { kvDelete(input: { key: $key }) { __typename } }';

  /** Runs one call for each of the numbers, 50 at a time, on both gateways in turn; the codes of their errors, or 'ok'. */
  async function each(total: number, call: (index: number, gateway: Program) => Promise<GraphqlAnswer>) {
    const codes: string[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < total) {
        const index = (next += 1);
        codes.push(codeOf(await call(index, gateways[index % gateways.length]!)) ?? 'ok');
      }
    };
    await Promise.all(Array.from({ length: 50 }, worker));
    return {
      ok: codes.filter((code) => code === 'ok').length,
      full: codes.filter((code) => code === 'QUOTA_EXCEEDED').length,
    };
  }

  it(
    'is passed by nothing, whoever writes where, and usage is what stands',
    async () => {
      await makeTenant('plans', { plan: 'FREE' });
      const { secret } = await makeKey('plans');
      const first = await each(600, (index, gateway) => ask(gateway, secret, put, { key: `key ${index}` }));
      expect(first).toEqual({ ok: 600, full: 0 });
      // Counters go through lanes, where a batch may hold both what fits and what does not.
      const second = await each(500, (index, gateway) => ask(gateway, secret, count, { name: `counter ${index}` }));
      expect(second).toEqual({ ok: 400, full: 100 });
      await usageComesTo(1_000, secret);
      const usage = (await ask(gateways[1]!, secret, usageQuery)).data!['tenant'];
      expect(usage).toMatchObject({
        plan: 'FREE',
        limits: { maxKeys: 1_000, maxStorageMb: 10 },
        usage: { keys: 1_000 },
      });
      const refused = await ask(gateways[0]!, secret, put, { key: 'one more' });
      expect(refused.errors![0]!.extensions).toMatchObject({
        code: 'QUOTA_EXCEEDED',
        limit: 'keys',
        max: 1_000,
        used: 1_000,
        needed: 1,
      });
      // What is there may be written over, and what goes makes room.
      expect(codeOf(await ask(gateways[0]!, secret, put, { key: 'key 1' }))).toBeUndefined();
      expect(codeOf(await ask(gateways[1]!, secret, remove, { key: 'key 1' }))).toBeUndefined();
      expect(codeOf(await ask(gateways[0]!, secret, put, { key: 'one more' }))).toBeUndefined();
      expect(codeOf(await ask(gateways[1]!, secret, put, { key: 'and another' }))).toBe('QUOTA_EXCEEDED');
      const upgrade = 'mutation { updateTenant(input: { tenantId: "plans", plan: PRO }) { __typename } }';
      expect(codeOf(await ask(gateways[0]!, operatorKey, upgrade))).toBeUndefined();
      for (const gateway of gateways)
        await until(async () => codeOf(await ask(gateway, secret, put, { key: 'and another' })) === undefined);
      await usageComesTo(1_001, secret);
      const after = await ask(gateways[0]!, secret, usageQuery);
      expect(after.data!['tenant']).toMatchObject({ plan: 'PRO', usage: { keys: 1_001 } });
      expect((await ask(gateways[0]!, operatorKey, 'mutation { deleteTenant(id: "plans") }')).data).toEqual({
        deleteTenant: 1_001,
      });
    },
    minute,
  );

  it(
    'limits bytes as well',
    async () => {
      await makeTenant('bytes', { plan: 'FREE' });
      const { secret } = await makeKey('bytes');
      const big =
        'mutation ($key: String!, $text: String!) { kvPut(input: { key: $key, value: { text: $text } }) { __typename } }';
      const text = 'x'.repeat(1_000_000);
      const done = await each(12, (index, gateway) => ask(gateway, secret, big, { key: `key ${index}`, text }));
      expect(done).toEqual({ ok: 9, full: 3 });
    },
    minute,
  );
});

describe('in development mode', () => {
  let gateway: Program;
  beforeAll(async () => {
    gateway = (await startGateways(1, {}))[0]!;
  }, minute);
  afterAll(() => gateway?.destroy());

  it('everyone is an operator, a tenant simply exists, and a deleted one stays shut until it is created again', async () => {
    const as = async (query: string, variables = {}): Promise<GraphqlAnswer> =>
      (await post(gateway.origin, { query, variables }, { 'x-tenant-id': 'free' })).body;
    expect(codeOf(await as(put, { key: 'k' }))).toBeUndefined();
    expect((await as('mutation { deleteTenant(id: "free") }')).data).toEqual({ deleteTenant: 1 });
    expect(codeOf(await as(get, { key: 'k' }))).toBe('FORBIDDEN');
    expect(codeOf(await as(put, { key: 'k' }))).toBe('FORBIDDEN');
    expect(codeOf(await as('{ tenant { name } }'))).toBe('FORBIDDEN');
    await as('mutation { createTenant(input: { tenantId: "free", name: "F" }) { __typename } }');
    expect((await as(get, { key: 'k' })).data).toEqual({ kvGet: null });
    expect((await as('{ tenant { name plan } }')).data).toEqual({ tenant: { name: 'F', plan: 'FREE' } });
  });

  it('a credential that is sent must be right, and says the tenant', async () => {
    const answer = await ask(gateway, undefined, makeKeyQuery, {
      input: { tenantId: 'dev', name: 'n', role: 'READER' },
    });
    const { secret } = answer.data!['createApiKey'] as { secret: string };
    expect((await ask(gateway, secret, '{ tenant { tenantId } }')).data).toEqual({ tenant: { tenantId: 'dev' } });
    expect(codeOf(await ask(gateway, secret, put, { key: 'k' }))).toBe('FORBIDDEN');
    expect(codeOf(await ask(gateway, secret, 'mutation { deleteTenant(id: "dev") }'))).toBe('FORBIDDEN');
    expect(codeOf(await ask(gateway, `${secret}x`, '{ __typename }'))).toBe('UNAUTHENTICATED');
    expect(codeOf(await ask(gateway, token({ claims: { tenant: 'a' } }), '{ __typename }'))).toBe('UNAUTHENTICATED');
    const { status } = await post(gateway.origin, { query: '{ __typename }' }, { authorization: 'Basic eDp5' });
    expect(status).toBe(401);
  });
});
