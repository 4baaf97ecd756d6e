/**
 * A Store whose watches share one watch on the store under it: a thousand watches of the same range cost one message
 * from storage and one match. A watch that is behind (it began in the past, or its reader was slow) runs on a watch of its
 * own until it has caught up, then joins the shared feed: what it has is compared by revision, so that there is neither
 * hole nor double. The shared watch begins with the first watch and ends a while after the last. Everything else passes through.
 */
import { storeLimits } from '../../proto/limits';
import type {
  CommitOptions,
  CommitOutcome,
  KeyRange,
  ReadOptions,
  ReadResult,
  SearchOptions,
  SearchOutcome,
  SearchRequest,
  Revision,
  Store,
  StoreStatus,
  Transaction,
  WatchBatch,
  WatchOptions,
} from '../../proto/store';
import type { CancelTimer, Clock } from '../core/clock';
import { invalidArgument } from '../core/errors';
import { endable, untilAborted } from '../core/endable';
import { SharedFeed } from './shared-feed';
import { WatchFilter } from './watch-index';

export interface SharedWatchOptions {
  readonly clock: Clock;
  /** How long the shared watch stays after the last reader; default 5,000 ms. */
  readonly graceMs?: number;
  /** What may wait for one slow reader; default `storeLimits.watchBufferBytesMax`. */
  readonly bufferBytesMax?: number;
  /** Recent changes kept for readers that come with a recent revision; default `storeLimits.watchBufferBytesMax`. */
  readonly ringBytesMax?: number;
}

interface WatchArguments {
  readonly ranges: readonly KeyRange[];
  readonly options: WatchOptions;
  readonly signal: AbortSignal;
}

/** `store`, with shared watches. Closing it closes the store. */
export class SharedWatchStore implements Store {
  readonly #store: Store;
  readonly #options: SharedWatchOptions;
  #feed: SharedFeed | undefined;
  #users = 0;
  #cancelStop: CancelTimer | undefined;
  #asking: Promise<StoreStatus> | undefined;

  constructor(store: Store, options: SharedWatchOptions) {
    this.#store = store;
    this.#options = options;
  }

  read(ranges: readonly KeyRange[], options?: ReadOptions): Promise<ReadResult> {
    return this.#store.read(ranges, options);
  }

  commit(transactions: readonly Transaction[], options?: CommitOptions): Promise<readonly CommitOutcome[]> {
    return this.#store.commit(transactions, options);
  }

  search(request: SearchRequest, options?: SearchOptions): Promise<SearchOutcome> {
    return this.#store.search(request, options);
  }

  status(): Promise<StoreStatus> {
    return this.#store.status();
  }

  watch(ranges: readonly KeyRange[], options: WatchOptions = {}): AsyncIterable<WatchBatch> {
    return endable((signal) => this.#watch({ ranges, options, signal }), options.signal);
  }

  /** How long ago the shared watch brought something, a mark at least; 0 where there is none. In milliseconds. */
  lagMs(): number {
    return this.#feed?.isStarted ? this.#options.clock.monotonicMs() - this.#feed.heardMs : 0;
  }

  async close(): Promise<void> {
    this.#cancelStop?.();
    this.#feed?.stop();
    await this.#store.close();
  }

  async *#watch({ ranges, options, signal }: WatchArguments): AsyncGenerator<WatchBatch, void, undefined> {
    refuseBadRanges(ranges);
    const feed = this.#join();
    try {
      const first = options.afterRevision ?? (await this.#now(feed, signal));
      if (first === undefined) return;
      let after: Revision = first;
      await untilAborted(feed.started, signal);
      const filter = new WatchFilter(ranges, options.keysOnly ?? false);
      // A revision that the feed has not seen may be none of this store's: the store itself judges it.
      let isJudged = options.afterRevision === undefined || after <= feed.revision;
      while (!signal.aborted) {
        const isCovered: boolean = isJudged && feed.covers(after);
        const batches: AsyncIterable<WatchBatch> = isCovered
          ? this.#shared(feed, filter, after, signal)
          : this.#own(feed, after, { ranges, options, signal });
        for await (const batch of batches) {
          after = batch.revision;
          isJudged = true;
          yield batch;
        }
        if (feed.isOver) {
          if (feed.failure) throw feed.failure;
          return;
        }
      }
    } finally {
      this.#leave();
    }
  }

  /** From the feed, until the reader is cut off for its slowness. */
  async *#shared(
    feed: SharedFeed,
    filter: WatchFilter,
    after: Revision,
    signal: AbortSignal,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    const reader = feed.attach(filter, after);
    try {
      for (;;) {
        const batch = await reader.next(signal);
        if (!batch) return;
        yield batch;
      }
    } finally {
      feed.detach(filter, reader);
    }
  }

  /** From the store itself, until the feed covers what comes next. */
  async *#own(
    feed: SharedFeed,
    after: Revision,
    { ranges, options, signal }: WatchArguments,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    const { keysOnly = false } = options;
    for await (const batch of this.#store.watch(ranges, { afterRevision: after, keysOnly, signal })) {
      yield batch;
      if (feed.covers(batch.revision)) return;
    }
  }

  /** The revision of now: every commit acknowledged before the call is at or before it. Undefined: the signal aborted. */
  async #now(feed: SharedFeed, signal: AbortSignal): Promise<Revision | undefined> {
    if (!feed.isStarted) {
      await untilAborted(feed.started, signal);
      // It began after the call, so that its beginning is late enough.
      return signal.aborted ? undefined : feed.revision;
    }
    // One question for all watches that begin in the same turn, asked after they began.
    this.#asking ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        this.#asking = undefined;
        this.#store.status().then(resolve, reject);
      });
    });
    return (await untilAborted(this.#asking, signal))?.revision;
  }

  #join(): SharedFeed {
    this.#users += 1;
    this.#cancelStop?.();
    this.#cancelStop = undefined;
    if (!this.#feed || this.#feed.isOver) {
      const {
        clock,
        bufferBytesMax = storeLimits.watchBufferBytesMax,
        ringBytesMax = storeLimits.watchBufferBytesMax,
      } = this.#options;
      this.#feed = new SharedFeed(this.#store, { clock, bufferBytesMax, ringBytesMax });
    }
    return this.#feed;
  }

  #leave(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    const feed = this.#feed;
    this.#cancelStop = this.#options.clock.after(this.#options.graceMs ?? 5_000, () => {
      feed?.stop();
      if (this.#feed === feed) this.#feed = undefined;
    });
  }
}

function refuseBadRanges(ranges: readonly KeyRange[]): void {
  if (ranges.length > storeLimits.readRangesMax) {
    throw invalidArgument('ranges', `has ${ranges.length} members, at most ${storeLimits.readRangesMax} are allowed`);
  }
  ranges.forEach(({ start, end }, index) => {
    if (end !== undefined) return;
    if (start.length === 0) throw invalidArgument(`ranges[${index}].start`, 'is empty, a key has at least 1 byte');
    const bytesMax = storeLimits.storedKeyBytesMax;
    if (start.length > bytesMax)
      throw invalidArgument(`ranges[${index}].start`, `has ${start.length} bytes, at most ${bytesMax} are allowed`);
  });
}
