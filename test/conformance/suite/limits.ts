/** Limits: each is allowed at its number and refused one past it, and refuses nothing but what breaks it. */
import { limits, storeLimits } from '../../../proto/limits';
import type { KeyRange, Store, Transaction } from '../../../proto/store';
import type { Suite } from './fixture';
import {
  asCommitted,
  bytes,
  check,
  checksOnly,
  commitOne,
  committed,
  contents,
  entryOf,
  everything,
  failureOf,
  keyBytesMax,
  operationsMax,
  point,
  put,
  putAll,
  readOne,
  remove,
  transaction,
} from './words';

/** Numbers that are none of a limit's. */
const broken = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 1.5, 2 ** 53, -0.1];

export function describeLimits(suite: Suite): void {
  describe('limits', () => {
    describeKeysAndValues(suite);
    describeSizes(suite);
    describeNumbers(suite);
    describeCalls(suite);
  });
}

/** Commits a transaction that is refused, beside another which is not; expects the refusal to name what is wrong. */
async function refused(store: Store, one: Transaction, ...named: readonly (string | number)[]): Promise<void> {
  const { revision } = await putAll(store, 'beside');
  const [before, outcome, after] = await store.commit([checksOnly(check('beside', revision)), one, checksOnly()]);
  asCommitted(before);
  asCommitted(after);
  const { code, message } = failureOf(outcome);
  expect(code).toBe('INVALID_ARGUMENT');
  for (const each of named) expect(message).toContain(String(each));
  expect((await store.status()).revision).toBe(revision);
}

async function refusedRead(
  store: Store,
  ranges: readonly KeyRange[],
  ...named: readonly (string | number)[]
): Promise<void> {
  const error = await failure(store.read(ranges));
  for (const each of named) expect(error.message).toContain(String(each));
  // Nobody else's read is concerned.
  expect((await store.read([everything])).results).toHaveLength(1);
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: 'AppError', code: 'INVALID_ARGUMENT' });
  return error as Error;
}

