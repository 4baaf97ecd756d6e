/**
 * Many indexes by their numbers, and the work that goes on in them between questions: in steps of a few milliseconds, so that a
 * question never waits long.
 */
import type { Clock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import type { Candidates, IndexChanges, IndexQuery, IndexSettings, IndexState } from './indexes';
import { VectorIndex } from './vector-index';

/** One step of the work in between. */
const stepMs = 4;

export class IndexHost {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #indexes = new Map<number, VectorIndex>();
  #isWorking = false;
  #isStopped = false;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  open(index: number, settings: IndexSettings): IndexState {
    const opened = new VectorIndex(settings);
    this.#indexes.set(index, opened);
    return opened.state;
  }

  apply(index: number, changes: IndexChanges): IndexState {
    const found = this.#find(index);
    found.apply(changes);
    this.#work();
    return found.state;
  }

  search(index: number, query: IndexQuery): Candidates {
    return this.#find(index).search(query);
  }

  close(index: number): void {
    this.#indexes.delete(index);
  }

  stop(): void {
    this.#isStopped = true;
    this.#indexes.clear();
  }

  /** Goes on, a step a turn of the event loop, until nothing is left to do. */
  #work(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    setImmediate(() => {
      this.#isWorking = false;
      if (!this.#isStopped && this.#step()) this.#work();
    });
  }

  #step(): boolean {
    const endMs = this.#clock.monotonicMs() + stepMs;
    const isOver = (): boolean => this.#clock.monotonicMs() >= endMs;
    for (const index of this.#indexes.values()) if (index.move(isOver)) return true;
    return false;
  }

  #find(index: number): VectorIndex {
    const found = this.#indexes.get(index);
    if (!found) throw new AppError('INTERNAL', `there is no vector index of the number ${index}`);
    return found;
  }
}
