/**
 * Lanes: how compare-and-set patterns are both right and fast. A command names the records that it decides on; commands on
 * a record queue in its lane, one batch of a lane is in flight, and what gathers meanwhile is decided in order, by the pattern's
 * pure function, and committed as one transaction (`batch.ts`). Commands on several records join their lanes into one
 * batch, without locks. Order within a lane is first come, first served: a command that waits for a busy lane is not overtaken in its
 * other lanes, so nobody starves.
 *
 * Writers of other processes are simply conflicts: correctness never depends on the lane. Callers of one process never
 * get CONTENTION because of each other. Only here are conflicts retried.
 */
import type { Clock } from '../core/clock';
import { AppError } from '../core/errors';
import type { Ids } from '../core/ids';
import type { MarkEntry, Store } from '../../proto/store';
import { type BatchReport, type Job, runBatch, type Settled, StorageTime } from './batch';
import type { LaneMemory } from './lane-memory';
import { type Idempotency, makeMarkIdentity } from './marks';
import type { View } from './view';

export type { Settled } from './batch';
export type { View } from './view';

/** How a command with an idempotency key is remembered. The mark keeps scalars; what they refer to is resolved when read. */
export interface Remembered<O> {
  readonly idempotency: Idempotency;
  /** At most about 4 KiB. */
  readonly encode: (outcome: O) => Buffer;
  /** The commit's own revision and time come from the mark. */
  readonly decode: (bytes: Buffer, mark: Pick<MarkEntry, 'revision' | 'committedAtMs'>) => O;
}

export interface Command<O> {
  /** The rows that commands of other callers write too: their lanes are joined. At least one. */
  readonly records: readonly Buffer[];
  /** Rows that are read and checked, never written: no lane. */
  readonly guards?: readonly Buffer[];
  /** Rows that this command alone writes: no lane. */
  readonly rows?: readonly Buffer[];
  /** Committed by itself, so that its change shows as a change of its own. */
  readonly isSolo?: boolean;
  /** Pure: decides on what the view shows, writes through it, may be called again. */
  readonly decide: (view: View) => O;
  readonly remembered?: Remembered<O> | undefined;
}

export interface TransactOptions {
  readonly store: Store;
  readonly memory: LaneMemory;
  /** Keeps this scope's records apart from other scopes' in the memory. */
  readonly memoryScope: string;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Commands that may wait in all lanes together, past it OVERLOADED. Default 20,000. */
  readonly queuedMax?: number;
  readonly report?: (report: BatchReport) => void;
}

interface Queued {
  readonly sequence: number;
  readonly lanes: readonly Lane[];
  readonly isSolo: boolean;
  readonly job: Job;
}

interface Lane {
  readonly id: string;
  isBusy: boolean;
  isScheduled: boolean;
  queue: Queued[];
}

/** More commands than this wait for the next batch: one transaction has its limits. */
const batchCommandsMax = 512;

export class Transact {
  readonly #options: TransactOptions;
  readonly #time: StorageTime;
  readonly #lanes = new Map<string, Lane>();
  #sequence = 0;
  #queued = 0;

  constructor(options: TransactOptions) {
    this.#options = options;
    this.#time = new StorageTime(options.clock);
  }

  /** Commands that wait or run. */
  get depth(): number {
    return this.#queued;
  }

