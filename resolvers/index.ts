/** The resolvers of all patterns: one of the project's two lists. */
import { ClusterResolver } from './cluster';
import { CounterResolver, IncrementCounterSuccessResolver } from './counter';
import { ElectionResolver } from './election';
import { InventoryItemResolver, InventoryResolver, ReservationLineResolver } from './inventory';
import { KvResolver } from './kv';
import { NodeResolver } from './node';
import { SessionResolver } from './session';

export const resolverClasses = [
  NodeResolver,
  KvResolver,
  CounterResolver,
  IncrementCounterSuccessResolver,
  ElectionResolver,
  InventoryResolver,
  InventoryItemResolver,
  ReservationLineResolver,
  ClusterResolver,
  SessionResolver,
] as const;
