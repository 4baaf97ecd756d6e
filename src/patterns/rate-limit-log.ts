/**
 * SLIDING_WINDOW_LOG: remembers when each request was spent, and so is exact: what was spent at t counts until t + windowMs,
 * which it does not reach. Requests of the same millisecond share an entry. Bounded by the limit: at most 10,000 entries of
 * 2 to 6 bytes.
 */
import { readVarint, varintBytes, writeVarint } from '../core/varint';
import type { Meter } from './rate-limit-meter';
import type { Reading } from '../core/varint';

/** What was spent in one millisecond. */
interface Spend {
  readonly atMs: number;
  readonly cost: number;
}

interface Parts {
  readonly windowMs: number;
  readonly atMs: number;
  /** In order of time, all of them inside the window at `atMs`. Shared by meters, never changed. */
  readonly spends: readonly Spend[];
  /** Spent at `atMs`, beside the spends: so that spending copies no list. */
  readonly last: number;
  readonly used: number;
}

export class SlidingWindowLog implements Meter {
  readonly algorithm = 'SLIDING_WINDOW_LOG';
  readonly windowMs: number;
  readonly atMs: number;
  readonly used: number;
  readonly #parts: Parts;
  #bytes: Buffer | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
    ({ windowMs: this.windowMs, atMs: this.atMs, used: this.used } = parts);
  }

  static empty(windowMs: number, atMs: number): SlidingWindowLog {
    return new SlidingWindowLog({ windowMs, atMs, spends: [], last: 0, used: 0 });
  }

  get endsAtMs(): number {
    const { spends, last, atMs, windowMs } = this.#parts;
    if (last > 0) return atMs + windowMs;
    const newest = spends.at(-1);
    return newest ? newest.atMs + windowMs : atMs;
  }

  at(nowMs: number): SlidingWindowLog {
    const { windowMs, atMs, spends, last } = this.#parts;
    if (nowMs <= atMs) return this;
    const all = last > 0 ? [...spends, { atMs, cost: last }] : spends;
    let { used } = this;
    let gone = 0;
    for (; gone < all.length && all[gone]!.atMs + windowMs <= nowMs; gone += 1) used -= all[gone]!.cost;
    return new SlidingWindowLog({ windowMs, atMs: nowMs, spends: gone > 0 ? all.slice(gone) : all, last: 0, used });
  }

  withLimit(): this {
    return this;
  }

  spend(cost: number): SlidingWindowLog {
    return new SlidingWindowLog({ ...this.#parts, last: this.#parts.last + cost, used: this.used + cost });
  }

  fallsTo(room: number): number {
    let { used } = this;
    if (used <= room) return this.atMs;
    for (const { atMs, cost } of this.#parts.spends) {
      used -= cost;
      if (used <= room) return atMs + this.windowMs;
    }
    return this.atMs + this.windowMs;
  }

  /** The number of entries, then of each the time since the one before (of the first: before `atMs`) and the cost. */
  encode(): Buffer {
    return (this.#bytes ??= this.#encoded());
  }

  static decode(windowMs: number, atMs: number, reading: Reading): SlidingWindowLog {
    const count = readVarint(reading);
    const spends: Spend[] = [];
    let spentAtMs = atMs;
    let used = 0;
    for (let index = 0; index < count; index += 1) {
      const distanceMs = readVarint(reading);
      spentAtMs = index === 0 ? atMs - distanceMs : spentAtMs + distanceMs;
      const cost = readVarint(reading);
      spends.push({ atMs: spentAtMs, cost });
      used += cost;
    }
    return new SlidingWindowLog({ windowMs, atMs, spends, last: 0, used });
  }

  #encoded(): Buffer {
    const { atMs, spends, last } = this.#parts;
    const all = last > 0 ? [...spends, { atMs, cost: last }] : spends;
    const bytes = Buffer.allocUnsafe(varintBytes * (1 + 2 * all.length));
    let end = writeVarint(bytes, 0, all.length);
    let before = all[0]?.atMs ?? atMs;
    for (const [index, spend] of all.entries()) {
      end = writeVarint(bytes, end, index === 0 ? atMs - spend.atMs : spend.atMs - before);
      end = writeVarint(bytes, end, spend.cost);
      before = spend.atMs;
    }
    return Buffer.from(bytes.subarray(0, end));
  }
}
