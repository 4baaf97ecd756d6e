/**
 * The gateway's limits of its own callers: so many GraphQL requests a tenant and an API key in a time, counted over all gateways by the
 * pattern of rate limits, under names that no caller can reach. Answers carry the fields `RateLimit` and `RateLimit-Policy` of
 * draft-ietf-httpapi-ratelimit-headers-10, and past a limit `Retry-After`. Costs one commit a request and limit, shared by those
 * that come together; while storage is down a request fails with UNAVAILABLE, as it would have anyway.
 */
import { AppError } from '../core/errors';
import type { RateLimits } from '../patterns/rate-limit';

export interface RequestLimitOptions {
  /** Requests of all of a tenant's callers; left out: any number. */
  readonly tenantLimit?: number | undefined;
  /** Requests with one API key; left out: any number. */
  readonly keyLimit?: number | undefined;
  readonly windowMs: number;
}

/** What became of a request. */
export interface Admission {
  /** Header fields of its answer, whatever it is. */
  readonly fields: Readonly<Record<string, string>>;
  /** RATE_LIMITED, where it is not let in. */
  readonly refusal: AppError | undefined;
}

/** One of the limits that a request counts against. */
interface OneLimit {
  /** In the fields, and what the tenant's store knows it by. */
  readonly policy: string;
  readonly identifier: string;
  readonly whose: string;
  readonly limit: number;
}

const seconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000));

export class RequestLimit {
  readonly #options: RequestLimitOptions;

  constructor(options: RequestLimitOptions) {
    this.#options = options;
  }

  /**
   * Spends one request of the tenant whose limits these are, and of the key. The key comes first: a key that is past its limit
   * takes nothing from the tenant's others. Undefined: nothing limits it. Throws the store's failures.
   */
  async admit(limits: RateLimits, apiKeyId: string | undefined): Promise<Admission | undefined> {
    const spent: Record<'ratelimit-policy' | 'ratelimit', string>[] = [];
    for (const one of this.#limitsOf(apiKeyId)) {
      const { fields, refusal } = await this.#spend(limits, one);
      spent.push(fields);
      if (refusal) return { fields: { ...joined(spent), ...refusal.fields }, refusal: refusal.error };
    }
    return spent.length === 0 ? undefined : { fields: joined(spent), refusal: undefined };
  }

  #limitsOf(apiKeyId: string | undefined): OneLimit[] {
    const { tenantLimit, keyLimit } = this.#options;
    const limits: OneLimit[] = [];
    if (keyLimit !== undefined && apiKeyId !== undefined)
      limits.push({ policy: '"key"', identifier: `key ${apiKeyId}`, whose: "the key's", limit: keyLimit });
    if (tenantLimit !== undefined)
      limits.push({ policy: '"requests"', identifier: 'requests', whose: "the tenant's", limit: tenantLimit });
    return limits;
  }

  async #spend(limits: RateLimits, { policy, identifier, whose, limit }: OneLimit) {
    const { windowMs } = this.#options;
    const policies = [{ limit, windowMs, algorithm: 'SLIDING_WINDOW_COUNTER' }] as const;
    const { allowed, remaining, resetAtMs, retryAfterMs, atMs } = await limits.check({ identifier, policies, cost: 1 });
    const fields = {
      'ratelimit-policy': `${policy};q=${limit};w=${seconds(windowMs)}`,
      ratelimit: `${policy};r=${remaining};t=${seconds(allowed ? resetAtMs - atMs : retryAfterMs)}`,
    };
    if (allowed) return { fields, refusal: undefined };
    const message = `${whose} limit of ${limit} requests in ${windowMs} ms is reached: try again in ${retryAfterMs} ms`;
    const error = new AppError('RATE_LIMITED', message, { details: { limit, remaining, retryAfterMs } });
    return { fields, refusal: { fields: { 'retry-after': String(seconds(retryAfterMs)) }, error } };
  }
}

/** Several policies stand in one field, as a list. */
function joined(
  all: readonly Record<'ratelimit-policy' | 'ratelimit', string>[],
): Record<'ratelimit-policy' | 'ratelimit', string> {
  const list = (name: 'ratelimit-policy' | 'ratelimit'): string => all.map((fields) => fields[name]).join(', ');
  return { 'ratelimit-policy': list('ratelimit-policy'), ratelimit: list('ratelimit') };
}
