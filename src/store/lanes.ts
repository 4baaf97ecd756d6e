/**
 * Queues of commands by record. A command waits in the lanes of all its records; a batch is what can be taken together: the
 * first of a lane, then whatever is connected with it through shared records, each only when it comes first in all its lanes.
 * So the order of a lane is that of arrival, a command that waits for a busy lane is not overtaken in its other lanes,
 * and nobody starves. What does not fit the limits of a transaction stays for the next batch.
 */
import { storeLimits } from '../../proto/limits';
import type { AppError } from '../core/errors';
import type { Job } from './batch';
import { Fifo } from '../core/fifo';

export interface Lane {
  readonly id: string;
  /** A batch of it is in flight. */
  isBusy: boolean;
  isScheduled: boolean;
  readonly queue: Fifo<Waiting>;
  /** Storage could not be reached: what had come until then is not tried any more. */
  outage: { readonly through: number; readonly error: AppError } | undefined;
}

interface InLanes {
  /** Grows with every arrival. */
  readonly sequence: number;
  readonly lanes: readonly Lane[];
}

export interface WaitingJob extends InLanes {
  readonly kind: 'job';
  readonly job: Job;
  /** It has a batch to itself. */
  readonly isSolo: boolean;
}

/** Not a command: what is to be done when all that came before has its outcome. Whatever comes behind does not wait for it. */
export interface WaitingTurn extends InLanes {
  readonly kind: 'turn';
  readonly go: () => void;
}

export type Waiting = WaitingJob | WaitingTurn;

/** What waits together in a lane: jobs for one transaction, or turns. */
export type Taken =
  | { readonly kind: 'jobs'; readonly waiting: readonly WaitingJob[] }
  | { readonly kind: 'turns'; readonly waiting: readonly WaitingTurn[] };

/** A batch ends here, before its transaction does: a marked command adds at least one operation. */
const jobsMax = 512;
const marksMax = storeLimits.transactionOperationsMax - 8;
/** One range is left for the scope's gate. */
const keysMax = storeLimits.readRangesMax - 1;

/** Lanes by the key of their record. */
export class Lanes {
  readonly #byId = new Map<string, Lane>();

  /** Whether anything waits or runs in the lane of this record. */
  has(record: Buffer): boolean {
    return this.#byId.has(record.toString('latin1'));
  }

  /** The lanes of some records, each once. */
  of(records: readonly Buffer[]): Lane[] {
    if (records.length === 1) return [this.#of(records[0]!)];
    return [...new Set(records.map((record) => this.#of(record)))];
  }

  forgetIdle(lane: Lane): void {
    if (!lane.isBusy && !lane.isScheduled && lane.queue.length === 0) this.#byId.delete(lane.id);
  }

  #of(record: Buffer): Lane {
    const id = record.toString('latin1');
    let lane = this.#byId.get(id);
    if (!lane) {
      lane = { id, isBusy: false, isScheduled: false, queue: new Fifo(), outage: undefined };
      this.#byId.set(id, lane);
    }
    return lane;
  }
}

/** Takes out what goes next of a lane that is not busy, and of the lanes connected with it; undefined: nothing can go yet. */
export function takeNext(start: Lane): Taken | undefined {
  const first = ready(start);
  if (!first) return undefined;
  if (first.kind === 'turn') return { kind: 'turns', waiting: takeTurns(start) };
  return { kind: 'jobs', waiting: first.isSolo ? [takeOut(first)] : takeJobs(start) };
}

function takeTurns(lane: Lane): WaitingTurn[] {
  const turns: WaitingTurn[] = [];
  for (let next = ready(lane); next?.kind === 'turn'; next = ready(lane)) turns.push(takeOut(next));
  return turns;
}

function takeJobs(start: Lane): WaitingJob[] {
  const jobs: WaitingJob[] = [];
  const reached = new Set([start]);
  let marks = 0;
  let keys = 0;
  for (const lane of reached) {
    for (let next = ready(lane); next?.kind === 'job' && !next.isSolo; next = ready(lane)) {
      const { job } = next;
      if (job.mark) marks += 1;
      keys += job.keys.length + (job.covered?.rows.length ?? 0);
      if (jobs.length > 0 && (jobs.length === jobsMax || marks > marksMax || keys > keysMax)) return jobs;
      jobs.push(takeOut(next));
      for (const other of next.lanes) reached.add(other);
    }
  }
  return jobs;
}

/**
 * What goes before all else that a lane's first one waits for, perhaps that one itself; undefined where there is none, or
 * where a busy lane is in the way.
 */
function ready(lane: Lane): Waiting | undefined {
  let next = lane.queue.first;
  while (next) {
    let inTheWay: Waiting | undefined;
    for (const each of next.lanes) {
      if (each.isBusy) return undefined;
      if (each.queue.first !== next) inTheWay = each.queue.first;
    }
    if (!inTheWay) return next;
    // It came earlier than the one that it is in the way of, so that this ends.
    next = inTheWay;
  }
  return undefined;
}

function takeOut<W extends Waiting>(waiting: W): W {
  for (const lane of waiting.lanes) lane.queue.shift();
  return waiting;
}