function describeKeysAndValues(suite: Suite): void {
  test('a key has 1 byte to the longest stored key, of any content', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    const longest = keyBytesMax(fixture);
    const keys = [
      '\0',
      '\xff',
      ' ',
      '\0'.repeat(1_024),
      '\xff'.repeat(1_024),
      'a'.repeat(longest),
      '\0'.repeat(longest),
    ];
    keys.push('\xff'.repeat(longest), `${'\0'.repeat(longest - 1)}\xff`, '\xed\xa0\x80', '\xff\xfe\0');
    for (const key of keys) {
      const { revision } = await committed(store, transaction([put(key, 'v')], { checks: [check(key, 0)] }));
      expect(await entryOf(store, key)).toEqual({ key: bytes(key), value: bytes('v'), revision, expiresAtMs: 0 });
      expect((await readOne(store, { start: bytes(key), end: bytes(`${key}\0`) })).entries).toHaveLength(1);
      await committed(store, transaction([put(key, 'w', { ttlMs: 1_000 })], { checks: [check(key, revision)] }));
    }
    expect(Object.keys(await contents(store)).sort()).toEqual([...keys].sort());
    for (const key of keys) await committed(store, transaction([remove(key)]));
    expect(await contents(store)).toEqual({});
  });

  test('a key with nothing or with too much is refused wherever it stands', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    const long = 'a'.repeat(keyBytesMax(fixture) + 1);
    const tooLong = [storeLimits.storedKeyBytesMax + 1, storeLimits.storedKeyBytesMax];
    await refused(store, transaction([put('a'), put(long)]), 'writes[1].key', ...tooLong);
    await refused(store, transaction([remove(long)]), 'writes[0].key', ...tooLong);
    await refused(store, checksOnly(check(long, 0)), 'checks[0].key', ...tooLong);
    await refusedRead(store, [point('a'), point(long)], 'ranges[1].start', ...tooLong);
    await refused(store, transaction([put('')]), 'writes[0].key', 'empty');
    await refused(store, transaction([put('a'), remove('')]), 'writes[1].key', 'empty');
    await refused(store, checksOnly(check('a', 0), check('', 0)), 'checks[1].key', 'empty');
    await refused(store, { ...checksOnly(), marks: [{ key: bytes(''), value: bytes('') }] }, 'marks[0].key', 'empty');
    await refusedRead(store, [point('')], '1 byte');
  });

  test('a value has 0 bytes to the largest stored value', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    for (const size of [0, 1, 4_095, 4_096, 4_097, 65_536, limits.valueBytesMax]) {
      const value = Buffer.alloc(size, size % 251);
      await committed(store, transaction([put('a', value)]));
      expect((await entryOf(store, 'a'))!.value.equals(value)).toBe(true);
    }
    const max = storeLimits.storedValueBytesMax;
    // The largest value has the whole of a transaction, without its key.
    const room = Math.min(max, storeLimits.transactionBytesMax - 1 - fixture.prefixBytes - (fixture.gateBytes ?? 0));
    await committed(store, transaction([put('a', Buffer.alloc(room, 7))]));
    expect((await entryOf(store, 'a'))!.value).toHaveLength(room);
    await refused(store, transaction([put('b'), put('c', Buffer.alloc(max + 1))]), 'writes[1].value', max + 1, max);
  });

  test('a mark has a key of 64 bytes at most behind its scope, and a value up to its own limit', async () => {
    const { store } = await suite.open();
    const max = storeLimits.markBytesMax;
    const marks = (key: string, size: number): Transaction => ({
      ...checksOnly(),
      marks: [{ key: bytes(key), value: Buffer.alloc(size, 1) }],
    });
    await committed(store, marks('m'.repeat(64), max));
    const [outcome] = await store.commit([marks('m'.repeat(64), 0)]);
    expect(outcome).toMatchObject({ kind: 'conflict', marks: [{ value: Buffer.alloc(max, 1) }] });
    await refused(store, marks('m', max + 1), 'marks[0].value', max + 1, max);
    await refused(store, marks('m'.repeat(65), 0), 'marks[0].key', 64);
    const scope = bytes('scope/');
    await committed(store, { ...marks(`scope/${'n'.repeat(64)}`, 1), scope });
    await refused(store, { ...marks(`scope/${'n'.repeat(65)}`, 1), scope }, 'marks[0].key', 64);
  });

  test('an attempt id has 16 bytes', async () => {
    const { store } = await suite.open();
    for (const size of [0, 1, 15, 17]) {
      await refused(store, transaction([put('a')], { attemptId: Buffer.alloc(size, 1) }), 'attemptId', size, 16);
    }
    await committed(store, transaction([put('a')], { attemptId: Buffer.alloc(16) }));
  });
}

