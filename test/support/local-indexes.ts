/** Vector indexes in this process. */
import type { Clock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import { IndexHost } from '../../storage/vectors/index-host';
import type {
  Candidates,
  IndexChanges,
  IndexQuery,
  IndexSettings,
  IndexState,
  Indexes,
} from '../../storage/vectors/indexes';

export class LocalIndexes implements Indexes {
  readonly #host: IndexHost;
  #isStopped = false;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#host = new IndexHost(clock);
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  open(index: number, settings: IndexSettings): Promise<IndexState> {
    return this.#run(() => this.#host.open(index, settings));
  }

  apply(index: number, changes: IndexChanges): Promise<IndexState> {
    return this.#run(() => this.#host.apply(index, changes));
  }

  search(index: number, query: IndexQuery): Promise<Candidates> {
    return this.#run(() => this.#host.search(index, query));
  }

  close(index: number): Promise<void> {
    return this.#run(() => this.#host.close(index));
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    this.#host.stop();
    return Promise.resolve();
  }

  /** In a turn of its own, as an answer of a thread comes. */
  #run<Result>(run: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        try {
          if (this.#isStopped) throw new AppError('UNAVAILABLE', 'the indexes are stopped');
          resolve(run());
        } catch (error) {
          reject(error as Error);
        }
      });
    });
  }
}
