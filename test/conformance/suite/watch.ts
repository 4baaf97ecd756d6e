/** Watches: every change once, in order, whole commits at a time, from now or from a revision on; marks in between. */
import type { KeyRange, Revision, Store, WatchBatch } from '../../../proto/store';
import { defaultRetention } from '../../../storage/engine';
import type { Suite } from './fixture';
import { describeSlowReaders } from './watch-slow';
import { WatchReader } from './watch-reader';
import {
  advanceUntil,
  bytes,
  check,
  checksOnly,
  commitOne,
  committed,
  everything,
  point,
  put,
  putAll,
  remove,
  span,
  textOf,
  transaction,
} from './words';

/** Marks come at least at this distance. */
const markEveryMs = 500;

export function describeWatches(suite: Suite): void {
  describe('watches', () => {
    describeBeginnings(suite);
    describeChanges(suite);
    describeRanges(suite);
    describeMarks(suite);
    describeHistory(suite);
    describeEnds(suite);
    describeSlowReaders(suite);
  });
}

function describeBeginnings(suite: Suite): void {
  test('the first batch comes at once, as a progress mark where there is nothing to say', async () => {
    const { store, clock } = await suite.open();
    const { revision } = await putAll(store, 'a');
    const reader = new WatchReader(store, [everything]);
    expect(await reader.next()).toEqual({ changes: [], revision, nowMs: clock.nowMs() });
    await reader.end();
    const after = new WatchReader(store, [everything], { afterRevision: revision });
    expect(await after.next()).toEqual({ changes: [], revision, nowMs: clock.nowMs() });
    await after.end();
  });

  test('a watch from now gives nothing that was committed before it, and everything after its first batch', async () => {
    const { store } = await suite.open();
    for (let round = 0; round < 10; round += 1) {
      await putAll(store, 'a', 'b');
      const reader = await WatchReader.begin(store, [everything]);
      expect(reader.changes).toEqual([]);
      const { revision } = await putAll(store, 'c');
      await reader.until(revision);
      expect(reader.words()).toEqual([`put c @${revision}`]);
      await reader.end();
    }
  });

  test('a watch after a revision gives what came after it and nothing else', async () => {
    const { store } = await suite.open();
    const revisions: Revision[] = [];
    for (const key of ['a', 'b', 'c', 'd']) revisions.push((await putAll(store, key)).revision);
    const last = revisions.at(-1)!;
    for (const [index, afterRevision] of revisions.entries()) {
      const reader = await WatchReader.begin(store, [everything], { afterRevision });
      await reader.until(last);
      expect(reader.changes.map(({ revision }) => revision)).toEqual(revisions.slice(index + 1));
      await reader.end();
    }
  });

  test('history goes over into what comes next without a hole or a double', async () => {
    const { store } = await suite.open();
    const before = (await store.status()).revision;
    for (let index = 0; index < 50; index += 1) await putAll(store, `k${index % 5}`);
    const reader = new WatchReader(store, [everything], { afterRevision: before });
    for (let index = 0; index < 50; index += 1) {
      const { revision } = await putAll(store, `k${index % 5}`);
      if (index % 7 === 0) await reader.next();
      if (index % 10 === 0) await reader.until(revision);
    }
    await reader.until((await store.status()).revision);
    expect(reader.changes).toHaveLength(100);
    await reader.end();
  });

  test('a watch after the beginning of all gives everything that is kept', async () => {
    const { store } = await suite.open();
    const { oldestRevision } = await store.status();
    const { revision } = await putAll(store, 'a');
    const reader = await WatchReader.begin(store, [everything], { afterRevision: oldestRevision });
    await reader.until(revision);
    expect(reader.words()).toEqual([`put a @${revision}`]);
    await reader.end();
  });

  test('each iteration of a watch is a watch of its own', async () => {
    const { store } = await suite.open();
    const { revision } = await putAll(store, 'a');
    const watch = store.watch([everything], { afterRevision: revision - 1 });
    for (let round = 0; round < 2; round += 1) {
      for await (const { changes } of watch) {
        expect(changes).toMatchObject([{ key: bytes('a'), revision }]);
        break;
      }
    }
  });
}

