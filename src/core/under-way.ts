/**
 * Calls that are under way. They are counted, not kept: a Set through which thousands go each second makes their results old (`arrivals.ts`).
 */
export class UnderWay {
  #count = 0;
  #onIdle: (() => void)[] = [];

  /** What `call` gives; it counts until it has settled. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    this.#count += 1;
    try {
      return await call();
    } finally {
      this.#count -= 1;
      if (this.#count === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
    }
  }

  /** Resolves when none is under way. */
  async idle(): Promise<void> {
    while (this.#count > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }
}
