/** Tenants, their keys, who is let in, and what becomes of what a deleted tenant had stored. */
import { AppError } from '../../src/core/errors';
import { apiKeysOfTenantRange, families, isCallersRecord } from '../../src/core/keyspace';
import {
  decideCreate,
  decideDelete,
  decideMakeKey,
  decideUpdate,
  isRoleEnough,
} from '../../src/patterns/tenant-decisions';
import type { TenantGate, TenantRecord } from '../../src/patterns/tenant-decisions';
import { TenancyWorld, adminOf, operator, reservedPrefix, tenantsPrefix } from './support/tenancy-world';
import type { TenancyGateway } from './support/tenancy-world';
import { atOnce, failure, turn } from './support/world';

let world: TenancyWorld;
let gateway: TenancyGateway;
beforeEach(() => {
  world = new TenancyWorld();
  gateway = world.tenancy();
});
afterEach(() => world.close());

const record: TenantRecord = { name: 'Acme', plan: 'FREE', createdAtMs: 5 };
const open = (incarnation: number): TenantGate => ({ incarnation, isOpen: true });
const shut = (incarnation: number): TenantGate => ({ incarnation, isOpen: false });

describe('decisions', () => {
  it.each([
    ['a tenant that never was', { record: undefined, gate: undefined }, { next: { ...record, createdAtMs: 9 } }],
    ['one that is', { record, gate: undefined }, {}],
    ['one that is in a later life', { record, gate: open(3) }, {}],
    [
      'one that was deleted',
      { record: undefined, gate: shut(1) },
      { next: { ...record, createdAtMs: 9 }, nextGate: open(2) },
    ],
    [
      'one that was never created, in a later life',
      { record: undefined, gate: open(2) },
      { next: { ...record, createdAtMs: 9 } },
    ],
  ])('creating %s', (_what, state, wanted: object) => {
    const { outcome, ...changes } = decideCreate(state, { name: 'Acme', plan: 'FREE' }, 9);
    expect(outcome).toEqual('next' in wanted ? { kind: 'created', createdAtMs: 9 } : { kind: 'exists' });
    expect(changes).toEqual(wanted);
  });

  it.each([
    ['one that is', { record, gate: undefined }, false, { kind: 'deleted', incarnation: 1 }, shut(1)],
    ['one in a later life', { record, gate: open(4) }, false, { kind: 'deleted', incarnation: 4 }, shut(4)],
    [
      'one that was deleted',
      { record: undefined, gate: shut(2) },
      true,
      { kind: 'wasDeleted', incarnation: 2 },
      undefined,
    ],
    ['an unknown one', { record: undefined, gate: undefined }, false, { kind: 'unknown' }, undefined],
    [
      'an unknown one that simply exists',
      { record: undefined, gate: undefined },
      true,
      { kind: 'deleted', incarnation: 1 },
      shut(1),
    ],
  ])('deleting %s', (_what, state, unknownExists, outcome, nextGate) => {
    expect(decideDelete(state, unknownExists)).toEqual(nextGate ? { outcome, nextGate } : { outcome });
  });

  it('updating changes what is given', () => {
    expect(decideUpdate(undefined, { name: 'x' })).toBeUndefined();
    expect(decideUpdate(record, { plan: 'PRO' })).toEqual({ ...record, plan: 'PRO' });
    expect(decideUpdate(record, { name: 'x' })).toEqual({ ...record, name: 'x' });
  });

  it.each([
    [{ record, gate: undefined }, { incarnation: 1, count: 0, unknownExists: false }, 'made'],
    [{ record, gate: undefined }, { incarnation: 1, count: 999, unknownExists: false }, 'made'],
    [{ record, gate: undefined }, { incarnation: 1, count: 1_000, unknownExists: false }, 'full'],
    [{ record, gate: open(2) }, { incarnation: 1, count: 0, unknownExists: false }, 'otherLife'],
    [{ record: undefined, gate: shut(1) }, { incarnation: 1, count: 0, unknownExists: true }, 'noTenant'],
    [{ record: undefined, gate: undefined }, { incarnation: 1, count: 0, unknownExists: false }, 'noTenant'],
    [{ record: undefined, gate: undefined }, { incarnation: 1, count: 0, unknownExists: true }, 'made'],
  ])('making a key of %j as %j: %s', (state, command, verdict) => {
    expect(decideMakeKey(state, command)).toBe(verdict);
  });

  it('a role allows what those before it allow', () => {
    expect([
      isRoleEnough('READER', 'WRITER'),
      isRoleEnough('WRITER', 'READER'),
      isRoleEnough('ADMIN', 'ADMIN'),
    ]).toEqual([false, true, true]);
  });

  it('every family of keys says whether its rows are records of callers, our own are not', () => {
    expect(Object.keys(isCallersRecord).sort()).toEqual(Object.keys(families).sort());
    for (const [name, { code }] of Object.entries(families))
      if (code >= 0x60 && code <= 0x67)
        expect([name, isCallersRecord[name as keyof typeof families]]).toEqual([name, false]);
  });
});

