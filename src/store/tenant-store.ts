/**
 * The store of one tenant's patterns: the scope of the life in which the tenant is when it is first used. Which one that is
 * costs one read then, and nothing later. When that life turns out to be over, its calls are refused, and whoever made
 * this store is told to make another one; no call ever changes over from one life to another.
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
import { endable, untilAborted } from '../core/endable';
import type { Quota } from '../core/usage';
import { ScopedStore } from './scoped-store';
import type { ScopeGate } from './scoped-store';

/** Where a life of a tenant is stored, and what says that it is still the present one. */
export interface ScopedLife {
  readonly scope: Buffer;
  readonly gate: ScopeGate;
}

export interface TenantStoreOptions {
  /** Rejects where the tenant is shut. */
  readonly life: () => Promise<ScopedLife>;
  /** What it may store, or undefined: any amount. Asked at every commit. */
  readonly quota: () => Quota | undefined | Promise<Quota | undefined>;
  /** The life is over, or there is none. */
  readonly onOver: () => void;
}

/** The tenant's view of `store`. Closing it closes the view alone. */
export class TenantStore implements Store {
  readonly #store: Store;
  readonly #options: TenantStoreOptions;
  #scoped: Promise<ScopedStore> | undefined;
  /** The same, once it is there. */
  #ready: ScopedStore | undefined;

  constructor(store: Store, options: TenantStoreOptions) {
    this.#store = store;
    this.#options = options;
  }

  read(ranges: readonly KeyRange[], options?: ReadOptions): Promise<ReadResult> {
    // Nearly always: a promise less for each read.
    if (this.#ready) return this.#ready.read(ranges, options);
    return this.#now().then((scoped) => scoped.read(ranges, options));
  }

  async commit(transactions: readonly Transaction[], options?: CommitOptions): Promise<readonly CommitOutcome[]> {
    const scoped = this.#ready ?? (await this.#now());
    const asked = this.#options.quota();
    const quota = asked instanceof Promise ? await asked : asked;
    const limited = quota ? transactions.map((transaction) => ({ ...transaction, quota })) : transactions;
    return scoped.commit(limited, options);
  }

  watch(ranges: readonly KeyRange[], options: WatchOptions = {}): AsyncIterable<WatchBatch> {
    return endable((signal) => this.#watch(ranges, { ...options, signal }, signal), options.signal);
  }

  async search(request: SearchRequest, options?: SearchOptions): Promise<SearchOutcome> {
    return (this.#ready ?? (await this.#now())).search(request, options);
  }

  status(): Promise<StoreStatus> {
    return this.#store.status();
  }

  async close(): Promise<void> {
    const scoped = await this.#scoped?.catch(() => undefined);
    await scoped?.close();
  }

  async *#watch(
    ranges: readonly KeyRange[],
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    const scoped = await untilAborted(this.#now(), signal);
    if (scoped) yield* scoped.watch(ranges, options);
  }

  #now(): Promise<ScopedStore> {
    this.#scoped ??= this.#open();
    return this.#scoped;
  }

  async #open(): Promise<ScopedStore> {
    try {
      const { scope, gate } = await this.#options.life();
      const refusal: ScopeGate['refusal'] = (found) => {
        this.#options.onOver();
        return gate.refusal(found);
      };
      this.#ready = new ScopedStore(this.#store, scope, { ...gate, refusal });
      return this.#ready;
    } catch (error) {
      // The next call asks again.
      this.#scoped = undefined;
      this.#options.onOver();
      throw error;
    }
  }
}
