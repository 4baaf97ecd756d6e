/** Transactions that wait for the next physical commit, in order of arrival, and the calls that they belong to. */
import type { CommitOutcome, Transaction } from '../proto/store';
import { AppError } from '../src/core/errors';
import { CommitCall } from './commit-call';
import { transactionBytes } from './validate';

/** What one physical commit takes: enough that a flush is shared by many, small enough that it does not hold others up. */
const groupTransactionsMax = 256;
const groupBytesMax = 1_048_576;
/** Each may touch a page of its own, which is then written whole. */
const groupOperationsMax = 4_096;

/** What may wait; past it OVERLOADED. */
const waitingMax = 65_536;
const waitingBytesMax = 134_217_728;

/** One transaction of a call. */
export interface Waiting {
  readonly transaction: Transaction;
  readonly bytes: number;
  readonly call: CommitCall;
  readonly index: number;
}

export class CommitQueue {
  #waiting: Waiting[] = [];
  #taken = 0;
  #bytes = 0;

  get size(): number {
    return this.#waiting.length - this.#taken;
  }

  /**
   * Adds the transactions of one call; those with a fault have their outcome already. Resolves when each has one. Rejects
   * with OVERLOADED where too much waits.
   */
  add(
    transactions: readonly Transaction[],
    faults: readonly (AppError | undefined)[],
  ): Promise<readonly CommitOutcome[]> {
    if (this.size + transactions.length > waitingMax || (this.#bytes > waitingBytesMax && this.size > 0)) {
      return Promise.reject(
        new AppError('OVERLOADED', `${this.size} transactions wait for the disk already: try again later`),
      );
    }
    return new Promise((resolve) => {
      const call = new CommitCall(transactions.length, resolve);
      transactions.forEach((transaction, index) => {
        const error = faults[index];
        if (error) return call.settle(index, { kind: 'failed', error });
        const bytes = transactionBytes(transaction);
        this.#waiting.push({ transaction, bytes, call, index });
        this.#bytes += bytes;
      });
    });
  }

  /** Takes what one physical commit may hold; at least one where there is one. */
  take(): readonly Waiting[] {
    const from = this.#taken;
    let bytes = 0;
    let operations = 0;
    while (this.#taken < this.#waiting.length && this.#taken - from < groupTransactionsMax) {
      const next = this.#waiting[this.#taken]!;
      const { checks, writes, marks } = next.transaction;
      operations += checks.length + writes.length + (marks?.length ?? 0);
      const isFull = bytes + next.bytes > groupBytesMax || operations > groupOperationsMax;
      if (this.#taken > from && isFull) break;
      bytes += next.bytes;
      this.#taken += 1;
    }
    this.#bytes -= bytes;
    const group = this.#waiting.slice(from, this.#taken);
    // Cut now and then: cutting a list at its front costs its length.
    if (this.#taken === this.#waiting.length || this.#taken > 4 * groupTransactionsMax) {
      this.#waiting = this.#waiting.slice(this.#taken);
      this.#taken = 0;
    }
    return group;
  }
}

/** Gives a transaction its outcome; the last one of a call answers it. */
export function settle({ call, index }: Waiting, outcome: CommitOutcome): void {
  call.settle(index, outcome);
}
