/**
 * Time, passed in. Outside this file nobody calls Date.now, setTimeout or performance.now, so that every
 * test can hold the clock still and every timer can be found.
 */

/** Stops a timer; calling it twice, or after it fired, does nothing. */
export type CancelTimer = () => void;

export interface Clock {
  /** Wall time in milliseconds since 1970, an integer. May jump in either direction. */
  nowMs(): number;
  /** Milliseconds since some fixed moment, with fractions; never goes back. */
  monotonicMs(): number;
  /** Calls `action` once after `delayMs`. The timer does not keep the process alive. */
  after(delayMs: number, action: () => void): CancelTimer;
  /** Resolves after `delayMs`, or at once when `signal` aborts (it never rejects). */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

function sleepOn(clock: Pick<Clock, 'after'>, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const finish = (): void => {
      cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.after(delayMs, finish);
    signal?.addEventListener('abort', finish, { once: true });
  });
}

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
  sleep: (delayMs, signal) => sleepOn(systemClock, delayMs, signal),
};

/** Keeps the process alive, which the timers of the clock do not, until what it returns is called. */
export function keepProcess(): CancelTimer {
  const timer = setInterval(() => undefined, 60_000);
  return () => clearInterval(timer);
}

interface ManualTimer {
  readonly dueMs: number;
  readonly action: () => void;
}

/** A clock that moves only when told to: for tests. */
export class ManualClock implements Clock {
  #wallMs: number;
  #elapsedMs = 0;
  readonly #timers = new Set<ManualTimer>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#wallMs = startMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, action: () => void): CancelTimer {
    const timer: ManualTimer = { dueMs: this.#elapsedMs + delayMs, action };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  /** Moves wall and monotonic time on and fires what is due, in order of its time. */
  advance(byMs: number): void {
    const targetMs = this.#elapsedMs + byMs;
    for (;;) {
      let next: ManualTimer | undefined;
      for (const timer of this.#timers)
        if (timer.dueMs <= targetMs && (!next || timer.dueMs < next.dueMs)) next = timer;
      if (!next) break;
      this.#timers.delete(next);
      this.#moveTo(Math.max(next.dueMs, this.#elapsedMs));
      next.action();
    }
    this.#moveTo(targetMs);
  }

  /** Sets wall time alone, as an operator or NTP does; timers and monotonic time are untouched. */
  setWallMs(wallMs: number): void {
    this.#wallMs = wallMs;
  }

  #moveTo(elapsedMs: number): void {
    this.#wallMs += elapsedMs - this.#elapsedMs;
    this.#elapsedMs = elapsedMs;
  }
}
