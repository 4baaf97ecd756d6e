/**
 * An event store for emmett over norigate's GraphQL API, so that emmett's own command handling runs on its event streams. A stream's
 * version is its position. Appends carry ids that are made once, so that one whose answer was lost is sent again and stands once.
 */
import { randomUUID } from 'node:crypto';
import {
  ExpectedVersionConflictError,
  NO_CONCURRENCY_CHECK,
  STREAM_DOES_NOT_EXIST,
  STREAM_EXISTS,
  assertExpectedVersionMatchesCurrent,
} from '@event-driven-io/emmett';
import type {
  AggregateStreamOptions,
  AggregateStreamResult,
  AppendToStreamOptions,
  AppendToStreamResultWithGlobalPosition,
  Event,
  EventStore,
  ReadEvent,
  ReadEventMetadataWithGlobalPosition,
  ReadStreamOptions,
  ReadStreamResult,
} from '@event-driven-io/emmett';

type Metadata = ReadEventMetadataWithGlobalPosition;

interface StoredEvent {
  readonly eventId: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly metadata: Record<string, unknown>;
  readonly version: number;
  readonly position: string;
}

interface AppendAnswer {
  readonly appendEvents: {
    readonly __typename: string;
    readonly message?: string;
    readonly actualVersion?: number;
    readonly events?: readonly Pick<StoredEvent, 'version' | 'position'>[];
  };
}

interface ReadAnswer {
  readonly eventStream: {
    readonly version: number;
    readonly events: { readonly nodes: readonly StoredEvent[]; readonly pageInfo: { readonly hasNextPage: boolean } };
  } | null;
}

/** An error of the gateway, by its code. */
export class GatewayError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.name = 'GatewayError';
    this.code = code;
  }
}

const pageEvents = 500;
const triesMax = 5;

const reading = `query ($id: String!, $afterVersion: SafeInt!, $first: Int!) {
  eventStream(id: $id) {
    version
    events(afterVersion: $afterVersion, first: $first) {
      nodes { eventId type data metadata version position } pageInfo { hasNextPage }
    }
  }
}`;

const appending = `mutation ($input: AppendEventsInput!) {
  appendEvents(input: $input) {
    __typename
    ... on AppendEventsSuccess { events { version position } }
    ... on WrongExpectedVersion { actualVersion }
    ... on DomainError { message }
  }
}`;

export interface GatewayEventStoreOptions {
  /** Such as http://127.0.0.1:4000 */
  readonly origin: string;
  /** Of every request: a credential, in development mode a tenant. */
  readonly headers?: Readonly<Record<string, string>>;
}

