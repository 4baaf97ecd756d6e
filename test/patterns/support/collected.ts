/** What an endless answer gave so far. */
import { Collector } from '../../e2e/support/collector';

export class Collected<Item> {
  readonly #collector = new Collector<Item>();
  readonly #leaving = new AbortController();
  readonly #running: Promise<void>;
  /** What ended it, where that was not wanted. */
  failure: unknown;

  constructor(start: (signal: AbortSignal) => AsyncIterable<Item>) {
    this.#running = this.#run(start(this.#leaving.signal));
  }

  get items(): readonly Item[] {
    return this.#collector.items;
  }

  atLeast(count: number): Promise<void> {
    return this.#collector.atLeast(count);
  }

  /** Resolves when it is over. */
  get over(): Promise<void> {
    return this.#running;
  }

  /** Leaves it. */
  end(): Promise<void> {
    this.#leaving.abort();
    return this.#running;
  }

  async #run(source: AsyncIterable<Item>): Promise<void> {
    try {
      for await (const item of source) this.#collector.add(item);
    } catch (error) {
      this.failure = error;
    }
  }
}
