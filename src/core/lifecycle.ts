/**
 * Stopping in order. What is started registers how it stops; at the end everything stops in the reverse order of its
 * start, each step bounded by what is left of one common deadline, and a step that fails does not keep the others from
 * being taken.
 */
import type { Clock } from './clock';

interface Step {
  readonly name: string;
  readonly stop: (signal: AbortSignal) => Promise<void> | void;
}

/** What went wrong in one step of a stop. */
export interface StopFault {
  readonly step: string;
  readonly error: unknown;
}

export class Lifecycle {
  readonly #clock: Clock;
  readonly #steps: Step[] = [];
  readonly #deadline = new AbortController();
  #stopping: Promise<readonly StopFault[]> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True from the first call of `stop` on. */
  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Registers how something stops. `stop` is given a signal that aborts when there is no time left to be graceful. */
  onStop(name: string, stop: Step['stop']): void {
    this.#steps.push({ name, stop });
  }

  /**
   * Stops everything, last started first, within `deadlineMs`; resolves with the faults of the steps. Further calls
   * answer with the same promise.
   */
  stop(deadlineMs: number): Promise<readonly StopFault[]> {
    this.#stopping ??= this.#run(deadlineMs);
    return this.#stopping;
  }

  /** Takes the time that is left away: steps that still wait are given up. */
  hurry(): void {
    this.#deadline.abort();
  }

  async #run(deadlineMs: number): Promise<readonly StopFault[]> {
    const faults: StopFault[] = [];
    const cancel = this.#clock.after(deadlineMs, () => this.#deadline.abort());
    for (const step of this.#steps.reverse()) {
      try {
        await this.#bounded(step);
      } catch (error) {
        faults.push({ step: step.name, error });
      }
    }
    cancel();
    return faults;
  }

  /** Waits for the step, and a moment more once the deadline has passed, so that it can still give up in order. */
  async #bounded(step: Step): Promise<void> {
    const { signal } = this.#deadline;
    let giveUp: (() => void) | undefined;
    let cancelGrace: (() => void) | undefined;
    const late = new Promise<never>((_, reject) => {
      giveUp = () => {
        cancelGrace = this.#clock.after(graceMs, () => reject(new Error(`${step.name} did not stop in time`)));
      };
      if (signal.aborted) giveUp();
      else signal.addEventListener('abort', giveUp, { once: true });
    });
    try {
      await Promise.race([step.stop(signal), late]);
    } finally {
      cancelGrace?.();
      if (giveUp) signal.removeEventListener('abort', giveUp);
    }
  }
}

const graceMs = 1_000;
