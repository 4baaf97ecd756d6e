/**
 * The Store inside the storage process: an engine with a clock, a queue and readers. Commits gather while one physical commit
 * runs; the next one takes what has gathered, so that a flush is shared by all that waited for it, without any artificial
 * delay. An answer is given when the commit stands. What expires is swept, and announced, within a second of its
 * time on the storage clock; that it is expired is judged at every read, check and write without the sweeper. A physical commit that fails
 * for want of room fails its transactions alone; after any other the store is dead: what was in flight is OUTCOME_UNKNOWN,
 * everything later UNAVAILABLE, and `onFatal` is told.
 */
import type {
  CommitOptions,
  CommitOutcome,
  Entry,
  KeyRange,
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
} from '../proto/store';
import type { CancelTimer, Clock } from '../src/core/clock';
import { endable } from '../src/core/endable';
import { AppError, toAppError } from '../src/core/errors';
import { CommitQueue, settle } from './commit-queue';
import type { Waiting } from './commit-queue';
import type { Applied, Engine } from './engine';
import { EngineFailure } from './engine';
import { isReadOnly } from './judge';
import type { DataSnapshot, LoadStep, Portable } from './portable';
import type { RowViews } from './row-views';
import { StorageClock } from './storage-clock';
import { faultOf, validateCommit, validateLoad, validateRanges, validateSearch, validateWatch } from './validate';
import { scanSearch } from './vectors/scan-search';
import { WatchHub } from './watch-hub';

export interface LocalStoreOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  /** Where others reach it, for its status; default 'local'. */
  readonly address?: string;
  /** The store cannot go on: the process should end. */
  readonly onFatal?: (error: AppError) => void;
}

/** How long the sweeper sleeps at most while something expires some day: the wall clock may jump ahead. */
const sweepEveryMs = 500;
const sweepRowsMax = 512;
/** After a failure for want of room the sweeper waits this long: what it frees may be what is wanting. */
const sweepRetryMs = 1_000;

/** Loads that wait; whoever imports waits for each. */
const loadsMax = 16;

interface WaitingLoad {
  readonly step: LoadStep;
  readonly resolve: (revision: Revision) => void;
  readonly reject: (error: AppError) => void;
}

