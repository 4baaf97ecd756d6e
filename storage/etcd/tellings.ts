/**
 * Which attempts of past batches were applied, until a later batch row says it. While two batches are on their way, neither
 * can say it of the other; the one after them says it of both. What no row says is found out from the rows at the batch's revision.
 */
import type { BatchTelling } from './layout';

export class Tellings {
  #open: readonly BatchTelling[] = [];

  /** A batch stands. */
  add(telling: BatchTelling): void {
    this.#open = [...this.#open, telling];
  }

  /** For the row of the next batch, which is given back where that row does not come to stand. */
  take(): readonly BatchTelling[] {
    const open = this.#open;
    this.#open = [];
    return open;
  }

  giveBack(tellings: readonly BatchTelling[]): void {
    this.#open = [...tellings, ...this.#open];
  }
}
