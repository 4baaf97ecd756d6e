/** Waiting for what a test expects, never for time to pass. */

/** Gathers things and tells when there are enough of them. */
export class Collector<Item> {
  readonly items: Item[] = [];
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  add(item: Item): void {
    this.items.push(item);
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (this.items.length < count) return true;
      resolve();
      return false;
    });
  }

  /** Resolves when there are so many. The test's own time limit is the bound. */
  atLeast(count: number): Promise<void> {
    if (this.items.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }
}

/** Resolves when the condition holds; looks again at every turn of the event loop. The test's own time limit is the bound. */
export function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = async (): Promise<void> => {
      if (await holds()) resolve();
      else setImmediate(() => void look().catch(reject));
    };
    look().catch(reject);
  });
}