function describeSizes(suite: Suite): void {
  test('a transaction has so many checks, writes and marks together', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    const total = storeLimits.transactionOperationsMax;
    const max = operationsMax(fixture);
    const of = (checks: number, writes: number, marks: number): Transaction => ({
      checks: Array.from({ length: checks }, (_, index) => check(`c${index}`, 0)),
      writes: Array.from({ length: writes }, (_, index) => (index % 2 ? put(`w${index}`) : remove(`w${index}`))),
      marks: Array.from({ length: marks }, (_, index) => ({ key: bytes(`m${index}/${checks}`), value: bytes('') })),
    });
    for (const sizes of [
      [max, 0, 0],
      [0, max, 0],
      [1, 1, max - 2],
      [max - 2, 1, 1],
    ] as const) {
      await committed(store, of(sizes[0], sizes[1], sizes[2]));
    }
    for (const sizes of [
      [max + 1, 0, 0],
      [0, max + 1, 0],
      [80, 80, max - 159],
    ] as const) {
      await refused(store, of(sizes[0], sizes[1], sizes[2]), 'transaction', total + 1, total);
    }
  });

  test('a transaction has so many bytes of keys and values, whatever they are part of', async () => {
    const { store, prefixBytes, gateBytes = 0 } = await suite.open();
    const max = storeLimits.transactionBytesMax;
    const of = (spare: number): Transaction => {
      const marks = [{ key: bytes('m'), value: Buffer.alloc(1_000, 1) }];
      // Four keys of one byte each.
      const used = 4 * (1 + prefixBytes) + gateBytes + 1_000 + 600_000;
      const rest = Buffer.alloc(max - used + spare, 2);
      return { checks: [check('c', 0)], writes: [put('a', Buffer.alloc(600_000, 3)), put('b', rest)], marks };
    };
    await refused(store, of(1), 'transaction', max + 1, max);
    await committed(store, of(0));
    expect((await entryOf(store, 'a'))!.value).toHaveLength(600_000);
  });

  test('a refusal of one transaction is its own: all others of the call are done', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    const bad = [
      transaction([put('')]),
      transaction([put('a'.repeat(keyBytesMax(fixture) + 1))]),
      transaction([put('a', 'v', { ttlMs: 0 })]),
      checksOnly(check('a', Number.NaN)),
      transaction([put('a'), put('a')]),
      transaction([put('a')], { attemptId: bytes('short') }),
    ];
    const outcomes = await store.commit(bad.flatMap((each, index) => [transaction([put(`k${index}`)]), each]));
    expect(outcomes.map(({ kind }) => kind)).toEqual(bad.flatMap(() => ['committed', 'failed']));
    expect(Object.keys(await contents(store))).toEqual(bad.map((_, index) => `k${index}`));
  });
}

function describeNumbers(suite: Suite): void {
  test('a ttl is a whole number of milliseconds from 1 to its limit', async () => {
    const { store, clock } = await suite.open();
    const max = limits.ttlMsMax;
    for (const ttlMs of [1, max]) {
      await committed(store, transaction([put('a', 'v', { ttlMs })]));
      expect((await entryOf(store, 'a'))!.expiresAtMs).toBe(clock.nowMs() + ttlMs);
    }
    for (const ttlMs of [...broken, 0, max + 1]) {
      await refused(store, transaction([put('b', 'v', { ttlMs })]), 'writes[0].ttlMs', max);
    }
    await refused(store, transaction([put('b', 'v', { ttlMs: max + 1 })]), max + 1);
  });

  test('the revision of a check is a whole number that is not negative', async () => {
    const { store } = await suite.open();
    for (const revision of broken)
      await refused(store, checksOnly(check('a', 0), check('b', revision)), 'checks[1].revision');
    expect(await commitOne(store, checksOnly(check('a', Number.MAX_SAFE_INTEGER)))).toMatchObject({ kind: 'conflict' });
  });

  test('a time until which a decision is valid is a whole number', async () => {
    const { store } = await suite.open();
    for (const validUntilMs of broken) await refused(store, { ...checksOnly(), validUntilMs }, 'validUntilMs');
    await committed(store, { ...checksOnly(), validUntilMs: Number.MAX_SAFE_INTEGER });
  });

  test('the limit of a range is a whole number from 1 to its limit', async () => {
    const { store } = await suite.open();
    const max = storeLimits.rangeEntriesMax;
    await putAll(store, 'a', 'b');
    for (const limit of [1, max]) await readOne(store, { ...everything, limit });
    for (const limit of [...broken, 0, max + 1]) {
      await refusedRead(store, [everything, { ...everything, limit }], 'ranges[1].limit', max);
    }
    await refusedRead(store, [{ ...everything, limit: max + 1 }], max + 1);
  });

  test('the bound of bytes of a range is a whole number from 1 to its limit', async () => {
    const { store } = await suite.open();
    await putAll(store, 'a', 'b');
    const max = storeLimits.rangeBytesMax;
    for (const bytesMax of [1, max]) await readOne(store, { ...everything, bytesMax });
    for (const bytesMax of [...broken, 0, max + 1]) {
      await refusedRead(store, [point('a'), { ...everything, bytesMax }], 'ranges[1].bytesMax', max);
    }
  });

  test('the revision after which a watch begins is a whole number that is not negative', async () => {
    const { store } = await suite.open();
    for (const afterRevision of broken) {
      const watch = store.watch([everything], { afterRevision })[Symbol.asyncIterator]();
      expect((await failure(watch.next())).message).toContain('afterRevision');
    }
  });
}

