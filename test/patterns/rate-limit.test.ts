/** Rate limits over gateways that share a store, to the millisecond. */
import { storeLimits } from '../../proto/limits';
import { AppError } from '../../src/core/errors';
import { keyspace } from '../../src/core/keyspace';
import type { RateLimitAlgorithm, RateLimitDecision, RateLimitPolicy } from '../../src/patterns/rate-limit';
import { atOnce, failure, World } from './support/world';
import type { Gateway } from './support/world';

let world: World;
let gateway: Gateway;
let other: Gateway;

beforeEach(() => {
  world = new World();
  gateway = world.gateway();
  other = world.gateway();
});
afterEach(() => world.close());

const algorithms = ['SLIDING_WINDOW_LOG', 'SLIDING_WINDOW_COUNTER', 'TOKEN_BUCKET'] as const;
const log = (limit: number, windowMs = 1_000): RateLimitPolicy => ({
  limit,
  windowMs,
  algorithm: 'SLIDING_WINDOW_LOG',
});
const counter = (limit: number, windowMs = 1_000): RateLimitPolicy => ({
  ...log(limit, windowMs),
  algorithm: algorithms[1],
});
const bucket = (limit: number, windowMs = 1_000): RateLimitPolicy => ({
  ...log(limit, windowMs),
  algorithm: algorithms[2],
});

interface Over {
  readonly identifier?: string;
  readonly cost?: number;
  readonly idempotencyKey?: string;
  readonly by?: Gateway;
}

const check = (policies: RateLimitPolicy | readonly RateLimitPolicy[], over: Over = {}): Promise<RateLimitDecision> => {
  const { by = gateway, identifier = 'ada', cost = 1, idempotencyKey } = over;
  return by.rateLimits.check({ identifier, policies: [policies].flat(), cost, idempotencyKey });
};
const peek = (policies: RateLimitPolicy | readonly RateLimitPolicy[], by = gateway): Promise<RateLimitDecision> =>
  by.rateLimits.peek('ada', [policies].flat());
/** Far ahead: on the storage clock alone, without the ticks of a year. The gateways learn of it from their next answer. */
const jump = (byMs: number): void => world.clock.setWallMs(world.clock.nowMs() + byMs);
const now = (): number => world.clock.nowMs();
const allowedOf = (decisions: readonly RateLimitDecision[]): number =>
  decisions.filter(({ allowed }) => allowed).length;

