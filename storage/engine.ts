/**
 * What a store keeps its data in: a small interface inside the storage process. An engine judges and applies groups of
 * transactions atomically and durably, reads ranges from one snapshot, and keeps a log of changes. It knows
 * neither queues nor clocks nor readers: `local-store.ts` makes a Store of it. Only one `apply` or `expire` runs at a time.
 */
import type { Change, CommitOutcome, Entry, KeyRange, RangeResult, Revision, Transaction } from '../proto/store';
import { AppError } from '../src/core/errors';
import type { DataSnapshot, LoadStep } from './portable';

/** The state of an engine that is committed and acknowledged. */
export interface EngineState {
  readonly revision: Revision;
  /** The oldest revision that the log can be read after. */
  readonly oldestRevision: Revision;
  /** The latest storage time that was written down. */
  readonly clockMs: number;
}

/** The changes of one commit that its history keeps, in key order; where a put replaces an expired entry, EXPIRE comes before PUT. */
export interface CommitChanges {
  readonly revision: Revision;
  readonly changes: readonly Change[];
}

/** A part of the log: whole commits, in order. */
export interface LogPage {
  readonly commits: readonly CommitChanges[];
  /** Everything through this revision was given. */
  readonly through: Revision;
}

/** What one physical commit takes; asked for at the last moment, so that it is as large as it can be. */
export interface Group {
  readonly transactions: readonly Transaction[];
  readonly nowMs: number;
}

/** What a physical commit did. */
export interface Applied {
  /** One for each transaction of the group. */
  readonly outcomes: readonly CommitOutcome[];
  readonly commits: readonly CommitChanges[];
  /** Of the state after it. */
  readonly revision: Revision;
  /** Whether there is more to sweep or to trim than one bounded step did. */
  readonly more: boolean;
}

export interface SnapshotRead {
  readonly results: readonly RangeResult[];
  readonly revision: Revision;
}

/** What a failed physical commit means. `isFatal`: the engine must not be used any more, and what was in flight may stand. */
export class EngineFailure extends AppError {
  readonly isFatal: boolean;

  constructor(message: string, options: { readonly isFatal: boolean; readonly cause?: unknown }) {
    super(options.isFatal ? 'OUTCOME_UNKNOWN' : 'UNAVAILABLE', message, { cause: options.cause });
    this.isFatal = options.isFatal;
  }
}

export interface Engine {
  readonly name: string;
  readonly storeId: string;
  /** Rises at every start; at least 1. */
  readonly epoch: number;
  state(): EngineState;
  /** All ranges from one snapshot, as `Store.read` promises; expiry is judged at `nowMs`. */
  read(ranges: readonly KeyRange[], nowMs: number): SnapshotRead;
  /** As `RowViews.view`; gives the revision of the state that it showed. */
  view(keys: readonly Buffer[], nowMs: number, show: (entry: Entry) => void): Revision;
  /** Judges transactions that write nothing on the committed state, without a physical commit. */
  judge(transactions: readonly Transaction[], nowMs: number): readonly CommitOutcome[];
  /**
   * Judges and applies the transactions in order, each on what the earlier ones left, in one atomic and durable step; trims what
   * is no longer kept, a bounded number of rows. Rejects with EngineFailure; then nothing of the group stands, unless it is fatal.
   */
  apply(takeGroup: () => Group): Promise<Applied>;
  /** Deletes at most `rowsMax` expired entries and writes 'expire' into the log: one commit with a revision of its own. */
  expire(takeNowMs: () => number, rowsMax: number): Promise<Applied>;
  /** When the earliest entry is to be looked at by `expire`; may be earlier than its expiry. Undefined: none expires. */
  nextDueMs(): number | undefined;
  /**
   * Whole commits after a revision, until about `bytesMax` of keys and values, at least one where there is one.
   * Throws HISTORY_GONE where the log no longer (or not yet) reaches to that revision.
   */
  readLog(afterRevision: Revision, bytesMax: number): LogPage;
  /** As `Portable.snapshot`. */
  snapshot(nowMs: number): DataSnapshot;
  /** As `Portable.load`, in one step like `apply`. */
  load(takeNowMs: () => number, step: LoadStep): Promise<Applied>;
  /** Writes `clockMs` down and releases everything. */
  close(clockMs: number): Promise<void>;
}

/** How long things are kept; shared by the engines. */
export interface RetentionOptions {
  /** The change log reaches back at least this far, unless it grows past `logBytesMax`. Default: 1 hour. */
  readonly logKeepMs: number;
  /** Default: 1 GiB. */
  readonly logBytesMax: number;
  /** Default: 24 hours. */
  readonly markKeepMs: number;
  /** Marks of one `Transaction.scope`, counted by generations of `markKeepMs`; past it OVERLOADED. Default: 10,000,000. */
  readonly marksPerScopeMax: number;
  /** Attempt ids are found again for this long. Default and least: 60 s. */
  readonly attemptKeepMs: number;
}

export const defaultRetention: RetentionOptions = {
  logKeepMs: 3_600_000,
  logBytesMax: 1_073_741_824,
  markKeepMs: 86_400_000,
  marksPerScopeMax: 10_000_000,
  attemptKeepMs: 60_000,
};

/** Refuses to read the log from where it does not reach; `details.oldest` is the oldest revision to start after. */
export function historyGone(
  afterRevision: Revision,
  state: Pick<EngineState, 'revision' | 'oldestRevision'>,
): AppError {
  const why =
    afterRevision > state.revision
      ? `is past the newest revision ${state.revision} of this store`
      : `is older than what is kept: the oldest revision to start after is ${state.oldestRevision}`;
  return new AppError('HISTORY_GONE', `revision ${afterRevision} ${why}`, {
    details: { oldest: state.oldestRevision },
  });
}
