/** Event streams. */
import { Arg, Ctx, Int, Mutation, Query, Resolver, Root, Subscription } from 'type-graphql';
import {
  AppendEventsInput,
  AppendEventsResult,
  DeleteEventStreamInput,
  DeleteEventStreamResult,
  EventConnection,
  EventDelivery,
  EventStream,
  EventStreamConnection,
  SaveSnapshotInput,
  SaveSnapshotResult,
} from '../schema/event-stream';
import { SafeIntScalar } from '../schema/scalars';
import { streamCursor } from '../src/patterns/event-pages';
import type { Delivery } from '../src/patterns/event-stream';
import type { RequestContext } from './context';
import { toAllPage, toAppended, toDeleted, toDelivery, toSaved, toStream } from './event-shapes';
import { given, toConnection } from './shapes';
import { lifeArgument, subscribeTo } from './subscription';

@Resolver()
export class EventStreamResolver {
  @Query(() => EventStream, { nullable: true })
  async eventStream(
    @Arg('id', () => String) id: string,
    @Ctx() { patterns }: RequestContext,
  ): Promise<EventStream | null> {
    const stream = await patterns.events.get(id);
    return stream ? toStream(stream) : null;
  }

  @Query(() => EventStreamConnection)
  async eventStreams(
    @Arg('prefix', () => String, { defaultValue: '' }) prefix: string,
    @Arg('first', () => Int, { defaultValue: 50 }) first: number,
    @Arg('after', () => String, { nullable: true }) after: string | null | undefined,
    @Ctx() { patterns }: RequestContext,
  ): Promise<EventStreamConnection> {
    const { streams, hasMore } = await patterns.events.list(prefix, { first, after: after ?? undefined });
    return toConnection({
      nodes: streams.map(toStream),
      cursorOf: ({ streamId }) => streamCursor(streamId),
      hasNextPage: hasMore,
      hasPreviousPage: after !== undefined && after !== null,
    });
  }

  @Query(() => EventConnection)
  async allEvents(
    @Arg('first', () => Int, { defaultValue: 100 }) first: number,
    @Arg('after', () => String, { nullable: true }) after: string | null | undefined,
    @Arg('types', () => [String], { nullable: true }) types: string[] | null | undefined,
    @Arg('streamPrefix', () => String, { defaultValue: '' }) streamPrefix: string,
    @Ctx() { patterns }: RequestContext,
  ): Promise<EventConnection> {
    const query = { first, after: after ?? undefined, types: types ?? undefined, streamPrefix };
    return toAllPage(await patterns.events.all(query), query.after);
  }

  @Mutation(() => AppendEventsResult)
  async appendEvents(
    @Arg('input', () => AppendEventsInput) input: AppendEventsInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<AppendEventsResult> {
    return toAppended(await patterns.events.append({ ...given(input), events: input.events.map(given) }));
  }

  @Mutation(() => SaveSnapshotResult)
  async saveSnapshot(
    @Arg('input', () => SaveSnapshotInput) input: SaveSnapshotInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<SaveSnapshotResult> {
    return toSaved(input.streamId, await patterns.events.saveSnapshot(input));
  }

  @Mutation(() => DeleteEventStreamResult)
  async deleteEventStream(
    @Arg('input', () => DeleteEventStreamInput) input: DeleteEventStreamInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<DeleteEventStreamResult> {
    return toDeleted(input.streamId, await patterns.events.delete(given(input)));
  }

  @Subscription(() => EventDelivery, {
    subscribe: ({ args, context }) => {
      const { streamId, afterVersion, [lifeArgument]: life } = args as FollowArguments;
      const { events } = (context as RequestContext).patterns;
      const query = { streamId, afterVersion: afterVersion ?? undefined, life };
      return subscribeTo((signal) => events.follow(query, signal));
    },
  })
  events(
    @Root() delivery: Delivery,
    @Arg('streamId', () => String) _streamId: string,
    @Arg('afterVersion', () => SafeIntScalar, { nullable: true }) _afterVersion: number | null | undefined,
  ): EventDelivery {
    return toDelivery(delivery);
  }
}

/** A class of its own: a query and a subscription have this name. */
@Resolver()
export class AllEventsResolver {
  @Subscription(() => EventDelivery, {
    subscribe: ({ args, context }) => {
      const { after, types, streamPrefix } = args as AllEventsArguments;
      const { events } = (context as RequestContext).patterns;
      const query = { after: after ?? undefined, types: types ?? undefined, streamPrefix };
      return subscribeTo((signal) => events.followAll(query, signal));
    },
  })
  allEvents(
    @Root() delivery: Delivery,
    @Arg('after', () => String, { nullable: true }) _after: string | null | undefined,
    @Arg('types', () => [String], { nullable: true }) _types: string[] | null | undefined,
    @Arg('streamPrefix', () => String, { defaultValue: '' }) _streamPrefix: string,
  ): EventDelivery {
    return toDelivery(delivery);
  }
}

interface FollowArguments {
  readonly streamId: string;
  readonly afterVersion?: number | null;
  readonly [lifeArgument]?: number;
}

interface AllEventsArguments {
  readonly after?: string | null;
  readonly types?: string[] | null;
  readonly streamPrefix: string;
}
