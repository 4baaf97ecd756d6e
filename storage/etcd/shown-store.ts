/**
 * A store on etcd with its revisions as they are shown (`bases.ts`): what comes in is turned into etcd's own, what goes out into what is
 * shown. Nothing else knows that the two differ.
 */
import type {
  Check,
  CommitOptions,
  CommitOutcome,
  Entry,
  KeyRange,
  MarkEntry,
  ReadOptions,
  ReadResult,
  Revision,
  SearchOptions,
  SearchOutcome,
  SearchRequest,
  Store,
  StoreStatus,
  Transaction,
  WatchBatch,
  WatchOptions,
} from '../../proto/store';
import { endable } from '../../src/core/endable';
import { toAppError } from '../../src/core/errors';
import type { DataSnapshot, LoadStep, Portable } from '../portable';
import { validateWatch } from '../validate';
import type { RevisionBases } from './bases';
import { goneError } from './feed';

export interface ShownStoreOptions {
  /** Speaks of etcd's own revisions; its snapshots say what is shown. */
  readonly store: Store & Portable;
  readonly bases: RevisionBases;
  /** Learns the bases as they are now. */
  readonly refresh: () => Promise<void>;
}

/** No row of etcd is at it: the first one that is written is at 2. */
const never: Revision = 1;

export class ShownStore implements Store, Portable {
  readonly #store: Store & Portable;
  readonly #bases: RevisionBases;
  readonly #refresh: () => Promise<void>;

  constructor({ store, bases, refresh }: ShownStoreOptions) {
    this.#store = store;
    this.#bases = bases;
    this.#refresh = refresh;
  }

  async read(ranges: readonly KeyRange[], options?: ReadOptions): Promise<ReadResult> {
    const { results, revision, nowMs } = await this.#store.read(ranges, options);
    if (this.#bases.isPlain) return { results, revision, nowMs };
    const shown = results.map(({ entries, more }) => ({ entries: entries.map(this.#entry), more }));
    return { results: shown, revision: this.#bases.shown(revision), nowMs };
  }

  commit(transactions: readonly Transaction[], options?: CommitOptions): Promise<readonly CommitOutcome[]> {
    const own = this.#bases.isPlain
      ? transactions
      : transactions.map((each) => ({ ...each, checks: each.checks.map(this.#check) }));
    const toShown = (outcomes: readonly CommitOutcome[]): readonly CommitOutcome[] =>
      this.#bases.isPlain ? outcomes : outcomes.map(this.#outcome);
    return this.#store.commit(own, options).then(toShown);
  }

  watch(ranges: readonly KeyRange[], options: WatchOptions = {}): AsyncIterable<WatchBatch> {
    return endable((signal) => this.#watch(ranges, { ...options, signal }), options.signal);
  }

  async *#watch(ranges: readonly KeyRange[], options: WatchOptions): AsyncGenerator<WatchBatch, void, undefined> {
    const { afterRevision } = options;
    validateWatch(ranges, options);
    if (afterRevision !== undefined && afterRevision < this.#bases.floor) {
      // A store that is over says so before anything else.
      await this.#store.status();
      throw goneError(afterRevision, this.#bases.floor);
    }
    const own = afterRevision === undefined ? {} : { afterRevision: this.#bases.own(afterRevision) ?? never };
    try {
      for await (const batch of this.#store.watch(ranges, { ...options, ...own })) {
        // A stream of its own may be further than anything else that this process has heard.
        if (batch.revision > this.#bases.through) await this.#refresh();
        yield this.#bases.isPlain ? batch : this.#batch(batch);
      }
    } catch (error) {
      throw this.#watchFailure(error, afterRevision);
    }
  }

  async search(request: SearchRequest, options?: SearchOptions): Promise<SearchOutcome> {
    const outcome = await this.#store.search({ ...request, checks: request.checks.map(this.#check) }, options);
    if (outcome.kind === 'conflict') return this.#outcome(outcome) as typeof outcome;
    const hits = outcome.hits.map((hit) => ({ ...hit, revision: this.#bases.shown(hit.revision) }));
    return { ...outcome, hits, revision: this.#bases.shown(outcome.revision) };
  }

  async status(): Promise<StoreStatus> {
    const status = await this.#store.status();
    const oldestRevision = this.#oldest(status.oldestRevision);
    return { ...status, revision: this.#bases.shown(status.revision), oldestRevision };
  }

  snapshot(): Promise<DataSnapshot> {
    return this.#store.snapshot();
  }

  async load(step: LoadStep): Promise<Revision> {
    return this.#bases.shown(await this.#store.load(step));
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  readonly #check = (check: Check): Check => {
    const { key, revision } = check;
    // What is no revision is refused behind this.
    if (!Number.isSafeInteger(revision) || revision <= 0) return check;
    return { key, revision: this.#bases.own(revision) ?? never };
  };

  readonly #entry = <Kind extends Entry | MarkEntry>(entry: Kind): Kind => {
    return { ...entry, revision: this.#bases.shown(entry.revision) };
  };

  readonly #outcome = (outcome: CommitOutcome): CommitOutcome => {
    if (outcome.kind === 'failed') return outcome;
    const revision = this.#bases.shown(outcome.revision);
    if (outcome.kind === 'committed') return { ...outcome, revision };
    return { ...outcome, revision, entries: outcome.entries.map(this.#entry), marks: outcome.marks.map(this.#entry) };
  };

  #batch({ changes, revision, nowMs }: WatchBatch): WatchBatch {
    const shown = changes.map((change) => ({ ...change, revision: this.#bases.shown(change.revision) }));
    return { changes: shown, revision: this.#bases.shown(revision), nowMs };
  }

  #oldest(own: Revision): Revision {
    return Math.max(this.#bases.shown(own), this.#bases.floor);
  }

  /** In the words of whoever watches. */
  #watchFailure(thrown: unknown, afterRevision: Revision | undefined): unknown {
    const error = toAppError(thrown);
    const { oldest } = (error.details ?? {}) as { readonly oldest?: unknown };
    if (this.#bases.isPlain || error.code !== 'HISTORY_GONE' || typeof oldest !== 'number') return thrown;
    return goneError(afterRevision ?? 0, this.#oldest(oldest));
  }
}