export class LocalStore implements Store, Portable, RowViews {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #address: string;
  readonly #onFatal: (error: AppError) => void;
  readonly #time: StorageClock;
  readonly #queue = new CommitQueue();
  readonly #hub: WatchHub;
  readonly #loads: WaitingLoad[] = [];
  #isRunning = false;
  #isSweepDue = false;
  #cancelSweep: CancelTimer | undefined;
  #death: AppError | undefined;
  #onIdle: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor({ engine, clock, address = 'local', onFatal = () => undefined }: LocalStoreOptions) {
    this.#engine = engine;
    this.#clock = clock;
    this.#address = address;
    this.#onFatal = onFatal;
    this.#time = new StorageClock(clock, engine.state().clockMs);
    this.#hub = new WatchHub({ engine, clock, nowMs: () => this.#time.nowMs() });
    this.#scheduleSweep();
  }

  async read(ranges: readonly KeyRange[], _options?: ReadOptions): Promise<ReadResult> {
    this.#refuseIfOver();
    validateRanges(ranges);
    const nowMs = this.#time.nowMs();
    const { results, revision } = this.#engine.read(ranges, nowMs);
    this.#hub.noteSeen(revision);
    return { results, revision, nowMs };
  }

  view(keys: readonly Buffer[], show: (entry: Entry) => void): void {
    this.#refuseIfOver();
    this.#hub.noteSeen(this.#engine.view(keys, this.#time.nowMs(), show));
  }

  async commit(transactions: readonly Transaction[], _options?: CommitOptions): Promise<readonly CommitOutcome[]> {
    this.#refuseIfOver();
    validateCommit(transactions);
    if (transactions.length === 0) return [];
    const faults = transactions.map(faultOf);
    // What writes nothing needs no flush; it is judged on the state that stands.
    if (transactions.every(isReadOnly)) return this.#judge(transactions, faults);
    const outcomes = this.#queue.add(transactions, faults);
    if (!this.#isRunning) this.#start();
    return outcomes;
  }

  watch(ranges: readonly KeyRange[], options: WatchOptions = {}): AsyncIterable<WatchBatch> {
    return endable((signal) => this.#watch(ranges, options, signal), options.signal);
  }

  /** Reads all rows of the namespace: `vectors/vector-store.ts` has an index. */
  async search(request: SearchRequest, _options?: SearchOptions): Promise<SearchOutcome> {
    this.#refuseIfOver();
    validateSearch(request);
    return scanSearch(this, request);
  }

  async status(): Promise<StoreStatus> {
    this.#refuseIfOver();
    const { name, storeId, epoch } = this.#engine;
    const { revision: acknowledged, oldestRevision } = this.#engine.state();
    this.#hub.noteSeen(acknowledged);
    // A read may have shown a newer state than the last one that was acknowledged; revisions are never seen to go back.
    const revision = this.#hub.seen;
    const nodes = [{ id: storeId, address: this.#address, role: 'leader' as const }];
    return { engine: name, storeId, epoch, revision, nowMs: this.#time.nowMs(), oldestRevision, nodes };
  }

  async snapshot(): Promise<DataSnapshot> {
    this.#refuseIfOver();
    return this.#engine.snapshot(this.#time.nowMs());
  }

  async load(step: LoadStep): Promise<Revision> {
    this.#refuseIfOver();
    validateLoad(step);
    if (this.#loads.length >= loadsMax) throw new AppError('OVERLOADED', `${loadsMax} loads wait already`);
    return new Promise((resolve, reject) => {
      this.#loads.push({ step, resolve, reject });
      if (!this.#isRunning) this.#start();
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  // --- commits -----------------------------------------------------------------------------------------------------

  #judge(transactions: readonly Transaction[], faults: readonly (AppError | undefined)[]): readonly CommitOutcome[] {
    const sound = transactions.filter((_, index) => !faults[index]);
    const outcomes = this.#engine.judge(sound, this.#time.nowMs());
    for (const outcome of outcomes) if (outcome.kind !== 'failed') this.#hub.noteSeen(outcome.revision);
    const judged = outcomes[Symbol.iterator]();
    return faults.map((error) => (error ? { kind: 'failed', error } : judged.next().value!));
  }

  /** Runs at the end of this turn, so that what arrives in it is together. */
  #start(): void {
    this.#isRunning = true;
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    // Sweeping takes turns with commits, so that neither waits for the end of the other.
    while (!this.#death && (this.#queue.size > 0 || this.#isSweepDue || this.#loads.length > 0)) {
      if (this.#queue.size > 0) await this.#applyGroup();
      if (this.#isSweepDue && !this.#death) await this.#sweep();
      const load = this.#death ? undefined : this.#loads.shift();
      if (load) await this.#load(load);
    }
    this.#isRunning = false;
    if (this.#death) this.#failWaiting(this.#death);
    this.#onIdle?.();
  }

  async #applyGroup(): Promise<void> {
    let group: readonly Waiting[] = [];
    const takeGroup = (): { transactions: readonly Transaction[]; nowMs: number } => {
      group = this.#queue.take();
      return { transactions: group.map(({ transaction }) => transaction), nowMs: this.#time.nowMs() };
    };
    try {
      const applied = await this.#engine.apply(takeGroup);
      group.forEach((each, index) => settle(each, applied.outcomes[index]!));
      this.#after(applied);
    } catch (thrown) {
      const error = this.#failureOf(thrown);
      for (const each of group) settle(each, { kind: 'failed', error });
    }
  }

  async #sweep(): Promise<void> {
    this.#isSweepDue = false;
    try {
      const applied = await this.#engine.expire(() => this.#time.nowMs(), sweepRowsMax);
      this.#after(applied);
    } catch (thrown) {
      this.#failureOf(thrown);
      if (!this.#death) this.#scheduleSweep(sweepRetryMs);
    }
  }

  async #load({ step, resolve, reject }: WaitingLoad): Promise<void> {
    try {
      const clockMs = step.floor?.clockMs;
      if (clockMs !== undefined) this.#time.raise(clockMs);
      const applied = await this.#engine.load(() => this.#time.nowMs(), step);
      resolve(applied.revision);
      this.#after(applied);
    } catch (thrown) {
      reject(this.#failureOf(thrown));
    }
  }

  #after({ commits, revision, more }: Applied): void {
    this.#hub.publish(commits, revision);
    if (more) this.#isSweepDue = true;
    else this.#scheduleSweep();
  }

  #failureOf(thrown: unknown): AppError {
    if (thrown instanceof EngineFailure && !thrown.isFatal) return thrown;
    const error =
      thrown instanceof EngineFailure
        ? thrown
        : new AppError('OUTCOME_UNKNOWN', `the engine failed: ${toAppError(thrown).message}`, { cause: thrown });
    this.#die(error);
    return error;
  }

  #die(error: AppError): void {
    if (this.#death) return;
    this.#death = new AppError('UNAVAILABLE', `storage has failed and is ending: ${error.message}`, { cause: error });
    this.#cancelSweep?.();
    this.#hub.end(this.#death);
    this.#onFatal(error);
  }

  #failWaiting(error: AppError): void {
    while (this.#queue.size > 0) for (const each of this.#queue.take()) settle(each, { kind: 'failed', error });
    for (const { reject } of this.#loads.splice(0)) reject(error);
  }

  // --- expiry ------------------------------------------------------------------------------------------------------

  /** Looks again when the next entry is due, or earlier. */
  #scheduleSweep(atLeastMs = 0): void {
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    const dueMs = this.#engine.nextDueMs();
    if (dueMs === undefined || this.#closed) return;
    const delayMs = Math.max(atLeastMs, Math.min(Math.max(dueMs - this.#time.nowMs(), 0), sweepEveryMs));
    this.#cancelSweep = this.#clock.after(delayMs, () => this.#onSweepTimer());
  }

  #onSweepTimer(): void {
    const dueMs = this.#engine.nextDueMs();
    if (this.#closed || this.#death) return;
    if (dueMs === undefined || dueMs > this.#time.nowMs()) return this.#scheduleSweep();
    this.#isSweepDue = true;
    if (!this.#isRunning) this.#start();
  }

  // --- watching and ending -----------------------------------------------------------------------------------------

  async *#watch(
    ranges: readonly KeyRange[],
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    this.#refuseIfOver();
    validateWatch(ranges, options);
    yield* this.#hub.watch(ranges, options, signal);
  }

  #refuseIfOver(): void {
    if (this.#death) throw this.#death;
    if (this.#closed) throw new AppError('UNAVAILABLE', 'the store is closed');
  }

  async #close(): Promise<void> {
    this.#cancelSweep?.();
    this.#hub.end(undefined);
    if (this.#isRunning) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    await this.#engine.close(this.#time.nowMs());
  }
}
