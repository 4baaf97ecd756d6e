/**
 * A Store whose searches have indexes. A namespace gets one when it is first searched, and keeps it while memory allows: the least lately
 * used go when there are too many, or when they take too much, and come back when they are asked for. A namespace that is larger
 * than all that is allowed is read whole at each search. Everything else passes through.
 */
import type {
  CommitOptions,
  CommitOutcome,
  KeyRange,
  ReadOptions,
  ReadResult,
  SearchOptions,
  SearchOutcome,
  SearchRequest,
  Store,
  StoreStatus,
  Transaction,
  WatchBatch,
  WatchOptions,
} from '../../proto/store';
import type { Clock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import { validateSearch } from '../validate';
import { IndexFeed } from './index-feed';
import type { IndexSettings, Indexes } from './indexes';
import type { Nearest } from './nearest';
import { scanSearch } from './scan-search';
import { readStanding } from './standing';
import type { Standing } from './standing';

export interface VectorStoreOptions {
  readonly store: Store;
  /** Called once, and again where what it made has failed. */
  readonly makeIndexes: () => Indexes;
  readonly clock: Clock;
  /** What all indexes take in memory; default 1 GiB. */
  readonly memoryBytesMax?: number;
  /** Indexes at once; default 256: each follows all commits of the store. */
  readonly indexesMax?: number;
  /** From how many vectors on an index is a graph; default 5,000. */
  readonly graphFrom?: number;
}

const tooLargeKeepMs = 600_000;
const tooLargeMax = 10_000;
/** Between two threads. */
const indexesPauseMs = 1_000;

/** `store`, with indexes. Closing it closes the store. */
export class VectorStore implements Store {
  readonly #store: Store;
  readonly #options: VectorStoreOptions;
  /** By namespace and settings; the least lately used first. */
  readonly #feeds = new Map<string, IndexFeed>();
  /** Namespaces that are too large, and until when that is believed. */
  readonly #tooLarge = new Map<string, number>();
  /** Those that are made anew beside one that has become poor. */
  readonly #renewing = new Map<string, IndexFeed>();
  #indexes: Indexes | undefined;
  #nextIndexesMs = -Infinity;
  #lastIndex = 0;
  #closed: Promise<void> | undefined;

  constructor(options: VectorStoreOptions) {
    this.#store = options.store;
    this.#options = options;
  }

  read(ranges: readonly KeyRange[], options?: ReadOptions): Promise<ReadResult> {
    return this.#store.read(ranges, options);
  }

  commit(transactions: readonly Transaction[], options?: CommitOptions): Promise<readonly CommitOutcome[]> {
    return this.#store.commit(transactions, options);
  }

  watch(ranges: readonly KeyRange[], options?: WatchOptions): AsyncIterable<WatchBatch> {
    return this.#store.watch(ranges, options);
  }

  async search(request: SearchRequest, _options?: SearchOptions): Promise<SearchOutcome> {
    this.#refuseIfClosed();
    validateSearch(request);
    const standing = await readStanding(this.#store, request);
    if (standing.kind === 'conflict') return standing;
    const nearest = await this.#searchIndex(request, standing);
    this.#refuseIfClosed();
    if (!nearest) return scanSearch(this.#store, request);
    return { kind: 'found', hits: nearest.hits(), revision: standing.revision };
  }

  status(): Promise<StoreStatus> {
    return this.#store.status();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const feeds = [...this.#feeds.values(), ...this.#renewing.values()];
    await Promise.all(feeds.map((feed) => feed.stop()));
    await this.#indexes?.stop();
    await this.#store.close();
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw new AppError('UNAVAILABLE', 'the store is closed');
  }

  /** Undefined: there is no index, or it was let go meanwhile. */
  async #searchIndex(request: SearchRequest, { writtenAt }: Standing): Promise<Nearest | undefined> {
    const name = nameOf(request);
    if (this.#isTooLarge(name)) return undefined;
    const feed = this.#feedOf(name, request);
    if (!feed) return undefined;
    try {
      await feed.ready;
      if (request.consistency === 'strong') await feed.reached(writtenAt);
      return await feed.search(request);
    } catch (error) {
      // An index that has ended is no reason to fail: the rows are there.
      if (feed.end) return undefined;
      throw error;
    }
  }

  #isTooLarge(name: string): boolean {
    const untilMs = this.#tooLarge.get(name);
    if (untilMs === undefined) return false;
    if (untilMs > this.#options.clock.monotonicMs()) return true;
    this.#tooLarge.delete(name);
    return false;
  }

  #feedOf(name: string, request: SearchRequest): IndexFeed | undefined {
    const known = this.#feeds.get(name);
    if (known) this.#feeds.delete(name);
    const feed = known && !known.end ? known : this.#open(name, settingsOf(request));
    if (!feed) return undefined;
    // To the end: the order is that of use.
    this.#feeds.set(name, feed);
    if (feed !== known) this.#makeRoom(name);
    return feed;
  }

  #open(name: string, { rows, settings }: IndexSubject): IndexFeed | undefined {
    const indexes = this.#liveIndexes();
    if (!indexes) return undefined;
    const { graphFrom = 5_000 } = this.#options;
    const feed: IndexFeed = new IndexFeed({
      store: this.#store,
      indexes,
      index: (this.#lastIndex += 1),
      rows,
      settings: { ...settings, graphFrom },
      onState: (state) => {
        if (this.#feeds.get(name) !== feed) return;
        this.#makeRoom(name);
        if (state.isWorn) this.#renew(name, feed, { rows, settings });
      },
    });
    return feed;
  }

  /** Makes an index anew beside the old one, which answers until then. */
  #renew(name: string, old: IndexFeed, subject: IndexSubject): void {
    if (this.#renewing.has(name)) return;
    const next = this.#open(name, subject);
    if (!next) return;
    this.#renewing.set(name, next);
    const settle = (isReady: boolean): void => {
      this.#renewing.delete(name);
      const isWanted = isReady && this.#feeds.get(name) === old && !this.#closed;
      if (isWanted) this.#feeds.set(name, next);
      void (isWanted ? old : next).stop();
    };
    next.ready.then(
      () => settle(true),
      () => settle(false),
    );
  }

  /** Those of the thread that lives; a thread that has ended is followed by another, though not at once. */
  #liveIndexes(): Indexes | undefined {
    const { clock, makeIndexes } = this.#options;
    if (this.#indexes && !this.#indexes.isStopped) return this.#indexes;
    if (clock.monotonicMs() < this.#nextIndexesMs) return undefined;
    this.#nextIndexesMs = clock.monotonicMs() + indexesPauseMs;
    this.#indexes = makeIndexes();
    return this.#indexes;
  }

  /** Lets the least lately used go, never the one that `name` says. Throws where that one is too large by itself. */
  #makeRoom(name: string): void {
    const { memoryBytesMax = 1_073_741_824, indexesMax = 256, clock } = this.#options;
    let bytes = 0;
    for (const [other, feed] of this.#feeds) {
      if (feed.end) this.#feeds.delete(other);
      else bytes += feed.state.bytes;
    }
    for (const [other, feed] of this.#feeds) {
      if (bytes <= memoryBytesMax && this.#feeds.size <= indexesMax) return;
      if (other === name) continue;
      this.#feeds.delete(other);
      bytes -= feed.state.bytes;
      void feed.stop();
    }
    if (bytes <= memoryBytesMax) return;
    this.#feeds.delete(name);
    this.#tooLarge.set(name, clock.monotonicMs() + tooLargeKeepMs);
    if (this.#tooLarge.size > tooLargeMax) this.#tooLarge.delete(this.#tooLarge.keys().next().value!);
    const rule = `is more than the ${memoryBytesMax} that all may take`;
    throw new AppError('OVERLOADED', `a vector index of ${bytes} bytes ${rule}`);
  }
}

/** What an index is of. */
interface IndexSubject {
  readonly rows: SearchRequest['rows'];
  readonly settings: Omit<IndexSettings, 'graphFrom'>;
}

function settingsOf({ rows, near, distance, isExact }: SearchRequest): IndexSubject {
  return {
    // Of their own: those of the request are views of a message.
    rows: { start: Buffer.from(rows.start), end: Buffer.from(rows.end) },
    settings: { dimensions: near.length, distance, isExact },
  };
}

function nameOf({ rows, near, distance, isExact }: SearchRequest): string {
  return `${near.length} ${distance} ${isExact} ${rows.start.toString('latin1')}`;
}
