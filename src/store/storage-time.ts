/** The storage clock as far as this process knows it: its last reply plus the time since, never ahead of it. */
import type { Clock } from '../core/clock';

export class StorageTime {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #lastMs = 0;
  #heardAtMs = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /**
   * A reply said that the storage clock was at `nowMs`. The latest reply stands even where it is below the estimate: a
   * storage clock that stands still for a while (its wall clock was set back) must not be overtaken.
   */
  heard(nowMs: number): void {
    this.#lastMs = nowMs;
    this.#heardAtMs = this.#clock.monotonicMs();
  }

  /** 0 before the first reply. */
  estimateMs(): number {
    if (this.#lastMs === 0) return 0;
    return this.#lastMs + Math.floor(this.#clock.monotonicMs() - this.#heardAtMs);
  }
}
