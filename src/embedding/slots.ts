/** So many run at once, so many wait for their turn, and one more is refused. */
import { Fifo } from '../core/fifo';

export interface SlotsOptions {
  readonly runningMax: number;
  readonly waitingMax: number;
}

/** Takes the slot that it is handed; false: it does not wait any more. */
type Waiter = () => boolean;

export class Slots {
  readonly #options: SlotsOptions;
  readonly #waiting = new Fifo<Waiter>();
  #running = 0;

  constructor(options: SlotsOptions) {
    this.#options = options;
  }

  /** Runs it in its turn. Rejects with what `refuse` makes where too many wait, and with the signal's reason where that came first. */
  async run<T>(action: () => Promise<T>, signal: AbortSignal, refuse: () => Error): Promise<T> {
    const { runningMax, waitingMax } = this.#options;
    if (this.#running < runningMax) this.#running += 1;
    else if (this.#waiting.length >= waitingMax) throw refuse();
    else await this.#turn(signal);
    try {
      signal.throwIfAborted();
      return await action();
    } finally {
      this.#handOn();
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    let giveUp: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        let isOver = false;
        giveUp = () => {
          isOver = true;
          reject(signal.reason as Error);
        };
        signal.addEventListener('abort', giveUp, { once: true });
        this.#waiting.push(() => {
          resolve();
          return !isOver;
        });
      });
    } finally {
      signal.removeEventListener('abort', giveUp!);
    }
  }

  #handOn(): void {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) if (next()) return;
    this.#running -= 1;
  }
}
