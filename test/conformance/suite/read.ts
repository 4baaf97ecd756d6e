/** Reads: ranges, their bounds and order, limits of a range, and that all of a call come from one snapshot. */
import { storeLimits } from '../../../proto/limits';
import type { KeyRange, Store } from '../../../proto/store';
import type { Suite } from './fixture';
import {
  bytes,
  commitOne,
  committed,
  entryOf,
  everything,
  jumpWall,
  keyBytesMax,
  operationsMax,
  keysIn,
  point,
  put,
  putAll,
  readOne,
  remove,
  span,
  textOf,
  transaction,
} from './words';

export function describeReads(suite: Suite): void {
  describe('reads', () => {
    describeRanges(suite);
    describeBounds(suite);
    describeAnswers(suite);
  });
}

function describeRanges(suite: Suite): void {
  test('an empty store has nothing, in every kind of range', async () => {
    const { store } = await suite.open();
    const { results } = await store.read([everything, point('a'), span('a', 'b'), { ...everything, reverse: true }]);
    expect(results).toEqual(Array.from({ length: 4 }, () => ({ entries: [], more: false })));
  });

  test('entries come in the order of their bytes, whatever the bytes, and backwards in reverse', async () => {
    const { store } = await suite.open();
    const ordered = ['\0', '\0\0', '\0\x01', '\0\xff', '\x01', '/', ':', 'A', 'a', 'a\0', 'a\0\0', 'a\0b', 'a\x01'];
    ordered.push('aa', 'ab', 'b', '\x7f', '\x80', '\xc3\xa9', '\xfe\xff', '\xff', '\xff\0', '\xff\xff');
    // Written in another order than they stand.
    for (const part of [1, 0, 2]) await putAll(store, ...ordered.filter((_, index) => index % 3 === part));
    expect(await keysIn(store, everything)).toEqual(ordered);
    expect(await keysIn(store, { ...everything, reverse: true })).toEqual([...ordered].reverse());
  });

  test('a point is its key and no other, however alike', async () => {
    const { store } = await suite.open();
    await putAll(store, 'k', 'k\0', 'kk', 'K');
    expect(await keysIn(store, point('k'))).toEqual(['k']);
    expect(await keysIn(store, { ...point('k\0'), reverse: true, limit: 1 })).toEqual(['k\0']);
    expect(await keysIn(store, point('k\0\0'))).toEqual([]);
    expect(await keysIn(store, point('j'))).toEqual([]);
  });

  test('a range holds its start and not its end', async () => {
    const { store } = await suite.open();
    await putAll(store, 'a', 'b', 'b\0', 'c', 'd');
    expect(await keysIn(store, span('b', 'd'))).toEqual(['b', 'b\0', 'c']);
    expect(await keysIn(store, span('b\0', 'c\0'))).toEqual(['b\0', 'c']);
    expect(await keysIn(store, { ...span('b', 'd'), reverse: true })).toEqual(['c', 'b\0', 'b']);
    // Neither bound has to be a key that stands.
    expect(await keysIn(store, { ...span('aa', 'cc'), reverse: true })).toEqual(['c', 'b\0', 'b']);
    expect(await keysIn(store, span('e', 'f'))).toEqual([]);
    expect(await keysIn(store, span('', 'a'))).toEqual([]);
  });

  test('empty and reversed ranges hold nothing', async () => {
    const { store } = await suite.open();
    await putAll(store, 'a', 'b', 'c');
    for (const reverse of [false, true]) {
      for (const range of [span('b', 'b'), span('c', 'a'), span('b', ''), span('', '')]) {
        expect(await readOne(store, { ...range, reverse })).toEqual({ entries: [], more: false });
      }
    }
  });

  test('bounds may be longer than any key', async () => {
    const fixture = await suite.open();
    const longest = 'z'.repeat(keyBytesMax(fixture));
    await putAll(fixture.store, longest);
    expect(await keysIn(fixture.store, { start: bytes('a'), end: bytes(`${longest}z`) })).toEqual([longest]);
    expect(await keysIn(fixture.store, { start: bytes(`${longest}\0`), end: bytes('\xff') })).toEqual([]);
    for (const reverse of [false, true]) {
      const between = (start: string, end: string) => keysIn(fixture.store, { ...span(start, end), reverse });
      expect(await between('z'.repeat(5_000), '\xff'.repeat(5_000))).toEqual([]);
      expect(await between('a'.repeat(5_000), 'z'.repeat(5_000))).toEqual([longest]);
      expect(await between('a', `${longest}\0${'a'.repeat(3_000)}`)).toEqual([longest]);
      expect(await between(`${longest.slice(0, -1)}y${'z'.repeat(3_000)}`, '\xff')).toEqual([longest]);
    }
    expect(await keysIn(fixture.store, { ...everything, reverse: true })).toEqual([longest]);
  });
}

