/** Leader election. Prose is in election.graphql. */
import { createUnionType, Field, InputType, ObjectType } from 'type-graphql';
import { DomainError, Node } from './common';
import { DateTimeScalar, SafeIntScalar } from './scalars';

@ObjectType('Leadership', { simpleResolvers: true })
export class Leadership {
  kind!: 'Leadership';
  @Field(() => String)
  election!: string;
  @Field(() => String)
  candidateId!: string;
  @Field(() => SafeIntScalar)
  fencingToken!: number;
  @Field(() => DateTimeScalar)
  acquiredAt!: number;
  @Field(() => DateTimeScalar)
  leaseExpiresAt!: number;
}

@ObjectType('Election', { implements: Node, simpleResolvers: true })
export class Election extends Node {
  kind!: 'Election';
  @Field(() => String)
  name!: string;
  @Field(() => Leadership, { nullable: true })
  leader!: Leadership | null;
}

@InputType('CampaignInput')
export class CampaignInput {
  @Field(() => String)
  election!: string;
  @Field(() => String)
  candidateId!: string;
  @Field(() => SafeIntScalar, { defaultValue: 10_000 })
  leaseMs!: number;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@InputType('RenewLeadershipInput')
export class RenewLeadershipInput {
  @Field(() => String)
  election!: string;
  @Field(() => String)
  candidateId!: string;
  @Field(() => SafeIntScalar)
  fencingToken!: number;
  @Field(() => SafeIntScalar, { defaultValue: 10_000 })
  leaseMs!: number;
}

@InputType('ResignLeadershipInput')
export class ResignLeadershipInput {
  @Field(() => String)
  election!: string;
  @Field(() => String)
  candidateId!: string;
  @Field(() => SafeIntScalar)
  fencingToken!: number;
}

@ObjectType('LeadershipHeld', { implements: DomainError, simpleResolvers: true })
export class LeadershipHeld extends DomainError {
  kind!: 'LeadershipHeld';
  @Field(() => Leadership, { nullable: true })
  leader!: Leadership | null;
}

@ObjectType('LeadershipLost', { implements: DomainError, simpleResolvers: true })
export class LeadershipLost extends DomainError {
  kind!: 'LeadershipLost';
  @Field(() => Leadership, { nullable: true })
  leader!: Leadership | null;
}

export const CampaignResult = createUnionType({
  name: 'CampaignResult',
  types: () => [Leadership, LeadershipHeld, LeadershipLost] as const,
  resolveType: (value) => value.kind,
});
export type CampaignResult = Leadership | LeadershipHeld | LeadershipLost;

@ObjectType('CampaignStatus', { simpleResolvers: true })
export class CampaignStatus {
  @Field(() => Boolean)
  isLeader!: boolean;
  @Field(() => Leadership, { nullable: true })
  leadership!: Leadership | null;
  @Field(() => Leadership, { nullable: true })
  leader!: Leadership | null;
}
