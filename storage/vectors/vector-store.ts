/**
 * A Store whose searches have indexes, where these can be had, and else read all rows, with the same answers. Everything else passes
 * through.
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
import { AppError } from '../../src/core/errors';
import { validateSearch } from '../validate';
import { IndexPool } from './index-pool';
import type { IndexPoolOptions } from './index-pool';
import type { IndexState } from './indexes';
import type { Nearest } from './nearest';
import { scanSearch } from './scan-search';
import { Standings } from './standing';
import type { Standing } from './standing';

/** `options.store`, with indexes. Closing it writes them down and closes the store. */
export class VectorStore implements Store {
  readonly #store: Store;
  readonly #pool: IndexPool;
  readonly #standings: Standings;
  #closed: Promise<void> | undefined;

  constructor(options: IndexPoolOptions) {
    this.#store = options.store;
    this.#pool = new IndexPool(options);
    this.#standings = new Standings(options.store);
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
    const standing = await this.#standings.read(request);
    if (standing.kind === 'conflict') return standing;
    const nearest = await this.#searchIndex(request, standing);
    this.#refuseIfClosed();
    if (!nearest) return scanSearch(this.#store, request);
    return { kind: 'found', hits: nearest.hits(), revision: standing.revision };
  }

  async status(): Promise<StoreStatus> {
    const status = await this.#store.status();
    const indexing = this.#pool.reading();
    return indexing ? { ...status, indexing } : status;
  }

  close(): Promise<void> {
    this.#closed ??= this.#pool.close().then(() => this.#store.close());
    return this.#closed;
  }

  /** What the indexes are like that there are now. */
  indexStates(): IndexState[] {
    return this.#pool.states();
  }

  /** Undefined: there is no index, or it was let go meanwhile. */
  async #searchIndex(request: SearchRequest, { writtenAt }: Standing): Promise<Nearest | undefined> {
    const feed = this.#pool.find(request);
    if (!feed) return undefined;
    try {
      await feed.ready;
      if (request.consistency === 'strong') await feed.reached(writtenAt);
      return await feed.search(request);
    } catch (error) {
      // An index that has ended is no reason to fail: the rows are there.
      if (feed.isOver) return undefined;
      throw error;
    }
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw new AppError('UNAVAILABLE', 'the store is closed');
  }
}
