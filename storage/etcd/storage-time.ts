/**
 * The storage clock where several storage processes share one store. Each has the clock of its machine, and takes the largest
 * time that it has seen written, so that what one of them called expired no other calls alive again. Who has been there the longest, of those that
 * live, is the one whose clock counts: a process whose own clock is further from that one's than the allowed skew must not write.
 */
import type { Clock } from '../../src/core/clock';
import { StorageClock } from '../storage-clock';

/** How far the clocks of two storage machines may be apart, in milliseconds. */
export const skewMsMax = 500;

export class SharedTime {
  readonly #clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  #storage: StorageClock;

  /** `floorMs`: the largest time that was written. */
  constructor(clock: Pick<Clock, 'nowMs' | 'monotonicMs'>, floorMs: number) {
    this.#clock = clock;
    this.#storage = new StorageClock(clock, floorMs);
  }

  /** Storage milliseconds; never goes back. */
  nowMs(): number {
    return this.#storage.nowMs();
  }

  /** Of the machine, whatever others say. */
  wallMs(): number {
    return Math.floor(this.#clock.nowMs());
  }

  /** Somebody has written at this time. */
  seen(atMs: number): void {
    if (atMs > this.nowMs()) this.#storage = new StorageClock(this.#clock, atMs);
  }
}
