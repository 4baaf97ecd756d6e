/**
 * One batch of a lane: read what is not known, decide every command in order over one overlay, commit the whole as one
 * transaction that checks all it relied on, and on a conflict decide the whole again from the entries that the conflict
 * brought. An outcome that writes nothing is confirmed too: by the checks of that commit, or by a read made in this
 * batch, never by kept state alone. Costs one commit, and one read where the state is not kept.
 */
import { backoffDelayMs } from '../core/backoff';
import type { Clock } from '../core/clock';
import { AppError, toAppError } from '../core/errors';
import type { Ids } from '../core/ids';
import { storeLimits } from '../../proto/limits';
import type { Check, CommitOutcome, Conflict, Entry, Mark, MarkEntry, Revision, Store, Transaction } from '../../proto/store';
import type { LaneMemory } from './lane-memory';
import { decodeMark, encodeMark, type MarkIdentity } from './marks';
import { BatchOverlay, type View } from './view';

/** A command's outcome, with the commit that it stands in. */
export interface Settled<O> {
  readonly outcome: O;
  /** Of the commit that wrote it; where nothing was written, of the state that it was decided on. */
  readonly revision: Revision;
  /** The storage clock at that commit. */
  readonly nowMs: number;
  /** Whether an earlier run of the same command gave this answer. */
  readonly isReplay: boolean;
}

/** A queued command. `O` is erased: a batch holds commands of several kinds. */
export interface Job {
  /** Every row that the decision may see: records, guards and rows. */
  readonly keys: readonly Buffer[];
  readonly decide: (view: View) => unknown;
  readonly mark: MarkIdentity | undefined;
  readonly encodeOutcome: (outcome: unknown) => Buffer;
  readonly decodeOutcome: (bytes: Buffer, mark: MarkEntry) => unknown;
  readonly settle: (settled: Settled<unknown>) => void;
  readonly fail: (error: AppError) => void;
}

/** What a batch tells whoever watches the lanes. */
export interface BatchReport {
  readonly commands: number;
  readonly conflicts: number;
}

export interface BatchDependencies {
  readonly store: Store;
  readonly memory: LaneMemory;
  /** Keeps this scope's keys apart from other tenants' in the shared memory. */
  readonly memoryScope: string;
  readonly time: StorageTime;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly report: (report: BatchReport) => void;
}

/** Tries of one batch against writers of other gateways before its commands fail with CONTENTION. */
export const batchTriesMax = 12;
const retryBackoff = { baseMs: 1, capMs: 50 };

/** The storage clock as far as this process knows it: its last reply plus the time since, never ahead of it. */
export class StorageTime {
  readonly #clock: Clock;
  #lastMs = 0;
  #heardAtMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * A reply said that the storage clock was at `nowMs`. The latest reply stands even where it is below the estimate: a
   * storage clock that stands still for a while (its wall clock was set back) must not be overtaken.
   */
  heard(nowMs: number): void {
    this.#lastMs = nowMs;
    this.#heardAtMs = this.#clock.monotonicMs();
  }

  /** 0 before the first reply. */
  estimateMs(): number {
    if (this.#lastMs === 0) return 0;
    return this.#lastMs + Math.floor(this.#clock.monotonicMs() - this.#heardAtMs);
  }
}

type Decided = { readonly job: Job; readonly mark: Mark | undefined } & (
  | { readonly outcome: unknown; readonly error?: undefined }
  | { readonly error: AppError }
);

interface Decision {
  readonly decided: readonly Decided[];
  readonly transaction: Transaction;
}

/** Runs one batch until each of its jobs is settled or failed, and answers those that did not fit. Never throws. */
export async function runBatch(jobs: readonly Job[], dependencies: BatchDependencies): Promise<readonly Job[]> {
  const batch = new Batch(jobs, dependencies);
  try {
    return await batch.run();
  } catch (thrown) {
    batch.failAll(toAppError(thrown));
    return [];
  }
}

class Batch {
  readonly #dependencies: BatchDependencies;
  readonly #keys = new Map<string, Buffer>();
  readonly #state = new Map<string, Entry | undefined>();
  #asOf: Revision = 0;
  #live: readonly Job[];
  #leftOver: readonly Job[] = [];