function describeChanges(suite: Suite): void {
  test('a change has its kind, key, revision, value and expiry', async () => {
    const { store, clock } = await suite.open();
    const reader = await WatchReader.begin(store, [everything]);
    const one = await committed(store, transaction([put('a', 'one')]));
    const two = await committed(store, transaction([put('a', '', { ttlMs: 9_000 })]));
    const three = await committed(store, transaction([remove('a')]));
    await reader.until(three.revision);
    expect(reader.changes).toEqual([
      { kind: 'put', key: bytes('a'), revision: one.revision, value: bytes('one'), expiresAtMs: 0 },
      { kind: 'put', key: bytes('a'), revision: two.revision, value: bytes(''), expiresAtMs: clock.nowMs() + 9_000 },
      { kind: 'delete', key: bytes('a'), revision: three.revision, value: undefined, expiresAtMs: 0 },
    ]);
    await reader.end();
  });

  test('a commit comes whole, in one batch, in the order of its keys', async () => {
    const { store } = await suite.open();
    await putAll(store, 'd', 'b');
    const reader = await WatchReader.begin(store, [everything]);
    const keys = ['f', '\xff', 'b', '\0', 'e', 'a\0', 'a'];
    const { revision } = await committed(store, transaction([...keys.map((key) => put(key)), remove('d')]));
    await reader.until(revision);
    const batch = reader.batches.find(({ changes }) => changes.length > 0)!;
    expect(batch.changes.map(({ key }) => textOf(key))).toEqual(['\0', 'a', 'a\0', 'b', 'd', 'e', 'f', '\xff']);
    expect(batch.revision).toBe(revision);
    await reader.end();
  });

  test('a large commit comes whole, live and from history', async () => {
    const { store } = await suite.open();
    const live = await WatchReader.begin(store, [everything]);
    const value = 'x'.repeat(10_000);
    const writes = Array.from({ length: 120 }, (_, index) => put(`k${String(index).padStart(3, '0')}`, value));
    const { revision: before } = await committed(store, transaction(writes));
    const { revision } = await committed(store, transaction(writes));
    const old = new WatchReader(store, [everything], { afterRevision: before - 1 });
    for (const reader of [live, old]) {
      await reader.until(revision);
      const sizes = new Map<Revision, number[]>();
      for (const { changes } of reader.batches) {
        for (const each of new Set(changes.map((change) => change.revision))) {
          sizes.set(each, [...(sizes.get(each) ?? []), changes.filter((change) => change.revision === each).length]);
        }
      }
      expect([...sizes]).toEqual([
        [before, [120]],
        [revision, [120]],
      ]);
      await reader.end();
    }
  });

  test('transactions of one call are commits of their own', async () => {
    const { store } = await suite.open();
    const reader = await WatchReader.begin(store, [everything]);
    const outcomes = await store.commit([
      transaction([put('a', '1')]),
      transaction([put('a', '2')], { checks: [check('a', 0)] }),
      transaction([put('a', '3')]),
      transaction([remove('x')]),
      checksOnly(),
      transaction([remove('a')]),
    ]);
    const revisions = [0, 2, 5].map((index) => (outcomes[index] as { revision: Revision }).revision);
    await reader.until(revisions[2]!);
    expect(reader.words()).toEqual(['put', 'put', 'delete'].map((kind, index) => `${kind} a @${revisions[index]}`));
    await reader.end();
  });

  test('what changes nothing is no change', async () => {
    const { store } = await suite.open();
    await putAll(store, 'a');
    const reader = await WatchReader.begin(store, [everything]);
    await committed(store, transaction([remove('x')]));
    await committed(store, checksOnly(check('x', 0)));
    await commitOne(store, transaction([put('a', 'no')], { checks: [check('a', 0)] }));
    await commitOne(store, transaction([put('a', 'no'), put('a', 'no')]));
    const mixed = await committed(store, transaction([remove('x'), put('b'), remove('y')]));
    await reader.until(mixed.revision);
    expect(reader.words()).toEqual([`put b @${mixed.revision}`]);
    await reader.end();
  });

  test('the history of a write decides what is kept of it: the value, the key, nothing', async () => {
    const { store } = await suite.open();
    const { revision: before } = await putAll(store, 'begin');
    const live = await WatchReader.begin(store, [everything]);
    for (const history of ['value', 'key', 'none'] as const) {
      await committed(store, transaction([put(history, 'secret', { history, ttlMs: 1_000_000 })]));
      await committed(store, transaction([put(history, 'again', { history })]));
      await committed(store, transaction([remove(history, history)]));
    }
    const { revision } = await putAll(store, 'end');
    const old = new WatchReader(store, [everything], { afterRevision: before });
    for (const reader of [live, old]) {
      await reader.until(revision);
      const seen = reader.changes.map(({ kind, key, value }) => [kind, textOf(key), value && textOf(value)]);
      expect(seen).toEqual([
        ['put', 'value', 'secret'],
        ['put', 'value', 'again'],
        ['delete', 'value', undefined],
        ['put', 'key', undefined],
        ['put', 'key', undefined],
        ['delete', 'key', undefined],
        ['put', 'end', 'v'],
      ]);
      expect(reader.changes[3]!.expiresAtMs).toBeGreaterThan(0);
      await reader.end();
    }
  });

  test('keysOnly leaves values out and nothing else', async () => {
    const { store, clock } = await suite.open();
    const before = (await putAll(store, 'begin')).revision;
    const live = await WatchReader.begin(store, [everything], { keysOnly: true });
    const full = await WatchReader.begin(store, [everything]);
    const { revision } = await committed(store, transaction([put('a', 'value', { ttlMs: 500 }), put('b', '')]));
    const old = new WatchReader(store, [everything], { keysOnly: true, afterRevision: before });
    for (const reader of [live, old]) {
      await reader.until(revision);
      expect(reader.changes).toEqual([
        { kind: 'put', key: bytes('a'), revision, value: undefined, expiresAtMs: clock.nowMs() + 500 },
        { kind: 'put', key: bytes('b'), revision, value: undefined, expiresAtMs: 0 },
      ]);
      await reader.end();
    }
    await full.until(revision);
    expect(full.changes.map(({ value }) => textOf(value!))).toEqual(['value', '']);
    await full.end();
  });

  test('many readers each get everything', async () => {
    const { store } = await suite.open();
    const readers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        WatchReader.begin(store, index % 2 ? [everything] : [span('k', 'l')], { keysOnly: index % 3 === 0 }),
      ),
    );
    const revisions: Revision[] = [];
    for (let index = 0; index < 30; index += 1) revisions.push((await putAll(store, `k${index % 4}`)).revision);
    await Promise.all(readers.map((reader) => reader.until(revisions.at(-1)!)));
    for (const reader of readers) expect(reader.changes.map(({ revision }) => revision)).toEqual(revisions);
    await Promise.all(readers.map((reader) => reader.end()));
  });
}

