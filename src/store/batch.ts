/**
 * One batch of a lane: read what is not known, decide every command in order over one overlay, commit the whole as one
 * transaction that checks all it relied on, and on a conflict decide the whole again from the entries that the conflict
 * brought. An outcome that writes nothing is confirmed too: by the checks of that commit, or by a read or a conflict of this
 * very batch, which came after its commands, never by kept state alone. Costs one commit, and one read where the state is not kept.
 */
import type { Check, Committed, Conflict, Entry, MarkEntry, Revision, Store, Transaction } from '../../proto/store';
import { backoffDelayMs } from '../core/backoff';
import type { Clock } from '../core/clock';
import { AppError, toAppError } from '../core/errors';
import type { Ids } from '../core/ids';
import type { LaneMemory } from './lane-memory';
import { decodeMark, encodeMark } from './marks';
import type { MarkIdentity } from './marks';
import type { StorageTime } from './storage-time';
import { BatchOverlay } from './view';
import type { PendingRow, View } from './view';

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

/**
 * Rows of which whoever writes one writes the row `by` as well, which is never deleted: while that one stays as it was, so do they. They are
 * read in every batch, and again where `by` was found to have moved since, and the commit checks `by` alone. For commands
 * that look at more rows than a transaction has checks; a decision that looks at one looks at `by`. (Removing
 * a row that decisions take for absent already is no writing.)
 */
export interface Covered {
  readonly by: Buffer;
  readonly rows: readonly Buffer[];
}

/** A command on its way. `O` is erased: a batch holds commands of several kinds. */
export interface Job {
  /** Every row that the decision may see: records, guards and rows. */
  readonly keys: readonly Buffer[];
  /** Those of them at whose values the decision does not look. */
  readonly bareKeys: readonly Buffer[];
  /** Rows that the command makes under a key of its own: known to be absent. */
  readonly fresh: readonly Buffer[];
  readonly covered: Covered | undefined;
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

/** How a batch ended. */
export interface BatchEnd {
  /** Jobs that did not fit: nothing was done for them. */
  readonly leftOver: readonly Job[];
  /** Why the others failed together. */
  readonly failure?: AppError;
}

/** Tries of one batch against writers of other gateways before its commands fail with CONTENTION. */
export const batchTriesMax = 24;
const retryBackoff = { baseMs: 1, capMs: 50 };
/**
 * So many tries follow each other at once. What a conflict brought is stale after any pause, while the writer that won goes on from
 * what it has written: whoever always waited would always lose.
 */
const triesAtOnce = 4;

/** A state of the store that was read after every command of the batch was queued. */
interface Snapshot {
  /** The keys that it knows, as latin1. */
  readonly keys: ReadonlySet<string>;
  readonly revision: Revision;
  readonly nowMs: number;
}

type Decided =
  | { readonly job: Job; readonly outcome: unknown; readonly error?: undefined }
  | { readonly job: Job; readonly error: AppError };

interface Decision {
  readonly decided: readonly Decided[];
  readonly transaction: Transaction;
  /** The rows of its writes, by their keys as latin1. */
  readonly written: ReadonlyMap<string, PendingRow>;
  /** Where nothing is written and everything rests on one snapshot, that confirms the outcomes. */
  readonly confirmedBy: Snapshot | undefined;
}

/** Most batches have none, and nearly every command is a batch of its own. */
const noIds: ReadonlySet<string> = new Set();
const noRows: ReadonlyMap<string, Buffer> = new Map();

/** Runs one batch until each of its jobs is settled, failed, or left over. Never throws. */
export function runBatch(jobs: readonly Job[], dependencies: BatchDependencies): Promise<BatchEnd> {
  return new Batch(jobs, dependencies).run();
}

class Batch {
  readonly #dependencies: BatchDependencies;
  readonly #keys = new Map<string, Buffer>();
  readonly #state = new Map<string, Entry | undefined>();
  /** Rows whose values nobody looks at: read without them, and then of no use to others. */
  readonly #bare: ReadonlySet<string> = noIds;
  /** Rows that are not checked, by the rows that are checked in their place. */
  readonly #covered: ReadonlyMap<string, Buffer> = noRows;
  readonly #covering: ReadonlySet<string> = noIds;
  /** When the covered rows were read. */
  #coveredAsOf: Revision = 0;
  #snapshot: Snapshot | undefined;
  #live: readonly Job[];
  #leftOver: readonly Job[] = [];
  /** Left over so that the others win. */
  readonly #spared: Job[] = [];

