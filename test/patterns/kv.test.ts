/** Low-level keys and values over gateways that share a store. */
import { AppError } from '../../src/core/errors';
import { keyspace } from '../../src/core/keyspace';
import { decideDelete, decideRefusal, scanCursor } from '../../src/patterns/kv';
import type { KvChange, KvPut, KvPutOutcome, KvTransact } from '../../src/patterns/kv';
import type { Entry } from '../../proto/store';
import { BatchOverlay } from '../../src/store/view';
import { Collected } from './support/collected';
import { atOnce, failure, turn, World } from './support/world';
import type { Gateway } from './support/world';

let world: World;
let gateway: Gateway;
let other: Gateway;

beforeEach(() => {
  world = new World();
  gateway = world.gateway();
  other = world.gateway();
});
afterEach(() => world.close());

const bytes = (text: string): Buffer => Buffer.from(text);
const put = (key: string, value: string, over: Partial<KvPut> = {}, by: Gateway = gateway): Promise<KvPutOutcome> =>
  by.kv.put({ key, value: bytes(value), ifAbsent: false, ...over });
const versionOf = async (written: Promise<KvPutOutcome>): Promise<string> => {
  const outcome = await written;
  if (outcome.kind !== 'put') throw new Error('it was refused');
  return String(outcome.revision);
};
const textAt = async (key: string): Promise<string | undefined> =>
  (await gateway.kv.get(key, 'linearizable'))?.value.toString();
const transact = (over: Partial<KvTransact>, by: Gateway = gateway) =>
  by.kv.transact({ checks: [], puts: [], deletes: [], ...over });
const unwritten = async (): Promise<void> => expect((await world.base.status()).revision).toBe(0);

describe('the decisions', () => {
  const key = keyspace.kv('a');
  const entry = (revision: number): Entry => ({ key, value: bytes('v'), revision, expiresAtMs: 0 });
  const overlayOf = (current: Entry | undefined): BatchOverlay =>
    new BatchOverlay(new Map([[key.toString('latin1'), current]]), 100);

  it.each([
    ['what is there', entry(7), true, ['delete']],
    ['what is absent', undefined, false, []],
    ['what expires at this millisecond', { ...entry(7), expiresAtMs: 100 }, false, []],
    ['what expires at the next', { ...entry(7), expiresAtMs: 101 }, true, ['delete']],
  ])('deleting %s', (_, current, wasPresent, writes) => {
    const overlay = overlayOf(current);
    const verdict = overlay.decide((view) => ({ outcome: decideDelete(view, key), mark: undefined }));
    expect(verdict?.outcome).toEqual({ kind: 'done', wasPresent });
    expect(overlay.writes.map(({ kind }) => kind)).toEqual(writes);
    expect([...overlay.touched]).toEqual([key.toString('latin1')]);
    expect(overlay.validUntilMs).toBe(current?.expiresAtMs === 101 ? 101 : undefined);
  });

  const second = keyspace.kv('b');
  const current = new Map([[key.toString('latin1'), entry(7)]]);
  it.each([
    [[{ key, revision: 6 }], { check: 0, current: entry(7) }],
    [[{ key, revision: 0 }], { check: 0, current: entry(7) }],
    [
      [
        { key, revision: 7 },
        { key: second, revision: 1 },
      ],
      { check: 1, current: undefined },
    ],
  ])('a refusal names the first check that failed, with what stands there (%#)', (checks, refusal) => {
    expect(decideRefusal(checks, current)).toEqual({ kind: 'conflict', ...refusal });
  });

  it('a refusal in which every check holds is a broken invariant', () => {
    expect(() => decideRefusal([{ key, revision: 7 }], current)).toThrow(failure('INTERNAL') as Error);
  });
});

