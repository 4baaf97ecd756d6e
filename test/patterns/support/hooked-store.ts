/** A Store in which a test can stand: it counts what goes through, and does something before or after a call. */
import type {
  CommitOutcome,
  KeyRange,
  ReadOptions,
  ReadResult,
  SearchOutcome,
  SearchRequest,
  Store,
  StoreStatus,
  Transaction,
  WatchBatch,
  WatchOptions,
} from '../../../proto/store';

/** What a hook throws is what the caller sees: before the call nothing was done, after it everything. */
type Hook = () => void | Promise<void>;
type CommitHook = (transactions: readonly Transaction[]) => void | Promise<void>;

export class HookedStore implements Store {
  readonly #store: Store;
  /** Ranges of every read. */
  readonly reads: (readonly KeyRange[])[] = [];
  readonly searches: SearchRequest[] = [];
  /** Every transaction. */
  readonly commits: Transaction[] = [];
  beforeRead: Hook | undefined;
  afterRead: Hook | undefined;
  beforeSearch: Hook | undefined;
  beforeCommit: CommitHook | undefined;
  afterCommit: CommitHook | undefined;
  /** Outcomes as the caller is to see them. */
  outcomes: ((outcomes: readonly CommitOutcome[]) => readonly CommitOutcome[]) | undefined;
  /** The source of a watch, in place of the store's. */
  watchBatches: ((options: WatchOptions) => AsyncIterable<WatchBatch> | undefined) | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  async read(ranges: readonly KeyRange[], options?: ReadOptions): Promise<ReadResult> {
    this.reads.push(ranges);
    await this.beforeRead?.();
    const result = await this.#store.read(ranges, options);
    await this.afterRead?.();
    return result;
  }

  async commit(transactions: readonly Transaction[]): Promise<readonly CommitOutcome[]> {
    this.commits.push(...transactions);
    await this.beforeCommit?.(transactions);
    const outcomes = await this.#store.commit(transactions);
    await this.afterCommit?.(transactions);
    return this.outcomes?.(outcomes) ?? outcomes;
  }

  watch(ranges: readonly KeyRange[], options: WatchOptions = {}): AsyncIterable<WatchBatch> {
    return this.watchBatches?.(options) ?? this.#store.watch(ranges, options);
  }

  async search(request: SearchRequest): Promise<SearchOutcome> {
    this.searches.push(request);
    await this.beforeSearch?.();
    return this.#store.search(request);
  }

  status(): Promise<StoreStatus> {
    return this.#store.status();
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** Forgets what was counted. */
  reset(): void {
    this.reads.length = 0;
    this.searches.length = 0;
    this.commits.length = 0;
  }
}