function describeRanges(suite: Suite): void {
  const watched = async (store: Store, ranges: readonly KeyRange[]): Promise<string[]> => {
    const sentinel = point('\xff\xff');
    const { revision: before } = await putAll(store, 'before');
    const live = await WatchReader.begin(store, [...ranges, sentinel]);
    await committed(store, transaction(['a', 'b', 'b\0', 'c', 'd', 'd\0'].map((key) => put(key))));
    await committed(store, transaction([remove('c'), put('e')]));
    const { revision } = await putAll(store, '\xff\xff');
    const old = new WatchReader(store, [...ranges, sentinel], { afterRevision: before });
    const [seen, again] = await Promise.all(
      [live, old].map(async (reader) => {
        await reader.until(revision);
        await reader.end();
        return reader.changes.map(({ kind, key }) => `${kind} ${textOf(key)}`).slice(0, -1);
      }),
    );
    expect(again).toEqual(seen);
    return seen!;
  };

  test.each<[string, readonly KeyRange[], readonly string[]]>([
    ['a point', [point('b')], ['put b']],
    ['a span, without its end', [span('b', 'd')], ['put b', 'put b\0', 'put c', 'delete c']],
    ['several points and spans', [point('e'), span('a', 'b'), point('d')], ['put a', 'put d', 'put e']],
    [
      'overlapping ranges: each change once',
      [span('a', 'c'), span('b', 'd'), point('b'), point('b'), span('a', 'c')],
      ['put a', 'put b', 'put b\0', 'put c', 'delete c'],
    ],
    ['an empty and a reversed range: nothing', [span('b', 'b'), span('d', 'a'), point('x')], []],
    ['no range at all: nothing', [], []],
  ])('%s', async (_what, ranges, expected) => {
    const { store } = await suite.open();
    expect(await watched(store, ranges)).toEqual(expected);
  });

  test('bounds of a read (limit, reverse) mean nothing for a watch', async () => {
    const { store } = await suite.open();
    const seen = await watched(store, [{ ...span('a', 'c'), limit: 1, reverse: true, bytesMax: 1 }]);
    expect(seen).toEqual(['put a', 'put b', 'put b\0']);
  });
}

