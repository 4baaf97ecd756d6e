/** Delays between tries: exponential with full jitter (Brooker, "Exponential Backoff and Jitter", AWS 2015). */
import type { Ids } from './ids';

export interface BackoffOptions {
  /** Upper bound of the first delay, in milliseconds. */
  readonly baseMs: number;
  /** Upper bound of every delay, in milliseconds. */
  readonly capMs: number;
}

/** The delay before try number `attempt` (the first retry is 1): uniform in [0, min(cap, base * 2^(attempt-1))). */
export function backoffDelayMs(attempt: number, options: BackoffOptions, ids: Pick<Ids, 'fraction'>): number {
  const boundMs = Math.min(options.capMs, options.baseMs * 2 ** Math.min(attempt - 1, 30));
  return ids.fraction() * boundMs;
}