function describeBounds(suite: Suite): void {
  test('a limit ends a range, and `more` says whether it holds more', async () => {
    const { store } = await suite.open();
    await putAll(store, 'a', 'b', 'c');
    const at = async (limit: number, reverse = false): Promise<unknown> => {
      const { entries, more } = await readOne(store, { ...span('a', 'd'), limit, reverse });
      return [entries.map(({ key }) => textOf(key)).join(''), more];
    };
    expect(await at(1)).toEqual(['a', true]);
    expect(await at(2)).toEqual(['ab', true]);
    expect(await at(3)).toEqual(['abc', false]);
    expect(await at(4)).toEqual(['abc', false]);
    expect(await at(1, true)).toEqual(['c', true]);
    expect(await at(2, true)).toEqual(['cb', true]);
    expect(await at(3, true)).toEqual(['cba', false]);
    expect((await readOne(store, { ...span('a', 'b'), limit: 1 })).more).toBe(false);
    expect((await readOne(store, { ...point('a'), limit: 1 })).more).toBe(false);
  });

  test('without a limit a range ends at the largest one', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    const count = storeLimits.rangeEntriesMax + 1;
    const keys = Array.from({ length: count }, (_, index) => `k${String(index).padStart(6, '0')}`);
    const size = operationsMax(fixture);
    const parts = Array.from({ length: Math.ceil(count / size) }, (_, part) =>
      transaction(keys.slice(part * size, (part + 1) * size).map((key) => put(key, ''))),
    );
    await store.commit(parts);
    for (const limit of [undefined, storeLimits.rangeEntriesMax]) {
      const { entries, more } = await readOne(store, { ...everything, ...(limit !== undefined && { limit }) });
      expect([entries.length, more, textOf(entries.at(-1)!.key)]).toEqual([count - 1, true, keys.at(-2)]);
    }
    const backwards = await readOne(store, { ...everything, reverse: true });
    expect([backwards.entries.length, backwards.more, textOf(backwards.entries.at(-1)!.key)]).toEqual([
      count - 1,
      true,
      keys[1],
    ]);
    expect(await readOne(store, span(keys[0]!, keys.at(-1)!))).toMatchObject({ more: false });
  });

  test('keysOnly leaves values out and nothing else', async () => {
    const { store, clock } = await suite.open();
    const { revision } = await committed(store, transaction([put('a', 'value', { ttlMs: 5_000 }), put('b', '')]));
    const { entries } = await readOne(store, { ...everything, keysOnly: true });
    expect(entries).toEqual([
      { key: bytes('a'), value: bytes(''), revision, expiresAtMs: clock.nowMs() + 5_000 },
      { key: bytes('b'), value: bytes(''), revision, expiresAtMs: 0 },
    ]);
    expect((await readOne(store, { ...point('a'), keysOnly: true })).entries).toEqual([entries[0]]);
    expect((await entryOf(store, 'a'))!.value).toEqual(bytes('value'));
  });

  test('a bound of bytes ends a range before the entry that would pass it, never before the first', async () => {
    const { store, prefixBytes } = await suite.open();
    // Ten bytes each: a key of one and a value of nine.
    await committed(store, transaction(['a', 'b', 'c', 'd'].map((key) => put(key, 'x'.repeat(9)))));
    const each = 10 + prefixBytes;
    const at = async (bytesMax: number, rest: Partial<KeyRange> = {}): Promise<unknown> => {
      const { entries, more } = await readOne(store, {
        ...(rest.start ? {} : everything),
        bytesMax,
        ...rest,
      } as KeyRange);
      return [entries.map(({ key }) => textOf(key)).join(''), more];
    };
    expect(await at(1)).toEqual(['a', true]);
    expect(await at(each)).toEqual(['a', true]);
    expect(await at(2 * each - 1)).toEqual(['a', true]);
    expect(await at(2 * each)).toEqual(['ab', true]);
    expect(await at(4 * each - 1)).toEqual(['abc', true]);
    expect(await at(4 * each)).toEqual(['abcd', false]);
    expect(await at(2 * each, { reverse: true })).toEqual(['dc', true]);
    expect(await at(3 * each, { limit: 2 })).toEqual(['ab', true]);
    expect(await at(2 * each, { limit: 3 })).toEqual(['ab', true]);
    expect(await at(1, point('b'))).toEqual(['b', false]);
    // Values that are left out weigh nothing.
    expect(await at(4 * (1 + prefixBytes), { keysOnly: true })).toEqual(['abcd', false]);
    expect(await at(4 * (1 + prefixBytes) - 1, { keysOnly: true })).toEqual(['abc', true]);
  });

  test('without a bound of bytes a range ends at the largest one', async () => {
    const { store } = await suite.open();
    for (let index = 0; index < 9; index += 1) {
      await committed(store, transaction([put(`k${index}`, Buffer.alloc(1_000_000, index))]));
    }
    for (const bytesMax of [undefined, storeLimits.rangeBytesMax]) {
      const range = { ...everything, ...(bytesMax !== undefined && { bytesMax }) };
      const { entries, more } = await readOne(store, range);
      expect([entries.length, more, textOf(entries.at(-1)!.key)]).toEqual([4, true, 'k3']);
      const backwards = await readOne(store, { ...range, reverse: true });
      expect([backwards.entries.length, backwards.more]).toEqual([4, true]);
    }
    expect((await entryOf(store, 'k8'))!.value.equals(Buffer.alloc(1_000_000, 8))).toBe(true);
    const keys = await readOne(store, { ...everything, keysOnly: true });
    expect([keys.entries.length, keys.more]).toEqual([9, false]);
  });

  test('what has expired counts towards no limit', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    const long = 'x'.repeat(100);
    await committed(
      store,
      transaction([
        put('a', long, { ttlMs: 10 }),
        put('b', 'b'),
        put('c', long, { ttlMs: 10 }),
        put('d', 'd'),
        put('e', long, { ttlMs: 10 }),
      ]),
    );
    jumpWall(fixture, 10);
    const at = async (rest: Partial<KeyRange>): Promise<unknown> => {
      const { entries, more } = await readOne(store, { ...(rest.start ? {} : everything), ...rest } as KeyRange);
      return [entries.map(({ key }) => textOf(key)).join(''), more];
    };
    expect(await at({})).toEqual(['bd', false]);
    expect(await at({ limit: 1 })).toEqual(['b', true]);
    expect(await at({ limit: 2 })).toEqual(['bd', false]);
    expect(await at({ limit: 1, reverse: true })).toEqual(['d', true]);
    expect(await at({ limit: 1, ...span('c', 'e') })).toEqual(['d', false]);
    expect(await at({ bytesMax: 2 * (2 + fixture.prefixBytes) })).toEqual(['bd', false]);
    expect(await at(point('a'))).toEqual(['', false]);
  });
}

