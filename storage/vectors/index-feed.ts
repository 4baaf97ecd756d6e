/**
 * One namespace's index, kept at the state of its rows. It begins to watch, then reads all rows (or, where the index was
 * read from a snapshot, their keys, and the rows whose revision is another), then follows the changes: keys come from the
 * change log, the rows are read anew and sent to the index, so that the last to be applied of a row is never older than the last
 * change of it. What the index proposes is measured from the rows: a row that is gone is no hit, one that has changed counts as
 * it is now, and where too few are left more are asked for.
 */
import type { Change, Entry, KeyRange, Revision, SearchRequest, Store } from '../../proto/store';
import { AppError, toAppError } from '../../src/core/errors';
import { keyAfter } from '../../src/core/tuple';
import { metadataOf, readVector } from '../../src/core/vector-row';
import type { IndexSettings, IndexState, Indexes } from './indexes';
import { Nearest } from './nearest';
import { readRows, showRows } from './read-rows';
import { offerAll, othersTurn } from './scan-search';
import type { SnapshotPlace } from './snapshot-file';

export interface IndexFeedOptions {
  readonly store: Store;
  readonly indexes: Indexes;
  /** The index's number; it is opened and closed here. */
  readonly index: number;
  readonly rows: SearchRequest['rows'];
  readonly settings: IndexSettings;
  /** Where the index may be read from and written to; left out: nowhere. */
  readonly snapshot?: SnapshotPlace | undefined;
  /** Whether it is read from there first. */
  readonly isFromSnapshot: boolean;
  /** It begins when this one is over: another index of the same snapshot. */
  readonly after?: Promise<void> | undefined;
  /** Told of a snapshot that could not be written. */
  readonly onFault?: ((error: AppError) => void) | undefined;
  /** Told of the rows that were read, while the index is made from them or compared with them. */
  readonly onProgress?: ((progress: IndexProgress) => void) | undefined;
  /** Told whenever the index has changed. Throws where it has become too large. */
  readonly onState: (state: IndexState) => void;
}

export interface IndexProgress {
  readonly rows: number;
  /** Of all rows; undefined: they were not counted, since only their keys are read. */
  readonly total: number | undefined;
  readonly isDone: boolean;
}

interface Waiter {
  readonly revision: Revision;
  readonly resolve: () => void;
  readonly reject: (error: AppError) => void;
}

interface Pending {
  readonly key: Buffer;
  readonly since: Revision;
}

/** Keys and values of one page of the first reading. */
const pageBytes = 262_144;
/** Keys of one page where the index was read from its snapshot. */
const keysOfPage = 1_000;
/** Changed rows that are sent to the index together. */
const rowsOfApply = 512;
/** What is read beyond k, for the index measures a little otherwise than the rows do. */
const marginMin = 4;
/** How often more is asked for before all rows are read. */
const widenMax = 3;

