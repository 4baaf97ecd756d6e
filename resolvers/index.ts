/** The resolvers of all patterns: one of the project's two lists. */
import { CacheResolver } from './cache';
import { ClusterResolver } from './cluster';
import { CounterResolver, IncrementCounterSuccessResolver } from './counter';
import { KvResolver } from './kv';
import { NodeResolver } from './node';
import { RateLimitResolver } from './rate-limit';

export const resolverClasses = [
  NodeResolver,
  KvResolver,
  CounterResolver,
  IncrementCounterSuccessResolver,
  RateLimitResolver,
  CacheResolver,
  ClusterResolver,
] as const;
