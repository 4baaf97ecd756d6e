/** What callers give to the event store, parsed: each refuses with INVALID_ARGUMENT, and nothing was done. */
import { limits } from '../../proto/limits';
import { invalidArgument } from '../core/errors';
import { requireCount, requireInteger, requireText } from '../core/input';
import { requireJson } from '../core/json';
import { requireCursor } from '../core/opaque';
import { readUint64 } from '../core/tuple';
import type { Fence } from '../store/fence';
import type { EventContent } from './event-record';

export interface NewEvent {
  /** Left out: one is made. */
  readonly eventId?: string | undefined;
  readonly type: string;
  readonly data: unknown;
  /** Left out: an empty object. */
  readonly metadata?: unknown;
}

export interface AppendEvents {
  readonly streamId: string;
  readonly events: readonly NewEvent[];
  /** Left out: whatever it is. */
  readonly expectedVersion?: number | undefined;
  readonly fence?: Fence | undefined;
  readonly idempotencyKey?: string | undefined;
}

export interface SaveSnapshot {
  readonly streamId: string;
  readonly version: number;
  readonly state: unknown;
}

export interface DeleteEventStream {
  readonly streamId: string;
  readonly expectedVersion?: number | undefined;
}

/** Which of all events. */
export interface EventFilter {
  /** Left out: all types. */
  readonly types?: readonly string[] | undefined;
  readonly streamPrefix: string;
}

/** An event to append. */
export interface ParsedEvent extends EventContent {
  /** Whether the id is the caller's; else it is a random UUID, from which one is made as soon as the event has a version. */
  readonly isNamed: boolean;
}

const integerMax = Number.MAX_SAFE_INTEGER;

export function requireStreamId(field: string, streamId: string): void {
  requireText(field, streamId, { bytesMax: limits.nameBytesMax });
}

/** A version that may be of no event: 0 is before the first. */
export function requireVersionNumber(field: string, version: number): void {
  requireInteger(field, version, { min: 0, max: integerMax });
}

/** The events as they are stored. `makeUuid`: for those without an id. */
export function requireAppend(input: AppendEvents, makeUuid: () => string): ParsedEvent[] {
  const { streamId, events, expectedVersion } = input;
  requireStreamId('input.streamId', streamId);
  if (expectedVersion !== undefined) requireVersionNumber('input.expectedVersion', expectedVersion);
  requireCount('input.events', events, { min: 1, max: limits.appendEventsMax });
  let bytes = 0;
  const parsed = events.map((event, index) => {
    const one = requireEvent(`input.events[${index}]`, event, makeUuid);
    bytes += [one.eventId, one.type, one.data, one.metadata].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    return one;
  });
  if (bytes > limits.appendBytesMax) {
    const rule = `come to ${bytes} bytes together, at most ${limits.appendBytesMax} fit one append`;
    throw invalidArgument('input.events', rule);
  }
  return parsed;
}

function requireEvent(field: string, { eventId, type, data, metadata }: NewEvent, makeUuid: () => string): ParsedEvent {
  if (eventId !== undefined) requireText(`${field}.eventId`, eventId, { bytesMax: limits.nameBytesMax });
  requireText(`${field}.type`, type, { bytesMax: limits.nameBytesMax });
  const rule = { bytesMax: limits.appendBytesMax, depthMax: limits.jsonDepthMax };
  refuseNothing(`${field}.data`, data);
  return {
    eventId: eventId ?? makeUuid(),
    type,
    data: requireJson(`${field}.data`, data, rule),
    metadata: requireJson(`${field}.metadata`, metadata ?? {}, rule),
    isNamed: eventId !== undefined,
  };
}

/** The state as JSON. */
export function requireSnapshot({ streamId, version, state }: SaveSnapshot): string {
  requireStreamId('input.streamId', streamId);
  requireInteger('input.version', version, { min: 1, max: integerMax });
  refuseNothing('input.state', state);
  return requireJson('input.state', state, { bytesMax: limits.snapshotBytesMax, depthMax: limits.jsonDepthMax });
}

function refuseNothing(field: string, value: unknown): void {
  if (value === null || value === undefined) throw invalidArgument(field, 'is null: there must be a value');
}

export function requireFilter({ types, streamPrefix }: EventFilter): void {
  requireText('streamPrefix', streamPrefix, { bytesMin: 0, bytesMax: limits.nameBytesMax });
  if (types === undefined) return;
  requireCount('types', types, { min: 1, max: limits.eventTypesMax });
  types.forEach((type, index) => requireText(`types[${index}]`, type, { bytesMax: limits.nameBytesMax }));
}

/** The number in a cursor: a version of a stream, or a position. */
export function requirePlaceCursor(field: string, kind: 'streamEvents' | 'allEvents', cursor: string): number {
  const payload = requireCursor(field, kind, cursor);
  const place = payload.length === 8 ? readUint64(payload) : Number.NaN;
  if (!Number.isSafeInteger(place)) throw invalidArgument(field, 'is not a cursor of this field');
  return place;
}
