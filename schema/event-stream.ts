/** Event streams. Prose is in event-stream.graphql. */
import { createUnionType, Field, InputType, ObjectType } from 'type-graphql';
import { DomainError, Node, NotFound, PageInfo } from './common';
import { Fenced, FenceInput } from './kv';
import { DateTimeScalar, JsonScalar, SafeIntScalar, VersionScalar } from './scalars';

@ObjectType('Event', { implements: Node, simpleResolvers: true })
export class Event extends Node {
  kind!: 'Event';
  @Field(() => String)
  eventId!: string;
  @Field(() => String)
  streamId!: string;
  @Field(() => String)
  type!: string;
  @Field(() => JsonScalar)
  data!: unknown;
  @Field(() => JsonScalar)
  metadata!: unknown;
  @Field(() => SafeIntScalar)
  version!: number;
  @Field(() => VersionScalar)
  position!: string;
  @Field(() => DateTimeScalar)
  timestamp!: number;
}

@ObjectType('EventDelivery', { simpleResolvers: true })
export class EventDelivery {
  @Field(() => Event, { nullable: true })
  event!: Event | null;
  @Field(() => String)
  cursor!: string;
  @Field(() => Boolean)
  caughtUp!: boolean;
}

@ObjectType('EventEdge', { simpleResolvers: true })
export class EventEdge {
  @Field(() => String)
  cursor!: string;
  @Field(() => Event)
  node!: Event;
}

@ObjectType('EventConnection', { simpleResolvers: true })
export class EventConnection {
  @Field(() => [EventEdge])
  edges!: EventEdge[];
  @Field(() => [Event])
  nodes!: Event[];
  @Field(() => PageInfo)
  pageInfo!: PageInfo;
}

@ObjectType('EventStream', { implements: Node, simpleResolvers: true })
export class EventStream extends Node {
  kind!: 'EventStream';
  @Field(() => String)
  streamId!: string;
  @Field(() => SafeIntScalar)
  version!: number;
  @Field(() => DateTimeScalar)
  createdAt!: number;
  @Field(() => DateTimeScalar)
  updatedAt!: number;
}

@ObjectType('EventStreamEdge', { simpleResolvers: true })
export class EventStreamEdge {
  @Field(() => String)
  cursor!: string;
  @Field(() => EventStream)
  node!: EventStream;
}

@ObjectType('EventStreamConnection', { simpleResolvers: true })
export class EventStreamConnection {
  @Field(() => [EventStreamEdge])
  edges!: EventStreamEdge[];
  @Field(() => [EventStream])
  nodes!: EventStream[];
  @Field(() => PageInfo)
  pageInfo!: PageInfo;
}

@ObjectType('Snapshot', { simpleResolvers: true })
export class Snapshot {
  kind!: 'Snapshot';
  @Field(() => String)
  streamId!: string;
  @Field(() => SafeIntScalar)
  version!: number;
  @Field(() => JsonScalar)
  state!: unknown;
  @Field(() => DateTimeScalar)
  takenAt!: number;
}

@InputType('NewEventInput')
export class NewEventInput {
  @Field(() => String, { nullable: true })
  eventId?: string | null;
  @Field(() => String)
  type!: string;
  @Field(() => JsonScalar)
  data!: unknown;
  @Field(() => JsonScalar, { nullable: true })
  metadata?: unknown;
}

@InputType('AppendEventsInput')
export class AppendEventsInput {
  @Field(() => String)
  streamId!: string;
  @Field(() => [NewEventInput])
  events!: NewEventInput[];
  @Field(() => SafeIntScalar, { nullable: true })
  expectedVersion?: number | null;
  @Field(() => FenceInput, { nullable: true })
  fence?: FenceInput | null;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@ObjectType('AppendEventsSuccess', { simpleResolvers: true })
export class AppendEventsSuccess {
  kind!: 'AppendEventsSuccess';
  /** What the fields are resolved from. */
  outcome!: unknown;
}

@ObjectType('WrongExpectedVersion', { implements: DomainError, simpleResolvers: true })
export class WrongExpectedVersion extends DomainError {
  kind!: 'WrongExpectedVersion';
  streamId!: string;
  @Field(() => SafeIntScalar)
  expectedVersion!: number;
  @Field(() => SafeIntScalar)
  actualVersion!: number;
}

@ObjectType('DuplicateEvents', { implements: DomainError, simpleResolvers: true })
export class DuplicateEvents extends DomainError {
  kind!: 'DuplicateEvents';
  streamId!: string;
  /** Of the existing ones. */
  versions!: readonly number[];
}

@InputType('SaveSnapshotInput')
export class SaveSnapshotInput {
  @Field(() => String)
  streamId!: string;
  @Field(() => SafeIntScalar)
  version!: number;
  @Field(() => JsonScalar)
  state!: unknown;
}

@InputType('DeleteEventStreamInput')
export class DeleteEventStreamInput {
  @Field(() => String)
  streamId!: string;
  @Field(() => SafeIntScalar, { nullable: true })
  expectedVersion?: number | null;
}

export const AppendEventsResult = createUnionType({
  name: 'AppendEventsResult',
  types: () => [AppendEventsSuccess, WrongExpectedVersion, DuplicateEvents, Fenced] as const,
  resolveType: (value) => value.kind,
});
export type AppendEventsResult = AppendEventsSuccess | WrongExpectedVersion | DuplicateEvents | Fenced;

export const SaveSnapshotResult = createUnionType({
  name: 'SaveSnapshotResult',
  types: () => [Snapshot, NotFound] as const,
  resolveType: (value) => value.kind,
});
export type SaveSnapshotResult = Snapshot | NotFound;

export const DeleteEventStreamResult = createUnionType({
  name: 'DeleteEventStreamResult',
  types: () => [EventStream, WrongExpectedVersion, NotFound] as const,
  resolveType: (value) => value.kind,
});
export type DeleteEventStreamResult = EventStream | WrongExpectedVersion | NotFound;