function describeAnswers(suite: Suite): void {
  test('each range of a call has its own result, in the order in which they were asked for', async () => {
    const { store } = await suite.open();
    await putAll(store, 'a', 'b', 'c', 'd');
    const ranges = [
      point('c'),
      span('a', 'c'),
      point('x'),
      { ...span('a', 'e'), limit: 1 },
      point('c'),
      span('b', 'e'),
    ];
    const { results } = await store.read(ranges);
    const found = results.map(({ entries, more }) => [entries.map(({ key }) => textOf(key)).join(''), more]);
    expect(found).toEqual([
      ['c', false],
      ['ab', false],
      ['', false],
      ['a', true],
      ['c', false],
      ['bcd', false],
    ]);
  });

  test('says the revision of its snapshot and the storage time, with no range at all too', async () => {
    const { store, clock } = await suite.open();
    const { revision } = await putAll(store, 'a');
    clock.advance(1_234);
    const nowMs = clock.nowMs();
    expect(await store.read([])).toEqual({ results: [], revision, nowMs });
    expect(await store.read([point('a')])).toMatchObject({ revision, nowMs });
  });

  test('an entry has the revision of the commit that wrote it, its value and when it ends', async () => {
    const { store, clock } = await suite.open();
    const first = await committed(store, transaction([put('a', 'one'), put('b', 'two', { ttlMs: 777 })]));
    const second = await committed(store, transaction([put('a', '\0\xff')]));
    expect(await entryOf(store, 'a')).toEqual({
      key: bytes('a'),
      value: bytes('\0\xff'),
      revision: second.revision,
      expiresAtMs: 0,
    });
    expect(await entryOf(store, 'b')).toEqual({
      key: bytes('b'),
      value: bytes('two'),
      revision: first.revision,
      expiresAtMs: clock.nowMs() + 777,
    });
    expect(second.revision).toBeGreaterThan(first.revision);
  });

  test('every consistency sees what was acknowledged', async () => {
    const { store } = await suite.open();
    const { revision } = await putAll(store, 'a');
    for (const consistency of ['linearizable', 'lease', 'stale'] as const) {
      expect(await store.read([point('a')], { consistency })).toMatchObject({ revision, results: [{ more: false }] });
    }
  });

  test('a read sees every commit that was acknowledged before it, and nothing of one that was refused', async () => {
    const { store } = await suite.open();
    for (let round = 0; round < 20; round += 1) {
      await committed(store, transaction([put('a', String(round))]));
      expect(textOf((await entryOf(store, 'a'))!.value)).toBe(String(round));
      await commitOne(store, transaction([put('a', 'never')], { checks: [{ key: bytes('a'), revision: 0 }] }));
      expect(textOf((await entryOf(store, 'a'))!.value)).toBe(String(round));
    }
    await committed(store, transaction([remove('a')]));
    expect(await entryOf(store, 'a')).toBeUndefined();
  });

  test('what was read stays as it was, whatever happens later', async () => {
    const { store } = await suite.open();
    await committed(store, transaction([put('a', 'first'), put('b', 'x'.repeat(3_000))]));
    const before = await store.read([everything, point('a')]);
    const copy = structuredCopy(before);
    await overwrite(store);
    expect(structuredCopy(before)).toEqual(copy);
  });

  test('a caller may give a read up', async () => {
    const { store } = await suite.open();
    await putAll(store, 'a');
    const abort = new AbortController();
    abort.abort();
    const [given, ...others] = await Promise.allSettled([
      store.read([point('a')], { signal: abort.signal }),
      store.read([point('a')]),
      store.read([point('a')], { signal: new AbortController().signal }),
    ]);
    if (given.status === 'rejected') expect(given.reason).toMatchObject({ name: 'AppError' });
    expect(others.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
  });
}

/** Many writes and reads of the same and of other keys, of the same lengths. */
async function overwrite(store: Store): Promise<void> {
  for (let round = 0; round < 50; round += 1) {
    const value = String(round % 10);
    await committed(store, transaction([put('a', value.repeat(5)), put('b', value.repeat(3_000)), put(`c${round}`)]));
    await store.read([everything, point('a'), point('b')]);
  }
}

function structuredCopy(value: unknown): string {
  return JSON.stringify(value);
}