export function makeGatewayEventStore({ origin, headers }: GatewayEventStoreOptions): EventStore<Metadata> {
  const ask = async <Data>(query: string, variables: object): Promise<Data> => {
    const answer = await fetch(`${origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await answer.json()) as {
      data?: Data;
      errors?: readonly { message: string; extensions: { code: string } }[];
    };
    if (errors?.[0]) throw new GatewayError(errors[0].extensions.code, errors[0].message);
    return data!;
  };

  const versionOf = async (streamName: string): Promise<bigint> =>
    BigInt((await ask<ReadAnswer>(reading, { id: streamName, afterVersion: 0, first: 1 })).eventStream?.version ?? 0);

  const append = async (input: object): Promise<AppendAnswer['appendEvents']> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await ask<AppendAnswer>(appending, { input })).appendEvents;
      } catch (error) {
        // Whether it was done or not: the same events at the same version are there once.
        const isLost =
          !(error instanceof GatewayError) || error.code === 'OUTCOME_UNKNOWN' || error.code === 'UNAVAILABLE';
        if (!isLost || attempt >= triesMax) throw error;
      }
    }
  };

  const store: EventStore<Metadata> = {
    async readStream<EventType extends Event, Payload extends Event = EventType>(
      streamName: string,
      options: ReadStreamOptions<bigint, EventType, Payload> = {},
    ): Promise<ReadStreamResult<EventType, Metadata>> {
      const from = Number(options.from ?? 0n);
      const to = options.to ?? (options.maxCount === undefined ? undefined : BigInt(from) + options.maxCount);
      const found: StoredEvent[] = [];
      let version = 0;
      for (let after = from; ;) {
        const variables = { id: streamName, afterVersion: after, first: pageEvents };
        const { eventStream } = await ask<ReadAnswer>(reading, variables);
        if (!eventStream) break;
        const { nodes, pageInfo } = eventStream.events;
        found.push(...nodes);
        after = nodes.at(-1)?.version ?? after;
        // Of a whole stream it is the version of what was read, though more may have come between two pages.
        const isWhole = to === undefined && found.length > 0;
        version = isWhole ? after : eventStream.version;
        if (!pageInfo.hasNextPage || (to !== undefined && BigInt(after) >= to)) break;
      }
      const currentStreamVersion = BigInt(version);
      assertExpectedVersionMatchesCurrent(currentStreamVersion, options.expectedStreamVersion, 0n);
      const events = found
        .filter((event) => to === undefined || BigInt(event.version) <= to)
        .map((event) => recorded(streamName, event))
        .map((event) => upcast<EventType, Payload>(event, options));
      return { currentStreamVersion, events, streamExists: version > 0 };
    },

    async aggregateStream<State, EventType extends Event, Payload extends Event = EventType>(
      streamName: string,
      { evolve, initialState, read }: AggregateStreamOptions<State, EventType, Metadata, Payload>,
    ): Promise<AggregateStreamResult<State>> {
      const { events, ...others } = await store.readStream<EventType, Payload>(streamName, read);
      const step = evolve as (state: State, event: ReadEvent<EventType, Metadata>) => State;
      return {
        currentStreamVersion: others.currentStreamVersion,
        streamExists: others.streamExists,
        state: events.reduce(step, initialState()),
      };
    },

    async appendToStream<EventType extends Event, Payload extends Event = EventType>(
      streamName: string,
      events: EventType[],
      options: AppendToStreamOptions<bigint, EventType, Payload> = {},
    ): Promise<AppendToStreamResultWithGlobalPosition> {
      const expected = options.expectedStreamVersion ?? NO_CONCURRENCY_CHECK;
      // That there is a stream is no condition of an append; once there, it stays.
      if (expected === STREAM_EXISTS) assertExpectedVersionMatchesCurrent(await versionOf(streamName), expected, 0n);
      const expectedVersion =
        typeof expected === 'bigint' ? Number(expected) : expected === STREAM_DOES_NOT_EXIST ? 0 : undefined;
      const { downcast } = options.schema?.versioning ?? {};
      const newEvents = events.map((event) => {
        const { type, data, ...rest } = downcast ? downcast(event) : event;
        const { metadata = {} } = rest as { metadata?: object };
        return { eventId: randomUUID(), type, data, metadata };
      });
      const outcome = await append({ streamId: streamName, events: newEvents, expectedVersion });
      if (outcome.__typename === 'WrongExpectedVersion')
        throw new ExpectedVersionConflictError(BigInt(outcome.actualVersion!), expected);
      if (outcome.__typename !== 'AppendEventsSuccess')
        throw new GatewayError(outcome.__typename, outcome.message ?? '');
      const [first, last] = [outcome.events![0]!, outcome.events!.at(-1)!];
      return {
        nextExpectedStreamVersion: BigInt(last.version),
        createdNewStream: first.version === 1,
        lastEventGlobalPosition: BigInt(last.position),
      };
    },

    streamExists: async (streamName) => (await versionOf(streamName)) > 0n,
  };
  return store;
}

function recorded(streamName: string, event: StoredEvent): ReadEvent<Event, Metadata> {
  const { type, data, metadata, eventId, version, position } = event;
  const own = { streamName, messageId: eventId, streamPosition: BigInt(version), globalPosition: BigInt(position) };
  return { kind: 'Event', type, data, metadata: { ...metadata, ...own } };
}

function upcast<EventType extends Event, Payload extends Event>(
  event: ReadEvent<Event, Metadata>,
  { schema }: ReadStreamOptions<bigint, EventType, Payload>,
): ReadEvent<EventType, Metadata> {
  const upcasted = schema?.versioning?.upcast?.(event as unknown as Payload);
  return {
    ...event,
    ...upcasted,
    metadata: { ...(upcasted as { metadata?: object } | undefined)?.metadata, ...event.metadata },
  } as unknown as ReadEvent<EventType, Metadata>;
}
