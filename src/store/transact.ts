/**
 * Lanes: how compare-and-set patterns are both right and fast. A command names the records that it decides on; commands on
 * a record queue in its lane, one batch of a lane is in flight, and what gathers meanwhile is decided in order, by the pattern's
 * pure function, and committed as one transaction (`batch.ts`). Commands on several records join their lanes into one
 * batch, without locks (`lanes.ts`).
 *
 * Writers of other processes are simply conflicts: correctness never depends on the lane. Callers of one process never
 * get CONTENTION because of each other. Only here are conflicts retried. A write without a decision goes past the
 * lanes (`direct-write.ts`), unless commands wait on its records: then it takes its turn, or they would lose to it for ever.
 */
import type { MarkEntry, Store } from '../../proto/store';
import type { Clock } from '../core/clock';
import { AppError } from '../core/errors';
import type { FailureCode } from '../core/errors';
import type { Ids } from '../core/ids';
import { runBatch } from './batch';
import type { BatchDependencies, BatchEnd, BatchReport, Covered, Job, Settled } from './batch';
import { writeDirectly } from './direct-write';
import type { DirectWrite, GuardMemory } from './direct-write';
import type { LaneMemory } from './lane-memory';
import { Lanes, takeNext } from './lanes';
import type { Lane, Waiting, WaitingJob } from './lanes';
import { makeMarkIdentity } from './marks';
import type { Remembered } from './marks';
import { StorageTime } from './storage-time';
import type { View } from './view';

export type { Settled } from './batch';
export type { DirectWrite } from './direct-write';
export type { Remembered } from './marks';
export type { Row, View } from './view';

export interface Command<O> {
  /** The rows that commands of other callers write too: their lanes are joined. At least one. */
  readonly records: readonly Buffer[];
  /** Rows that are read and checked, never written: no lane. */
  readonly guards?: readonly Buffer[];
  /** Rows that this command alone writes: no lane. */
  readonly rows?: readonly Buffer[];
  /** Rows that this command makes under a key that holds an id of its own: absent, so not read; no lane. */
  readonly fresh?: readonly Buffer[];
  /** Rows that the check of another row stands for: see `Covered`. */
  readonly covered?: Covered | undefined;
  /** Committed by itself, so that its change shows as a change of its own. */
  readonly isSolo?: boolean;
  /** Of records and rows, or of rows alone, the decision looks at revisions only: their values are not read. */
  readonly keysOnly?: boolean | 'rows';
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

const noKeys: readonly Buffer[] = [];

/** Storage does not answer: what waits behind such a failure would only wait to fail as well. */
const outageCodes: ReadonlySet<FailureCode> = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED']);

export class Transact {
  readonly #options: TransactOptions;
  readonly #dependencies: BatchDependencies;
  readonly #lanes = new Lanes();
  /** Lanes that start at the end of this turn. */
  #scheduled: Lane[] = [];
  /** Rows of guards are kept where those of the lanes are. */
  readonly #guards: GuardMemory;
  #sequence = 0;
  #queued = 0;

  constructor(options: TransactOptions) {
    this.#options = options;
    const time = new StorageTime(options.clock);
    this.#dependencies = { ...options, time, report: options.report ?? (() => undefined) };
    const { memory, memoryScope } = options;
    const idOf = (key: Buffer): string => memoryScope + key.toString('latin1');
    this.#guards = {
      get: (key) => memory.get(idOf(key), key),
      set: (key, known) => memory.set(idOf(key), known),
    };
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
    return new Promise((resolve, reject) => {
      this.#refuseIfFull();
      const { records, guards = noKeys, rows = noKeys, fresh = noKeys, covered, isSolo = false } = command;
      const { keysOnly = false, decide, remembered } = command;
      const mark = remembered && makeMarkIdentity(remembered.idempotency);
      const job: Job = {
        keys: guards.length + rows.length === 0 ? records : [...records, ...guards, ...rows],
        bareKeys: keysOnly === 'rows' ? rows : keysOnly ? [...records, ...rows] : noKeys,
        fresh,
        covered,
        decide,
        mark,
        encodeOutcome: (outcome) => remembered!.encode(outcome as O),
        decodeOutcome: (bytes: Buffer, standing: MarkEntry) => remembered!.decode(bytes, standing),
        settle: (settled) => {
          this.#queued -= 1;
          resolve(settled as Settled<O>);
        },
        fail: (error) => {
          this.#queued -= 1;
          reject(error);
        },
      };
      this.#enqueue({ kind: 'job', job, isSolo, sequence: this.#sequence++, lanes: this.#lanes.of(records) });
    });
  }