function describeMarks(suite: Suite): void {
  test('where nothing comes, marks come at least every 500 ms, with the storage time', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    const { revision } = await putAll(store, 'a');
    const reader = await WatchReader.begin(store, [everything]);
    for (let round = 0; round < 5; round += 1) {
      const before = reader.nowMs;
      const batch = await advanceUntil(fixture, reader.next(), { byMs: markEveryMs, stepMs: 50 });
      expect(batch).toMatchObject({ changes: [], revision });
      expect(batch!.nowMs - before).toBeLessThanOrEqual(markEveryMs);
    }
    await reader.end();
  });

  test('marks move on with commits that are none of the watch\u2019s', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    const reader = await WatchReader.begin(store, [span('k', 'l')]);
    for (let round = 0; round < 3; round += 1) {
      const { revision } = await putAll(store, 'other');
      await advanceUntil(fixture, reader.until(revision), { byMs: 2 * markEveryMs, stepMs: 50 });
      expect(reader.changes).toEqual([]);
    }
    const { revision } = await putAll(store, 'k');
    await reader.until(revision);
    expect(reader.words()).toEqual([`put k @${revision}`]);
    await reader.end();
  });

  test('a watch can go on after the revision of any of its batches, marks too', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    const first = await WatchReader.begin(store, [span('k', 'l')]);
    await putAll(store, 'k1');
    const other = await putAll(store, 'other');
    await advanceUntil(fixture, first.until(other.revision), { byMs: 2 * markEveryMs, stepMs: 50 });
    const { revision } = await putAll(store, 'k2');
    await first.until(revision);
    await first.end();
    for (const batch of first.batches) {
      const reader = new WatchReader(store, [span('k', 'l')], { afterRevision: batch.revision });
      await reader.until(revision);
      expect(reader.words()).toEqual(
        first.words().filter((_, index) => first.changes[index]!.revision > batch.revision),
      );
      await reader.end();
    }
  });
}

function describeHistory(suite: Suite): void {
  const gone = async (store: Store, afterRevision: Revision): Promise<void> => {
    const { oldestRevision } = await store.status();
    const watch = store.watch([everything], { afterRevision })[Symbol.asyncIterator]();
    await expect(watch.next()).rejects.toMatchObject({
      name: 'AppError',
      code: 'HISTORY_GONE',
      message: expect.stringContaining(String(afterRevision)),
      details: { oldest: oldestRevision },
    });
    // Having thrown, it has ended.
    expect(await watch.next()).toEqual({ done: true, value: undefined });
  };

  test('a revision that does not exist yet is HISTORY_GONE', async () => {
    const { store } = await suite.open();
    const { revision } = await putAll(store, 'a');
    await gone(store, revision + 1);
    await gone(store, Number.MAX_SAFE_INTEGER);
    await putAll(store, 'b');
    const reader = await WatchReader.begin(store, [everything], { afterRevision: revision });
    expect(reader.words()).toEqual([`put b @${revision + 1}`]);
    await reader.end();
  });

  test('history is kept for its time and then is gone; what is left is whole', async () => {
    const { store, clock } = await suite.open({ retention: { logKeepMs: 60_000 } });
    const { revision: begin } = await putAll(store, 'begin');
    for (let index = 0; index < 20; index += 1) await putAll(store, `old${index}`);
    const { revision: old } = await putAll(store, 'old');
    // What a store hears of with one word is of one age for it.
    const heard = await WatchReader.begin(store, [everything], { afterRevision: begin });
    await heard.until(old);
    await heard.end();
    clock.advance(59_999);
    const { revision: young0 } = await putAll(store, 'young0');
    expect((await store.status()).oldestRevision).toBeLessThanOrEqual(begin);
    const reader = await WatchReader.begin(store, [everything], { afterRevision: begin });
    await reader.until(young0);
    expect(reader.changes).toHaveLength(22);
    await reader.end();

    clock.advance(30_000);
    // Trimming goes in bounded steps, with what is committed.
    const young: Revision[] = [];
    while ((await store.status()).oldestRevision < old) young.push((await putAll(store, `y${young.length}`)).revision);
    expect(young.length).toBeLessThan(50);
    const { oldestRevision } = await store.status();
    expect(oldestRevision).toBeLessThanOrEqual(old);
    await gone(store, begin);
    await gone(store, oldestRevision - 1);
    const rest = await WatchReader.begin(store, [everything], { afterRevision: oldestRevision });
    await rest.until(young.at(-1) ?? young0);
    expect(rest.changes.map((change) => textOf(change.key))).toEqual([
      'young0',
      ...young.map((_, index) => `y${index}`),
    ]);
    await rest.end();
  });

  test('history is kept up to its size; what is left is whole', async () => {
    const { store, clock } = await suite.open({ retention: { logBytesMax: 200_000 } });
    const { revision: begin } = await putAll(store, 'begin');
    const revisions: Revision[] = [];
    for (let index = 0; index < 60; index += 1) {
      revisions.push((await committed(store, transaction([put(`k${index}`, 'x'.repeat(10_000))]))).revision);
      // What attempts are found again by may be kept for their minute, whatever its size.
      if (index === 59) clock.advance(defaultRetention.attemptKeepMs + 1);
    }
    revisions.push((await putAll(store, 'last')).revision);
    const { oldestRevision } = await store.status();
    expect(oldestRevision).toBeGreaterThan(begin);
    await gone(store, begin);
    const reader = await WatchReader.begin(store, [everything], { afterRevision: oldestRevision });
    await reader.until(revisions.at(-1)!);
    expect(reader.changes.map((change) => change.revision)).toEqual(revisions.filter((each) => each > oldestRevision));
    // About as much as it may keep, and no more.
    expect(reader.changes.length).toBeLessThanOrEqual(20);
    expect(reader.changes.length).toBeGreaterThanOrEqual(10);
    await reader.end();
  });
}