export class IndexFeed {
  readonly #options: IndexFeedOptions;
  readonly #stopping = new AbortController();
  /** Rows that have changed since they were last read for the index, by the first of these changes, the oldest first. */
  readonly #pending = new Map<string, Pending>();
  /** Those that are on their way into the index: all of them older. */
  #taken: readonly Pending[] = [];
  #waiters: Waiter[] = [];
  /** Every change through it was seen. */
  #position: Revision = 0;
  #isApplying = false;
  #end: AppError | undefined;
  #state: IndexState = { count: 0, bytes: 0, flat: 0, isWorn: false };
  /** Resolves when the rows are in the index; rejects where that failed. */
  readonly ready: Promise<void>;
  #isReady = false;
  #isChanged = false;
  #saving = Promise.resolve();
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
        () => this.#fail(watchEnded()),
        (error: unknown) => this.#fail(toAppError(error)),
      )
      .then(() => onFailed(this.#end!));
  }

  get state(): IndexState {
    return this.#state;
  }

  /** It does not go on: it was stopped or has failed, or whoever holds the index has. */
  get isOver(): boolean {
    return this.#end !== undefined || this.#options.indexes.isStopped;
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
      await showRows(store, keysOf(rows.start, ids), (entry) => nearest.offer(entry));
      if (nearest.isFull || isAll) return nearest;
      wanted *= 4;
    }
    const nearest = new Nearest(request);
    await offerAll(store, rows, nearest);
    return nearest;
  }

  /** Writes the index down, where there is something new since the last time. */
  save(): Promise<void> {
    const { snapshot, indexes, index } = this.#options;
    this.#saving = this.#saving.then(async () => {
      if (!snapshot || !this.#isReady || !this.#isChanged || this.#end) return;
      this.#isChanged = false;
      // What cannot be written down is made from the rows again.
      await indexes.save(index, snapshot).catch((error: unknown) => this.#options.onFault?.(toAppError(error)));
    });
    return this.#saving;
  }

  /** Ends it and closes the index, after writing it down where that is asked for. */
  async stop({ isSaved = false } = {}): Promise<void> {
    if (isSaved) await this.save();
    await this.#saving;
    this.#abort(new AppError('UNAVAILABLE', 'the index was stopped'));
    await this.#ended;
  }

  // --- following the rows ------------------------------------------------------------------------------------------

  async #run(onReady: () => void): Promise<void> {
    const { store, indexes, index, rows, settings, snapshot, isFromSnapshot } = this.#options;
    const { signal } = this.#stopping;
    await this.#options.after;
    try {
      this.#note(await indexes.open(index, settings, isFromSnapshot ? snapshot : undefined));
      let loading: Promise<void> | undefined;
      for await (const batch of store.watch([rows], { keysOnly: true, signal })) {
        for (const change of batch.changes) this.#notePending(change);
        this.#position = batch.revision;
        // What stood before the first batch is read now; what comes later is in the watch.
        loading ??= this.#load().then(
          () => {
            // It may have ended before it had read them all.
            if (signal.aborted) return;
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
    } catch (error) {
      this.#end ??= toAppError(error);
      throw error;
    } finally {
      // Said before it is closed: a search that comes to it too late is to know why.
      this.#end ??= watchEnded();
      await indexes.close(index).catch(() => undefined);
    }
  }

  /** Brings the index to the state of the rows: all of them where it is empty, else those that have another revision. */
  async #load(): Promise<void> {
    const { indexes, index } = this.#options;
    if (this.#state.count === 0) return this.#readAll({ bytesMax: pageBytes }, (entries) => this.#send(entries, []));
    await this.#readAll({ limit: keysOfPage, keysOnly: true }, (entries) => this.#sendStale(entries));
    if (!this.#stopping.signal.aborted) this.#note(await indexes.forgetOthers(index));
  }

  async #readAll(page: Partial<KeyRange>, take: (entries: readonly Entry[]) => Promise<void>): Promise<void> {
    const { store, rows, onProgress } = this.#options;
    let from = rows.start;
    let count = 0;
    let total: number | undefined;
    while (!this.#stopping.signal.aborted) {
      const { results } = await store.read([{ ...page, start: from, end: rows.end }]);
      const { entries, more } = results[0]!;
      if (entries.length > 0) await take(entries);
      count += entries.length;
      if (more) from = keyAfter(entries.at(-1)!.key);
      if (more && !page.keysOnly) total ??= count + (await this.#countFrom(from));
      onProgress?.({ rows: count, total, isDone: !more });
      if (!more) return;
      await othersTurn();
    }
  }

  /** So that it can be said how far it is. Keys alone cost little beside the rows. */
  async #countFrom(start: Buffer): Promise<number> {
    const { store, rows } = this.#options;
    let from = start;
    for (let count = 0; ;) {
      const { results } = await store.read([{ start: from, end: rows.end, limit: keysOfPage, keysOnly: true }]);
      const { entries, more } = results[0]!;
      count += entries.length;
      if (!more || this.#stopping.signal.aborted) return count;
      from = keyAfter(entries.at(-1)!.key);
      await othersTurn();
    }
  }

  async #sendStale(entries: readonly Entry[]): Promise<void> {
    const { store, indexes, index, rows } = this.#options;
    const ids = entries.map(({ key }) => key.toString('latin1', rows.start.length));
    const stale = await indexes.compare(
      index,
      ids,
      entries.map(({ revision }) => revision),
    );
    const keys = stale.map((at) => entries[at]!.key);
    for await (const found of readRows(store, keys)) await this.#send(found, []);
  }

  #notePending({ key, revision }: Change): void {
    const id = key.toString('latin1');
    if (!this.#pending.has(id)) this.#pending.set(id, { key, since: revision });
  }

  get #appliedThrough(): Revision {
    if (!this.#isReady) return -1;
    const [oldest = this.#pending.values().next().value] = this.#taken;
    return oldest ? oldest.since - 1 : this.#position;
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
    const taken: Pending[] = [];
    for (const [id, each] of this.#pending) {
      this.#pending.delete(id);
      if (taken.push(each) === rowsOfApply) break;
    }
    this.#taken = taken;
    const found: Entry[] = [];
    const keys = taken.map(({ key }) => key);
    for await (const entries of readRows(this.#options.store, keys)) found.push(...entries);
    const present = new Set(found.map(({ key }) => key.toString('latin1')));
    await this.#send(
      found,
      keys.filter((key) => !present.has(key.toString('latin1'))),
    );
    this.#taken = [];
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
    this.#isChanged = true;
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

/** Of rows by their ids, in memory that they share: most of what is proposed is in the answer. */
function keysOf(prefix: Buffer, ids: readonly string[]): Buffer[] {
  let bytes = ids.length * prefix.length;
  for (const id of ids) bytes += id.length;
  const all = Buffer.allocUnsafe(bytes);
  let from = 0;
  return ids.map((id) => {
    const start = from;
    all.set(prefix, start);
    from += prefix.length + id.length;
    all.write(id, start + prefix.length, 'latin1');
    return all.subarray(start, from);
  });
}

function watchEnded(): AppError {
  return new AppError('UNAVAILABLE', 'the watch of the index has ended');
}
