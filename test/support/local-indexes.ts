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
import type { SnapshotPlace } from '../../storage/vectors/snapshot-file';

export class LocalIndexes implements Indexes {
  readonly #host: IndexHost;
  #isStopped = false;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#host = new IndexHost(clock);
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  open(index: number, settings: IndexSettings, snapshot?: SnapshotPlace): Promise<IndexState> {
    return this.#run(() => this.#host.open(index, settings, snapshot));
  }

  compare(index: number, ids: readonly string[], revisions: readonly number[]): Promise<readonly number[]> {
    return this.#run(() => this.#host.compare(index, ids, revisions));
  }

  forgetOthers(index: number): Promise<IndexState> {
    return this.#run(() => this.#host.forgetOthers(index));
  }

  save(index: number, snapshot: SnapshotPlace): Promise<void> {
    return this.#run(() => this.#host.save(index, snapshot));
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
  #run<Result>(run: () => Result | Promise<Result>): Promise<Result> {
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