describe('putting', () => {
  it('writes over whatever is there', async () => {
    const first = await put('a', '1');
    const second = await put('a', '2');
    expect([first.kind, second.kind]).toEqual(['put', 'put']);
    expect(await gateway.kv.get('a', 'linearizable')).toEqual({
      key: 'a',
      value: bytes('2'),
      revision: (second as { revision: number }).revision,
      expiresAtMs: 0,
    });
  });

  it('over a version is refused with what stands there where it is another one', async () => {
    const version = await versionOf(put('a', '1'));
    const newer = await versionOf(put('a', '2', { ifVersion: version }));
    const refused = await put('a', '3', { ifVersion: version });
    expect(refused).toEqual({
      kind: 'conflict',
      key: 'a',
      current: { key: 'a', value: bytes('2'), revision: Number(newer), expiresAtMs: 0 },
    });
    expect(await put('b', '1', { ifVersion: version })).toEqual({ kind: 'conflict', key: 'b', current: undefined });
  });

  it('where absent is refused where something is there', async () => {
    expect((await put('a', '1', { ifAbsent: true })).kind).toBe('put');
    expect(await put('a', '2', { ifAbsent: true })).toMatchObject({ kind: 'conflict', current: { value: bytes('1') } });
  });

  it('over the same version by many at once is won by one', async () => {
    const version = await versionOf(put('a', '1'));
    const outcomes = await atOnce(50, (index) =>
      put('a', String(index), { ifVersion: version }, index % 2 === 0 ? gateway : other),
    );
    expect(outcomes.filter(({ kind }) => kind === 'put')).toHaveLength(1);
  });

  it('costs one round trip, with a key too', async () => {
    await put('a', '1');
    await put('a', '2', { idempotencyKey: 'k' });
    expect([gateway.store.reads.length, gateway.store.commits.length]).toEqual([0, 2]);
  });

  it.each([
    [99, 'there'],
    [100, 'gone'],
    [101, 'gone'],
  ])('for 100 ms: after %d ms it is %s', async (afterMs, state) => {
    const outcome = await put('a', '1', { ttlMs: 100 });
    const expiresAtMs = (await world.base.status()).nowMs + 100;
    expect(outcome).toMatchObject({ expiresAtMs });
    expect(await gateway.kv.get('a', 'linearizable')).toMatchObject({ expiresAtMs });
    world.clock.advance(afterMs);
    const isThere = state === 'there';
    expect((await textAt('a')) !== undefined).toBe(isThere);
    expect((await put('a', '2', { ifAbsent: true })).kind).toBe(isThere ? 'conflict' : 'put');
  });

  it('over an expired version is refused: nothing is there', async () => {
    const version = await versionOf(put('a', '1', { ttlMs: 10 }));
    world.clock.advance(10);
    expect(await put('a', '2', { ifVersion: version })).toEqual({ kind: 'conflict', key: 'a', current: undefined });
  });

  it('without ttlMs clears an earlier one, and with it replaces it', async () => {
    await put('a', '1', { ttlMs: 10 });
    await put('b', '1', { ttlMs: 10 });
    await put('a', '2');
    await put('b', '2', { ttlMs: 100 });
    world.clock.advance(99);
    expect([await textAt('a'), await textAt('b')]).toEqual(['2', '2']);
    world.clock.advance(1);
    expect([await textAt('a'), await textAt('b')]).toEqual(['2', undefined]);
  });

  it('takes the expiry from the storage clock, which the wall clock does not turn back', async () => {
    await put('a', '1', { ttlMs: 100 });
    const before = (await world.base.status()).nowMs;
    world.clock.setWallMs(0);
    expect(await put('b', '1', { ttlMs: 100 })).toMatchObject({ expiresAtMs: before + 100 });
  });

  it.each<[string, Partial<KvPut>, string]>([
    ['an empty key', { key: '' }, 'input.key'],
    ['a key of 1,025 bytes', { key: 'k'.repeat(1_025) }, 'input.key'],
    ['a key of 513 times é', { key: 'é'.repeat(513) }, 'input.key'],
    ['an unpaired surrogate', { key: '\udc00' }, 'input.key'],
    ['a value of more than 1 MiB', { value: Buffer.alloc(1_048_577) }, 'input.value'],
    ['both conditions', { ifVersion: '1', ifAbsent: true }, 'input.ifVersion'],
    ['version 0', { ifVersion: '0' }, 'input.ifVersion'],
    ['a version that is none', { ifVersion: '1x' }, 'input.ifVersion'],
    ['a negative version', { ifVersion: '-1' }, 'input.ifVersion'],
    ['a life of 0 ms', { ttlMs: 0 }, 'input.ttlMs'],
    ['a negative life', { ttlMs: -5 }, 'input.ttlMs'],
    ['a life that is no number', { ttlMs: Number.NaN }, 'input.ttlMs'],
    ['a life of half a millisecond', { ttlMs: 0.5 }, 'input.ttlMs'],
    ['a life of more than 100 years', { ttlMs: 3_153_600_000_001 }, 'input.ttlMs'],
    ['an empty idempotencyKey', { idempotencyKey: '' }, 'input.idempotencyKey'],
  ])('refuses %s, and writes nothing', async (_, over, field) => {
    await expect(put('a', '1', over)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
    await unwritten();
  });

  it.each([
    ['1,024 NULs', '\0'.repeat(1_024)],
    ['1,024 bytes', 'k'.repeat(1_024)],
    ['512 times é', 'é'.repeat(512)],
    ['what looks like our own keys', '\u0020a'],
    ['a name of Object.prototype', '__proto__'],
  ])('takes a key of %s, conditions and idempotency keys included', async (_, key) => {
    const version = await versionOf(put(key, '1', { idempotencyKey: 'first' }));
    expect(await put(key, '1', { idempotencyKey: 'first' })).toMatchObject({
      kind: 'put',
      key,
      revision: Number(version),
    });
    // A refusal's mark must hold too.
    for (let again = 0; again < 2; again += 1) {
      expect(await put(key, '2', { ifAbsent: true, idempotencyKey: 'second' })).toMatchObject({
        kind: 'conflict',
        key,
      });
    }
    expect(await gateway.kv.get(key, 'linearizable')).toMatchObject({ key, value: bytes('1') });
    expect((await gateway.kv.scan({ prefix: '', first: 10, reverse: false })).entries).toHaveLength(1);
  });

  it('takes a value of 1 MiB, and an empty one, which is not an absent one', async () => {
    await gateway.kv.put({ key: 'a', value: Buffer.alloc(1_048_576, 7), ifAbsent: false, idempotencyKey: 'k' });
    await put('b', '');
    expect((await gateway.kv.get('a', 'linearizable'))?.value).toHaveLength(1_048_576);
    expect(await gateway.kv.get('b', 'linearizable')).toMatchObject({ value: bytes('') });
  });
});

describe('an idempotency key', () => {
  it('gives a put its first version and expiry again, on every gateway', async () => {
    const first = await put('a', '1', { ttlMs: 1_000, idempotencyKey: 'k' });
    world.clock.advance(10);
    await put('a', '2');
    expect(await put('a', '1', { ttlMs: 1_000, idempotencyKey: 'k' }, other)).toEqual(first);
    expect(await textAt('a')).toBe('2');
  });

  it('at the same time from many callers is one write and one answer', async () => {
    const outcomes = await atOnce(10, (index) =>
      put('a', '1', { idempotencyKey: 'k' }, index % 2 === 0 ? gateway : other),
    );
    expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1);
    const winners = await atOnce(10, (index) =>
      put('b', '1', { ifAbsent: true, idempotencyKey: 'k2' }, index % 2 === 0 ? gateway : other),
    );
    expect(winners.every(({ kind }) => kind === 'put')).toBe(true);
    expect((await world.base.status()).revision).toBe(2);
  });

  it('replays a refusal, though the write would succeed now; what stands there is shown as it is now', async () => {
    await put('a', '1');
    expect((await put('a', '2', { ifAbsent: true, idempotencyKey: 'k' })).kind).toBe('conflict');
    await put('a', '3');
    expect(await put('a', '2', { ifAbsent: true, idempotencyKey: 'k' })).toMatchObject({
      current: { value: bytes('3') },
    });
    await gateway.kv.delete({ key: 'a' });
    const replayed = await put('a', '2', { ifAbsent: true, idempotencyKey: 'k' });
    expect(replayed).toEqual({ kind: 'conflict', key: 'a', current: undefined });
  });

  it('makes the first of two outcomes the answer of both: a refusal does not overtake its twin', async () => {
    await put('a', '1');
    gateway.store.afterCommit = async () => {
      gateway.store.afterCommit = undefined;
      // Behind the refusal, before its mark: the way becomes free, and the twin takes it.
      await other.kv.delete({ key: 'a' });
      await put('a', '2', { ifAbsent: true, idempotencyKey: 'k' }, other);
    };
    const outcome = await put('a', '2', { ifAbsent: true, idempotencyKey: 'k' });
    expect(outcome).toEqual(await put('a', '2', { ifAbsent: true, idempotencyKey: 'k' }));
    expect(outcome.kind).toBe('put');
  });

  it('with another input is refused', async () => {
    await put('a', '1', { idempotencyKey: 'k' });
    for (const over of [{ value: bytes('2') }, { key: 'b' }, { ttlMs: 5 }, { ifAbsent: true }]) {
      await expect(put('a', '1', { ...over, idempotencyKey: 'k' })).rejects.toEqual(failure('IDEMPOTENCY_KEY_REUSED'));
    }
  });

  it.each(['afterCommit', 'beforeCommit'] as const)(
    'finds out what became of a write whose answer was lost %s',
    async (hook) => {
      const version = await versionOf(put('a', '1'));
      gateway.store[hook] = () => {
        gateway.store[hook] = undefined;
        throw new AppError('OUTCOME_UNKNOWN', 'lost');
      };
      const again = (): Promise<KvPutOutcome> => put('a', '2', { ifVersion: version, idempotencyKey: 'k' });
      await expect(again()).rejects.toEqual(failure('OUTCOME_UNKNOWN'));
      // Not a conflict with itself.
      expect((await again()).kind).toBe('put');
      expect(await textAt('a')).toBe('2');
    },
  );
});

