/**
 * The gateway's limit of its own callers: so many GraphQL requests a tenant in a time, counted over all gateways by the pattern of
 * rate limits, under a key that no caller can name. Answers carry the fields `RateLimit` and `RateLimit-Policy` of
 * draft-ietf-httpapi-ratelimit-headers-10, and past the limit `Retry-After`. Costs one commit a request, shared by those
 * that come together; while storage is down a request fails with UNAVAILABLE, as it would have anyway.
 */
import { AppError } from '../core/errors';
import type { RateLimits } from '../patterns/rate-limit';

export interface RequestLimitOptions {
  readonly limit: number;
  readonly windowMs: number;
}

/** What became of a request. */
export interface Admission {
  /** Header fields of its answer, whatever it is. */
  readonly fields: Readonly<Record<string, string>>;
  /** RATE_LIMITED, where it is not let in. */
  readonly refusal: AppError | undefined;
}

/** The policy's name in the fields. */
const policyName = '"requests"';
/** One limit for all of a tenant's callers. */
const identifier = 'requests';

const seconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000));

export class RequestLimit {
  readonly #options: RequestLimitOptions;

  constructor(options: RequestLimitOptions) {
    this.#options = options;
  }

  /** Spends one request of the tenant whose limits these are. Throws the store's failures. */
  async admit(limits: RateLimits): Promise<Admission> {
    const { limit, windowMs } = this.#options;
    const policies = [{ limit, windowMs, algorithm: 'SLIDING_WINDOW_COUNTER' }] as const;
    const { allowed, remaining, resetAtMs, retryAfterMs, atMs } = await limits.check({ identifier, policies, cost: 1 });
    const fields = {
      'ratelimit-policy': `${policyName};q=${limit};w=${seconds(windowMs)}`,
      ratelimit: `${policyName};r=${remaining};t=${seconds(allowed ? resetAtMs - atMs : retryAfterMs)}`,
    };
    if (allowed) return { fields, refusal: undefined };
    const message = `the tenant's limit of ${limit} requests in ${windowMs} ms is reached: try again in ${retryAfterMs} ms`;
    return {
      fields: { ...fields, 'retry-after': String(seconds(retryAfterMs)) },
      refusal: new AppError('RATE_LIMITED', message, { details: { limit, remaining, retryAfterMs } }),
    };
  }
}
