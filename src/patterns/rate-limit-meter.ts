/** What the three algorithms have in common: a meter says how much of a limit is used up, and when it will be less. */

export type RateLimitAlgorithm = 'SLIDING_WINDOW_LOG' | 'SLIDING_WINDOW_COUNTER' | 'TOKEN_BUCKET';

export interface RateLimitPolicy {
  readonly limit: number;
  readonly windowMs: number;
  readonly algorithm: RateLimitAlgorithm;
}

/**
 * What one algorithm knows of one identifier and window, as it stands at `atMs`. Never changes: a method answers another one. Nothing
 * but time and spending moves it, and time alone never makes `used` more.
 */
export interface Meter {
  readonly algorithm: RateLimitAlgorithm;
  readonly windowMs: number;
  readonly atMs: number;
  /** How much of the limit is not available, in whole requests, rounded up. */
  readonly used: number;
  /** From then on nothing of it counts; `atMs` where nothing does now. */
  readonly endsAtMs: number;
  /** As it stands at a later time; at an earlier one: unchanged. */
  at(nowMs: number): Meter;
  /** With the limit that holds from now on. */
  withLimit(limit: number): Meter;
  /** With this cost spent at its own time. */
  spend(cost: number): Meter;
  /** When `used` will be `room` or less with nobody spending; `room` is at least 0. */
  fallsTo(room: number): number;
}

/** floor(a * b / c) for integers whose product may pass 2^53. */
export function multiplyDivide(a: number, b: number, c: number): number {
  const product = a * b;
  if (product <= Number.MAX_SAFE_INTEGER) return (product - (product % c)) / c;
  return Number((BigInt(a) * BigInt(b)) / BigInt(c));
}