describe.each(algorithms)('%s', (algorithm: RateLimitAlgorithm) => {
  const policy = (limit: number, windowMs = 1_000): RateLimitPolicy => ({ limit, windowMs, algorithm });

  it('admits the first call and counts it', async () => {
    expect(await check(policy(3))).toMatchObject({ allowed: true, limit: 3, remaining: 2, retryAfterMs: 0 });
    expect(await check(policy(3))).toMatchObject({ allowed: true, remaining: 1 });
  });

  it('refuses past the limit, spends nothing by it, and says when to come back', async () => {
    await check(policy(2), { cost: 2 });
    const refused = await check(policy(2), { by: other });
    expect(refused).toMatchObject({ allowed: false, limit: 2, remaining: 0 });
    expect(await check(policy(2), { by: other })).toEqual(refused);
    expect(gateway.store.commits.flatMap(({ writes }) => writes)).toHaveLength(1);
    expect(other.store.commits.flatMap(({ writes }) => writes)).toEqual([]);
  });

  it.each([1, 2, 3, 7])('admits a call of cost %d after retryAfterMs, and not a millisecond before', async (cost) => {
    world.clock.advance(123);
    await check(policy(7, 1_001), { cost: 4 });
    world.clock.advance(77);
    await check(policy(7, 1_001), { cost: 3 });
    const { allowed, retryAfterMs } = await check(policy(7, 1_001), { cost });
    expect(allowed).toBe(false);
    world.clock.advance(retryAfterMs - 1);
    expect(await check(policy(7, 1_001), { cost, by: other })).toMatchObject({ allowed: false, retryAfterMs: 1 });
    world.clock.advance(1);
    expect(await check(policy(7, 1_001), { cost, by: other })).toMatchObject({ allowed: true, retryAfterMs: 0 });
  });

  it('has the whole limit back at resetAt, and keeps nothing from then on', async () => {
    const { resetAtMs } = await check(policy(5), { cost: 3 });
    world.clock.advance(resetAtMs - now() - 1);
    expect((await peek(policy(5))).remaining).toBeLessThan(5);
    world.clock.advance(1);
    expect(await peek(policy(5))).toEqual({
      allowed: true,
      limit: 5,
      remaining: 5,
      resetAtMs: now(),
      retryAfterMs: 0,
      atMs: now(),
    });
    expect((await gateway.store.read([{ start: keyspace.rateLimit('ada') }])).results[0]!.entries).toEqual([]);
  });

  it('with a limit of 1 admits one of hundreds at once, over two gateways', async () => {
    const decisions = await atOnce(300, (index) => check(policy(1), { by: index % 2 ? gateway : other }));
    expect(allowedOf(decisions)).toBe(1);
  });

  it('admits of hundreds at once as many as fit, whatever they cost', async () => {
    const decisions = await atOnce(200, (index) => check(policy(100), { cost: 3, by: index % 2 ? gateway : other }));
    expect(allowedOf(decisions)).toBe(33);
    expect(await peek(policy(100))).toMatchObject({ allowed: true, remaining: 1 });
  });

  it('counts a changed limit from the next call, up and down', async () => {
    await check(policy(2), { cost: 2 });
    expect(await check(policy(2))).toMatchObject({ allowed: false, limit: 2 });
    expect(await check(policy(5))).toMatchObject({ allowed: true, limit: 5, remaining: 2 });
    expect(await check(policy(2))).toMatchObject({ allowed: false, limit: 2, remaining: 0 });
    expect(await check(policy(5))).toMatchObject({ allowed: true, remaining: 1 });
  });

  it('after a limit that was lowered still keeps its word on retryAfterMs', async () => {
    await check(policy(100), { cost: 90 });
    world.clock.advance(10);
    const { allowed, retryAfterMs } = await check(policy(10), { cost: 2 });
    expect(allowed).toBe(false);
    world.clock.advance(retryAfterMs - 1);
    expect((await check(policy(10), { cost: 2 })).allowed).toBe(false);
    world.clock.advance(1);
    expect((await check(policy(10), { cost: 2 })).allowed).toBe(true);
  });

  it('keeps windows of other lengths, algorithms and identifiers apart', async () => {
    await check(policy(1));
    expect((await check(policy(1, 999))).allowed).toBe(true);
    expect((await check(policy(1), { identifier: 'bob' })).allowed).toBe(true);
    for (const each of algorithms.filter((name) => name !== algorithm))
      expect((await check({ ...policy(1), algorithm: each })).allowed).toBe(true);
    expect((await check(policy(1))).allowed).toBe(false);
  });

  it('peeks without spending, and without writing', async () => {
    await check(policy(2));
    for (let times = 0; times < 3; times += 1)
      expect(await peek(policy(2), other)).toMatchObject({ allowed: true, limit: 2, remaining: 1, retryAfterMs: 0 });
    await check(policy(2));
    const refused = await peek(policy(2), other);
    expect(refused).toMatchObject({ allowed: false, remaining: 0 });
    expect(refused.retryAfterMs).toBeGreaterThan(0);
    expect(other.store.commits).toEqual([]);
  });

  it('takes the largest limits and windows without losing count', async () => {
    const limit = algorithm === 'SLIDING_WINDOW_LOG' ? 10_000 : 2_147_483_647;
    const largest = policy(limit, 31_622_400_000);
    expect(await check(largest, { cost: limit - 1 })).toMatchObject({ allowed: true, remaining: 1 });
    expect(await check(largest)).toMatchObject({ allowed: true, remaining: 0 });
    const { allowed, retryAfterMs } = await check(largest, { cost: limit });
    expect(allowed).toBe(false);
    jump(retryAfterMs - 1);
    expect(await check(largest, { cost: limit })).toMatchObject({ allowed: false, retryAfterMs: 1 });
    jump(1);
    expect(await check(largest, { cost: limit })).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('takes windows of a millisecond', async () => {
    expect((await check(policy(1, 1))).allowed).toBe(true);
    expect(await check(policy(1, 1))).toMatchObject({ allowed: false });
    world.clock.advance(2);
    expect((await check(policy(1, 1))).allowed).toBe(true);
  });
});

describe('SLIDING_WINDOW_LOG', () => {
  it('counts what was spent until windowMs later, which it does not reach', async () => {
    await check(log(2));
    world.clock.advance(400);
    await check(log(2));
    world.clock.advance(599);
    expect(await check(log(2))).toMatchObject({ allowed: false, retryAfterMs: 1, resetAtMs: now() + 401 });
    world.clock.advance(1);
    expect(await check(log(2))).toMatchObject({ allowed: true, remaining: 0, resetAtMs: now() + 1_000 });
    expect(await check(log(2))).toMatchObject({ allowed: false, retryAfterMs: 400 });
  });

  it('waits for as many as the cost needs', async () => {
    for (let index = 0; index < 5; index += 1) {
      await check(log(5));
      world.clock.advance(100);
    }
    expect(await check(log(5), { cost: 1 })).toMatchObject({ retryAfterMs: 500 });
    expect(await check(log(5), { cost: 3 })).toMatchObject({ retryAfterMs: 700 });
  });

  it('needs few bytes for each request', async () => {
    const policy = log(500, 100_000);
    for (let index = 0; index < 500; index += 1) {
      world.clock.advance(100);
      await check(policy);
    }
    expect(await check(policy)).toMatchObject({ allowed: false, retryAfterMs: 100_000 - 100 * 499 });
    const { results } = await gateway.store.read([{ start: keyspace.rateLimit('ada') }]);
    expect(results[0]!.entries[0]!.value.length).toBeLessThan(1_100);
  });

  it('fits a record with as many full logs as may be, each as wide as may be', async () => {
    const policies = Array.from({ length: 16 }, (_, index) => log(10_000, 31_622_400_000 - index));
    for (let index = 0; index < 100; index += 1) {
      jump(3_162_240);
      for (const half of [policies.slice(0, 8), policies.slice(8)]) await check(half, { cost: 1 + (index % 3) });
    }
    const { results } = await gateway.store.read([{ start: keyspace.rateLimit('ada') }]);
    const bytesOfSpend = results[0]!.entries[0]!.value.length / 1_600;
    expect(bytesOfSpend * 160_000).toBeLessThan(storeLimits.storedValueBytesMax);
  });
});

describe('SLIDING_WINDOW_COUNTER', () => {
  it('begins its windows at multiples of windowMs on the storage clock', async () => {
    world.clock.advance(1_000 - (now() % 1_000));
    world.clock.advance(900);
    await check(counter(10), { cost: 10 });
    expect(await check(counter(10))).toMatchObject({ allowed: false, retryAfterMs: 200, resetAtMs: now() + 1_100 });
    world.clock.advance(100);
    expect(await peek(counter(10))).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 100 });
    world.clock.advance(500);
    expect(await peek(counter(10))).toMatchObject({ allowed: true, remaining: 5 });
    world.clock.advance(1);
    expect(await peek(counter(10))).toMatchObject({ remaining: 5 });
    world.clock.advance(99);
    expect(await check(counter(10))).toMatchObject({ allowed: true, remaining: 5 });
  });
});

