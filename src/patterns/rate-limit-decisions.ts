/** The pure rules of rate limits: what a call is answered, and what is known afterwards. */
import { limits } from '../../proto/limits';
import { AppError } from '../core/errors';
import type { Meter, RateLimitPolicy } from './rate-limit-meter';
import { emptyMeter, rollTo, wholeMeter } from './rate-limit-record';
import type { LimitRecord, LimitState } from './rate-limit-record';

/** Limit, what is left of it, and when all of it is back, are those of the policy with the least left. */
export interface RateLimitDecision {
  readonly allowed: boolean;
  readonly limit: number;
  /** What would be admitted now. */
  readonly remaining: number;
  /** Storage milliseconds. */
  readonly resetAtMs: number;
  /** 0 where allowed. */
  readonly retryAfterMs: number;
  /** The storage clock at which it was confirmed: what `retryAfterMs` counts from. */
  readonly atMs: number;
}

/** A decision before it is known when it was confirmed. */
export interface RateLimitVerdict extends Omit<RateLimitDecision, 'retryAfterMs' | 'atMs'> {
  /** The storage millisecond from which on it is, or with nobody else would be, allowed. */
  readonly freeAtMs: number;
}

export interface Spending {
  readonly policies: readonly RateLimitPolicy[];
  readonly cost: number;
}

export interface Checked {
  readonly outcome: RateLimitVerdict;
  /** Where allowed: the record with the cost spent. */
  readonly next?: LimitRecord;
}

/** A policy with its meter at the time of the decision. */
interface Gauge {
  readonly policy: RateLimitPolicy;
  readonly state: LimitState;
  readonly meter: Meter;
}

/**
 * Spends the cost from all policies where it fits them all, else from none. `nowMs` may lag behind the storage clock: then it refuses what
 * may just have become free (`freeAtMs` says until when that is right), and never admits what does not fit at the
 * commit, since time alone never makes a meter show more.
 */
export function decideCheck(record: LimitRecord | undefined, spending: Spending, nowMs: number): Checked {
  const { cost } = spending;
  const { standing, gauges } = gaugesAt(record, spending.policies, nowMs);
  const freeAtMs = freeAt(gauges, cost);
  if (freeAtMs > standing.atMs) return { outcome: answer(gauges, { allowed: false, freeAtMs }) };
  const spent = gauges.map(({ policy, state }): Gauge => {
    const after = { meter: state.meter.withLimit(policy.limit), pending: state.pending + cost };
    return { policy, state: after, meter: wholeMeter(after) };
  });
  const states = [...others(standing, spending.policies), ...spent.map(({ state }) => state)];
  if (states.length > limits.rateLimitStatesMax) {
    throw new AppError(
      'OVERLOADED',
      `the identifier has ${states.length} policies (algorithm and window) that still count, at most ${limits.rateLimitStatesMax} are kept at once`,
    );
  }
  return { outcome: answer(spent, { allowed: true, freeAtMs }), next: { atMs: standing.atMs, states } };
}

/** What a call of cost 1 would be told, with nothing spent. */
export function decidePeek(
  record: LimitRecord | undefined,
  policies: readonly RateLimitPolicy[],
  nowMs: number,
): RateLimitVerdict {
  const { standing, gauges } = gaugesAt(record, policies, nowMs);
  const freeAtMs = freeAt(gauges, 1);
  return answer(gauges, { allowed: freeAtMs === standing.atMs, freeAtMs });
}

/** The decision as it is answered, with the storage clock at which it was confirmed. */
export function toDecision({ freeAtMs, ...verdict }: RateLimitVerdict, nowMs: number): RateLimitDecision {
  // Refused in a batch that admitted others, it may be free by the time of the commit: then it may be sent again at once.
  return { ...verdict, retryAfterMs: verdict.allowed ? 0 : Math.max(1, freeAtMs - nowMs), atMs: nowMs };
}

/** Whether there is anything to forget: something that still counts. */
export function decideReset(record: LimitRecord | undefined, nowMs: number): boolean {
  return record !== undefined && rollTo(record, Math.max(nowMs, record.atMs)).states.length > 0;
}

function gaugesAt(
  record: LimitRecord | undefined,
  policies: readonly RateLimitPolicy[],
  nowMs: number,
): { standing: LimitRecord; gauges: Gauge[] } {
  // An estimate that is behind what the record knows is wrong for sure.
  const atMs = Math.max(nowMs, record?.atMs ?? 0);
  const standing = record ? rollTo(record, atMs) : { atMs, states: [] };
  const gauges = policies.map((policy) => {
    const { algorithm, windowMs } = policy;
    const known = standing.states.find(({ meter }) => isOf(meter, policy));
    const state = known ?? { meter: emptyMeter(algorithm, windowMs, atMs), pending: 0 };
    return { policy, state, meter: wholeMeter(state) };
  });
  return { standing, gauges };
}

/** When the cost fits all of them: each falls as time goes by, so that is when it fits the last of them. */
function freeAt(gauges: readonly Gauge[], cost: number): number {
  return Math.max(...gauges.map(({ policy, meter }) => meter.fallsTo(policy.limit - cost)));
}

function others({ states }: LimitRecord, policies: readonly RateLimitPolicy[]): LimitState[] {
  return states.filter(({ meter }) => !policies.some((policy) => isOf(meter, policy)));
}

function isOf(meter: Pick<Meter, 'algorithm' | 'windowMs'>, { algorithm, windowMs }: RateLimitPolicy): boolean {
  return meter.algorithm === algorithm && meter.windowMs === windowMs;
}

function answer(gauges: readonly Gauge[], verdict: Pick<RateLimitVerdict, 'allowed' | 'freeAtMs'>): RateLimitVerdict {
  const shown = gauges.map(({ policy: { limit }, meter }) => ({
    limit,
    remaining: Math.max(0, limit - meter.used),
    resetAtMs: meter.endsAtMs,
  }));
  // Of several that have as little left, the one that takes longest.
  shown.sort((a, b) => a.remaining - b.remaining || b.resetAtMs - a.resetAtMs);
  return { ...verdict, ...shown[0]! };
}