describe('tenants', () => {
  it('are created once, changed and listed, each with its own', async () => {
    const createdAtMs = world.clock.nowMs();
    const made = await gateway.tenants.create({ tenantId: 'b', name: 'B', plan: 'FREE' });
    expect(made).toEqual({ tenantId: 'b', name: 'B', plan: 'FREE', createdAtMs });
    expect(await gateway.tenants.create({ tenantId: 'b', name: 'other', plan: 'PRO' })).toBeUndefined();
    world.clock.advance(10);
    await gateway.tenants.create({ tenantId: 'a', name: 'A', plan: 'ENTERPRISE' });
    expect(await gateway.tenants.update({ tenantId: 'b', plan: 'PRO' })).toEqual({ ...made, plan: 'PRO' });
    expect(await world.tenancy().tenants.get('b')).toEqual({ ...made, plan: 'PRO' });
    expect(await gateway.tenants.update({ tenantId: 'c', plan: 'PRO' })).toBeUndefined();
    expect(await gateway.tenants.get('c')).toBeUndefined();
    const page = await gateway.tenants.list(1, undefined);
    expect([page.tenants.map(({ tenantId }) => tenantId), page.hasMore]).toEqual([['a'], true]);
  });

  it('are created by one of many callers at once', async () => {
    const gateways = [gateway, world.tenancy()];
    const made = await atOnce(20, (at) =>
      gateways[at % 2]!.tenants.create({ tenantId: 't', name: `n${at}`, plan: 'FREE' }),
    );
    expect(made.filter((each) => each !== undefined)).toHaveLength(1);
    expect(await gateway.tenants.get('t')).toEqual(made.find((each) => each !== undefined));
  });

  it.each(['', 'a\0b', 'a\nb', '\ud800', 'x'.repeat(129), 'ü'.repeat(65)])(
    'have no id such as %j',
    async (tenantId) => {
      const refused = failure('INVALID_ARGUMENT');
      await expect(gateway.tenants.create({ tenantId, name: 'n', plan: 'FREE' })).rejects.toEqual(refused);
      await expect(gateway.tenants.update({ tenantId, name: 'n' })).rejects.toEqual(refused);
      await expect(gateway.tenants.delete(tenantId)).rejects.toEqual(refused);
      await expect(gateway.tenants.get(tenantId)).rejects.toEqual(refused);
      expect(await world.rows()).toEqual([]);
    },
  );

  it('of which one is asked for by another are answered like missing ones', async () => {
    await gateway.tenants.create({ tenantId: 'a', name: 'A', plan: 'FREE' });
    await gateway.tenants.create({ tenantId: 'b', name: 'B', plan: 'FREE' });
    expect(await gateway.tenants.seenBy(adminOf('a'), 'b')).toBeUndefined();
    expect(await gateway.tenants.seenBy(adminOf('a'), 'a')).toMatchObject({ name: 'A' });
    expect(await gateway.tenants.seenBy(operator, 'b')).toMatchObject({ name: 'B' });
    expect(await gateway.tenants.seenBy(operator, '\0')).toBeUndefined();
  });

  it('that nobody created exist in development mode alone', async () => {
    const development = world.tenancy({ unknownExists: true });
    expect(await development.tenants.own('x')).toEqual({
      tenantId: 'x',
      name: 'x',
      plan: 'ENTERPRISE',
      createdAtMs: 0,
    });
    await expect(gateway.tenants.own('x')).rejects.toEqual(failure('FORBIDDEN'));
    await expect(gateway.tenants.own('')).rejects.toEqual(failure('NOT_FOUND'));
    expect(await gateway.tenants.delete('x')).toBe(0);
    expect(await world.rows()).toEqual([]);
  });

  it('keep what they had stored before they were created', async () => {
    const development = world.tenancy({ unknownExists: true });
    await development.patternsOf('x').counters.increment({ name: 'c', by: 3 });
    await development.tenants.create({ tenantId: 'x', name: 'X', plan: 'FREE' });
    expect(await development.patternsOf('x').counters.get('c')).toMatchObject({ value: 3 });
  });
});