describe('TOKEN_BUCKET', () => {
  it('gives the burst, then one request every windowMs / limit', async () => {
    await check(bucket(3), { cost: 3 });
    expect(await check(bucket(3))).toMatchObject({ allowed: false, retryAfterMs: 334, resetAtMs: now() + 1_000 });
    world.clock.advance(334);
    expect((await check(bucket(3))).allowed).toBe(true);
    expect(await check(bucket(3))).toMatchObject({ allowed: false, retryAfterMs: 333 });
    world.clock.advance(333);
    expect((await check(bucket(3))).allowed).toBe(true);
    expect(await check(bucket(3))).toMatchObject({ allowed: false, retryAfterMs: 333 });
  });

  it('adds no rounding up over hundreds of calls', async () => {
    await check(bucket(7), { cost: 7 });
    const startMs = now();
    for (let regained = 1; regained <= 350; regained += 1) {
      const { retryAfterMs } = await check(bucket(7));
      world.clock.advance(retryAfterMs);
      expect((await check(bucket(7))).allowed).toBe(true);
    }
    expect(now() - startMs).toBe(50_000);
  });
});

describe('several policies', () => {
  const policies = [log(3), bucket(10, 60_000), counter(5, 10_000)];

  it('are spent from together, and the answer shows the one with the least left', async () => {
    expect(await check(policies, { cost: 2 })).toMatchObject({ allowed: true, limit: 3, remaining: 1 });
    for (const [policy, remaining] of [
      [policies[0]!, 1],
      [policies[1]!, 8],
      [policies[2]!, 3],
    ] as const)
      expect(await peek(policy)).toMatchObject({ remaining });
  });

  it('are spent from all or none', async () => {
    await check(policies[0]!, { cost: 3 });
    expect(await check(policies)).toMatchObject({ allowed: false, limit: 3, remaining: 0, retryAfterMs: 1_000 });
    expect(await peek(policies[1]!)).toMatchObject({ remaining: 10 });
    expect(await peek(policies[2]!)).toMatchObject({ remaining: 5 });
  });

  it('that refuse together say when the last of them would not', async () => {
    await check([log(2), log(2, 5_000)], { cost: 2 });
    expect(await check([log(2), log(2, 5_000)])).toMatchObject({ allowed: false, limit: 2, retryAfterMs: 5_000 });
    world.clock.advance(5_000);
    expect((await check([log(2), log(2, 5_000)])).allowed).toBe(true);
  });

  it('take one commit and leave one record', async () => {
    await check(policies);
    gateway.store.reset();
    await check(policies);
    expect([gateway.store.reads.length, gateway.store.commits.length]).toEqual([0, 1]);
    expect(gateway.store.commits[0]!.writes).toHaveLength(1);
  });

  it('of one identifier may be 16 that still count', async () => {
    const windows = (from: number, count: number): RateLimitPolicy[] =>
      Array.from({ length: count }, (_, index) => log(5, from + index));
    await check(windows(1_000, 8));
    await check(windows(2_000, 8));
    await expect(check(log(5, 9_000))).rejects.toEqual(failure('OVERLOADED'));
    expect((await check(windows(2_000, 8))).allowed).toBe(true);
    world.clock.advance(1_007);
    expect((await check(log(5, 9_000))).allowed).toBe(true);
  });
});

