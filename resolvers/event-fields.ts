/** Fields of event streams and of what became of an append: what is read only where somebody asks for it. */
import { Arg, Ctx, FieldResolver, Int, Resolver, Root } from 'type-graphql';
import {
  AppendEventsSuccess,
  DuplicateEvents,
  Event,
  EventConnection,
  EventStream,
  Snapshot,
  WrongExpectedVersion,
} from '../schema/event-stream';
import { SafeIntScalar } from '../schema/scalars';
import type { Appended } from '../src/patterns/event-stream';
import type { RequestContext } from './context';
import { toEvent, toSnapshot, toStream, toStreamPage } from './event-shapes';

@Resolver(() => EventStream)
export class EventStreamFieldsResolver {
  @FieldResolver(() => EventConnection)
  async events(
    @Root() { streamId }: EventStream,
    @Arg('afterVersion', () => SafeIntScalar, { defaultValue: 0 }) afterVersion: number,
    @Arg('first', () => Int, { nullable: true }) first: number | null | undefined,
    @Arg('last', () => Int, { nullable: true }) last: number | null | undefined,
    @Arg('after', () => String, { nullable: true }) after: string | null | undefined,
    @Ctx() { patterns }: RequestContext,
  ): Promise<EventConnection> {
    const query = { afterVersion, first: first ?? undefined, last: last ?? undefined, after: after ?? undefined };
    return toStreamPage(await patterns.events.page(streamId, query));
  }

  @FieldResolver(() => Snapshot, { nullable: true })
  async snapshot(@Root() { streamId }: EventStream, @Ctx() { patterns }: RequestContext): Promise<Snapshot | null> {
    const snapshot = await patterns.events.snapshot(streamId);
    return snapshot ? toSnapshot(snapshot) : null;
  }
}

@Resolver(() => AppendEventsSuccess)
export class AppendEventsSuccessResolver {
  @FieldResolver(() => EventStream)
  async stream(@Root() { outcome }: AppendEventsSuccess, @Ctx() { patterns }: RequestContext): Promise<EventStream> {
    return toStream(await patterns.events.streamOf(outcome as Appended));
  }

  @FieldResolver(() => [Event])
  async events(@Root() { outcome }: AppendEventsSuccess, @Ctx() { patterns }: RequestContext): Promise<Event[]> {
    return (await patterns.events.eventsOf(outcome as Appended)).map(toEvent);
  }
}

@Resolver(() => WrongExpectedVersion)
export class WrongExpectedVersionResolver {
  @FieldResolver(() => [Event])
  async missing(@Root() wrong: WrongExpectedVersion, @Ctx() { patterns }: RequestContext): Promise<Event[]> {
    const { streamId, expectedVersion, actualVersion } = wrong;
    const missing = await patterns.events.missing({ kind: 'wrongVersion', streamId, expectedVersion, actualVersion });
    return missing.map(toEvent);
  }
}

@Resolver(() => DuplicateEvents)
export class DuplicateEventsResolver {
  @FieldResolver(() => [Event])
  async existing(
    @Root() { streamId, versions }: DuplicateEvents,
    @Ctx() { patterns }: RequestContext,
  ): Promise<Event[]> {
    return (await patterns.events.versions(streamId, versions)).map(toEvent);
  }
}