describe('the end of a tenant', () => {
  const put = (at: TenancyGateway, key: string, patterns = at.patternsOf('t')) =>
    patterns.kv.put({ key, value: Buffer.from('v'), ifAbsent: false });
  const get = (at: TenancyGateway, key: string) => at.patternsOf('t').kv.get(key, 'linearizable');

  beforeEach(async () => void (await gateway.tenants.create({ tenantId: 't', name: 'T', plan: 'FREE' })));

  it('shuts it for patterns that were open on another gateway, reads and writes alike', async () => {
    const other = world.tenancy();
    const patterns = other.patternsOf('t');
    await put(other, 'a', patterns);
    await patterns.counters.increment({ name: 'c', by: 1 });
    expect(await gateway.tenants.delete('t')).toBe(2);
    const refused = failure('FORBIDDEN');
    const rows = await world.rows(tenantsPrefix);
    await expect(put(other, 'b', patterns)).rejects.toEqual(refused);
    await expect(patterns.counters.increment({ name: 'c', by: 1 })).rejects.toEqual(refused);
    await expect(patterns.counters.delete('c')).rejects.toEqual(refused);
    await expect(patterns.kv.get('a', 'stale')).rejects.toEqual(refused);
    await expect(patterns.kv.scan({ prefix: '', first: 1, reverse: false })).rejects.toEqual(refused);
    await expect(patterns.counters.get('c')).rejects.toEqual(refused);
    await expect(put(gateway, 'b')).rejects.toEqual(refused);
    expect(await world.rows(tenantsPrefix)).toEqual(rows);
  });

  it('is not felt by another tenant, whose name begins with its own', async () => {
    for (const tenantId of ['t\u00e9', 'tt', 's']) {
      await gateway.tenants.create({ tenantId, name: 'n', plan: 'FREE' });
      await gateway.patternsOf(tenantId).kv.put({ key: 'k', value: Buffer.from('v'), ifAbsent: false });
    }
    await put(gateway, 'k');
    expect(await gateway.tenants.delete('t')).toBe(1);
    await removeAll(gateway);
    for (const tenantId of ['t\u00e9', 'tt', 's'])
      expect(await gateway.patternsOf(tenantId).kv.get('k', 'linearizable')).toBeDefined();
  });

  it('is followed by another life, which has nothing of it and loses nothing to its removal', async () => {
    const other = world.tenancy();
    const before = other.patternsOf('t');
    await put(other, 'a', before);
    await gateway.tenants.delete('t');
    const anew = await other.tenants.create({ tenantId: 't', name: 'T2', plan: 'PRO' });
    expect(anew).toMatchObject({ name: 'T2' });
    expect(await get(other, 'a')).toBeUndefined();
    await put(other, 'a');
    // Whoever has held it since before is told to come again; nothing was done.
    await expect(put(other, 'b', before)).rejects.toEqual(failure('UNAVAILABLE'));
    await removeAll(gateway);
    expect(await get(gateway, 'a')).toBeDefined();
    expect(await gateway.tenants.delete('t')).toBe(1);
    await removeAll(gateway);
    expect(await world.rows(tenantsPrefix)).toEqual([]);
  });

  it('answers the same again while its removal is remembered, a day, then 0', async () => {
    await put(gateway, 'a');
    await put(gateway, 'b');
    expect(await gateway.tenants.delete('t')).toBe(2);
    expect(await world.tenancy().tenants.delete('t')).toBe(2);
    await removeAll(gateway);
    expect(await gateway.tenants.delete('t')).toBe(2);
    world.clock.advance(86_399_999);
    expect(await gateway.tenants.delete('t')).toBe(2);
    world.clock.advance(1);
    expect(await gateway.tenants.delete('t')).toBe(0);
  });

  it('counts what callers made: keys and counters, not shards, and nothing that has expired', async () => {
    const { kv, counters } = gateway.patternsOf('t');
    for (const key of ['a', 'b']) await kv.put({ key, value: Buffer.from('v'), ifAbsent: false });
    await kv.put({ key: 'brief', value: Buffer.from('v'), ifAbsent: false, ttlMs: 10 });
    await counters.create({ name: 'c', initialValue: 0, shards: 8 });
    for (let at = 0; at < 8; at += 1) await counters.increment({ name: 'c', by: 1, idempotencyKey: `${at}` });
    world.clock.advance(10);
    expect(await gateway.tenants.delete('t')).toBe(3);
  });

  it('removes everything of it, its keys too, and leaves only a closed gate and the removal', async () => {
    for (let at = 0; at < 450; at += 1) await put(gateway, `k${at}`);
    for (let at = 0; at < 3; at += 1)
      await gateway.apiKeys.create({ tenantId: 't', name: 'n', role: 'READER' }, operator);
    expect(await gateway.tenants.delete('t')).toBe(450);
    await removeAll(gateway);
    expect(await world.rows(tenantsPrefix)).toEqual([]);
    const kept = (await world.rows(reservedPrefix)).map((row) => row.slice(2, 4));
    expect(kept).toEqual(['61', '66']);
    expect(gateway.progress.at(-1)).toMatchObject({ tenantId: 't', keysHeld: 450, isDone: true });
    const range = apiKeysOfTenantRange('t', 1);
    expect(range.start.compare(range.end)).toBeLessThan(0);
  });

  it('goes on elsewhere after the gateway that began it has died, when nothing has moved for ten seconds', async () => {
    for (let at = 0; at < 250; at += 1) await put(gateway, `k${at}`);
    await gateway.tenants.delete('t');
    const other = world.tenancy();
    const stop = new AbortController();
    const running = other.removals.run(stop.signal);
    await passMs(9_000);
    expect(await world.rows(tenantsPrefix)).toHaveLength(250);
    await passMs(25_000);
    expect(await world.rows(tenantsPrefix)).toEqual([]);
    stop.abort();
    await running;
    expect(other.progress.at(-1)).toMatchObject({ keysHeld: 250, isDone: true });
  });

  it('goes on after storage was away in the middle of it', async () => {
    for (let at = 0; at < 250; at += 1) await put(gateway, `k${at}`);
    await gateway.tenants.delete('t');
    let failures = 3;
    gateway.store.afterCommit = () => {
      if ((failures -= 1) >= 0) throw new AppError('OUTCOME_UNKNOWN', 'the answer was lost');
    };
    await removeAll(gateway);
    expect(await world.rows(tenantsPrefix)).toEqual([]);
    // The first deletes, the second says that nothing is left: both stand, though nobody heard of it.
    expect(failures).toBe(1);
  });

  it('is counted once, where the gateway died before it had counted, by whoever asks again', async () => {
    await put(gateway, 'a');
    gateway.store.afterCommit = () => {
      gateway.store.beforeRead = () => Promise.reject(new AppError('UNAVAILABLE', 'gone'));
    };
    await expect(gateway.tenants.delete('t')).rejects.toEqual(failure('UNAVAILABLE'));
    const answers = await Promise.all([world.tenancy(), world.tenancy()].map(({ tenants }) => tenants.delete('t')));
    expect(answers).toEqual([1, 1]);
  });

  async function passMs(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      world.clock.advance(500);
      for (let turns = 0; turns < 20; turns += 1) await turn();
    }
  }

  /** Runs the removals of a gateway until all of them are done. */
  async function removeAll(at: TenancyGateway): Promise<void> {
    const stop = new AbortController();
    const running = at.removals.run(stop.signal);
    for (let tries = 0; tries < 200; tries += 1) {
      await passMs(500);
      if (at.progress.at(-1)?.isDone) break;
    }
    stop.abort();
    await running;
  }
});

