/**
 * A Store that tells what this process has written through it, as soon as that is known to stand and before whoever wrote it
 * hears of it. Everything else passes through.
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
  Revision,
  Store,
  StoreStatus,
  Transaction,
  WatchBatch,
  WatchOptions,
  Write,
} from '../../proto/store';

/** Writes of one transaction that stand. */
export interface Written {
  readonly writes: readonly Write[];
  readonly revision: Revision;
}

/** `store`; `onWritten` must not throw. Closing it closes the store. */
export class NoticingStore implements Store {
  readonly #store: Store;
  readonly #onWritten: (written: Written) => void;

  constructor(store: Store, onWritten: (written: Written) => void) {
    this.#store = store;
    this.#onWritten = onWritten;
  }

  async commit(transactions: readonly Transaction[], options?: CommitOptions): Promise<readonly CommitOutcome[]> {
    const outcomes = await this.#store.commit(transactions, options);
    for (const [index, { writes }] of transactions.entries()) {
      const outcome = outcomes[index]!;
      if (outcome.kind === 'committed' && writes.length > 0) this.#onWritten({ writes, revision: outcome.revision });
    }
    return outcomes;
  }

  read(ranges: readonly KeyRange[], options?: ReadOptions): Promise<ReadResult> {
    return this.#store.read(ranges, options);
  }

  watch(ranges: readonly KeyRange[], options?: WatchOptions): AsyncIterable<WatchBatch> {
    return this.#store.watch(ranges, options);
  }

  search(request: SearchRequest, options?: SearchOptions): Promise<SearchOutcome> {
    return this.#store.search(request, options);
  }

  status(): Promise<StoreStatus> {
    return this.#store.status();
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
