/**
 * One namespace's index, kept at the state of its rows. It begins to watch, then reads all rows, then follows the changes: keys come from the
 * change log, the rows are read anew and sent to the index, so that the last to be applied of a row is never older than the last
 * change of it. What the index proposes is measured from the rows: a row that is gone is no hit, one that has changed counts as
 * it is now, and where too few are left more are asked for.
 */
import type { Change, Entry, Revision, SearchRequest, Store } from '../../proto/store';
import { AppError, toAppError } from '../../src/core/errors';
import { keyAfter } from '../../src/core/tuple';
import { metadataOf, readVector } from '../../src/core/vector-row';
import type { IndexSettings, IndexState, Indexes } from './indexes';
import { Nearest } from './nearest';
import { readRows } from './read-rows';
import { offerAll, othersTurn } from './scan-search';

export interface IndexFeedOptions {
  readonly store: Store;
  readonly indexes: Indexes;
  /** The index's number; it is opened and closed here. */
  readonly index: number;
  readonly rows: SearchRequest['rows'];
  readonly settings: IndexSettings;
  /** Told whenever the index has changed. Throws where it has become too large. */
  readonly onState: (state: IndexState) => void;
}

interface Waiter {
  readonly revision: Revision;
  readonly resolve: () => void;
  readonly reject: (error: AppError) => void;
}

/** Keys and values of one page of the first reading. */
const pageBytes = 262_144;
/** Changed rows that are sent to the index together. */
const rowsOfApply = 512;
/** What is read beyond k, for the index measures a little otherwise than the rows do. */
const marginMin = 8;
/** How often more is asked for before all rows are read. */
const widenMax = 3;

export class IndexFeed {
  readonly #options: IndexFeedOptions;
  readonly #stopping = new AbortController();
  /** Changed rows that are not in the index yet, the oldest change first. */
  readonly #pending = new Map<string, { readonly key: Buffer; readonly revision: Revision }>();
  #waiters: Waiter[] = [];
  /** Every change through it was seen. */
  #position: Revision = 0;
  #isApplying = false;
  #end: AppError | undefined;
  #state: IndexState = { count: 0, bytes: 0, flat: 0, isWorn: false };
  /** Resolves when the rows are in the index; rejects where that failed. */
  readonly ready: Promise<void>;
  #isReady = false;
  readonly #ended: Promise<void>;