describe('deleting', () => {
  it('says whether there was something', async () => {
    const version = await versionOf(put('a', '1'));
    const outcome = await gateway.kv.delete({ key: 'a' });
    expect(outcome).toMatchObject({ kind: 'deleted', key: 'a', wasPresent: true });
    expect((outcome as { revision: number }).revision).toBeGreaterThan(Number(version));
    const { revision } = await world.base.status();
    expect(await gateway.kv.delete({ key: 'a' })).toEqual({ kind: 'deleted', key: 'a', wasPresent: false, revision });
  });

  it('by many at once on two gateways is one deletion', async () => {
    await put('a', '1');
    const outcomes = await world.until(
      atOnce(40, (index) => (index % 2 === 0 ? gateway : other).kv.delete({ key: 'a' })),
    );
    expect(outcomes.filter((outcome) => outcome.kind === 'deleted' && outcome.wasPresent)).toHaveLength(1);
  });

  it('in races with writes says true as often as something was taken away', async () => {
    for (const { store } of [gateway, other]) store.beforeCommit = store.beforeRead = turn;
    let created = 0;
    let deleted = 0;
    let isOver = false;
    const writing = Array.from({ length: 8 }, async (_, index) => {
      while (!isOver) {
        const outcome = await put('a', String(index), { ifAbsent: true }, index % 2 === 0 ? gateway : other);
        if (outcome.kind === 'put') created += 1;
      }
    });
    const deleting = Array.from({ length: 8 }, async (_, index) => {
      for (let round = 0; round < 20; round += 1) {
        const outcome = await (index % 2 === 0 ? gateway : other).kv.delete({ key: 'a' });
        if (outcome.kind === 'deleted' && outcome.wasPresent) deleted += 1;
      }
    });
    await world.until(Promise.all(deleting));
    isOver = true;
    await Promise.all(writing);
    const left = (await textAt('a')) === undefined ? 0 : 1;
    expect(created).toBeGreaterThan(3);
    expect(deleted).toBe(created - left);
  });

  it('is never CONTENTION because of writes of the same gateway', async () => {
    gateway.store.beforeCommit = turn;
    let isOver = false;
    const storm = Array.from({ length: 50 }, async (_, index) => {
      while (!isOver) await put('a', String(index));
    });
    await world.until(atOnce(20, () => gateway.kv.delete({ key: 'a' })));
    isOver = true;
    await Promise.all(storm);
    expect(Math.max(...gateway.reports.map(({ conflicts }) => conflicts))).toBeLessThanOrEqual(3);
  });

  it('over a version is refused where it is another one, also where nothing is there', async () => {
    const version = await versionOf(put('a', '1'));
    const newer = await versionOf(put('a', '2'));
    expect(await gateway.kv.delete({ key: 'a', ifVersion: version })).toMatchObject({
      kind: 'conflict',
      current: { value: bytes('2') },
    });
    expect(await gateway.kv.delete({ key: 'a', ifVersion: newer })).toMatchObject({
      kind: 'deleted',
      wasPresent: true,
    });
    expect(await gateway.kv.delete({ key: 'a', ifVersion: newer })).toEqual({
      kind: 'conflict',
      key: 'a',
      current: undefined,
    });
  });

  it('what has expired deletes nothing', async () => {
    await put('a', '1', { ttlMs: 10 });
    world.clock.advance(10);
    expect(await gateway.kv.delete({ key: 'a' })).toMatchObject({ wasPresent: false });
  });

  it('does not read the value', async () => {
    await put('a', '1');
    await gateway.kv.delete({ key: 'a' });
    expect(gateway.store.reads).toEqual([[{ start: keyspace.kv('a'), keysOnly: true }]]);
  });

  it('with a key happens once', async () => {
    await put('a', '1');
    const first = await gateway.kv.delete({ key: 'a', idempotencyKey: 'k' });
    await put('a', '2');
    expect(await other.kv.delete({ key: 'a', idempotencyKey: 'k' })).toEqual(first);
    expect(await textAt('a')).toBe('2');
    const none = await gateway.kv.delete({ key: 'b', idempotencyKey: 'none' });
    await put('b', '1');
    expect(await gateway.kv.delete({ key: 'b', idempotencyKey: 'none' })).toEqual(none);
    expect(none).toMatchObject({ wasPresent: false });
  });

  it.each([
    [{ key: '' }, 'input.key'],
    [{ key: 'a', ifVersion: 'x' }, 'input.ifVersion'],
    [{ key: 'a', ifVersion: '0' }, 'input.ifVersion'],
    [{ key: 'a', idempotencyKey: '' }, 'input.idempotencyKey'],
  ])('refuses %j', async (input, field) => {
    await expect(gateway.kv.delete(input)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
  });
});

describe('a transaction', () => {
  it('checks, then writes, all in one version', async () => {
    const version = await versionOf(put('a', '1'));
    await put('c', '1');
    const outcome = await transact({
      checks: [{ key: 'a', version }, { key: 'b' }],
      puts: [
        { key: 'a', value: bytes('2') },
        { key: 'b', value: bytes('2'), ttlMs: 10 },
      ],
      deletes: ['c', 'missing'],
    });
    expect(outcome).toEqual({ kind: 'committed', revision: (await world.base.status()).revision });
    const entries = await gateway.kv.getMany(['a', 'b', 'c'], 'linearizable');
    expect(entries.map((entry) => entry?.revision)).toEqual([
      outcome.kind === 'committed' && outcome.revision,
      entries[0]!.revision,
      undefined,
    ]);
    world.clock.advance(10);
    expect(await textAt('b')).toBeUndefined();
  });

  it('is refused whole, with the first check that failed', async () => {
    const version = await versionOf(put('a', '1'));
    await put('b', '1');
    const checks = [{ key: 'a', version }, { key: 'b' }, { key: 'c', version }];
    const refused = await transact({ checks, puts: [{ key: 'a', value: bytes('2') }] });
    expect(refused).toMatchObject({ kind: 'conflict', key: 'b', current: { value: bytes('1') } });
    expect(await textAt('a')).toBe('1');
  });

  it('of checks alone answers the version of the state that it was judged on', async () => {
    const version = await versionOf(put('a', '1'));
    expect(await transact({ checks: [{ key: 'a', version }] })).toEqual({
      kind: 'committed',
      revision: Number(version),
    });
  });

  it('of 100 checks and 100 writes at their limits fits, with a key too', async () => {
    const key = (index: number): string => String(index).padStart(1_024, '\0');
    const value = Buffer.alloc(10_485, 1);
    const puts = Array.from({ length: 100 }, (_, index) => ({ key: key(index), value }));
    const checks = puts.map(({ key: each }) => ({ key: each }));
    expect(await transact({ checks, puts, idempotencyKey: 'k' })).toMatchObject({ kind: 'committed' });
    expect(await transact({ checks, puts, idempotencyKey: 'k' })).toMatchObject({ kind: 'committed' });
    expect(await transact({ checks, puts, idempotencyKey: 'other' })).toMatchObject({ kind: 'conflict', key: key(0) });
    expect(await transact({ checks, puts, idempotencyKey: 'other' })).toMatchObject({ kind: 'conflict', key: key(0) });
  });

  it('with a key happens once, refusals included', async () => {
    const first = await transact({ puts: [{ key: 'a', value: bytes('1') }], idempotencyKey: 'k' });
    await put('a', '2');
    expect(await transact({ puts: [{ key: 'a', value: bytes('1') }], idempotencyKey: 'k' }, other)).toEqual(first);
    expect(await textAt('a')).toBe('2');
    const checks = [{ key: 'b' }, { key: 'a' }];
    expect(await transact({ checks, idempotencyKey: 'r' })).toMatchObject({ kind: 'conflict', key: 'a' });
    await gateway.kv.delete({ key: 'a' });
    expect(await transact({ checks, idempotencyKey: 'r' })).toEqual({ kind: 'conflict', key: 'a', current: undefined });
  });

  const value = bytes('v');
  it.each<[string, Partial<KvTransact>, string]>([
    ['nothing', {}, 'input'],
    ['a key checked twice', { checks: [{ key: 'a' }, { key: 'a', version: '1' }] }, 'input.checks'],
    [
      'a key put twice',
      {
        puts: [
          { key: 'a', value },
          { key: 'a', value },
        ],
      },
      'input.puts and deletes',
    ],
    ['a key deleted twice', { deletes: ['a', 'a'] }, 'input.puts and deletes'],
    ['a key put and deleted', { puts: [{ key: 'a', value }], deletes: ['a'] }, 'input.puts and deletes'],
    ['an empty key among the checks', { checks: [{ key: '' }] }, 'input.checks[0].key'],
    ['an empty key among the puts', { puts: [{ key: '', value }] }, 'input.puts[0].key'],
    ['an empty key among the deletes', { deletes: ['a', ''] }, 'input.deletes[1]'],
    ['a malformed version', { checks: [{ key: 'a', version: 'x' }] }, 'input.checks[0].version'],
    ['version 0', { checks: [{ key: 'a', version: '0' }] }, 'input.checks[0].version'],
    ['a life of 0', { puts: [{ key: 'a', value, ttlMs: 0 }] }, 'input.puts[0].ttlMs'],
    ['a value that is too large', { puts: [{ key: 'a', value: Buffer.alloc(1_048_577) }] }, 'input.puts[0].value'],
    [
      'values that are too large together',
      { puts: ['a', 'b'].map((key) => ({ key, value: Buffer.alloc(524_289) })) },
      'input.puts',
    ],
    ['101 checks', { checks: Array.from({ length: 101 }, (_, index) => ({ key: `k${index}` })) }, 'input.checks'],
    [
      '101 writes',
      { puts: [{ key: 'a', value }], deletes: Array.from({ length: 100 }, (_, index) => `k${index}`) },
      'input.puts',
    ],
  ])('refuses %s, and writes nothing', async (_, over, field) => {
    await expect(transact(over)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
    await unwritten();
  });
});

describe('reading many', () => {
  it('answers in the order asked for, from one snapshot, with what is absent as undefined', async () => {
    await put('a', '1');
    await put('b', '2');
    const entries = await gateway.kv.getMany(['b', 'none', 'a', 'b'], 'linearizable');
    expect(entries.map((entry) => entry?.value.toString())).toEqual(['2', undefined, '1', '2']);
    expect(gateway.store.reads).toHaveLength(1);
    expect(await gateway.kv.getMany([], 'stale')).toEqual([]);
  });

  it('refuses more than 1,000 keys, and more than 4 MiB', async () => {
    await expect(gateway.kv.getMany(Array<string>(1_001).fill('a'), 'linearizable')).rejects.toEqual(
      failure('INVALID_ARGUMENT'),
    );
    await gateway.kv.put({ key: 'a', value: Buffer.alloc(1_048_000), ifAbsent: false });
    expect(await gateway.kv.getMany(Array<string>(4).fill('a'), 'linearizable')).toHaveLength(4);
    await expect(gateway.kv.getMany(Array<string>(5).fill('a'), 'linearizable')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'keys' },
    });
    await expect(gateway.kv.getMany(['a', ''], 'linearizable')).rejects.toMatchObject({
      details: { field: 'keys[1]' },
    });
  });
});

