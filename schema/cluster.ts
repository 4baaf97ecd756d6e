/** The storage tier. Prose is in cluster.graphql. */
import { Field, ObjectType, registerEnumType } from 'type-graphql';
import { SafeIntScalar, VersionScalar } from './scalars';

export enum ClusterNodeRole {
  LEADER = 'LEADER',
  FOLLOWER = 'FOLLOWER',
  UNREACHABLE = 'UNREACHABLE',
}
registerEnumType(ClusterNodeRole, { name: 'ClusterNodeRole' });

@ObjectType('ClusterNode', { simpleResolvers: true })
export class ClusterNode {
  @Field(() => String)
  id!: string;
  @Field(() => String)
  address!: string;
  @Field(() => ClusterNodeRole)
  role!: ClusterNodeRole;
}

@ObjectType('Cluster', { simpleResolvers: true })
export class Cluster {
  @Field(() => String)
  engine!: string;
  @Field(() => SafeIntScalar)
  epoch!: number;
  @Field(() => VersionScalar)
  version!: string;
  @Field(() => [ClusterNode])
  nodes!: ClusterNode[];
}
