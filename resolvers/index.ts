/** The resolvers of all patterns: one of the project's two lists. */
import { ClusterResolver } from './cluster';
import { CounterResolver, IncrementCounterSuccessResolver } from './counter';
import { KvResolver } from './kv';
import { NodeResolver } from './node';
import { TenantResolver } from './tenant';

export const resolverClasses = [
  NodeResolver,
  KvResolver,
  CounterResolver,
  IncrementCounterSuccessResolver,
  ClusterResolver,
  TenantResolver,
] as const;