describe('scanning', () => {
  const scan = async (
    prefix: string,
    first: number,
    { after, reverse = false }: { after?: string; reverse?: boolean } = {},
  ) => {
    const page = await gateway.kv.scan({
      prefix,
      first,
      reverse,
      after: after === undefined ? undefined : scanCursor(after),
    });
    return [page.entries.map(({ key }) => key), page.hasMore];
  };
  const keys = ['a', 'a\0', 'aa', 'ab', 'ab\u{10ffff}', 'ac', 'b', 'é', '\u{10ffff}'];

  beforeEach(async () => {
    for (const key of [...keys].reverse()) await put(key, key);
    // What patterns keep never shows.
    await gateway.counters.increment({ name: 'a', by: 1, idempotencyKey: 'k' });
  });

  it('is in byte order, to both sides', async () => {
    expect(await scan('', 100)).toEqual([keys, false]);
    expect(await scan('', 100, { reverse: true })).toEqual([[...keys].reverse(), false]);
  });

  it.each([
    ['a', ['a', 'a\0', 'aa', 'ab', 'ab\u{10ffff}', 'ac']],
    ['ab', ['ab', 'ab\u{10ffff}']],
    ['b', ['b']],
    ['\u{10ffff}', ['\u{10ffff}']],
    ['x', []],
  ])('below %j is %j', async (prefix, found) => {
    expect(await scan(prefix, 100)).toEqual([found, false]);
    expect(await scan(prefix, 100, { reverse: true })).toEqual([[...found].reverse(), false]);
  });

  it('goes on behind its cursor, whatever was written and deleted meanwhile', async () => {
    expect(await scan('a', 2)).toEqual([['a', 'a\0'], true]);
    await gateway.kv.delete({ key: 'a\0' });
    await put('a\0\0', 'new');
    expect(await scan('a', 2, { after: 'a\0' })).toEqual([['a\0\0', 'aa'], true]);
    expect(await scan('a', 2, { after: 'ab\u{10ffff}' })).toEqual([['ac'], false]);
    expect(await scan('a', 2, { after: 'ac' })).toEqual([[], false]);
    expect(await scan('a', 2, { reverse: true })).toEqual([['ac', 'ab\u{10ffff}'], true]);
    expect(await scan('a', 9, { reverse: true, after: 'ab' })).toEqual([['aa', 'a\0\0', 'a'], false]);
    expect(await scan('a', 9, { reverse: true, after: 'a' })).toEqual([[], false]);
  });

  it('with a cursor outside of the prefix begins at its edge, or is at its end', async () => {
    expect(await scan('ab', 9, { after: 'a' })).toEqual([['ab', 'ab\u{10ffff}'], false]);
    expect(await scan('ab', 9, { after: 'b' })).toEqual([[], false]);
    expect(await scan('ab', 9, { reverse: true, after: 'b' })).toEqual([['ab\u{10ffff}', 'ab'], false]);
    expect(await scan('ab', 9, { reverse: true, after: 'a' })).toEqual([[], false]);
  });

  it('leaves out what has expired', async () => {
    await put('aa', '1', { ttlMs: 5 });
    world.clock.advance(5);
    expect(await scan('aa', 1)).toEqual([[], false]);
  });

  it('ends a page early at 4 MiB, never before its first entry', async () => {
    for (const key of ['x1', 'x2', 'x3', 'x4', 'x5']) {
      await gateway.kv.put({ key, value: Buffer.alloc(1_048_000), ifAbsent: false });
    }
    expect(await scan('x', 100)).toEqual([['x1', 'x2', 'x3', 'x4'], true]);
    expect(await scan('x', 100, { after: 'x4' })).toEqual([['x5'], false]);
  });

  it('leaves out keys without a name in GraphQL, and goes on behind them', async () => {
    const writes = Array.from({ length: 3 }, (_, index) => ({
      kind: 'put' as const,
      key: Buffer.from([0x10, 0x61, 0x61, 0xff, index]),
      value: Buffer.alloc(1),
      history: 'value' as const,
    }));
    await gateway.store.commit([{ checks: [], writes }]);
    // Three keys with ff in them stand behind those with a name; they fill a page of their own.
    await put('aa\u{10ffff}', '1');
    expect(await scan('aa', 2)).toEqual([['aa', 'aa\u{10ffff}'], true]);
    expect(await scan('aa', 2, { after: 'aa\u{10ffff}' })).toEqual([[], false]);
    expect(await scan('aa', 1, { reverse: true })).toEqual([['aa\u{10ffff}'], true]);
  });

  it.each([
    ['first 0', { first: 0 }, 'first'],
    ['first 1,001', { first: 1_001 }, 'first'],
    ['a cursor of something else', { after: 'abc' }, 'after'],
    ['a prefix that is too long', { prefix: 'x'.repeat(1_025) }, 'prefix'],
    ['a prefix with half a character', { prefix: '\ud800' }, 'prefix'],
  ])('refuses %s', async (_, over, field) => {
    const refused = gateway.kv.scan({ prefix: '', first: 1, reverse: false, ...over });
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
  });
});

