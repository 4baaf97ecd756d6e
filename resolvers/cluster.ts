/** The storage tier. */
import { Ctx, Query, Resolver, Root, Subscription } from 'type-graphql';
import type { StoreStatus } from '../proto/store';
import { Cluster, ClusterNodeRole } from '../schema/cluster';
import type { RequestContext } from './context';
import { subscribeTo } from './subscription';

const roles = {
  leader: ClusterNodeRole.LEADER,
  follower: ClusterNodeRole.FOLLOWER,
  unreachable: ClusterNodeRole.UNREACHABLE,
} as const;

@Resolver()
export class ClusterResolver {
  @Query(() => Cluster)
  async cluster(@Ctx() { patterns }: RequestContext): Promise<Cluster> {
    return toCluster(await patterns.cluster.status());
  }

  @Subscription(() => Cluster, {
    subscribe: ({ context }) => subscribeTo((signal) => (context as RequestContext).patterns.cluster.changed(signal)),
  })
  clusterChanged(@Root() status: StoreStatus): Cluster {
    return toCluster(status);
  }
}

function toCluster({ engine, epoch, revision, nodes }: StoreStatus): Cluster {
  return {
    engine,
    epoch,
    version: String(revision),
    nodes: nodes.map(({ id, address, role }) => ({ id, address, role: roles[role] })),
  };
}