  /**
   * Runs a command: its outcome, once it stands in the store (or, where it wrote nothing, once that was confirmed there).
   * Rejects with what the decision threw, IDEMPOTENCY_KEY_REUSED, CONTENTION, OVERLOADED, or the store's failure.
   */
  run<O>(command: Command<O>): Promise<Settled<O>> {
    const { queuedMax = 20_000 } = this.#options;
    if (this.#queued >= queuedMax) {
      return Promise.reject(new AppError('OVERLOADED', `${this.#queued} commands are waiting already: try again later`));
    }
    return new Promise((resolve, reject) => {
      const done = (): void => void (this.#queued -= 1);
      const { remembered } = command;
      this.#queued += 1;
      this.#enqueue({
        sequence: this.#sequence++,
        lanes: [...new Set(command.records.map((key) => this.#laneOf(key)))],
        isSolo: command.isSolo ?? false,
        job: {
          keys: [...command.records, ...(command.guards ?? []), ...(command.rows ?? [])],
          decide: command.decide,
          mark: remembered && makeMarkIdentity(remembered.idempotency),
          encodeOutcome: (outcome) => remembered!.encode(outcome as O),
          decodeOutcome: (bytes, mark) => remembered!.decode(bytes, mark),
          settle: (settled) => (done(), resolve(settled as Settled<O>)),
          fail: (error) => (done(), reject(error)),
        },
      });
    });
  }

  #laneOf(key: Buffer): Lane {
    const id = key.toString('latin1');
    let lane = this.#lanes.get(id);
    if (!lane) {
      lane = { id, isBusy: false, isScheduled: false, queue: [] };
      this.#lanes.set(id, lane);
    }
    return lane;
  }

  #enqueue(queued: Queued): void {
    for (const lane of queued.lanes) lane.queue.push(queued);
    this.#schedule(queued.lanes[0]!);
  }

  /** Starts the lane at the end of this turn, so that commands that arrived together are decided together. */
  #schedule(lane: Lane): void {
    if (lane.isBusy || lane.isScheduled) return;
    lane.isScheduled = true;
    setImmediate(() => {
      lane.isScheduled = false;
      if (!lane.isBusy) this.#start(lane);
    });
  }

  #start(lane: Lane): void {
    const batch = takeBatch(lane);
    if (batch.length === 0) {
      this.#forgetIdle(lane);
      return;
    }
    const lanes = new Set(batch.flatMap((queued) => queued.lanes));
    for (const each of lanes) each.isBusy = true;
    const jobs = new Map(batch.map((queued) => [queued.job, queued]));
    void runBatch([...jobs.keys()], {
      ...this.#options,
      time: this.#time,
      report: this.#options.report ?? (() => undefined),
    }).then((leftOver) => this.#finish(lanes, leftOver.map((job) => jobs.get(job)!)));
  }

  #finish(lanes: ReadonlySet<Lane>, leftOver: readonly Queued[]): void {
    for (const lane of lanes) {
      lane.isBusy = false;
      const back = leftOver.filter((queued) => queued.lanes.includes(lane));
      if (back.length > 0) lane.queue = [...back, ...lane.queue].sort((a, b) => a.sequence - b.sequence);
    }
    for (const lane of lanes) {
      if (lane.isBusy) continue;
      if (lane.queue.length > 0) this.#start(lane);
      else this.#forgetIdle(lane);
    }
  }

  #forgetIdle(lane: Lane): void {
    if (!lane.isBusy && !lane.isScheduled && lane.queue.length === 0) this.#lanes.delete(lane.id);
  }
}

/** Takes the next batch out of a lane that is not busy: all that is connected by shared records and not blocked. */
function takeBatch(lane: Lane): Queued[] {
  const connected = connectedTo(lane);
  const blocked = new Set<Lane>();
  const taken: Queued[] = [];
  for (const queued of connected) {
    const isTaken =
      taken.length < batchCommandsMax &&
      !(taken.length > 0 && (queued.isSolo || taken[0]!.isSolo)) &&
      !queued.lanes.some((each) => each.isBusy || blocked.has(each));
    if (isTaken) taken.push(queued);
    else for (const each of queued.lanes) blocked.add(each);
  }
  const gone = new Set(taken);
  for (const each of new Set(taken.flatMap((queued) => queued.lanes))) {
    each.queue = each.queue.filter((queued) => !gone.has(queued));
  }
  return taken;
}

/** Every queued command that is connected with the lane through shared records, first come first. */
function connectedTo(lane: Lane): readonly Queued[] {
  if (lane.queue.every((queued) => queued.lanes.length === 1)) return lane.queue;
  const seen = new Set<Queued>();
  const lanes = new Set([lane]);
  for (const each of lanes) {
    for (const queued of each.queue) {
      if (seen.has(queued)) continue;
      seen.add(queued);
      for (const other of queued.lanes) lanes.add(other);
    }
  }
  return [...seen].sort((a, b) => a.sequence - b.sequence);
}
