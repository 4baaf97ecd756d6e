/**
 * A Store that tells what its operations cost: to an observer (metrics) and to a tracer (OpenTelemetry spans store.read,
 * store.commit, store.search and store.watch). It changes nothing. With neither, there is nothing to wrap and the store itself is
 * given back.
 */
import type { Span, Tracer } from '@opentelemetry/api';
import { SpanStatusCode } from '@opentelemetry/api';
import type {
  CommitOptions,
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
import type { CommitOutcome } from '../../proto/store';
import type { Clock } from '../core/clock';
import type { FailureCode } from '../core/errors';
import { toAppError } from '../core/errors';
import { endable } from '../core/endable';

export type StoreOperationName = 'read' | 'commit' | 'search' | 'watch' | 'status';

/** How large an operation was. */
export interface StoreOperationSizes {
  /** Ranges of a read or a watch, transactions of a commit, hits of a search. */
  readonly asked: number;
  /** Entries of a read, hits of a search, changes of a watch, conflicts among the outcomes of a commit. */
  readonly given: number;
}

/** Is told of every operation when it ends; must not throw. A watch ends with 'ok' when its reader ends it. */
export interface StoreObserver {
  onOperation(name: StoreOperationName, ms: number, outcome: 'ok' | FailureCode, sizes: StoreOperationSizes): void;
}

export interface TracedStoreOptions {
  readonly clock: Clock;
  readonly observer?: StoreObserver;
  readonly tracer?: Tracer;
}

/** `store`, watched. */
export function makeTracedStore(store: Store, options: TracedStoreOptions): Store {
  return options.observer || options.tracer ? new TracedStore(store, options) : store;
}

class TracedStore implements Store {
  readonly #store: Store;
  readonly #options: TracedStoreOptions;

  constructor(store: Store, options: TracedStoreOptions) {
    this.#store = store;
    this.#options = options;
  }

  async read(ranges: readonly KeyRange[], options?: ReadOptions): Promise<ReadResult> {
    const measure = this.#begin('read', ranges.length);
    try {
      const result = await this.#store.read(ranges, options);
      measure.given = countEntries(result);
      return result;
    } catch (error) {
      throw measure.failed(error);
    } finally {
      measure.end();
    }
  }

  async commit(transactions: readonly Transaction[], options?: CommitOptions): Promise<readonly CommitOutcome[]> {
    const measure = this.#begin('commit', transactions.length);
    try {
      const outcomes = await this.#store.commit(transactions, options);
      for (const outcome of outcomes) if (outcome.kind === 'conflict') measure.given += 1;
      return outcomes;
    } catch (error) {
      throw measure.failed(error);
    } finally {
      measure.end();
    }
  }

  async search(request: SearchRequest, options?: SearchOptions): Promise<SearchOutcome> {
    const measure = this.#begin('search', request.k);
    try {
      const outcome = await this.#store.search(request, options);
      if (outcome.kind === 'found') measure.given = outcome.hits.length;
      return outcome;
    } catch (error) {
      throw measure.failed(error);
    } finally {
      measure.end();
    }
  }

  async status(): Promise<StoreStatus> {
    const measure = this.#begin('status', 1);
    try {
      return await this.#store.status();
    } catch (error) {
      throw measure.failed(error);
    } finally {
      measure.end();
    }
  }

  watch(ranges: readonly KeyRange[], options: WatchOptions = {}): AsyncIterable<WatchBatch> {
    return endable((signal) => this.#watch(ranges, { ...options, signal }), options.signal);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async *#watch(ranges: readonly KeyRange[], options: WatchOptions): AsyncGenerator<WatchBatch, void, undefined> {
    const measure = this.#begin('watch', ranges.length);
    try {
      for await (const batch of this.#store.watch(ranges, options)) {
        measure.given += batch.changes.length;
        yield batch;
      }
    } catch (error) {
      throw measure.failed(error);
    } finally {
      measure.end();
    }
  }

  #begin(name: StoreOperationName, asked: number): Measure {
    return new Measure(name, asked, this.#options);
  }
}

/** One operation, from its call to its end. */
class Measure {
  readonly #name: StoreOperationName;
  readonly #asked: number;
  readonly #options: TracedStoreOptions;
  readonly #startMs: number;
  readonly #span: Span | undefined;
  #outcome: 'ok' | FailureCode = 'ok';
  given = 0;

  constructor(name: StoreOperationName, asked: number, options: TracedStoreOptions) {
    this.#name = name;
    this.#asked = asked;
    this.#options = options;
    this.#startMs = options.clock.monotonicMs();
    this.#span = options.tracer?.startSpan(`store.${name}`, { attributes: { 'store.asked': asked } });
  }

  /** Notes the failure and gives it back to be thrown on. */
  failed(error: unknown): unknown {
    this.#outcome = toAppError(error).code;
    return error;
  }

  end(): void {
    const ms = this.#options.clock.monotonicMs() - this.#startMs;
    this.#options.observer?.onOperation(this.#name, ms, this.#outcome, { asked: this.#asked, given: this.given });
    if (!this.#span) return;
    this.#span.setAttribute('store.given', this.given);
    // The code alone: messages may hold keys of callers.
    if (this.#outcome !== 'ok') this.#span.setStatus({ code: SpanStatusCode.ERROR, message: this.#outcome });
    this.#span.end();
  }
}

function countEntries({ results }: ReadResult): number {
  let entries = 0;
  for (const result of results) entries += result.entries.length;
  return entries;
}