function describeEnds(suite: Suite): void {
  const ended = { done: true, value: undefined };

  /** Pulls a watch until it waits: nothing is there for it. */
  const waiting = async (
    store: Store,
    signal?: AbortSignal,
  ): Promise<[AsyncIterator<WatchBatch>, Promise<unknown>]> => {
    const iterator = store.watch([everything], signal && { signal })[Symbol.asyncIterator]();
    await iterator.next();
    return [iterator, iterator.next()];
  };

  test('return ends a next that waits, and what comes after it', async () => {
    const { store } = await suite.open();
    const [iterator, next] = await waiting(store);
    expect(await iterator.return!()).toEqual(ended);
    expect(await next).toEqual(ended);
    expect(await iterator.next()).toEqual(ended);
    expect(await iterator.return!()).toEqual(ended);
  });

  test('the signal ends a next that waits, and what comes after it', async () => {
    const { store } = await suite.open();
    const abort = new AbortController();
    const [iterator, next] = await waiting(store, abort.signal);
    abort.abort();
    expect(await next).toEqual(ended);
    expect(await iterator.next()).toEqual(ended);
    await putAll(store, 'a');
    expect(await iterator.next()).toEqual(ended);
  });

  test('a signal that has aborted before gives nothing', async () => {
    const { store } = await suite.open();
    await putAll(store, 'a');
    const signal = AbortSignal.abort();
    expect(await store.watch([everything], { signal, afterRevision: 0 })[Symbol.asyncIterator]().next()).toEqual(ended);
    for await (const batch of store.watch([everything], { signal })) throw new Error(JSON.stringify(batch));
  });

  test('return before the first next ends it, and leaving a loop does', async () => {
    const { store } = await suite.open();
    const iterator = store.watch([everything])[Symbol.asyncIterator]();
    expect(await iterator.return!()).toEqual(ended);
    expect(await iterator.next()).toEqual(ended);
    for await (const _batch of store.watch([everything])) break;
    await putAll(store, 'a');
  });

  test('one that ends concerns no other', async () => {
    const { store } = await suite.open();
    const abort = new AbortController();
    const stays = await WatchReader.begin(store, [everything]);
    const [, next] = await waiting(store, abort.signal);
    const other = await WatchReader.begin(store, [everything]);
    abort.abort();
    await next;
    await other.end();
    const { revision } = await putAll(store, 'a');
    await stays.until(revision);
    expect(stays.words()).toEqual([`put a @${revision}`]);
    await stays.end();
  });
}
