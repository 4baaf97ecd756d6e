/**
 * Calls that are under way. They are counted, not kept: a Set through which thousands go each second makes their results old (`arrivals.ts`).
 */
export class UnderWay {
  #count = 0;
  #onIdle: (() => void)[] = [];

  /** What `call` gives; it counts until it has settled. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    this.enter();
    try {
      return await call();
    } finally {
      this.leave();
    }
  }

  /** One more; whoever says so says `leave` as well, however it ends. */
  enter(): void {
    this.#count += 1;
  }

  leave(): void {
    this.#count -= 1;
    if (this.#count === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** Resolves when none is under way. */
  async idle(): Promise<void> {
    while (this.#count > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }
}
