/** One fault under the whole load: struck, endured, mended; then everything that was seen is judged. */
import type { Clock } from '../../../src/core/clock';
import { hashParts } from '../../../src/core/ids';
import { makeCount } from '../history/span';
import { makeCampaigns } from '../load/campaigns';
import { makeCarts } from '../load/carts';
import { makeCounters } from '../load/counters';
import { makeElections } from '../load/elections';
import { makeKept } from '../load/kept';
import { Worker } from '../load/part';
import type { Part, PartContext } from '../load/part';
import { makeProbes } from '../load/probes';
import type { Probes } from '../load/probes';
import { makeRegisters } from '../load/registers';
import { makeStreams } from '../load/streams';
import { makeTransfers } from '../load/transfers';
import type { Bed } from './bed';
import { Caller } from './caller';

export interface Fault {
  readonly name: string;
  /** Does the damage; resolves when that has been endured: by default, when both gateways have acknowledged writes all the same. */
  strike(scene: Scene): Promise<void>;
  mend(scene: Scene): Promise<void>;
  /** How long each gateway may acknowledge nothing. */
  readonly goneMsMax: readonly [number, number];
}

export interface Report {
  /** What is wrong; empty: nothing. */
  readonly faults: readonly string[];
  readonly acknowledged: number;
  /** How often which code came from which gateway. */
  readonly codes: ReadonlyMap<string, number>;
  /** The longest time in which a gateway acknowledged nothing to callers that ask only it, in milliseconds, for each. */
  readonly goneMs: readonly number[];
  /** What was said last of each code. */
  readonly words: ReadonlyMap<string, string>;
}

export interface SceneOptions {
  readonly bed: Bed;
  readonly clock: Clock;
  readonly seed: number;
  /** A tenant of its own, so that nothing of another fault is seen. */
  readonly tenantId: string;
  /** How long a fault lasts at least. */
  readonly holdMs: number;
}

const partMakers = [
  makeRegisters,
  makeCounters,
  makeTransfers,
  makeCarts,
  makeElections,
  makeCampaigns,
  makeStreams,
  makeKept,
];
/** Of each worker, before the fault and after it. */
const stepsAround = 2;
/** Acknowledged by a gateway that endures a fault. */
const servedCount = 12;

export class Scene {
  readonly bed: Bed;
  readonly caller: Caller;
  readonly clock: Clock;
  /** The choices of the fault itself. */
  readonly chance: Worker;
  readonly #options: SceneOptions;
  readonly #probes: Probes;
  readonly #parts: readonly Part[];
  readonly #workers: Worker[] = [];
  #struckMs = 0;
  #isOver = false;

  constructor(options: SceneOptions) {
    const { bed, clock, tenantId, seed } = options;
    this.#options = options;
    this.bed = bed;
    this.clock = clock;
    const count = makeCount();
    const { machines } = bed;
    this.caller = new Caller({ machines, tenantId, clock, count });
    this.chance = new Worker('fault', seedOf(seed, tenantId), 0);
    const context: PartContext = { machines, tenantId, caller: this.caller, clock, count };
    this.#probes = makeProbes(context);
    this.#parts = [this.#probes, ...partMakers.map((make) => make(context))];
  }

  /** Resolves when a gateway has acknowledged so many writes since the fault. */
  served(machine: number, count = servedCount, sinceMs = this.#struckMs): Promise<void> {
    const isSince = (atMs: number): boolean => atMs > sinceMs;
    return this.caller.until(() => this.caller.acknowledgedMs[machine]!.filter(isSince).length >= count);
  }

  async allServed(count = servedCount): Promise<void> {
    await Promise.all(this.bed.machines.map((_, machine) => this.served(machine, count)));
  }

  /** Resolves when a gateway has answered so often with this code. */
  failed(machine: number, code: string, count = 1): Promise<void> {
    return this.caller.until(() => this.caller.failures(machine, code) >= count);
  }

  async play(fault: Fault): Promise<Report> {
    await Promise.all(this.#parts.map((part) => part.begin?.()));
    const running = Promise.all(this.#parts.flatMap((part) => this.#startWorkers(part)));
    try {
      await Promise.race([this.#suffer(fault), running]);
      this.#isOver = true;
      await running;
      const faults = (await Promise.all(this.#parts.map((part) => part.faults()))).flat();
      return { faults, ...this.#figures() };
    } catch (error) {
      // The next fault is not to suffer from this one.
      await fault.mend(this).catch(() => undefined);
      throw error;
    } finally {
      this.#isOver = true;
      await Promise.all(this.#parts.map((part) => part.end?.()));
    }
  }

  async #suffer(fault: Fault): Promise<void> {
    await this.#progress();
    this.#struckMs = this.clock.monotonicMs();
    await Promise.all([fault.strike(this), this.clock.sleep(this.#options.holdMs)]);
    await fault.mend(this);
    const mendedMs = this.clock.monotonicMs();
    await Promise.all([
      this.#progress(),
      ...this.bed.machines.map((_, machine) => this.served(machine, servedCount, mendedMs)),
    ]);
  }

  /** Resolves when every worker has done some steps from here on. */
  #progress(): Promise<void> {
    const goals = this.#workers.map((worker) => ({ worker, steps: worker.steps + stepsAround }));
    return this.caller.until(() => goals.every(({ worker, steps }) => worker.steps >= steps));
  }

  #startWorkers(part: Part): Promise<void>[] {
    const { seed, tenantId } = this.#options;
    return Array.from({ length: part.workers }, async (_, index) => {
      const name = `${part.name}-${index}`;
      const worker = new Worker(name, seedOf(seed, tenantId, name), index);
      this.#workers.push(worker);
      while (!this.#isOver) {
        await part.step(worker);
        worker.steps += 1;
        this.caller.changed();
      }
    });
  }

  #figures(): Omit<Report, 'faults'> {
    const { acknowledgedMs, codes, words } = this.caller;
    const goneMs = this.#probes.answeredMs.map((times) => {
      const since = [this.#struckMs, ...times.filter((atMs) => atMs > this.#struckMs)];
      return Math.max(0, ...since.slice(1).map((atMs, index) => atMs - since[index]!));
    });
    return { codes, words, goneMs, acknowledged: acknowledgedMs.flat().length };
  }
}

function seedOf(seed: number, ...names: readonly string[]): number {
  return hashParts(String(seed), ...names).readUInt32BE(0);
}