describe('resetting', () => {
  it('forgets all policies of the identifier, and says whether there was something', async () => {
    await check([log(1), bucket(1), counter(1)]);
    await check(log(1), { identifier: 'bob' });
    expect(await other.rateLimits.reset('ada')).toBe(true);
    expect(await gateway.rateLimits.reset('ada')).toBe(false);
    expect(await check([log(1), bucket(1), counter(1)])).toMatchObject({ allowed: true });
    expect(await check(log(1), { identifier: 'bob' })).toMatchObject({ allowed: false });
  });

  it('finds nothing where nothing counts any more', async () => {
    await check(log(1));
    world.clock.advance(999);
    expect(await gateway.rateLimits.reset('ada')).toBe(true);
    await check(log(1));
    world.clock.advance(1_000);
    expect(await gateway.rateLimits.reset('ada')).toBe(false);
  });
});

describe('an idempotency key', () => {
  it('spends once and answers as the first time, refusals included', async () => {
    const first = await check(log(2), { idempotencyKey: 'a' });
    world.clock.advance(5);
    expect(await check(log(2), { idempotencyKey: 'a', by: other })).toEqual(first);
    await check(log(2));
    const refused = await check(log(2), { idempotencyKey: 'b' });
    expect(refused).toMatchObject({ allowed: false });
    world.clock.advance(5_000);
    expect(await check(log(2), { idempotencyKey: 'b', by: other })).toEqual(refused);
    expect(await peek(log(2))).toMatchObject({ remaining: 2 });
  });

  it('with another input is refused, with a default written out it is the same', async () => {
    await check(log(2), { idempotencyKey: 'a' });
    await expect(check(log(2), { idempotencyKey: 'a', cost: 2 })).rejects.toEqual(failure('IDEMPOTENCY_KEY_REUSED'));
    await expect(check(log(3), { idempotencyKey: 'a' })).rejects.toEqual(failure('IDEMPOTENCY_KEY_REUSED'));
    expect((await check(log(2), { idempotencyKey: 'a', cost: 1 })).remaining).toBe(1);
  });

  it('of two callers at once is one spend and one answer for both', async () => {
    const decisions = await atOnce(20, (index) =>
      check(log(5), { idempotencyKey: 'a', by: index % 2 ? gateway : other }),
    );
    expect(new Set(decisions.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(await peek(log(5))).toMatchObject({ remaining: 4 });
  });

  it('spends once where the answer was lost', async () => {
    gateway.store.afterCommit = () => {
      gateway.store.afterCommit = undefined;
      throw new AppError('OUTCOME_UNKNOWN', 'lost');
    };
    await expect(check(log(2), { idempotencyKey: 'a' })).rejects.toEqual(failure('OUTCOME_UNKNOWN'));
    expect(await check(log(2), { idempotencyKey: 'a' })).toMatchObject({ allowed: true, remaining: 1 });
  });
});

describe('an estimate of the storage clock that lags', () => {
  /** A commit that takes a while to arrive, and whose answer takes a while. */
  const slowly = (by: Gateway, beforeMs: number, afterMs: number): void => {
    by.store.beforeCommit = () => {
      by.store.beforeCommit = undefined;
      world.clock.advance(beforeMs);
    };
    by.store.afterCommit = () => {
      by.store.afterCommit = undefined;
      world.clock.advance(afterMs);
    };
  };

  it.each([algorithms[0], algorithms[2]])(
    'counts a slow %s from its commit, not from its decision',
    async (algorithm) => {
      const policy = { limit: 2, windowMs: 1_000, algorithm };
      await check(policy, { identifier: 'other' });
      slowly(gateway, 300, 0);
      await check(policy, { cost: 2 });
      const committedAtMs = now();
      world.clock.advance(999);
      expect(await check(policy, { cost: 2, by: other })).toMatchObject({ allowed: false, retryAfterMs: 1 });
      world.clock.advance(committedAtMs + 1_000 - now());
      expect(await check(policy, { cost: 2, by: other })).toMatchObject({ allowed: true });
    },
  );

  it('counts in the aligned window of the commit', async () => {
    world.clock.advance(1_000 - (now() % 1_000));
    world.clock.advance(900);
    await check(counter(2), { identifier: 'other' });
    slowly(gateway, 100, 0);
    await check(counter(2), { cost: 2 });
    expect(now() % 1_000).toBe(0);
    world.clock.advance(999);
    expect(await check(counter(2), { by: other })).toMatchObject({ allowed: false });
  });

  it('refuses nothing that has just become free', async () => {
    await check(log(1));
    slowly(gateway, 0, 500);
    await check(log(1), { identifier: 'other' });
    // The gateway believes that it is half a second earlier than it is.
    world.clock.advance(500);
    expect(await check(log(1))).toMatchObject({ allowed: true });
  });

  it('does not keep a batch with admissions from committing, however soon its refusals end', async () => {
    await check(log(1, 1));
    for (let round = 0; round < 20; round += 1) {
      gateway.store.beforeCommit = () => world.clock.advance(1);
      expect(allowedOf(await atOnce(10, () => check(log(1, 1))))).toBe(1);
    }
  });
});

describe('refusals on a hot identifier', () => {
  it('cost one commit of checks for all of them, and write nothing', async () => {
    await check(log(1));
    gateway.store.reset();
    expect(allowedOf(await atOnce(100, () => check(log(1))))).toBe(0);
    expect(gateway.store.reads).toEqual([]);
    expect(gateway.store.commits).toHaveLength(1);
    expect(gateway.store.commits[0]).toMatchObject({ writes: [], validUntilMs: now() + 1_000 });
  });

  it('come from what stands, not from what was believed', async () => {
    await check(log(1));
    await other.rateLimits.reset('ada');
    expect(await check(log(1))).toMatchObject({ allowed: true });
  });
});

describe('what is refused', () => {
  it.each([
    ['an empty identifier', { identifier: '' }, [log(1)], 'input.identifier'],
    ['a long identifier', { identifier: 'x'.repeat(257) }, [log(1)], 'input.identifier'],
    ['an unpaired surrogate', { identifier: '\ud800' }, [log(1)], 'input.identifier'],
    ['no policies', {}, [], 'input.policies'],
    ['nine policies', {}, Array.from({ length: 9 }, (_, index) => log(1, 1 + index)), 'input.policies'],
    ['two of one algorithm and window', {}, [log(1), log(2)], 'input.policies[1]'],
    ['a limit of 0', {}, [log(0)], 'input.policies[0].limit'],
    ['a log of 10,001', {}, [log(10_001)], 'input.policies[0].limit'],
    ['a window of 0', {}, [log(1, 0)], 'input.policies[0].windowMs'],
    ['a window of 367 days', {}, [log(1, 31_708_800_000)], 'input.policies[0].windowMs'],
    ['a cost of 0', { cost: 0 }, [log(1)], 'input.cost'],
    ['a negative cost', { cost: -1 }, [log(1)], 'input.cost'],
    ['a cost above the limit', { cost: 2 }, [log(3), bucket(1)], 'input.cost'],
    ['NaN', { cost: Number.NaN }, [log(1)], 'input.cost'],
  ])('is %s', async (_, over: Over, policies, field) => {
    const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT', details: { field } }) as unknown;
    await expect(check(policies, over)).rejects.toEqual(refused);
    expect(gateway.store.commits).toEqual([]);
  });

  it('is said of a query and a reset as well', async () => {
    await expect(gateway.rateLimits.peek('', [log(1)])).rejects.toEqual(failure('INVALID_ARGUMENT'));
    await expect(gateway.rateLimits.peek('a', [])).rejects.toEqual(failure('INVALID_ARGUMENT'));
    await expect(gateway.rateLimits.reset('')).rejects.toEqual(failure('INVALID_ARGUMENT'));
  });
});

it("keeps the gateway's own limits out of callers' reach", async () => {
  await gateway.requestLimits.check({ identifier: 'ada', policies: [log(1)], cost: 1 });
  expect(await gateway.rateLimits.reset('ada')).toBe(false);
  expect(await check(log(1))).toMatchObject({ allowed: true });
});
