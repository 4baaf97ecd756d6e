/** The resolvers of all patterns: one of the project's two lists. */
import { ClusterResolver } from './cluster';
import { CounterResolver, IncrementCounterSuccessResolver } from './counter';
import { ElectionResolver } from './election';
import { KvResolver } from './kv';
import { NodeResolver } from './node';
import { SessionResolver } from './session';

export const resolverClasses = [
  NodeResolver,
  KvResolver,
  CounterResolver,
  IncrementCounterSuccessResolver,
  ElectionResolver,
  ClusterResolver,
  SessionResolver,
] as const;
