/**
 * Rate limits that hold over all gateways.
 *
 * Promises: SLIDING_WINDOW_LOG admits at most `limit` in any window of windowMs, TOKEN_BUCKET at most limit + limit / windowMs * T in
 * any time T, SLIDING_WINDOW_COUNTER at most `limit` in an aligned window; all counted on the storage clock at the commit that
 * spends, so that gateways whose clocks or connections lag cannot admit more together. Several policies are spent from
 * together or not at all. A refusal spends and writes nothing; with nobody else, a call after retryAfterMs is admitted.
 *
 * Stores one record an identifier (`rate-limit-record.ts`), which ends by itself when nothing in it counts any more. Costs one
 * commit a call, shared by all that wait for the same identifier (a refusal one of checks alone), and one read before where the
 * gateway has not seen it lately; peeking is one read. Fails with INVALID_ARGUMENT, IDEMPOTENCY_KEY_REUSED, OVERLOADED where too
 * many policies of one identifier count at once, and the store's own failures: what then, is the caller's choice.
 */
import { limits } from '../../proto/limits';
import type { Store } from '../../proto/store';
import { invalidArgument } from '../core/errors';
import { requireCount, requireInteger, requireText } from '../core/input';
import { families, keyspace } from '../core/keyspace';
import { rememberAsJson } from '../store/remember';
import type { Transact, View } from '../store/transact';
import { decideCheck, decidePeek, decideReset, toDecision } from './rate-limit-decisions';
import type { RateLimitDecision, RateLimitVerdict } from './rate-limit-decisions';
import type { RateLimitPolicy } from './rate-limit-meter';
import { closeRecord, openRecord } from './rate-limit-record';
import type { LimitRecord } from './rate-limit-record';

export type { RateLimitDecision } from './rate-limit-decisions';
export type { RateLimitAlgorithm, RateLimitPolicy } from './rate-limit-meter';

export interface CheckRateLimit {
  readonly identifier: string;
  readonly policies: readonly RateLimitPolicy[];
  readonly cost: number;
  readonly idempotencyKey?: string | undefined;
}

export interface RateLimitDependencies {
  readonly store: Pick<Store, 'read'>;
  readonly transact: Pick<Transact, 'run'>;
  /** Identifiers of different families never meet: callers cannot name what the gateway limits for itself. */
  readonly family?: 'rateLimit' | 'requestLimit';
}

export class RateLimits {
  readonly #store: Pick<Store, 'read'>;
  readonly #transact: Pick<Transact, 'run'>;
  readonly #family: 'rateLimit' | 'requestLimit';

  constructor({ store, transact, family = 'rateLimit' }: RateLimitDependencies) {
    this.#store = store;
    this.#transact = transact;
    this.#family = family;
  }

  /** Spends the cost from every policy where it fits them all; says in either case what is left and when to come back. */
  async check(input: CheckRateLimit): Promise<RateLimitDecision> {
    const { policies, cost } = input;
    const key = this.#requireKey('input.identifier', input.identifier);
    requirePolicies('input.policies', policies);
    requireCost(cost, policies);
    const { outcome, nowMs } = await this.#transact.run<RateLimitVerdict>({
      records: [key],
      decide: (view) => {
        const { outcome, next } = decideCheck(readRecord(view, key), { policies, cost }, view.nowMs);
        if (next) this.#put(view, key, next);
        else view.refuseUntil(outcome.freeAtMs);
        return outcome;
      },
      remembered: rememberAsJson({ mutation: 'checkRateLimit', input, defaults: { cost: 1 } }),
    });
    return toDecision(outcome, nowMs);
  }

  /** What a call of cost 1 would be told now, without spending. */
  async peek(identifier: string, policies: readonly RateLimitPolicy[]): Promise<RateLimitDecision> {
    const start = this.#requireKey('identifier', identifier);
    requirePolicies('policies', policies);
    const { results, nowMs } = await this.#store.read([{ start }]);
    const entry = results[0]!.entries[0];
    return toDecision(decidePeek(entry && openRecord(entry), policies, nowMs), nowMs);
  }

  /** Forgets all that was spent under an identifier, of every policy; whether there was something. */
  async reset(identifier: string): Promise<boolean> {
    const key = this.#requireKey('identifier', identifier);
    const { outcome } = await this.#transact.run<boolean>({
      records: [key],
      decide: (view) => {
        const hasState = decideReset(readRecord(view, key), view.nowMs);
        if (hasState) view.delete(key, families[this.#family].history);
        return hasState;
      },
    });
    return outcome;
  }

  #requireKey(field: string, identifier: string): Buffer {
    requireText(field, identifier, { bytesMax: limits.nameBytesMax });
    return keyspace[this.#family](identifier);
  }

  #put(view: View, key: Buffer, record: LimitRecord): void {
    const { value, ttlMs } = closeRecord(record);
    view.put(key, value, { ttlMs, history: families[this.#family].history });
  }
}

function readRecord(view: View, key: Buffer): LimitRecord | undefined {
  const row = view.get(key);
  return row && openRecord(row);
}

function requirePolicies(field: string, policies: readonly RateLimitPolicy[]): void {
  requireCount(field, policies, { min: 1, max: limits.rateLimitPoliciesMax });
  const seen = new Set<string>();
  for (const [index, { algorithm, limit, windowMs }] of policies.entries()) {
    const at = `${field}[${index}]`;
    const max = algorithm === 'SLIDING_WINDOW_LOG' ? limits.rateLimitLogMax : limits.rateLimitMax;
    requireInteger(`${at}.limit`, limit, { min: 1, max });
    requireInteger(`${at}.windowMs`, windowMs, { min: 1, max: limits.rateLimitWindowMsMax });
    const name = `${algorithm} ${windowMs}`;
    if (seen.has(name)) {
      throw invalidArgument(at, `is a second ${algorithm} of ${windowMs} ms: state is kept by algorithm and window`);
    }
    seen.add(name);
  }
}

function requireCost(cost: number, policies: readonly RateLimitPolicy[]): void {
  requireInteger('input.cost', cost, { min: 1, max: limits.rateLimitMax });
  for (const [index, { limit }] of policies.entries()) {
    if (cost > limit) {
      throw invalidArgument('input.cost', `is ${cost}, above the limit ${limit} of policies[${index}]: it never fits`);
    }
  }
}