  constructor(options: IndexFeedOptions) {
    this.#options = options;
    let onReady: () => void = () => undefined;
    let onFailed: (error: AppError) => void = () => undefined;
    this.ready = new Promise((resolve, reject) => {
      onReady = resolve;
      onFailed = reject;
    });
    this.ready.catch(() => undefined);
    this.#ended = this.#run(onReady)
      .then(
        () => this.#fail(new AppError('UNAVAILABLE', 'the index was stopped')),
        (error: unknown) => this.#fail(toAppError(error)),
      )
      .then(() => onFailed(this.#end!));
  }

  get state(): IndexState {
    return this.#state;
  }

  /** Why it does not go on; undefined while it does. */
  get end(): AppError | undefined {
    return this.#end;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Resolves when every change through the revision is in the index. */
  reached(revision: Revision): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#end) throw this.#end;
      if (this.#appliedThrough >= revision) return resolve();
      this.#waiters.push({ revision, resolve, reject });
    });
  }

  /** The nearest of the index, measured from the rows. */
  async search(request: SearchRequest): Promise<Nearest> {
    const { store, indexes, index, rows } = this.#options;
    const { near, k, filter } = request;
    let wanted = k + Math.max(marginMin, k >> 2) + (request.except ? 1 : 0);
    for (let tries = 0; tries <= widenMax; tries += 1) {
      const { ids, isAll } = await indexes.search(index, { near, wanted, filter });
      const nearest = new Nearest(request);
      const keys = ids.map((id) => Buffer.concat([rows.start, Buffer.from(id, 'latin1')]));
      for await (const entries of readRows(store, keys)) for (const entry of entries) nearest.offer(entry);
      if (nearest.isFull || isAll) return nearest;
      wanted *= 4;
    }
    const nearest = new Nearest(request);
    await offerAll(store, rows, nearest);
    return nearest;
  }

  /** Ends it and closes the index. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  // --- following the rows ------------------------------------------------------------------------------------------

  async #run(onReady: () => void): Promise<void> {
    const { store, indexes, index, rows, settings } = this.#options;
    const { signal } = this.#stopping;
    try {
      this.#note(await indexes.open(index, settings));
      let loading: Promise<void> | undefined;
      for await (const batch of store.watch([rows], { keysOnly: true, signal })) {
        for (const change of batch.changes) this.#notePending(change);
        this.#position = batch.revision;
        // What stood before the first batch is read now; what comes later is in the watch.
        loading ??= this.#load().then(
          () => {
            this.#isReady = true;
            this.#applyAll();
            this.#wake();
            onReady();
          },
          (error: unknown) => this.#abort(toAppError(error)),
        );
        if (this.#isReady) {
          this.#applyAll();
          this.#wake();
        }
      }
      await loading;
      if (this.#end) throw this.#end;
    } finally {
      await indexes.close(index).catch(() => undefined);
    }
  }

  async #load(): Promise<void> {
    const { store, rows } = this.#options;
    let from = rows.start;
    for (;;) {
      if (this.#stopping.signal.aborted) return;
      const { results } = await store.read([{ start: from, end: rows.end, bytesMax: pageBytes }]);
      const { entries, more } = results[0]!;
      await this.#send(entries, []);
      if (!more) return;
      from = keyAfter(entries.at(-1)!.key);
      await othersTurn();
    }
  }

  #notePending({ key, revision }: Change): void {
    const id = key.toString('latin1');
    // To the end: the order is that of the changes.
    this.#pending.delete(id);
    this.#pending.set(id, { key, revision });
  }

  get #appliedThrough(): Revision {
    if (!this.#isReady) return -1;
    for (const { revision } of this.#pending.values()) return revision - 1;
    return this.#position;
  }

  #applyAll(): void {
    if (this.#isApplying || this.#pending.size === 0) return;
    this.#isApplying = true;
    void this.#applySome().then(
      () => {
        this.#isApplying = false;
        this.#wake();
        this.#applyAll();
      },
      (error: unknown) => this.#abort(toAppError(error)),
    );
  }

  async #applySome(): Promise<void> {
    const taken: (readonly [string, { readonly key: Buffer; readonly revision: Revision }])[] = [];
    for (const each of this.#pending) if (taken.push(each) === rowsOfApply) break;
    const found: Entry[] = [];
    const keys = taken.map(([, { key }]) => key);
    for await (const entries of readRows(this.#options.store, keys)) found.push(...entries);
    const present = new Set(found.map(({ key }) => key.toString('latin1')));
    await this.#send(
      found,
      keys.filter((key) => !present.has(key.toString('latin1'))),
    );
    for (const [id, change] of taken) if (this.#pending.get(id) === change) this.#pending.delete(id);
  }

  async #send(entries: readonly Entry[], gone: readonly Buffer[]): Promise<void> {
    const { indexes, index, rows, settings } = this.#options;
    const { dimensions } = settings;
    const idOf = (key: Buffer): string => key.toString('latin1', rows.start.length);
    const vectors = new Float32Array(entries.length * dimensions);
    const ids: string[] = [];
    const revisions: number[] = [];
    const metadata: string[] = [];
    const removed = gone.map(idOf);
    for (const { key, value, revision } of entries) {
      const at = ids.length * dimensions;
      // A row of another number of dimensions is never a hit.
      if (!readVector(value, vectors.subarray(at, at + dimensions))) {
        removed.push(idOf(key));
        continue;
      }
      ids.push(idOf(key));
      revisions.push(revision);
      metadata.push(metadataOf(value).toString('utf8'));
    }
    if (ids.length + removed.length === 0) return;
    this.#note(await indexes.apply(index, { ids, revisions, vectors, metadata, removed }));
  }

  #note(state: IndexState): void {
    this.#state = state;
    this.#options.onState(state);
  }

  #wake(): void {
    const through = this.#appliedThrough;
    if (this.#waiters.length === 0) return;
    const waiting = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiting) {
      if (waiter.revision <= through) waiter.resolve();
      else this.#waiters.push(waiter);
    }
  }

  /** It cannot go on: the watch ends, and with it the rest. */
  #abort(error: AppError): void {
    this.#end ??= error;
    this.#stopping.abort();
  }

  #fail(error: AppError): void {
    this.#end ??= error;
    for (const { reject } of this.#waiters.splice(0)) reject(this.#end);
  }
}