  constructor(jobs: readonly Job[], dependencies: BatchDependencies) {
    this.#live = jobs;
    this.#dependencies = dependencies;
    for (const job of jobs) for (const key of job.keys) this.#keys.set(key.toString('latin1'), key);
  }

  async run(): Promise<readonly Job[]> {
    const { store, clock, ids, report } = this.#dependencies;
    const commands = this.#live.length;
    // Whether the state was read after every command was queued, so that a refusal may rest on it.
    let isFresh = await this.#learn();
    for (let tries = 1; tries <= batchTriesMax; tries += 1) {
      const decision = this.#decide();
      if (isFresh && decision.transaction.writes.length === 0 && decision.transaction.marks!.length === 0) {
        this.#settle(decision, { kind: 'committed', revision: this.#asOf, nowMs: this.#dependencies.time.estimateMs() });
        report({ commands, conflicts: tries - 1 });
        return this.#leftOver;
      }
      const [outcome] = await store.commit([decision.transaction]);
      if (this.#conclude(decision, outcome!)) {
        report({ commands, conflicts: tries - 1 });
        return this.#leftOver;
      }
      // A conflict brought the present state of everything that was checked.
      isFresh = false;
      if (this.#live.length === 0) return this.#leftOver;
      if (tries > 1) await clock.sleep(backoffDelayMs(tries - 1, retryBackoff, ids));
    }
    report({ commands, conflicts: batchTriesMax });
    throw new AppError('CONTENTION', `other writers won ${batchTriesMax} times in a row: nothing was written, try again`);
  }

  failAll(error: AppError): void {
    // What was believed may be what failed.
    for (const id of this.#keys.keys()) this.#dependencies.memory.drop(this.#dependencies.memoryScope + id);
    for (const job of [...this.#live, ...this.#leftOver]) job.fail(error);
    this.#live = [];
    this.#leftOver = [];
  }

  /** Fills the state from memory and reads the rest. Answers whether all of it was read just now. */
  async #learn(): Promise<boolean> {
    const { memory, memoryScope, store, time } = this.#dependencies;
    const unknown: Buffer[] = [];
    for (const [id, key] of this.#keys) {
      const known = time.estimateMs() > 0 ? memory.get(memoryScope + id) : undefined;
      if (known) this.#state.set(id, known.entry);
      else unknown.push(key);
    }
    if (unknown.length === 0) return false;
    const { results, revision, nowMs } = await store.read(unknown.map((start) => ({ start })));
    time.heard(nowMs);
    this.#asOf = revision;
    for (const [index, key] of unknown.entries()) {
      this.#remember(key.toString('latin1'), results[index]!.entries[0], revision);
    }
    return unknown.length === this.#keys.size;
  }

  #remember(id: string, entry: Entry | undefined, asOf: Revision): void {
    this.#state.set(id, entry);
    this.#dependencies.memory.set(this.#dependencies.memoryScope + id, { entry, asOf });
  }

  #decide(): Decision {
    const nowMs = this.#dependencies.time.estimateMs();
    const overlay = new BatchOverlay(this.#state, nowMs);
    const decided: Decided[] = [];
    const marks = new Map<string, Mark>();
    let taken = 0;
    for (const job of this.#live) {
      const markId = job.mark?.key.toString('latin1');
      if (markId !== undefined && marks.has(markId)) {
        // The same key twice in one batch: the second meets the first one's mark in the next.
        this.#leftOver = [...this.#leftOver, job];
        taken += 1;
        continue;
      }
      const operationsMax = storeLimits.transactionOperationsMax - marks.size - (job.mark ? 1 : 0);
      const one = decideOne(job, overlay, operationsMax);
      if (one === undefined) {
        if (decided.length > 0) break;
        job.fail(new AppError('INVALID_ARGUMENT', `the command writes more than the ${storeLimits.transactionBytesMax} bytes of one commit`));
        taken += 1;
        continue;
      }
      if (one.mark) marks.set(markId!, one.mark);
      decided.push(one);
      taken += 1;
    }
    this.#leftOver = [...this.#leftOver, ...this.#live.slice(taken)];
    this.#live = decided.map(({ job }) => job);
    const transaction = this.#transactionOf(overlay, [...marks.values()]);
    return { decided, transaction };
  }

  #transactionOf(overlay: BatchOverlay, marks: readonly Mark[]): Transaction {
    const nowMs = this.#dependencies.time.estimateMs();
    const checks: Check[] = [];
    for (const id of overlay.touched) {
      const entry = this.#state.get(id);
      const isAlive = entry !== undefined && (entry.expiresAtMs === 0 || entry.expiresAtMs > nowMs);
      checks.push({ key: this.#keys.get(id)!, revision: isAlive ? entry.revision : 0 });
    }
    const { validUntilMs } = overlay;
    return { checks, writes: overlay.writes, marks, ...(validUntilMs === undefined ? {} : { validUntilMs }) };
  }

  /** Answers whether the batch is done; otherwise its remaining jobs are to be decided again. */
  #conclude(decision: Decision, outcome: CommitOutcome): boolean {
    if (outcome.kind === 'failed') {
      this.#failFor(outcome.error);
      return false;
    }
    this.#dependencies.time.heard(outcome.nowMs);
    if (outcome.kind === 'conflict') {
      this.#learnFrom(decision.transaction, outcome);
      return false;
    }
    for (const write of decision.transaction.writes) {
      const expiresAtMs = write.kind === 'put' && write.ttlMs !== undefined ? outcome.nowMs + write.ttlMs : 0;
      const entry = write.kind === 'put' ? { key: write.key, value: write.value, revision: outcome.revision, expiresAtMs } : undefined;
      this.#remember(write.key.toString('latin1'), entry, outcome.revision);
    }
    this.#settle(decision, outcome);
    return true;
  }

  /** A scope that is full of marks fails the commands that would add one; the others are decided again. */
  #failFor(error: AppError): void {
    if (error.code !== 'OVERLOADED' || !this.#live.some((job) => job.mark)) throw error;
    for (const job of this.#live) if (job.mark) job.fail(error);
    this.#live = this.#live.filter((job) => !job.mark);
  }

  #settle({ decided }: Decision, at: { kind: 'committed'; revision: Revision; nowMs: number }): void {
    this.#live = [];
    for (const one of decided) {
      if (one.error) one.job.fail(one.error);
      else one.job.settle({ outcome: one.outcome, revision: at.revision, nowMs: at.nowMs, isReplay: false });
    }
  }

  #learnFrom(transaction: Transaction, conflict: Conflict): void {
    const present = new Map(conflict.entries.map((entry) => [entry.key.toString('latin1'), entry]));
    for (const check of transaction.checks) {
      const id = check.key.toString('latin1');
      this.#remember(id, present.get(id), conflict.revision);
    }
    this.#asOf = conflict.revision;
    const marks = new Map(conflict.marks.map((mark) => [mark.key.toString('latin1'), mark]));
    if (marks.size > 0) this.#live = this.#live.filter((job) => !replay(job, marks));
  }
}

function decideOne(job: Job, overlay: BatchOverlay, operationsMax: number): Decided | undefined {
  try {
    const decision = overlay.decide(
      (view) => {
        const outcome = job.decide(view);
        const mark = job.mark && { key: job.mark.key, value: encodeMark(job.mark.inputHash, job.encodeOutcome(outcome)) };
        return { outcome, mark };
      },
      { operationsMax, bytesMax: storeLimits.transactionBytesMax },
    );
    return decision && { job, ...decision.outcome };
  } catch (thrown) {
    return { job, mark: undefined, error: toAppError(thrown) };
  }
}

/** Settles a job from its mark, where that is among those that stand already. */
function replay(job: Job, marks: ReadonlyMap<string, MarkEntry>): boolean {
  const mark = job.mark && marks.get(job.mark.key.toString('latin1'));
  if (!mark) return false;
  try {
    const outcome = job.decodeOutcome(decodeMark(mark.value, job.mark!.inputHash), mark);
    job.settle({ outcome, revision: mark.revision, nowMs: mark.committedAtMs, isReplay: true });
  } catch (thrown) {
    job.fail(toAppError(thrown));
  }
  return true;
}
