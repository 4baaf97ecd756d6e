/** The resolvers of all patterns: one of the project's two lists. */
import { CacheResolver } from './cache';
import { ClusterResolver } from './cluster';
import { CounterResolver, IncrementCounterSuccessResolver } from './counter';
import { DeduplicationResolver } from './deduplication';
import { ElectionResolver } from './election';
import {
  AppendEventsSuccessResolver,
  DuplicateEventsResolver,
  EventStreamFieldsResolver,
  WrongExpectedVersionResolver,
} from './event-fields';
import { AllEventsResolver, EventStreamResolver } from './event-stream';
import { InventoryItemResolver, InventoryResolver, ReservationLineResolver } from './inventory';
import { KvResolver } from './kv';
import { NodeResolver } from './node';
import { RecommendationResolver } from './recommendation';
import { SemanticSearchResolver } from './semantic-search';
import { SessionResolver } from './session';
import { RateLimitResolver } from './rate-limit';
import { TenantResolver } from './tenant';
import { VectorResolver } from './vector';

export const resolverClasses = [
  NodeResolver,
  KvResolver,
  CounterResolver,
  IncrementCounterSuccessResolver,
  ElectionResolver,
  EventStreamResolver,
  AllEventsResolver,
  EventStreamFieldsResolver,
  AppendEventsSuccessResolver,
  WrongExpectedVersionResolver,
  DuplicateEventsResolver,
  InventoryResolver,
  InventoryItemResolver,
  ReservationLineResolver,
  SemanticSearchResolver,
  RecommendationResolver,
  DeduplicationResolver,
  RateLimitResolver,
  CacheResolver,
  ClusterResolver,
  SessionResolver,
  TenantResolver,
  VectorResolver,
] as const;
