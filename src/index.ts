/**
 * The package as a library; docs/applications.md shows how it is used. What is exported here is the promise to applications: the
 * gateway with fields of their own, what their resolvers are given and may throw.
 */
export { ConfigError, createGateway } from './command/create-gateway';
export type { ApplicationGateway, CreateGatewayOptions, GatewayConfig } from './command/create-gateway';
export { AppError, invalidArgument } from './core/errors';
export type { FailureCode, FailureDetails } from './core/errors';
export type {
  ApplicationResolver,
  ApplicationScalar,
  ApplicationSubscription,
  SchemaExtension,
} from './gateway/extend-schema';
export type { RequestContext } from '../resolvers/context';
export { Aggregates } from './aggregate/aggregates';
export type { AggregatesOptions, CommandOptions } from './aggregate/aggregates';
export { aggregatesOf, eventStoreOf } from './aggregate/pattern-store';
export type { Aggregate, DomainEvent, Handled } from './aggregate/decider';
export type {
  AppendResult,
  EventStore,
  NewEvent,
  RecordedEvent,
  StoredSnapshot,
  StreamPage,
} from './aggregate/event-store';
