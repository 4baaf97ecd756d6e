/** Leader election. */
import { Arg, Ctx, Mutation, Query, Resolver, Root, Subscription } from 'type-graphql';
import {
  CampaignInput,
  CampaignResult,
  CampaignStatus,
  Election,
  RenewLeadershipInput,
  ResignLeadershipInput,
} from '../schema/election';
import { SafeIntScalar } from '../schema/scalars';
import type { CampaignStatus as Status, Election as Read } from '../src/patterns/election';
import type { RequestContext } from './context';
import { toElection, toHeld, toLeadership, toLost } from './election-shapes';
import { given } from './shapes';
import { subscribeTo } from './subscription';

@Resolver()
export class ElectionResolver {
  @Query(() => Election)
  async election(@Arg('name', () => String) name: string, @Ctx() { patterns }: RequestContext): Promise<Election> {
    return toElection(await patterns.elections.get(name));
  }

  @Mutation(() => CampaignResult)
  async campaign(
    @Arg('input', () => CampaignInput) input: CampaignInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<CampaignResult> {
    const outcome = await patterns.elections.campaign(given(input));
    return outcome.kind === 'leading' ? toLeadership(outcome.leadership) : toHeld(outcome.leader);
  }

  @Mutation(() => CampaignResult)
  async renewLeadership(
    @Arg('input', () => RenewLeadershipInput) input: RenewLeadershipInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<CampaignResult> {
    const outcome = await patterns.elections.renew(input);
    return outcome.kind === 'leading' ? toLeadership(outcome.leadership) : toLost(input, outcome.leader);
  }

  @Mutation(() => Boolean)
  resignLeadership(
    @Arg('input', () => ResignLeadershipInput) input: ResignLeadershipInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<boolean> {
    return patterns.elections.resign(input);
  }

  @Subscription(() => Election, {
    subscribe: ({ args, context }) => {
      const { election } = args as { election: string };
      const { elections } = (context as RequestContext).patterns;
      return subscribeTo((signal) => elections.changed(election, signal));
    },
  })
  leadershipChanged(@Root() election: Read, @Arg('election', () => String) _election: string): Election {
    return toElection(election);
  }

  @Subscription(() => CampaignStatus, {
    name: 'campaign',
    subscribe: ({ args, context }) => {
      const { elections } = (context as RequestContext).patterns;
      return subscribeTo((signal) => elections.stand(args as Parameters<typeof elections.stand>[0], signal));
    },
  })
  campaignStatus(
    @Root() { leadership, leader }: Status,
    @Arg('election', () => String) _election: string,
    @Arg('candidateId', () => String) _candidateId: string,
    @Arg('leaseMs', () => SafeIntScalar, { defaultValue: 10_000 }) _leaseMs: number,
  ): CampaignStatus {
    return {
      isLeader: leadership !== undefined,
      leadership: leadership ? toLeadership(leadership) : null,
      leader: leader ? toLeadership(leader) : null,
    };
  }
}
