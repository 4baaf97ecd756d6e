/** The resolvers of all patterns: one of the project's two lists. */
import { ClusterResolver } from './cluster';
import { CounterResolver, IncrementCounterSuccessResolver } from './counter';
import { InventoryItemResolver, InventoryResolver, ReservationLineResolver } from './inventory';
import { KvResolver } from './kv';
import { NodeResolver } from './node';

export const resolverClasses = [
  NodeResolver,
  KvResolver,
  CounterResolver,
  IncrementCounterSuccessResolver,
  InventoryResolver,
  InventoryItemResolver,
  ReservationLineResolver,
  ClusterResolver,
] as const;
