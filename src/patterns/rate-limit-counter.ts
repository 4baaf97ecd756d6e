/**
 * SLIDING_WINDOW_COUNTER: two counters, whatever the limit. Windows begin at multiples of windowMs on the storage clock. What was
 * spent in the window before counts by the part of it that a sliding window still covers, as if it had been spent evenly.
 * So never more than the limit is admitted in an aligned window, and in any other window of that length less than twice
 * the limit (all of it at the end of one window, and what the weight leaves free in the next).
 */
import { multiplyDivide } from './rate-limit-meter';
import type { Meter } from './rate-limit-meter';
import { readVarint, varintOf } from '../core/varint';
import type { Reading } from '../core/varint';

export class SlidingWindowCounter implements Meter {
  readonly algorithm = 'SLIDING_WINDOW_COUNTER';
  readonly windowMs: number;
  readonly atMs: number;
  /** Spent in the window that `atMs` is in, and in the one before. */
  readonly #current: number;
  readonly #previous: number;

  private constructor(windowMs: number, atMs: number, { current, previous }: { current: number; previous: number }) {
    this.windowMs = windowMs;
    this.atMs = atMs;
    this.#current = current;
    this.#previous = previous;
  }

  static empty(windowMs: number, atMs: number): SlidingWindowCounter {
    return new SlidingWindowCounter(windowMs, atMs, { current: 0, previous: 0 });
  }

  get used(): number {
    const { windowMs } = this;
    const passedMs = this.atMs - this.#startMs;
    // Rounded up: the weight that is left is windowMs - passedMs.
    return this.#current + this.#previous - multiplyDivide(this.#previous, passedMs, windowMs);
  }

  get endsAtMs(): number {
    if (this.#current > 0) return this.#startMs + 2 * this.windowMs;
    return this.#previous > 0 ? this.#startMs + this.windowMs : this.atMs;
  }

  at(nowMs: number): SlidingWindowCounter {
    const { windowMs, atMs } = this;
    if (nowMs <= atMs) return this;
    const windows = Math.floor(nowMs / windowMs) - Math.floor(atMs / windowMs);
    const current = windows === 0 ? this.#current : 0;
    const previous = windows === 0 ? this.#previous : windows === 1 ? this.#current : 0;
    return new SlidingWindowCounter(windowMs, nowMs, { current, previous });
  }

  withLimit(): this {
    return this;
  }

  spend(cost: number): SlidingWindowCounter {
    const counts = { current: this.#current + cost, previous: this.#previous };
    return new SlidingWindowCounter(this.windowMs, this.atMs, counts);
  }

  fallsTo(room: number): number {
    if (this.used <= room) return this.atMs;
    const nextStartMs = this.#startMs + this.windowMs;
    if (this.#current <= room) return this.#startMs + this.#weighsAfterMs(this.#previous, room - this.#current);
    return nextStartMs + this.#weighsAfterMs(this.#current, room);
  }

  encode(): Buffer {
    return Buffer.concat([varintOf(this.#current), varintOf(this.#previous)]);
  }

  static decode(windowMs: number, atMs: number, reading: Reading): SlidingWindowCounter {
    return new SlidingWindowCounter(windowMs, atMs, { current: readVarint(reading), previous: readVarint(reading) });
  }

  get #startMs(): number {
    return this.atMs - (this.atMs % this.windowMs);
  }

  /** How far into a window what was spent in the one before weighs `room` or less. */
  #weighsAfterMs(spent: number, room: number): number {
    return this.windowMs - multiplyDivide(room, this.windowMs, spent);
  }
}
