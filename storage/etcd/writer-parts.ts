/** What the parts of the writer share: what it is given, what travels, and a few plain rules. Pure. */
import type { Clock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import type { Ids } from '../../src/core/ids';
import type { AttemptTable } from '../attempt-table';
import type { RevisionBases } from './bases';
import type { EtcdChannel } from './channel';
import type { KnownRows } from './known-rows';
import type { BatchAttempt, Layout } from './layout';
import type { MarkCounts } from './mark-counts';
import type { RangeResponse } from './messages';
import type { Plan } from './plan';
import type { Quotas } from './quotas';
import type { EtcdReader } from './reader';
import type { SharedTime } from './storage-time';
import type { Waiting } from './write-queue';

/** What a write needs to know of the process that writes it. */
export interface Registration {
  readonly id: Buffer;
  /** The row of this process and the revision at which it was made: gone, the process was given up by the others. */
  readonly row: Buffer;
  createRevision(): number;
  /** Makes the row anew. Throws where another process has taken its place for good. */
  renew(): Promise<void>;
  /** Why this process must not write now. */
  refusal(): AppError | undefined;
}

export interface WriterOptions {
  readonly channel: EtcdChannel;
  readonly layout: Layout;
  readonly reader: EtcdReader;
  readonly bases: RevisionBases;
  readonly known: KnownRows;
  readonly marks: MarkCounts;
  readonly time: SharedTime;
  /** For deadlines and pauses. */
  readonly transportClock: Clock;
  readonly ids: Ids;
  readonly registration: Registration;
  readonly attempts: AttemptTable;
  readonly quotas: Quotas;
  readonly markKeepMs: number;
  readonly marksPerScopeMax: number;
  /** Something stands at this revision, written at this time. */
  readonly onWritten: (revision: number, nowMs: number) => void;
}

/** One of those that travel together. */
export interface Member {
  readonly waiting: Waiting;
  readonly plan: Plan;
  /** It has a fate of its own. */
  readonly isApart: boolean;
  /** The witness of all with whom it shares a fate: known when it is sent. */
  sharedWitness?: Buffer | undefined;
}

/** Attempts of a batch, for its row. */
export function attemptsOf(members: readonly Member[]): BatchAttempt[] {
  return members.flatMap(({ waiting, plan, sharedWitness }) => {
    const attemptId = waiting.kind === 'transaction' ? waiting.transaction.attemptId : undefined;
    if (!attemptId || !plan.witness) return [];
    return [{ attemptId, witness: sharedWitness ?? plan.witness }];
  });
}

/** Batch rows are dropped by buckets of this length. */
export const bucketMs = 30_000;
/** Between two tries of what must be asked until it is answered. */
export const pauseMs = 50;
/** Storage clocks of processes may be apart: around its beginning, a generation of marks may be entered early by another process. */
const generationMarginMs = 1_000;

/** Where a mark may stand: in the generation of now, in the one before, and around its end in the next. */
export function generationsAt(nowMs: number, markKeepMs: number): readonly number[] {
  const now = Math.floor(nowMs / markKeepMs);
  const next = Math.floor((nowMs + generationMarginMs) / markKeepMs);
  return next > now && markKeepMs > 2 * generationMarginMs ? [now, now - 1, next] : [now, now - 1];
}

export function rangesOf(responses: readonly { readonly responseRange?: RangeResponse }[]): readonly RangeResponse[] {
  return responses.flatMap(({ responseRange }) => responseRange ?? []);
}

export function unknownOutcome(): AppError {
  return new AppError('OUTCOME_UNKNOWN', 'etcd did not say whether it was written: it may or may not stand');
}
