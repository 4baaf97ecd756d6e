/** Rate limits. */
import { Arg, Ctx, Mutation, Query, Resolver } from 'type-graphql';
import { CheckRateLimitInput, RateLimitDecision, RateLimitPolicyInput } from '../schema/rate-limit';
import type { RateLimitDecision as Decided } from '../src/patterns/rate-limit';
import type { RequestContext } from './context';
import { given } from './shapes';

@Resolver()
export class RateLimitResolver {
  @Query(() => RateLimitDecision)
  async rateLimit(
    @Arg('identifier', () => String) identifier: string,
    @Arg('policies', () => [RateLimitPolicyInput]) policies: RateLimitPolicyInput[],
    @Ctx() { patterns }: RequestContext,
  ): Promise<RateLimitDecision> {
    return toDecision(await patterns.rateLimits.peek(identifier, policies));
  }

  @Mutation(() => RateLimitDecision)
  async checkRateLimit(
    @Arg('input', () => CheckRateLimitInput) input: CheckRateLimitInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<RateLimitDecision> {
    return toDecision(await patterns.rateLimits.check(given(input)));
  }

  @Mutation(() => Boolean)
  resetRateLimit(
    @Arg('identifier', () => String) identifier: string,
    @Ctx() { patterns }: RequestContext,
  ): Promise<boolean> {
    return patterns.rateLimits.reset(identifier);
  }
}

function toDecision({ allowed, limit, remaining, resetAtMs, retryAfterMs }: Decided): RateLimitDecision {
  return { allowed, limit, remaining, resetAt: resetAtMs, retryAfterMs };
}
