/**
 * The clock that alone judges expiry. It never goes back: not when an operator or NTP sets the machine's clock back (then it
 * goes on by monotonic time, until the wall clock has caught up), and not over a restart (it starts at the last time
 * that was written down). It follows the wall clock forward at once.
 */
import type { Clock } from '../src/core/clock';

export class StorageClock {
  readonly #clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  #baseMs: number;
  #baseMonotonicMs: number;

  /** `floorMs`: the last time that the data knows of. */
  constructor(clock: Pick<Clock, 'nowMs' | 'monotonicMs'>, floorMs: number) {
    this.#clock = clock;
    this.#baseMs = floorMs;
    this.#baseMonotonicMs = clock.monotonicMs();
  }

  /** Storage milliseconds, an integer. */
  nowMs(): number {
    const wallMs = Math.floor(this.#clock.nowMs());
    const monotonicMs = this.#clock.monotonicMs();
    const carriedMs = this.#baseMs + Math.max(0, Math.floor(monotonicMs - this.#baseMonotonicMs));
    if (wallMs <= carriedMs) return carriedMs;
    this.#baseMs = wallMs;
    this.#baseMonotonicMs = monotonicMs;
    return wallMs;
  }

  /** Later times are not before this one. */
  raise(floorMs: number): void {
    if (floorMs <= this.nowMs()) return;
    this.#baseMs = floorMs;
    this.#baseMonotonicMs = this.#clock.monotonicMs();
  }
}
