/** A Store that sends a commit again until it is known what became of it, under the attempt id that it had, and reads until they are answered. */
import type {
  CommitOutcome,
  KeyRange,
  ReadOptions,
  ReadResult,
  SearchOutcome,
  SearchRequest,
  Store,
  StoreStatus,
  Transaction,
  WatchBatch,
  WatchOptions,
} from '../../proto/store';
import { systemClock } from '../../src/core/clock';
import type { FailureCode } from '../../src/core/errors';
import { AppError, toAppError } from '../../src/core/errors';
import { systemIds } from '../../src/core/ids';

/** What may be sent again. */
const passing: ReadonlySet<FailureCode> = new Set(['UNAVAILABLE', 'OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED']);

/** Before the same is sent again. */
const pauseMs = 5;

export class StubbornStore implements Store {
  readonly #inner: Store;
  /** Codes of the failures that were met. */
  readonly failures = new Set<string>();
  /** When a commit was last acknowledged, in monotonic milliseconds. */
  acknowledgedMs = systemClock.monotonicMs();
  #waiting: (() => void)[] = [];
  #isClosed = false;

  constructor(inner: Store) {
    this.#inner = inner;
  }

  /** Resolves at the next commit that is acknowledged. */
  nextAcknowledgement(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  read(ranges: readonly KeyRange[], options?: ReadOptions): Promise<ReadResult> {
    return this.#again(() => this.#inner.read(ranges, options));
  }

  async commit(transactions: readonly Transaction[]): Promise<readonly CommitOutcome[]> {
    const named = transactions.map((each) => ({ attemptId: systemIds.bytes(16), ...each }));
    const outcomes = await Promise.all(named.map((each) => this.#again(() => this.#commitOne(each))));
    this.acknowledgedMs = systemClock.monotonicMs();
    for (const resolve of this.#waiting.splice(0)) resolve();
    return outcomes;
  }

  watch(ranges: readonly KeyRange[], options?: WatchOptions): AsyncIterable<WatchBatch> {
    return this.#inner.watch(ranges, options);
  }

  search(request: SearchRequest): Promise<SearchOutcome> {
    return this.#again(() => this.#inner.search(request));
  }

  status(): Promise<StoreStatus> {
    return this.#again(() => this.#inner.status());
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#inner.close();
  }

  async #commitOne(transaction: Transaction): Promise<CommitOutcome> {
    const [outcome] = await this.#inner.commit([transaction]);
    if (outcome!.kind === 'failed') throw outcome!.error;
    return outcome!;
  }

  async #again<Result>(call: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await call();
      } catch (thrown) {
        const error = toAppError(thrown);
        if (!passing.has(error.code)) throw new AppError(error.code, error.message, { cause: thrown });
        if (this.#isClosed) throw new AppError('INTERNAL', 'closed while something still ran', { cause: thrown });
        this.failures.add(error.code);
        await systemClock.sleep(pauseMs);
      }
    }
  }
}
