/** Event streams as the SDL shows them. */
import { ErrorCode } from '../schema/common';
import type { NotFound } from '../schema/common';
import type {
  AppendEventsResult,
  DeleteEventStreamResult,
  Event,
  EventConnection,
  EventDelivery,
  EventStream,
  SaveSnapshotResult,
  Snapshot,
  WrongExpectedVersion,
} from '../schema/event-stream';
import { encodeOpaque } from '../src/core/opaque';
import { positionCursor, versionCursor } from '../src/patterns/event-pages';
import type { AllEventsPage, EventsPage } from '../src/patterns/event-pages';
import type {
  AppendOutcome,
  DeleteOutcome,
  Delivery,
  Event as Read,
  EventStream as ReadStream,
  Snapshot as ReadSnapshot,
  SnapshotOutcome,
  WrongVersion,
} from '../src/patterns/event-stream';
import { toConnection } from './shapes';

/** Data and metadata are parsed only where they are asked for. */
export function toEvent(event: Read): Event {
  const { eventId, streamId, type, version, position, atMs } = event;
  return {
    kind: 'Event',
    id: encodeOpaque('eventNode', Buffer.from(String(position), 'utf8')),
    eventId,
    streamId,
    type,
    get data(): unknown {
      return JSON.parse(event.data);
    },
    get metadata(): unknown {
      return JSON.parse(event.metadata);
    },
    version,
    position: String(position),
    timestamp: atMs,
  };
}

export function toDelivery({ event, cursor, caughtUp }: Delivery): EventDelivery {
  return { event: event ? toEvent(event) : null, cursor, caughtUp };
}

export function toStream({ streamId, version, createdAtMs, updatedAtMs }: ReadStream): EventStream {
  return {
    kind: 'EventStream',
    id: encodeOpaque('eventStreamNode', Buffer.from(streamId, 'utf8')),
    streamId,
    version,
    createdAt: createdAtMs,
    updatedAt: updatedAtMs,
  };
}

export function toSnapshot(snapshot: ReadSnapshot): Snapshot {
  const { streamId, version, takenAtMs } = snapshot;
  return {
    kind: 'Snapshot',
    streamId,
    version,
    get state(): unknown {
      return JSON.parse(snapshot.state);
    },
    takenAt: takenAtMs,
  };
}

export function toStreamPage({ events, hasNext, hasPrevious }: EventsPage): EventConnection {
  return toConnection({
    nodes: events.map(toEvent),
    cursorOf: ({ version }) => versionCursor(version),
    hasNextPage: hasNext,
    hasPreviousPage: hasPrevious,
  });
}

/** Its end is behind all that the page has looked at. */
export function toAllPage({ events, through, hasMore }: AllEventsPage, after: string | undefined): EventConnection {
  const { pageInfo, ...page } = toConnection({
    nodes: events.map(toEvent),
    cursorOf: ({ position }) => positionCursor(Number(position)),
    hasNextPage: hasMore,
    hasPreviousPage: after !== undefined,
  });
  const isMoved = hasMore || events.length > 0;
  return { ...page, pageInfo: { ...pageInfo, endCursor: isMoved ? positionCursor(through) : null } };
}

export function toAppended(outcome: AppendOutcome): AppendEventsResult {
  if (outcome.kind === 'appended') return { kind: 'AppendEventsSuccess', outcome };
  if (outcome.kind === 'wrongVersion') return toWrongVersion(outcome);
  if (outcome.kind === 'duplicate') {
    const { streamId, versions } = outcome;
    const taken = versions.length > 0 ? `${versions.length} of the ids are taken` : 'an id is given twice';
    return {
      kind: 'DuplicateEvents',
      code: ErrorCode.DUPLICATE_EVENTS,
      message: `${taken} in stream "${streamId}", and this is not what stands there: nothing was appended`,
      retryable: false,
      streamId,
      versions,
    };
  }
  const { election, token, currentToken } = outcome;
  return {
    kind: 'Fenced',
    code: ErrorCode.FENCED,
    message: `a later reign of election "${election}" has begun: token ${token} is behind ${currentToken}`,
    retryable: false,
    election,
    token,
    currentToken,
  };
}

export function toSaved(streamId: string, outcome: SnapshotOutcome): SaveSnapshotResult {
  if (outcome.kind === 'saved') return toSnapshot(outcome.snapshot);
  return notFound(`there is no stream "${streamId}" with events through that version: nothing was saved`);
}

export function toDeleted(streamId: string, outcome: DeleteOutcome): DeleteEventStreamResult {
  if (outcome.kind === 'deleted') return toStream(outcome.stream);
  if (outcome.kind === 'wrongVersion') return toWrongVersion(outcome);
  return notFound(`there is no stream "${streamId}"`);
}

function toWrongVersion({ streamId, expectedVersion, actualVersion }: WrongVersion): WrongExpectedVersion {
  return {
    kind: 'WrongExpectedVersion',
    code: ErrorCode.WRONG_EXPECTED_VERSION,
    message: `stream "${streamId}" is at version ${actualVersion}, not at ${expectedVersion}: nothing was changed`,
    retryable: false,
    streamId,
    expectedVersion,
    actualVersion,
  };
}

function notFound(message: string): NotFound {
  return { kind: 'NotFound', code: ErrorCode.NOT_FOUND, message, retryable: false };
}
