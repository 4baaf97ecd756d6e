/** Slow readers of watches: they miss nothing, and make nobody else wait. */
import type { Revision, Store } from '../../../proto/store';
import type { Suite } from './fixture';
import { WatchReader } from './watch-reader';
import { asCommitted, bytes, committed, everything, put, putAll, span, textOf, transaction } from './words';

const valueBytes = 60_000;

/** Commits values of which a few dozen are more than waits for one reader; each is a commit of its own. */
async function commitMany(store: Store, count: number, from = 0): Promise<Revision[]> {
  const outcomes = await store.commit(
    Array.from({ length: count }, (_, index) => {
      const number = from + index;
      // All write the same row as well, so that none shares its revision with another.
      const writes = [
        put(`k${number % 9}`, Buffer.alloc(valueBytes, number % 251)),
        put(`n${number}`, ''),
        put('row', ''),
      ];
      return transaction(writes);
    }),
  );
  return outcomes.map((outcome) => asCommitted(outcome).revision);
}

/** That what a reader has are the values of `commitMany`, each whole and in order. */
function expectAll(reader: WatchReader, revisions: readonly Revision[]): void {
  const values = reader.changes.filter(({ key }) => textOf(key).startsWith('k'));
  expect(values.map(({ revision }) => revision)).toEqual(revisions);
  values.forEach(({ value }, index) => {
    if (!value!.equals(Buffer.alloc(valueBytes, index % 251))) throw new Error(`change ${index} has another value`);
  });
}

export function describeSlowReaders(suite: Suite): void {
  test('a reader that does not read delays no commit and no other reader, and finds everything later', async () => {
    const { store } = await suite.open();
    const slow = await WatchReader.begin(store, [everything]);
    const fast = await WatchReader.begin(store, [everything]);
    const revisions: Revision[] = [];
    for (let round = 0; round < 8; round += 1) {
      revisions.push(...(await commitMany(store, 10, round * 10)));
      await fast.until(revisions.at(-1)!);
    }
    expectAll(fast, revisions);
    await slow.until(revisions.at(-1)!);
    expectAll(slow, revisions);
    expect(slow.words()).toEqual(fast.words());
    // It is up to date again, and live.
    const { revision } = await putAll(store, 'last');
    await Promise.all([slow.until(revision), fast.until(revision)]);
    expect(slow.words()).toEqual(fast.words());
    await Promise.all([slow.end(), fast.end()]);
  });

  test('a reader that reads a little, at every distance behind, finds everything once', async () => {
    const { store } = await suite.open();
    const readers = await Promise.all([1, 2, 3, 5].map(() => WatchReader.begin(store, [span('a', 'z')])));
    const revisions: Revision[] = [];
    for (let index = 0; index < 80; index += 1) {
      revisions.push(...(await commitMany(store, 1, index)));
      // A batch may be all that there is: they stop reading when they have caught up.
      for (const [distance, reader] of readers.entries()) {
        if (index % (distance + 2) === 0 && reader.through < revisions.at(-1)!) await reader.next();
      }
    }
    for (const reader of readers) {
      await reader.until(revisions.at(-1)!);
      expectAll(reader, revisions);
      await reader.end();
    }
  });

  test('a reader that is so slow that history goes past it is told so, after what it still got, without a hole', async () => {
    const { store, clock } = await suite.open({ retention: { logBytesMax: 300_000, logKeepMs: 1_000_000 } });
    const slow = await WatchReader.begin(store, [everything]);
    const fast = await WatchReader.begin(store, [everything]);
    const revisions: Revision[] = [];
    // Far more than any buffers on its way take.
    for (let round = 0; round < 75; round += 1) {
      revisions.push(...(await commitMany(store, 4, round * 4)));
      clock.advance(10_000);
      await fast.until(revisions.at(-1)!);
    }
    await expect(slow.drain()).rejects.toMatchObject({ code: 'HISTORY_GONE', details: { oldest: expect.any(Number) } });
    expect(slow.words()).toEqual(fast.words().slice(0, slow.changes.length));
    expect(slow.changes.length).toBeLessThan(fast.changes.length);
    await fast.end();
  });

  test('an end that comes while a reader is behind takes effect at once', async () => {
    const { store } = await suite.open();
    const abort = new AbortController();
    const aborted = await WatchReader.begin(store, [everything], { signal: abort.signal });
    const returned = await WatchReader.begin(store, [everything]);
    await commitMany(store, 60);
    abort.abort();
    await returned.end();
    await aborted.drain();
    await returned.drain();
    expect(aborted.changes.length + returned.changes.length).toBe(0);
    const { revision } = await committed(store, transaction([put('a')]));
    const other = await WatchReader.begin(store, [everything], { afterRevision: revision - 1 });
    await other.until(revision);
    expect(other.changes).toMatchObject([{ key: bytes('a') }]);
    await other.end();
  });
}