function describeCalls(suite: Suite): void {
  test('a read has so many ranges', async () => {
    const { store, gateBytes } = await suite.open();
    await putAll(store, 'a');
    const total = storeLimits.readRangesMax;
    const max = total - (gateBytes === undefined ? 0 : 1);
    const points = Array.from({ length: max }, (_, index) => point(index % 2 ? 'a' : 'b'));
    const { results } = await store.read(points);
    expect(results.map(({ entries }) => entries.length)).toEqual(points.map((_, index) => index % 2));
    await refusedRead(store, [...points, point('a')], 'ranges', total + 1, total);
  });

  test('a read brings so many bytes, and is refused where it would bring more', async () => {
    const { store, prefixBytes } = await suite.open();
    const max = storeLimits.readBytesMax;
    const size = limits.valueBytesMax;
    const whole = Math.floor(max / (size + 1 + prefixBytes));
    await store.commit([
      transaction([put('a', Buffer.alloc(size, 1))]),
      transaction([put('b', Buffer.alloc(max - whole * (size + 1 + prefixBytes) - 1 - prefixBytes, 2))]),
      transaction([put('c', '')]),
    ]);
    const points = Array.from({ length: whole }, () => point('a'));
    const { results } = await store.read([...points, point('b')]);
    expect(results.map(({ entries }) => entries.length)).toEqual([...points.map(() => 1), 1]);
    await refusedRead(store, [...points, point('b'), point('c')], 'ranges', max);
    // What is not brought weighs nothing.
    const bare = await store.read([...points, ...points, point('b')].map((each) => ({ ...each, keysOnly: true })));
    expect(bare.results).toHaveLength(2 * whole + 1);
  });

  test('a watch has so many ranges, and no empty key', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    const max = storeLimits.readRangesMax;
    const points = Array.from({ length: max }, (_, index) => point(`k${index}`));
    const watch = store.watch(points)[Symbol.asyncIterator]();
    expect((await watch.next()).value).toMatchObject({ changes: [] });
    await watch.return!();
    const begin = (ranges: readonly KeyRange[]): Promise<Error> =>
      failure(store.watch(ranges)[Symbol.asyncIterator]().next());
    const { message } = await begin([...points, point('a')]);
    for (const each of ['ranges', max + 1, max]) expect(message).toContain(String(each));
    expect((await begin([point('')])).message).toContain('1 byte');
    const long = 'a'.repeat(keyBytesMax(fixture) + 1);
    expect((await begin([point(long)])).message).toContain(String(storeLimits.storedKeyBytesMax));
  });

  test('a commit has so many transactions', async () => {
    const { store } = await suite.open();
    const max = storeLimits.commitTransactionsMax;
    const many = Array.from({ length: max }, (_, index) => transaction([put(`k${index}`, '')]));
    const outcomes = await store.commit(many);
    outcomes.forEach(asCommitted);
    expect(outcomes).toHaveLength(max);
    const { revision } = await store.status();
    const { message } = await failure(store.commit([...many, checksOnly()]));
    for (const each of ['transactions', max + 1, max]) expect(message).toContain(String(each));
    expect((await store.status()).revision).toBe(revision);
  });

  test('large transactions go together through one call', async () => {
    const { store } = await suite.open();
    const outcomes = await store.commit(
      Array.from({ length: 10 }, (_, index) =>
        transaction([put(`k${index}`, Buffer.alloc(limits.valueBytesMax, index))]),
      ),
    );
    outcomes.forEach(asCommitted);
    const { entries } = await readOne(store, { ...everything, keysOnly: true });
    expect(entries).toHaveLength(10);
    expect((await entryOf(store, 'k9'))!.value.equals(Buffer.alloc(limits.valueBytesMax, 9))).toBe(true);
  });
}
