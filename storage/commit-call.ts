/** One call to commit, whose transactions may travel in several physical commits: it resolves when each of them has its outcome. */
import type { CommitOutcome } from '../proto/store';

export class CommitCall {
  readonly #outcomes: CommitOutcome[];
  readonly #resolve: (outcomes: readonly CommitOutcome[]) => void;
  #open: number;

  /** `size`: of how many transactions. */
  constructor(size: number, resolve: (outcomes: readonly CommitOutcome[]) => void) {
    this.#outcomes = new Array<CommitOutcome>(size);
    this.#resolve = resolve;
    this.#open = size;
  }

  /** Once for each transaction. */
  settle(index: number, outcome: CommitOutcome): void {
    this.#outcomes[index] = outcome;
    this.#open -= 1;
    if (this.#open === 0) this.#resolve(this.#outcomes);
  }
}