  /** Writes without deciding; `records`: the keys that it checks or writes. Rejects as `writeDirectly`, or with OVERLOADED. */
  async write<O>(write: DirectWrite<O>, records: readonly Buffer[]): Promise<Settled<O>> {
    if (records.some((record) => this.#lanes.has(record))) await this.#turn(records);
    return writeDirectly(this.#options.store, write, this.#guards);
  }

  /** Resolves when all commands that wait or run on these records now have their outcomes. */
  async #turn(records: readonly Buffer[]): Promise<void> {
    this.#refuseIfFull();
    await new Promise<void>((resolve) => {
      const go = (): void => {
        this.#queued -= 1;
        resolve();
      };
      this.#enqueue({ kind: 'turn', go, sequence: this.#sequence++, lanes: this.#lanes.of(records) });
    });
  }

  #refuseIfFull(): void {
    const { queuedMax = 20_000 } = this.#options;
    if (this.#queued < queuedMax) return;
    throw new AppError('OVERLOADED', `${this.#queued} commands are waiting already: try again later`);
  }

  #enqueue(waiting: Waiting): void {
    this.#queued += 1;
    for (const lane of waiting.lanes) lane.queue.push(waiting);
    this.#schedule(waiting.lanes[0]!);
  }

  /** Starts the lane at the end of this turn, so that commands that arrived together are decided together. */
  #schedule(lane: Lane): void {
    if (lane.isBusy || lane.isScheduled) return;
    lane.isScheduled = true;
    if (this.#scheduled.push(lane) === 1) setImmediate(() => this.#startScheduled());
  }

  #startScheduled(): void {
    const lanes = this.#scheduled;
    this.#scheduled = [];
    for (const lane of lanes) {
      lane.isScheduled = false;
      this.#start(lane);
    }
  }

  /** Starts what can go now. */
  #start(lane: Lane): void {
    const starting = [lane];
    for (let next = starting.pop(); next; next = starting.pop()) {
      const taken = next.isBusy ? undefined : takeNext(next);
      if (!taken) {
        this.#lanes.forgetIdle(next);
        continue;
      }
      const lanes = lanesOf(taken.waiting);
      if (taken.kind === 'turns') for (const { go } of taken.waiting) go();
      else this.#startBatch(taken.waiting.filter((waiting) => !failedInOutage(waiting)));
      // Those in which nothing runs now may go on.
      for (const each of lanes) if (!each.isBusy) starting.push(each);
    }
  }

  #startBatch(batch: readonly WaitingJob[]): void {
    if (batch.length === 0) return;
    const lanes = lanesOf(batch);
    for (const each of lanes) each.isBusy = true;
    const jobs = batch.map(({ job }) => job);
    void runBatch(jobs, this.#dependencies).then((end) => this.#finish(batch, lanes, end));
  }

  #finish(batch: readonly WaitingJob[], lanes: Iterable<Lane>, { leftOver, failure }: BatchEnd): void {
    if (leftOver.length > 0) putBack(batch, new Set(leftOver));
    const outage = failure && outageCodes.has(failure.code) ? { through: this.#sequence, error: failure } : undefined;
    for (const lane of lanes) {
      lane.isBusy = false;
      lane.outage = outage;
    }
    for (const lane of lanes) this.#start(lane);
  }
}

function lanesOf(waiting: readonly Waiting[]): Iterable<Lane> {
  if (waiting.length === 1) return waiting[0]!.lanes;
  const lanes = new Set<Lane>();
  for (const each of waiting) for (const lane of each.lanes) lanes.add(lane);
  return lanes;
}

/** Fails what came before storage was found to be away. */
function failedInOutage({ lanes, sequence, job }: WaitingJob): boolean {
  const outage = lanes.find((lane) => lane.outage && sequence <= lane.outage.through)?.outage;
  if (outage) job.fail(outage.error);
  return outage !== undefined;
}

/** Those left over came before all that is queued now, in the order that they have in the batch. */
function putBack(batch: readonly WaitingJob[], leftOver: ReadonlySet<Job>): void {
  const back = new Map<Lane, Waiting[]>();
  for (const waiting of batch) {
    if (!leftOver.has(waiting.job)) continue;
    for (const lane of waiting.lanes) {
      const list = back.get(lane);
      if (list) list.push(waiting);
      else back.set(lane, [waiting]);
    }
  }
  for (const [lane, list] of back) lane.queue.putBack(list);
}