describe('changes', () => {
  /** Takes `count` changes, then leaves. */
  async function take(count: number, prefix = '', after?: string, by: Gateway = gateway): Promise<KvChange[]> {
    const taken: KvChange[] = [];
    if (count === 0) return taken;
    for await (const change of by.kv.changes(prefix, after, new AbortController().signal)) {
      taken.push(change);
      if (taken.length === count) break;
    }
    return taken;
  }
  const shown = (changes: readonly KvChange[]) =>
    changes.map(({ kind, key, entry }) => [kind, key, entry?.value.toString()]);

  it('are every change in commit order, each once, in key order within a commit', async () => {
    await put('a', '1');
    await transact({
      puts: [
        { key: 'c', value: bytes('1') },
        { key: 'b', value: bytes('1') },
      ],
      deletes: ['a'],
    });
    await gateway.kv.delete({ key: 'c' });
    await gateway.counters.increment({ name: 'a', by: 1 });
    const changes = await take(5, '', '0');
    expect(shown(changes)).toEqual([
      ['put', 'a', '1'],
      ['delete', 'a', undefined],
      ['put', 'b', '1'],
      ['put', 'c', '1'],
      ['delete', 'c', undefined],
    ]);
    expect(changes.map(({ revision }) => revision)).toEqual([1, 2, 2, 2, 3]);
  });

  it('go on exactly behind a cursor, also within a commit, and behind the whole of a Version', async () => {
    await put('a', '1');
    await transact({ puts: ['b', 'c', 'd'].map((key) => ({ key, value: bytes('1') })) });
    await put('e', '1');
    const all = await take(5, '', '0');
    for (const [index, { cursor, revision }] of all.entries()) {
      expect(await take(4 - index, '', cursor, other)).toEqual(all.slice(index + 1));
      const behind = all.filter((change) => change.revision > revision);
      expect(await take(behind.length, '', String(revision))).toEqual(behind);
    }
  });

  it('show the end of what was written over as well: EXPIRE, then PUT, each with a cursor of its own', async () => {
    await put('a', '1', { ttlMs: 10 });
    await put('b', '1', { ttlMs: 10 });
    // Before the sweeper comes.
    world.clock.setWallMs(world.clock.nowMs() + 10);
    await transact({ puts: ['a', 'b'].map((key) => ({ key, value: bytes('2') })) });
    const all = await take(6, '', '0');
    expect(shown(all.slice(2))).toEqual([
      ['expire', 'a', undefined],
      ['put', 'a', '2'],
      ['expire', 'b', undefined],
      ['put', 'b', '2'],
    ]);
    for (let index = 2; index < 6; index += 1) {
      expect(await take(5 - index, '', all[index]!.cursor)).toEqual(all.slice(index + 1));
    }
  });

  it('announce an expiry when its time has come', async () => {
    await put('a', '1', { ttlMs: 10 });
    const taking = take(2, '', '0');
    expect(shown(await world.until(taking))).toEqual([
      ['put', 'a', '1'],
      ['expire', 'a', undefined],
    ]);
  });

  it('below a prefix are those of its keys alone; a cursor of another prefix goes on within them', async () => {
    await transact({ puts: ['a', 'ab', 'b', 'ba'].map((key) => ({ key, value: bytes('1') })) });
    expect(shown(await take(2, 'b', '0'))).toEqual([
      ['put', 'b', '1'],
      ['put', 'ba', '1'],
    ]);
    const [, ab] = await take(2, '', '0');
    expect(shown(await take(2, 'b', ab!.cursor)).map(([, key]) => key)).toEqual(['b', 'ba']);
  });

  it('from now leave out what came before', async () => {
    await put('a', '1');
    const taking = take(1);
    await turn();
    await put('b', '1');
    expect((await taking).map(({ key }) => key)).toEqual(['b']);
  });

  it('of writes at the same time are as many as there were writes', async () => {
    await atOnce(100, (index) => put('a', String(index), index % 3 === 0 ? { idempotencyKey: `k${index}` } : {}));
    const changes = await take(100, '', '0');
    expect(new Set(changes.map(({ revision }) => revision)).size).toBe(100);
    expect(new Set(changes.map(({ entry }) => entry!.value.toString())).size).toBe(100);
  });

  it('are the same objects for the same change of the store, so that subscribers can share what is made of them', async () => {
    await put('a', '1');
    const change = { kind: 'put' as const, key: keyspace.kv('a'), revision: 1, value: bytes('1'), expiresAtMs: 0 };
    gateway.store.watchBatches = () =>
      (async function* () {
        yield { changes: [change], revision: 1, nowMs: 1 };
      })();
    const [[one], [two]] = [await take(1), await take(1)];
    expect(one).toBe(two);
  });

  it('whose history is gone say from which Version on it is there', async () => {
    await world.close();
    world = new World({ logKeepMs: 1_000 });
    gateway = world.gateway();
    await put('a', '1');
    await put('b', '1');
    world.clock.advance(200_000);
    await put('c', '1');
    const oldest = String((await world.base.status()).oldestRevision);
    await expect(take(1, '', '0')).rejects.toMatchObject({ code: 'HISTORY_GONE', details: { oldest } });
    expect((await take(1, '', oldest)).map(({ key }) => key)).toEqual(['c']);
  });

  it('of a future that may never come are gone as well', async () => {
    await expect(take(1, '', '1000')).rejects.toEqual(failure('HISTORY_GONE'));
  });

  it('that fail say where to go on: behind the last change that was taken', async () => {
    await transact({ puts: ['a', 'b'].map((key) => ({ key, value: bytes('1') })) });
    const [a] = await take(1, '', '0');
    const failAfter = (batches: number) => {
      gateway.store.watchBatches = () =>
        (async function* () {
          yield { changes: [], revision: 0, nowMs: 1 };
          if (batches > 0) {
            const change = { kind: 'put' as const, revision: 1, value: bytes('1'), expiresAtMs: 0 };
            yield { changes: ['a', 'b'].map((key) => ({ ...change, key: keyspace.kv(key) })), revision: 1, nowMs: 1 };
          }
          throw new AppError('UNAVAILABLE', 'gone for too long');
        })();
    };
    failAfter(0);
    await expect(take(9)).rejects.toMatchObject({ code: 'UNAVAILABLE', details: { resumeFrom: '0' } });
    await expect(take(9, '', a!.cursor)).rejects.toMatchObject({ details: { resumeFrom: a!.cursor } });
    failAfter(1);
    await expect(take(9, '', a!.cursor)).rejects.toMatchObject({ details: { resumeFrom: '1' } });
  });

  it('from now, of which there is none yet, say where they are until there is one', async () => {
    await put('other', '1');
    const passed: string[] = [];
    const changes = new Collected((signal) =>
      gateway.kv.changes('a', undefined, signal, (version) => void passed.push(version)),
    );
    while (passed.length === 0) await turn();
    expect((await take(1, '', '0')).map(({ key }) => key)).toEqual(['other']);
    await put('a', '1');
    await changes.atLeast(1);
    const [before] = passed;
    expect((await take(1, 'a', before)).map(({ cursor }) => cursor)).toEqual(changes.items.map(({ cursor }) => cursor));
    const count = passed.length;
    await put('other', '2');
    await put('a', '2');
    await changes.atLeast(2);
    expect(passed.length).toBe(count);
    await changes.end();
  });

  it.each(['', 'abc', '-1', '1.5', '01', '9007199254740992', scanCursor('a'), 'AQIAAAAAAAAAAQE', 'AQL__________wFh'])(
    'refuse %j as a place before anything is opened',
    (after) => {
      const opening = (): unknown => gateway.kv.changes('', after, new AbortController().signal);
      expect(opening).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', details: { field: 'after' } }) as Error,
      );
    },
  );

  it('refuse a prefix that is too long', () => {
    const opening = (): unknown => gateway.kv.changes('x'.repeat(1_025), undefined, new AbortController().signal);
    expect(opening).toThrow(failure('INVALID_ARGUMENT') as Error);
  });
});