describe('API keys', () => {
  beforeEach(async () => void (await gateway.tenants.create({ tenantId: 't', name: 'T', plan: 'FREE' })));
  const input = { tenantId: 't', name: 'n', role: 'WRITER' } as const;

  it('open their tenant with their role, on every gateway, and nothing else does', async () => {
    const { id, secret } = await gateway.apiKeys.create(input, operator);
    expect(secret).toMatch(/^nrg_[0-9a-f]{32}_[\w-]{43}$/);
    const other = world.tenancy();
    expect(await other.apiKeys.find(secret)).toMatchObject({ id, tenantId: 't', incarnation: 1, role: 'WRITER' });
    const { secret: second } = await gateway.apiKeys.create(input, operator);
    const [, firstId] = secret.split('_');
    const swapped = `nrg_${firstId}_${second.slice(37)}`;
    for (const wrong of [swapped, `${secret}x`, secret.slice(0, -2), secret.toUpperCase(), '', 'nrg_', ` ${secret}`])
      expect([wrong, await other.apiKeys.find(wrong)]).toEqual([wrong, undefined]);
  });

  it('are stored without their secret', async () => {
    const made = [
      await gateway.apiKeys.create(input, operator),
      await gateway.apiKeys.create({ ...input, idempotencyKey: 'k' }, operator),
    ];
    const rows = (await world.rows()).join('\n');
    for (const { secret } of made) {
      const bytes = Buffer.from(secret.slice(37), 'base64url');
      for (const form of [
        bytes,
        ...['base64', 'base64url', 'hex'].map((as) => Buffer.from(bytes.toString(as as 'hex'))),
      ])
        expect(rows).not.toContain(form.toString('hex'));
    }
  });

  it('are made once by the same command, from anywhere, with the same secret', async () => {
    const command = { ...input, idempotencyKey: 'k' };
    const gateways = [gateway, world.tenancy(), world.tenancy()];
    const made = await atOnce(12, (at) => gateways[at % 3]!.apiKeys.create(command, operator));
    expect(new Set(made.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(await world.tenancy().apiKeys.create(command, adminOf('t'))).toEqual(made[0]);
    expect(await gateway.apiKeys.list('t', operator)).toHaveLength(1);
    const reused = failure('IDEMPOTENCY_KEY_REUSED');
    await expect(gateway.apiKeys.create({ ...command, role: 'ADMIN' }, operator)).rejects.toEqual(reused);
    await gateway.tenants.create({ tenantId: 'u', name: 'U', plan: 'FREE' });
    const elsewhere = await gateway.apiKeys.create({ ...command, tenantId: 'u' }, operator);
    expect(elsewhere.id).not.toBe(made[0]!.id);
  });

  it('show no secret again that another secret of the server would make', async () => {
    const command = { ...input, idempotencyKey: 'k' };
    await gateway.apiKeys.create(command, operator);
    const other = world.tenancy({ serverSecret: 'another' });
    await expect(other.apiKeys.create(command, operator)).rejects.toEqual(failure('INTERNAL'));
  });

  it('that were not made leave no mark: when there is such a tenant, the same command makes one', async () => {
    const command = { ...input, tenantId: 'later', idempotencyKey: 'k' };
    await expect(gateway.apiKeys.create(command, operator)).rejects.toEqual(failure('NOT_FOUND'));
    await gateway.tenants.create({ tenantId: 'later', name: 'L', plan: 'FREE' });
    expect(await gateway.apiKeys.create(command, operator)).toBeDefined();
  });

  it('end with the life of their tenant, as a replay of it does', async () => {
    const command = { ...input, idempotencyKey: 'k' };
    const before = await gateway.apiKeys.create(command, operator);
    await gateway.tenants.delete('t');
    await expect(gateway.apiKeys.create(command, operator)).rejects.toEqual(failure('NOT_FOUND'));
    await gateway.tenants.create({ tenantId: 't', name: 'T', plan: 'FREE' });
    const after = await gateway.apiKeys.create(command, operator);
    expect(after.id).not.toBe(before.id);
    expect(await gateway.apiKeys.find(before.secret)).toMatchObject({ incarnation: 1 });
    expect(await gateway.apiKeys.find(after.secret)).toMatchObject({ incarnation: 2 });
    expect(await gateway.apiKeys.list('t', operator)).toMatchObject([{ id: after.id }]);
  });

  it('are revoked once, by their ADMIN and by operators', async () => {
    const { id, secret } = await gateway.apiKeys.create(input, operator);
    expect(await gateway.apiKeys.revoke(id, adminOf('other'))).toBe(false);
    expect(await gateway.apiKeys.find(secret)).toBeDefined();
    expect(await gateway.apiKeys.revoke(id, adminOf('t'))).toBe(true);
    expect(await gateway.apiKeys.revoke(id, operator)).toBe(false);
    expect(await gateway.apiKeys.find(secret)).toBeUndefined();
    expect(await gateway.apiKeys.list('t', operator)).toEqual([]);
    for (const nonsense of ['', 'x', id.toUpperCase(), `${id}00`])
      expect(await gateway.apiKeys.revoke(nonsense, operator)).toBe(false);
  });

  it('are revoked by one of many callers at once', async () => {
    const { id } = await gateway.apiKeys.create(input, operator);
    const gateways = [gateway, world.tenancy()];
    const ended = await atOnce(10, (at) => gateways[at % 2]!.apiKeys.revoke(id, operator));
    expect(ended.filter(Boolean)).toHaveLength(1);
  });

  it('are made by an ADMIN for its own tenant, and shown to it and to operators', async () => {
    const mine = await gateway.apiKeys.create({ ...input, role: 'READER' }, adminOf('t'));
    await expect(gateway.apiKeys.create(input, adminOf('u'))).rejects.toEqual(failure('NOT_FOUND'));
    expect(await gateway.apiKeys.list('t', adminOf('t'))).toMatchObject([{ id: mine.id, role: 'READER', name: 'n' }]);
    for (const role of ['READER', 'WRITER'] as const)
      await expect(gateway.apiKeys.list('t', { tenantId: 't', role, isOperator: false })).rejects.toEqual(
        failure('FORBIDDEN'),
      );
    await expect(gateway.apiKeys.list('t', adminOf('u'))).rejects.toEqual(failure('FORBIDDEN'));
  });

  it('have a name and a limit', async () => {
    for (const name of ['', 'x'.repeat(257), '\ud800'])
      await expect(gateway.apiKeys.create({ ...input, name }, operator)).rejects.toEqual(failure('INVALID_ARGUMENT'));
    await atOnce(1_000, () => gateway.apiKeys.create(input, operator));
    await expect(gateway.apiKeys.create(input, operator)).rejects.toEqual(failure('INVALID_ARGUMENT'));
    const listed = await gateway.apiKeys.list('t', operator);
    expect(listed).toHaveLength(1_000);
    await gateway.apiKeys.revoke(listed[0]!.id, operator);
    expect(await gateway.apiKeys.create(input, operator)).toBeDefined();
  });

  it('know the minute of their last use, which goes on and never back', async () => {
    const { id, secret } = await gateway.apiKeys.create(input, operator);
    const lastUsed = async (): Promise<number | undefined> =>
      (await gateway.apiKeys.list('t', operator))[0]!.lastUsedAtMs;
    expect(await lastUsed()).toBeUndefined();
    world.clock.advance(90_000);
    const other = world.tenancy();
    await Promise.all([gateway.apiKeys.find(secret), other.apiKeys.find(secret)]);
    expect(await lastUsed()).toBeUndefined();
    await Promise.all([gateway.apiKeys.flushUses(), other.apiKeys.flushUses()]);
    const first = world.clock.nowMs() - (world.clock.nowMs() % 60_000);
    expect(await lastUsed()).toBe(first);
    await gateway.apiKeys.find(secret);
    gateway.store.reset();
    await gateway.apiKeys.flushUses();
    expect(gateway.store.commits).toEqual([]);
    world.clock.advance(60_000);
    await gateway.apiKeys.find(secret);
    await gateway.apiKeys.flushUses();
    expect(await lastUsed()).toBe(first + 60_000);
    await gateway.apiKeys.find(secret);
    world.clock.advance(60_000);
    await gateway.apiKeys.find(secret);
    await gateway.apiKeys.revoke(id, operator);
    await gateway.apiKeys.flushUses();
    expect((await world.rows(`${reservedPrefix}65`)).length).toBe(0);
  });
});

describe('who is let in', () => {
  beforeEach(async () => void (await gateway.tenants.create({ tenantId: 't', name: 'T', plan: 'FREE' })));

  it('is known for half a second, with one read, however many ask', async () => {
    const { secret } = await gateway.apiKeys.create({ tenantId: 't', name: 'n', role: 'READER' }, operator);
    gateway.store.reset();
    await atOnce(50, () => gateway.access.apiKey(secret, 'h'));
    await atOnce(50, () => gateway.access.life('t'));
    expect(gateway.store.reads).toHaveLength(2);
    world.clock.advance(499);
    await gateway.access.apiKey(secret, 'h');
    expect(gateway.store.reads).toHaveLength(2);
    world.clock.advance(1);
    await gateway.access.apiKey(secret, 'h');
    await gateway.access.life('t');
    expect(gateway.store.reads).toHaveLength(4);
  });

  it('is asked again after a failure', async () => {
    gateway.store.beforeRead = () => Promise.reject(new AppError('UNAVAILABLE', 'away'));
    await expect(gateway.access.life('t')).rejects.toEqual(failure('UNAVAILABLE'));
    gateway.store.beforeRead = undefined;
    expect(await gateway.access.life('t')).toMatchObject({ isOpen: true, isCreated: true, incarnation: 1 });
  });

  describe('while the change feed is followed', () => {
    let stop: AbortController;
    let running: Promise<void>;
    beforeEach(async () => {
      stop = new AbortController();
      running = gateway.access.follow(stop.signal);
      await settle();
    });
    afterEach(async () => {
      stop.abort();
      await running;
    });

    const settle = async (): Promise<void> => {
      for (let turns = 0; turns < 50; turns += 1) await turn();
    };
    const held = (
      tenantId: string,
      asOf: number,
      apiKey?: { id: string; asOf: number },
    ): { ended: number; release: () => void } => {
      const hold = { ended: 0, release: (): void => undefined };
      hold.release = gateway.access.hold({ tenantId, asOf, apiKey }, () => (hold.ended += 1));
      return hold;
    };
    const now = async (): Promise<number> => (await world.base.status()).revision;

    it('what a key holds open ends when it is revoked, and not when another one is', async () => {
      const other = world.tenancy();
      const input = { tenantId: 't', name: 'n', role: 'READER' } as const;
      const [a, b] = [await other.apiKeys.create(input, operator), await other.apiKeys.create(input, operator)];
      const asOf = await now();
      const [holdA, holdB] = [a, b].map(({ id }) => held('t', asOf, { id, asOf }));
      await settle();
      await other.apiKeys.revoke(a.id, operator);
      await settle();
      expect([holdA!.ended, holdB!.ended]).toEqual([1, 0]);
    });

    it('what was judged on a state before the key was made, but for the key, stays open when the making is heard of', async () => {
      const before = await now();
      const { id } = await world.tenancy().apiKeys.create({ tenantId: 't', name: 'n', role: 'READER' }, operator);
      const holds = [held('t', before, { id, asOf: await now() })];
      await settle();
      holds.push(held('t', before, { id, asOf: await now() }));
      expect(holds.map(({ ended }) => ended)).toEqual([0, 0]);
    });

    it('what a tenant holds open ends when it is deleted, once, and not when it was let go', async () => {
      const [hold, letGo, stranger] = [held('t', await now()), held('t', await now()), held('u', await now())];
      letGo.release();
      await world.tenancy().tenants.delete('t');
      await settle();
      expect([hold.ended, letGo.ended, stranger.ended]).toEqual([1, 0, 0]);
    });

    it('what was judged on an older state than a change that is known already ends at once', async () => {
      const asOf = await now();
      await world.tenancy().tenants.delete('t');
      await settle();
      expect(held('t', asOf).ended).toBe(1);
      expect(held('t', await now()).ended).toBe(0);
    });

    it('is forgotten as soon as it changes', async () => {
      expect(await gateway.access.life('t')).toMatchObject({ isOpen: true });
      await world.tenancy().tenants.delete('t');
      await settle();
      expect(await gateway.access.life('t')).toMatchObject({ isOpen: false });
    });

    describe('and has a gap', () => {
      const other = () => world.tenancy();
      const create = (name: string) => other().apiKeys.create({ tenantId: 't', name, role: 'READER' }, operator);
      const pause = async (): Promise<void> => {
        stop.abort();
        await running;
      };
      const goOn = async (): Promise<void> => {
        stop = new AbortController();
        running = gateway.access.follow(stop.signal);
        await settle();
      };

      it('what has changed in it ends when the feed begins anew, and nothing else', async () => {
        await other().tenants.create({ tenantId: 'v', name: 'V', plan: 'FREE' });
        const [kept, revoked] = [await create('kept'), await create('revoked')];
        const asOf = await now();
        const holds = [
          held('t', asOf),
          held('never made', asOf),
          held('t', asOf, { id: kept.id, asOf }),
          held('t', asOf, { id: revoked.id, asOf }),
          held('v', asOf),
        ];
        await pause();
        await other().apiKeys.revoke(revoked.id, operator);
        await other().tenants.delete('v');
        await goOn();
        expect(holds.map(({ ended }) => ended)).toEqual([0, 0, 0, 1, 1]);
        await other().tenants.delete('t');
        await settle();
        expect(holds.map(({ ended }) => ended)).toEqual([1, 0, 1, 1, 1]);
      });

      it('what is held only now is looked at as well, where it was judged before the gap', async () => {
        const { id } = await create('n');
        const asOf = await now();
        await pause();
        await other().apiKeys.revoke(id, operator);
        await goOn();
        const holds = [held('t', asOf, { id, asOf }), held('t', asOf)];
        await settle();
        expect(holds.map(({ ended }) => ended)).toEqual([1, 0]);
      });

      it('while storage is away it begins when storage is back', async () => {
        const hold = held('t', await now());
        await pause();
        await other().tenants.delete('t');
        gateway.store.beforeRead = () => Promise.reject(new AppError('UNAVAILABLE', 'away'));
        await goOn();
        expect(hold.ended).toBe(0);
        gateway.store.beforeRead = undefined;
        world.clock.advance(250);
        await settle();
        expect(hold.ended).toBe(1);
      });
    });
  });
});
