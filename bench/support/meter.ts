/**
 * Measures one run of a case inside the process that makes its load: nothing counts before the run is warm, CPU times are read
 * at the very beginning and end of the measured time, and who makes the load is told when to end.
 */
import { Histogram } from './histogram';
import type { Measured, RunSpec } from './measured';
import { cpuMsOf } from './process-figures';

/** The load's own process among the names of the CPU times. */
export const ownName = 'client';

interface Snapshot {
  readonly atMs: number;
  readonly cpuMs: Readonly<Record<string, number>>;
}

export class Meter {
  readonly #spec: RunSpec;
  readonly #histogram = new Histogram();
  readonly #warmUntilMs: number;
  #begin: Snapshot | undefined;
  #end: Snapshot | undefined;
  #counted = 0;
  #answered = 0;
  #failures = 0;
  #failure: string | undefined;

  constructor(spec: RunSpec) {
    this.#spec = spec;
    this.#warmUntilMs = performance.now() + spec.warmMs;
  }

  /** Whether it is warm and not over: answers count. */
  get isCounting(): boolean {
    return this.#begin !== undefined && this.#end === undefined;
  }

  get isOver(): boolean {
    return this.#end !== undefined;
  }

  /** Takes an answer that has just come, to what was asked at `askedMs` (of `performance.now`); false: the run is over. */
  answered(askedMs: number): boolean {
    const nowMs = performance.now();
    this.#answered += 1;
    if (this.#end) return false;
    if (!this.#begin) {
      if (nowMs >= this.#warmUntilMs) this.#begin = this.#snapshot(nowMs);
      return true;
    }
    this.#counted += 1;
    this.#histogram.record(nowMs - askedMs);
    if (nowMs < this.#begin.atMs + this.#spec.measureMs) return true;
    this.#end = this.#snapshot(nowMs);
    return false;
  }

  /** Calls one after the other until the run is over. A failure ends it, and counts unless `isExpected` says that it was to come. */
  async repeat(call: () => Promise<unknown>, isExpected: (error: unknown) => boolean = () => false): Promise<void> {
    try {
      for (let goesOn = true; goesOn;) {
        const askedMs = performance.now();
        await call();
        goesOn = this.answered(askedMs);
      }
    } catch (error) {
      if (!isExpected(error)) this.failed(String(error));
    }
  }

  failed(why: string): void {
    this.#failures += 1;
    this.#failure ??= why;
  }

  result(): Measured {
    const begin = this.#begin ?? this.#snapshot(performance.now());
    const end = this.#end ?? this.#snapshot(performance.now());
    const perThousand = (name: string): number =>
      ((end.cpuMs[name]! - begin.cpuMs[name]!) / Math.max(this.#counted, 1)) * 1_000;
    return {
      perSecond: (this.#counted / Math.max(end.atMs - begin.atMs, 1)) * 1_000,
      p50Ms: this.#histogram.percentile(0.5),
      p99Ms: this.#histogram.percentile(0.99),
      cpu: Object.fromEntries(Object.keys(begin.cpuMs).map((name) => [name, perThousand(name)])),
      answered: this.#answered,
      failures: this.#failures,
      failure: this.#failure,
    };
  }

  #snapshot(atMs: number): Snapshot {
    const { user, system } = process.cpuUsage();
    const others = Object.entries(this.#spec.pids).map(([name, pid]) => [name, cpuMsOf(pid)] as const);
    return { atMs, cpuMs: { ...Object.fromEntries(others), [ownName]: (user + system) / 1_000 } };
  }
}