  constructor(jobs: readonly Job[], dependencies: BatchDependencies) {
    this.#live = jobs;
    this.#dependencies = dependencies;
    for (const { keys, fresh } of jobs) {
      for (const key of keys) this.#keys.set(key.toString('latin1'), key);
      for (const key of fresh) {
        const id = key.toString('latin1');
        this.#keys.set(id, key);
        this.#state.set(id, undefined);
      }
    }
    const covers = jobs.flatMap(({ covered }) => covered ?? []);
    if (covers.length > 0) {
      this.#covering = new Set(covers.map(({ by }) => by.toString('latin1')));
      this.#covered = new Map(covers.flatMap(({ rows }) => rows.map((row) => [row.toString('latin1'), row])));
    }
    for (const [id, row] of this.#covered) {
      this.#keys.set(id, row);
      // Another command may have named it as one that it makes.
      this.#state.delete(id);
    }
    if (jobs.some(({ bareKeys }) => bareKeys.length > 0)) this.#bare = bareIdsOf(jobs);
  }

  async run(): Promise<BatchEnd> {
    const { store, clock, ids, report } = this.#dependencies;
    const commands = this.#live.length;
    let conflicts = 0;
    try {
      await this.#learn();
      while (this.#live.length > 0 && conflicts < batchTriesMax) {
        if (conflicts > 0 && conflicts % triesAtOnce === 0)
          await clock.sleep(backoffDelayMs(conflicts / triesAtOnce, retryBackoff, ids));
        if (this.#isCoverBroken()) await this.#readCovered();
        const decision = this.#decide();
        const outcome = confirmationOf(decision) ?? (await store.commit([decision.transaction]))[0]!;
        if (outcome.kind === 'committed') this.#conclude(decision, outcome);
        else if (outcome.kind === 'failed') this.#failFor(outcome.error);
        else {
          conflicts += 1;
          this.#learnFrom(decision.transaction, outcome);
          // A small batch is decided and sent sooner than the next one of a writer that has many to go with it.
          if (conflicts >= triesAtOnce) this.#spared.push(...this.#keepHalf());
        }
      }
      report({ commands, conflicts });
      if (this.#live.length > 0) throw this.#contention();
      return { leftOver: this.#leftOver };
    } catch (thrown) {
      const failure = toAppError(thrown);
      this.#fail(failure);
      return { leftOver: this.#leftOver, failure };
    }
  }

  #contention(): AppError {
    // Those that were spared have lost as often.
    const spared = new Set(this.#spared);
    this.#live = [...this.#live, ...spared];
    this.#leftOver = this.#leftOver.filter((job) => !spared.has(job));
    return new AppError(
      'CONTENTION',
      `other writers won ${batchTriesMax} times in a row: nothing was written, try again`,
    );
  }

  #fail(error: AppError): void {
    // What was believed may be what failed.
    for (const id of this.#keys.keys()) this.#dependencies.memory.drop(this.#dependencies.memoryScope + id);
    for (const job of this.#live) job.fail(error);
    this.#live = [];
  }

  // --- learning ----------------------------------------------------------------------------------------------------

  /** Fills the state from memory and reads the rest. */
  async #learn(): Promise<void> {
    const { memory, memoryScope, store, time } = this.#dependencies;
    const unknown: Buffer[] = [];
    const mayKnow = time.estimateMs() > 0;
    for (const [id, key] of this.#keys) {
      if (this.#state.has(id)) continue;
      const isKept = mayKnow && !this.#bare.has(id) && !this.#covered.has(id);
      const known = isKept ? memory.get(memoryScope + id, key) : undefined;
      if (known) this.#state.set(id, known.entry);
      else unknown.push(key);
    }
    if (unknown.length === 0) return;
    const ids = unknown.map((key) => key.toString('latin1'));
    const { results, revision, nowMs } = await store.read(
      unknown.map((start, index) => (this.#bare.has(ids[index]!) ? { start, keysOnly: true } : { start })),
    );
    time.heard(nowMs);
    for (const [index, id] of ids.entries()) this.#know(id, results[index]!.entries[0], revision);
    this.#snapshot = { keys: new Set(ids), revision, nowMs };
    this.#coveredAsOf = revision;
  }

  /** Whether a row that covers others has moved since they were read. */
  #isCoverBroken(): boolean {
    for (const id of this.#covering) if ((this.#state.get(id)?.revision ?? 0) > this.#coveredAsOf) return true;
    return false;
  }

  async #readCovered(): Promise<void> {
    const { results, revision, nowMs } = await this.#dependencies.store.read(
      Array.from(this.#covered.values(), (start) => ({ start })),
    );
    this.#dependencies.time.heard(nowMs);
    for (const [index, id] of [...this.#covered.keys()].entries()) this.#know(id, results[index]!.entries[0], revision);
    this.#coveredAsOf = revision;
  }

  #know(id: string, entry: Entry | undefined, asOf: Revision): void {
    this.#state.set(id, entry);
    if (this.#bare.has(id) || this.#covered.has(id)) return;
    const { memory, memoryScope } = this.#dependencies;
    memory.set(memoryScope + id, { entry, asOf });
  }

  /** A conflict brought the present state of everything that was checked, and the marks that stand. */
  #learnFrom({ checks }: Transaction, { entries, marks, revision, nowMs }: Conflict): void {
    this.#dependencies.time.heard(nowMs);
    if (checks.length > 0) {
      const present = new Map(entries.map((entry) => [entry.key.toString('latin1'), entry]));
      const ids = checks.map(({ key }) => key.toString('latin1'));
      for (const id of ids) this.#know(id, present.get(id), revision);
      this.#snapshot = { keys: new Set(ids), revision, nowMs };
    }
    if (marks.length === 0) return;
    const standing = new Map(marks.map((mark) => [mark.key.toString('latin1'), mark]));
    this.#live = this.#live.filter((job) => !replay(job, standing));
  }

  // --- deciding ----------------------------------------------------------------------------------------------------

  #decide(): Decision {
    const nowMs = this.#snapshot?.nowMs ?? this.#dependencies.time.estimateMs();
    const overlay = new BatchOverlay(this.#state, nowMs, this.#covered);
    const decided: Decided[] = [];
    const marked = new Set<string>();
    const leftOver: Job[] = [];
    for (const [index, job] of this.#live.entries()) {
      const markId = job.mark?.key.toString('latin1');
      if (markId !== undefined && marked.has(markId)) {
        // The same key twice in one batch: the second meets the first one's mark in the next.
        leftOver.push(job);
        continue;
      }
      const one = decideOne(job, overlay);
      if (!one) {
        leftOver.push(...this.#live.slice(index));
        break;
      }
      if (markId !== undefined && !one.error) marked.add(markId);
      decided.push(one);
    }
    this.#live = decided.map(({ job }) => job);
    this.#leftOver = [...this.#leftOver, ...leftOver];
    return this.#decision(decided, overlay);
  }

  #decision(decided: readonly Decided[], overlay: BatchOverlay): Decision {
    const { writes, written, marks, touched, validUntilMs } = overlay;
    const snapshot = this.#snapshot;
    const isConfirmed = writes.length === 0 && snapshot !== undefined && isWithin(touched, snapshot.keys);
    // What a snapshot has confirmed needs no check more; its marks are still to be written.
    if (isConfirmed) return { decided, transaction: { checks: [], writes, marks }, written, confirmedBy: snapshot };
    const checks: Check[] = [];
    for (const id of touched) {
      const entry = this.#state.get(id);
      const isAlive = entry !== undefined && (entry.expiresAtMs === 0 || entry.expiresAtMs > overlay.nowMs);
      checks.push({ key: this.#keys.get(id)!, revision: isAlive ? entry.revision : 0 });
    }
    const transaction = { checks, writes, marks, ...(validUntilMs === undefined ? {} : { validUntilMs }) };
    return { decided, transaction, written, confirmedBy: undefined };
  }

  // --- committing --------------------------------------------------------------------------------------------------

  #conclude({ decided, written, confirmedBy }: Decision, { revision, nowMs }: Committed): void {
    const { memory, memoryScope, time } = this.#dependencies;
    if (!confirmedBy) time.heard(nowMs);
    for (const [id, { write, isFinal }] of written) {
      // Side rows are not kept: nobody decides on them.
      if (!this.#keys.has(id)) continue;
      if (isFinal) memory.drop(memoryScope + id);
      else if (write.kind === 'delete') this.#know(id, undefined, revision);
      else {
        const expiresAtMs = write.ttlMs === undefined ? 0 : nowMs + write.ttlMs;
        this.#know(id, { key: write.key, value: write.value, revision, expiresAtMs }, revision);
      }
    }
    this.#live = [];
    for (const one of decided) {
      if (one.error) one.job.fail(one.error);
      else one.job.settle({ outcome: one.outcome, revision, nowMs, isReplay: false });
    }
  }

  /** Leaves the second half over for another batch: those; of one command nothing. */
  #keepHalf(): readonly Job[] {
    const half = Math.ceil(this.#live.length / 2);
    const left = this.#live.slice(half);
    this.#leftOver = [...left, ...this.#leftOver];
    this.#live = this.#live.slice(0, half);
    return left;
  }

  /**
   * A scope that is full of marks fails the commands that would add one; the others are decided again. Past a quota no command fails
   * for the sake of another: half of them go at a time, down to the one that does not fit.
   */
  #failFor(error: AppError): void {
    if (error.code === 'QUOTA_EXCEEDED') {
      if (this.#keepHalf().length > 0) return;
      this.#live[0]!.fail(error);
      this.#live = [];
      return;
    }
    if (error.code !== 'OVERLOADED' || !this.#live.some((job) => job.mark)) throw error;
    for (const job of this.#live) if (job.mark) job.fail(error);
    this.#live = this.#live.filter((job) => !job.mark);
  }
}

/** Where a snapshot confirms all of it and there is no mark to be written, no commit is needed. */
function confirmationOf({ transaction, confirmedBy }: Decision): Committed | undefined {
  if (!confirmedBy || transaction.marks!.length > 0) return undefined;
  return { kind: 'committed', revision: confirmedBy.revision, nowMs: confirmedBy.nowMs };
}

/** Rows at whose values none of the jobs looks. */
function bareIdsOf(jobs: readonly Job[]): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { bareKeys } of jobs) for (const key of bareKeys) ids.add(key.toString('latin1'));
  for (const { keys, bareKeys } of jobs) {
    for (const key of keys) if (!bareKeys.includes(key)) ids.delete(key.toString('latin1'));
  }
  return ids;
}

/** Undefined: it does not fit this batch. */
function decideOne(job: Job, overlay: BatchOverlay): Decided | undefined {
  const { mark: identity } = job;
  try {
    const verdict = overlay.decide((view) => {
      const outcome = job.decide(view);
      const mark = identity && {
        key: identity.key,
        value: encodeMark(identity.inputHash, job.encodeOutcome(outcome)),
      };
      return { outcome, mark };
    });
    return verdict && { job, outcome: verdict.outcome };
  } catch (thrown) {
    return { job, error: toAppError(thrown) };
  }
}

/** Settles a job from its mark, where that is among those that stand already. */
function replay(job: Job, standing: ReadonlyMap<string, MarkEntry>): boolean {
  const mark = job.mark && standing.get(job.mark.key.toString('latin1'));
  if (!mark) return false;
  try {
    const outcome = job.decodeOutcome(decodeMark(mark.value, job.mark!.inputHash), mark);
    job.settle({ outcome, revision: mark.revision, nowMs: mark.committedAtMs, isReplay: true });
  } catch (thrown) {
    job.fail(toAppError(thrown));
  }
  return true;
}

function isWithin(ids: ReadonlySet<string>, known: ReadonlySet<string>): boolean {
  for (const id of ids) if (!known.has(id)) return false;
  return true;
}
