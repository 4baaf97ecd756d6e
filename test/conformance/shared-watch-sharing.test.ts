/** What shared watches add: one watch for all, hand-overs without hole or double, bounded buffers. */
import type { KeyRange, WatchBatch, WatchOptions } from '../../proto/store';
import { systemClock } from '../../src/core/clock';
import { makeSeededIds } from '../../src/core/ids';
import { SharedWatchStore } from '../../src/store/shared-watch-store';
import { TinyStore } from '../support/tiny-store';

/** Counts the watches that were begun. */
class CountingStore extends TinyStore {
  watchesBegun = 0;
  #onIdle: (() => void) | undefined;

  override async *watch(ranges: readonly KeyRange[], options?: WatchOptions): AsyncGenerator<WatchBatch> {
    this.watchesBegun += 1;
    try {
      yield* super.watch(ranges, options);
    } finally {
      if (this.watchesOpen === 0) this.#onIdle?.();
    }
  }

  whenIdle(): Promise<void> {
    return this.watchesOpen === 0 ? Promise.resolve() : new Promise((resolve) => (this.#onIdle = resolve));
  }
}

const keyOf = (index: number): Buffer => Buffer.from(`key${String(index).padStart(3, '0')}`);
const all: KeyRange = { start: keyOf(0), end: Buffer.from('kez') };

/** Reads a watch until it has given everything through a revision; checks that it never goes back or doubles. */
class Reader {
  readonly #iterator: AsyncIterator<WatchBatch>;
  readonly revisions: number[] = [];
  through = -1;

  constructor(store: SharedWatchStore, range: KeyRange, options?: WatchOptions) {
    this.#iterator = store.watch([range], options)[Symbol.asyncIterator]();
  }

  async step(): Promise<void> {
    const { value } = (await this.#iterator.next()) as { value: WatchBatch };
    expect(value.revision).toBeGreaterThanOrEqual(this.through);
    for (const change of value.changes) {
      expect(change.revision).toBeGreaterThan(Math.max(this.through, this.revisions.at(-1) ?? -1));
      expect(change.revision).toBeLessThanOrEqual(value.revision);
      this.revisions.push(change.revision);
    }
    this.through = value.revision;
  }

  async until(revision: number): Promise<void> {
    while (this.through < revision) await this.step();
  }

  async end(): Promise<void> {
    await this.#iterator.return!();
  }
}

describe('shared watches', () => {
  let inner: CountingStore;
  let store: SharedWatchStore;
  const put = (index: number, size = 10) =>
    inner.commit([
      { checks: [], writes: [{ kind: 'put', key: keyOf(index), value: Buffer.alloc(size), history: 'value' }] },
    ]);

  beforeEach(() => {
    inner = new CountingStore();
    store = new SharedWatchStore(inner, {
      clock: systemClock,
      graceMs: 20,
      bufferBytesMax: 10_000,
      ringBytesMax: 10_000,
    });
  });
  afterEach(() => store.close());

  test('a thousand watches of one range are one watch of the store, and one change reaches them all as one object', async () => {
    const iterators = Array.from({ length: 1_000 }, () => store.watch([{ start: keyOf(1) }])[Symbol.asyncIterator]());
    await Promise.all(iterators.map((each) => each.next()));
    expect(inner.watchesBegun).toBe(1);
    const next = Promise.all(iterators.map((each) => each.next()));
    await put(2);
    await put(1);
    const batches = (await next).map(({ value }) => value as WatchBatch);
    const later = await Promise.all(
      iterators.map(async (each, index) => {
        let batch = batches[index]!;
        while (batch.changes.length === 0) batch = (await each.next()).value as WatchBatch;
        return batch;
      }),
    );
    expect(new Set(later).size).toBe(1);
    expect(later[0]!.changes).toMatchObject([{ kind: 'put', key: keyOf(1), revision: 2 }]);
    expect(inner.watchesBegun).toBe(1);
    await Promise.all(iterators.map((each) => each.return!()));
  });

  test('the watch of the store ends after the last reader, and begins again with the next', async () => {
    const first = new Reader(store, all);
    await first.step();
    await first.end();
    await inner.whenIdle();
    const second = new Reader(store, all);
    await put(1);
    await second.until(0);
    expect(inner.watchesBegun).toBe(2);
    await second.end();
  });

  test('a watch from now sees nothing that was committed before it, and everything after its first batch', async () => {
    const first = new Reader(store, all);
    await first.step();
    for (let round = 0; round < 50; round += 1) {
      await put(round);
      const reader = new Reader(store, all);
      await reader.step();
      expect(reader.revisions).toEqual([]);
      await put(round);
      await reader.until(inner.revision);
      expect(reader.revisions).toEqual([inner.revision]);
      await reader.end();
    }
    await first.until(inner.revision);
    expect(first.revisions).toHaveLength(100);
    await first.end();
  });

  test('a watch from a recent revision joins at once; one from long ago catches up on its own first', async () => {
    const first = new Reader(store, all);
    await first.step();
    for (let round = 1; round <= 200; round += 1) {
      await put(round % 10, 500);
      await first.until(round);
    }
    const begun = inner.watchesBegun;
    const recent = new Reader(store, all, { afterRevision: 195 });
    await recent.until(200);
    expect(recent.revisions).toEqual([196, 197, 198, 199, 200]);
    expect(inner.watchesBegun).toBe(begun);
    const old = new Reader(store, all, { afterRevision: 0 });
    await old.until(200);
    expect(old.revisions).toHaveLength(200);
    expect(inner.watchesBegun).toBe(begun + 1);
    await put(1);
    await old.until(201);
    // Its own watch is left once it has joined.
    expect(inner.watchesOpen).toBe(1);
    await Promise.all([first.end(), recent.end(), old.end()]);
  });

  test('a slow reader is cut off at its buffer, slows nobody, and finds everything when it reads on', async () => {
    const [slow, fast] = [new Reader(store, all), new Reader(store, all)];
    await Promise.all([slow.step(), fast.step()]);
    for (let round = 1; round <= 300; round += 1) {
      await put(round % 7, 1_000);
      await fast.until(round);
    }
    const begun = inner.watchesBegun;
    await slow.until(300);
    expect(slow.revisions).toEqual(fast.revisions);
    expect(slow.revisions).toHaveLength(300);
    expect(inner.watchesBegun).toBe(begun + 1);
    await Promise.all([slow.end(), fast.end()]);
  });

  test('values are left out for those who want none, and only for them', async () => {
    const [bare, full] = [store.watch([all], { keysOnly: true }), store.watch([all])].map((each) =>
      each[Symbol.asyncIterator](),
    );
    await Promise.all([bare!.next(), full!.next()]);
    await put(1);
    const values = [];
    for (const each of [bare!, full!]) {
      let batch = (await each.next()).value as WatchBatch;
      while (batch.changes.length === 0) batch = (await each.next()).value as WatchBatch;
      values.push(batch.changes[0]!.value?.length);
      await each.return!();
    }
    expect(values).toEqual([undefined, 10]);
  });

  test('ending a watch that waits takes effect at once, and the signal does too', async () => {
    const abort = new AbortController();
    const [returned, aborted] = [store.watch([all]), store.watch([all], { signal: abort.signal })].map((each) =>
      each[Symbol.asyncIterator](),
    );
    await Promise.all([returned!.next(), aborted!.next()]);
    const waiting = [returned!.next(), aborted!.next()];
    await returned!.return!();
    abort.abort();
    expect((await Promise.all(waiting)).map(({ done }) => done)).toEqual([true, true]);
    await inner.whenIdle();
  });

  const seed = systemClock.nowMs() % 1_000_000;
  test(`any mixture of readers, speeds and beginnings sees every change once (seed ${seed})`, async () => {
    const ids = makeSeededIds(seed);
    const whole = (below: number): number => Math.floor(ids.fraction() * below);
    const keyByRevision = new Map<number, number>();
    const readers: { readonly reader: Reader; readonly range: KeyRange; from: number | undefined }[] = [];
    const anchor = new Reader(store, all);
    await anchor.step();
    for (let round = 0; round < 1_500; round += 1) {
      const act = whole(10);
      if (act < 5) {
        const index = whole(5);
        await put(index, whole(2_000));
        keyByRevision.set(inner.revision, index);
      } else if (act === 5 && readers.length < 40) {
        const range =
          whole(2) === 0 ? { start: keyOf(whole(5)) } : { start: keyOf(whole(3)), end: keyOf(2 + whole(4)) };
        const from = whole(2) === 0 ? undefined : whole(inner.revision + 1);
        const reader = new Reader(store, range, from === undefined ? {} : { afterRevision: from });
        readers.push({ reader, range, from });
        await reader.step();
        readers.at(-1)!.from ??= reader.through;
      } else if (act < 8 && readers.length > 0) {
        await readers[whole(readers.length)]!.reader.step();
      } else await anchor.until(inner.revision);
    }
    const last = inner.revision;
    for (const { reader, range, from } of readers) {
      await reader.until(last);
      const expected = [...keyByRevision].filter(([revision, index]) => {
        const key = keyOf(index);
        const isIn = range.end ? key.compare(range.start) >= 0 && key.compare(range.end) < 0 : key.equals(range.start);
        return isIn && revision > from!;
      });
      expect(reader.revisions).toEqual(expected.map(([revision]) => revision));
      await reader.end();
    }
    await anchor.end();
  }, 30_000);
});
