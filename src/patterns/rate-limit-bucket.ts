/**
 * TOKEN_BUCKET (GCRA): a burst of `limit`, then one request every windowMs / limit; in any time T at most limit + limit / windowMs * T.
 * One number is kept: how much is still to be regained, which is the theoretical arrival time of GCRA as a distance, counted in
 * requests so that a changed limit changes what is free at once. It falls by `limit` in windowMs, at the limit of the
 * last call that was admitted. Integers throughout (in units of 1 / windowMs of a request): no rounding adds up.
 */
import type { Meter } from './rate-limit-meter';
import { readVarint, varintOf } from '../core/varint';
import type { Reading } from '../core/varint';

interface Filling {
  /** Of the last call that was admitted. */
  readonly limit: number;
  /** To be regained, in requests * windowMs: falls by `limit` a millisecond. */
  readonly missing: bigint;
}

export class TokenBucket implements Meter {
  readonly algorithm = 'TOKEN_BUCKET';
  readonly windowMs: number;
  readonly atMs: number;
  readonly #filling: Filling;

  private constructor(windowMs: number, atMs: number, filling: Filling) {
    this.windowMs = windowMs;
    this.atMs = atMs;
    this.#filling = filling;
  }

  static empty(windowMs: number, atMs: number): TokenBucket {
    return new TokenBucket(windowMs, atMs, { limit: 1, missing: 0n });
  }

  get used(): number {
    return divideUp(this.#filling.missing, this.windowMs);
  }

  get endsAtMs(): number {
    return this.atMs + divideUp(this.#filling.missing, this.#filling.limit);
  }

  at(nowMs: number): TokenBucket {
    if (nowMs <= this.atMs) return this;
    const { limit, missing } = this.#filling;
    const regained = BigInt(limit) * BigInt(nowMs - this.atMs);
    return new TokenBucket(this.windowMs, nowMs, { limit, missing: missing > regained ? missing - regained : 0n });
  }

  withLimit(limit: number): TokenBucket {
    const { missing } = this.#filling;
    return limit === this.#filling.limit ? this : new TokenBucket(this.windowMs, this.atMs, { limit, missing });
  }

  spend(cost: number): TokenBucket {
    const { limit, missing } = this.#filling;
    const more = BigInt(cost) * BigInt(this.windowMs);
    return new TokenBucket(this.windowMs, this.atMs, { limit, missing: missing + more });
  }

  fallsTo(room: number): number {
    const tooMuch = this.#filling.missing - BigInt(room) * BigInt(this.windowMs);
    return tooMuch <= 0n ? this.atMs : this.atMs + divideUp(tooMuch, this.#filling.limit);
  }

  /** The limit, then whole requests and the rest of one. */
  encode(): Buffer {
    const { limit, missing } = this.#filling;
    const windowMs = BigInt(this.windowMs);
    return Buffer.concat([limit, Number(missing / windowMs), Number(missing % windowMs)].map(varintOf));
  }

  static decode(windowMs: number, atMs: number, reading: Reading): TokenBucket {
    const limit = readVarint(reading);
    const whole = BigInt(readVarint(reading));
    const missing = whole * BigInt(windowMs) + BigInt(readVarint(reading));
    return new TokenBucket(windowMs, atMs, { limit, missing });
  }
}

function divideUp(amount: bigint, by: number): number {
  const divisor = BigInt(by);
  return Number((amount + divisor - 1n) / divisor);
}
