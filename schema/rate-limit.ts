/** Rate limits. Prose is in rate-limit.graphql. */
import { Field, InputType, Int, ObjectType, registerEnumType } from 'type-graphql';
import { DateTimeScalar, SafeIntScalar } from './scalars';

export enum RateLimitAlgorithm {
  SLIDING_WINDOW_LOG = 'SLIDING_WINDOW_LOG',
  SLIDING_WINDOW_COUNTER = 'SLIDING_WINDOW_COUNTER',
  TOKEN_BUCKET = 'TOKEN_BUCKET',
}
registerEnumType(RateLimitAlgorithm, { name: 'RateLimitAlgorithm' });

@InputType('RateLimitPolicyInput')
export class RateLimitPolicyInput {
  @Field(() => Int)
  limit!: number;
  @Field(() => SafeIntScalar)
  windowMs!: number;
  @Field(() => RateLimitAlgorithm, { defaultValue: RateLimitAlgorithm.SLIDING_WINDOW_LOG })
  algorithm!: RateLimitAlgorithm;
}

@InputType('CheckRateLimitInput')
export class CheckRateLimitInput {
  @Field(() => String)
  identifier!: string;
  @Field(() => [RateLimitPolicyInput])
  policies!: RateLimitPolicyInput[];
  @Field(() => Int, { defaultValue: 1 })
  cost!: number;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@ObjectType('RateLimitDecision', { simpleResolvers: true })
export class RateLimitDecision {
  @Field(() => Boolean)
  allowed!: boolean;
  @Field(() => Int)
  limit!: number;
  @Field(() => Int)
  remaining!: number;
  @Field(() => DateTimeScalar)
  resetAt!: number;
  @Field(() => SafeIntScalar)
  retryAfterMs!: number;
}
