/**
 * An event store: streams of events, each with its versions 1, 2, 3 … without a gap, and one order of all events of the tenant.
 *
 * Promises: an append is all of its events, side by side, or none; what was acknowledged is never lost, overwritten or moved; ids are unique
 * in a stream; a reader that has seen a position never later finds an event before it. Stores a row an event, a row for its id where
 * the caller gave it one (`event-id.ts`), a row an append for the order of all, and two records that every append checks and writes:
 * the stream's head, which guards all that is kept of the stream, and the tail of the tenant, which counts positions. Costs one commit
 * an append, shared by all appends of the tenant that wait on this gateway, and a read before where head or tail are not known, or where
 * more than `checkedIdsMax` ids are given, or ids that were made here; an append of another gateway in between is a conflict on the tail, and costs one commit more.
 * Deleting a stream is one put, whatever its size; its rows are removed afterwards. Fails with INVALID_ARGUMENT,
 * IDEMPOTENCY_KEY_REUSED, CONTENTION and the store's own failures.
 */
import type { Store } from '../../proto/store';
import type { Clock } from '../core/clock';
import { assertInvariant, invalidArgument } from '../core/errors';
import type { Ids } from '../core/ids';
import { families, keyspace } from '../core/keyspace';
import { judgeFence, requireFenceKey } from '../store/fence';
import type { Fence, Fenced } from '../store/fence';
import { rememberAsJson } from '../store/remember';
import type { Transact, View } from '../store/transact';
import { makeEventId, versionOfMadeId } from './event-id';
import { decideAppend, decideDelete, decideSnapshot } from './event-decisions';
import type { AppendVerdict } from './event-decisions';
import { EventFollowers } from './event-followers';
import type { FollowStream } from './event-followers';
import { requireAppend, requireSnapshot, requireStreamId, requireVersionNumber } from './event-input';
import type { AppendEvents, DeleteEventStream, EventFilter, ParsedEvent, SaveSnapshot } from './event-input';
import type { Delivery } from './event-log';
import {
  readAllPage,
  readEventAt,
  readHead,
  readLiveEvents,
  readStreamEvents,
  readStreams,
  readVersions,
  toStream,
} from './event-pages';
import type {
  AllEventsPage,
  AllEventsQuery,
  EventsPage,
  EventStream,
  StreamEventsQuery,
  StreamsPage,
} from './event-pages';
import {
  decodeHead,
  decodeIdRow,
  decodeTail,
  encodeEvent,
  encodeHead,
  encodeIdRow,
  encodePlace,
  encodeSnapshot,
  encodeTail,
  noStream,
  toEvent,
  toSnapshot,
} from './event-record';
import type { Event, Snapshot, StreamHead } from './event-record';
import { EventSweep } from './event-sweep';

export type { Delivery } from './event-log';
export type { EventStream } from './event-pages';
export type { Event, Snapshot } from './event-record';

/** The stream is at another version than the caller builds on. */
export interface WrongVersion {
  readonly kind: 'wrongVersion';
  readonly streamId: string;
  readonly expectedVersion: number;
  readonly actualVersion: number;
}

export interface Appended {
  readonly kind: 'appended';
  readonly streamId: string;
  /** Of the first of the events. */
  readonly version: number;
  readonly count: number;
  /** The stream right after it, and the events. Undefined where they stood already: they are then read. */
  readonly written: { readonly stream: EventStream; readonly events: readonly Event[] } | undefined;
}

/** Ids are taken: those of the events with these versions, or one of the append's own by another of it. */
export interface DuplicateEvents {
  readonly kind: 'duplicate';
  readonly streamId: string;
  readonly versions: readonly number[];
}

export type AppendOutcome = Appended | WrongVersion | DuplicateEvents | (Fence & Fenced);
export type DeleteOutcome =
  { readonly kind: 'deleted'; readonly stream: EventStream } | WrongVersion | { readonly kind: 'notFound' };
export type SnapshotOutcome = { readonly kind: 'saved'; readonly snapshot: Snapshot } | { readonly kind: 'notFound' };

export interface EventsDependencies {
  readonly store: Store;
  readonly transact: Transact;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** Ids up to so many are taken to be new, which the commit checks; more of them would not fit a transaction as checks, and are read. */
const checkedIdsMax = 32;
/** What was missed is shown to so many. */
const missingMax = 100;

export class Events {
  readonly #store: Store;
  readonly #transact: Transact;
  readonly #ids: Ids;
  readonly #sweep: EventSweep;
  readonly #followers: EventFollowers;

  constructor({ store, transact, clock, ids }: EventsDependencies) {
    this.#store = store;
    this.#transact = transact;
    this.#ids = ids;
    this.#sweep = new EventSweep({ store, clock });
    this.#followers = new EventFollowers({ store, clock });
  }

  /** The stream, one that was deleted too; undefined where there never was an event. */
  async get(streamId: string): Promise<EventStream | undefined> {
    requireStreamId('id', streamId);
    const head = await readHead(this.#store, streamId);
    return head && toStream(streamId, head);
  }

  /** Streams whose id begins with `prefix`, in byte order. */
  list(prefix: string, page: { readonly first: number; readonly after?: string | undefined }): Promise<StreamsPage> {
    this.#sweep.begin();
    return readStreams(this.#store, prefix, page);
  }

  /** A page of a stream's events. */
  page(streamId: string, query: StreamEventsQuery): Promise<EventsPage> {
    return readStreamEvents(this.#store, streamId, query);
  }

  /** A page of all events in their order. */
  all(query: AllEventsQuery): Promise<AllEventsPage> {
    this.#sweep.begin();
    return readAllPage(this.#store, query);
  }

  /** The event at a position. */
  at(position: number): Promise<Event | undefined> {
    return readEventAt(this.#store, position);
  }

  /** Events of the stream with these versions, in order, those that were deleted left out. */
  versions(streamId: string, versions: readonly number[]): Promise<Event[]> {
    return readVersions(this.#store, streamId, versions);
  }

  /** The stream right after an append; as it is now, where the events stood already. */
  async streamOf({ streamId, written }: Appended): Promise<EventStream> {
    if (written) return written.stream;
    const stream = await this.get(streamId);
    assertInvariant(stream !== undefined, 'the head of a stream is never removed');
    return stream;
  }

  /** The events of an append as they stand, those that were deleted since left out. */
  async eventsOf({ streamId, version, count, written }: Appended): Promise<readonly Event[]> {
    if (written) return written.events;
    const { events } = await readLiveEvents(this.#store, streamId, { from: version - 1, limit: count });
    return events.filter((event) => event.version < version + count);
  }

  /** What was appended since the expected version: the first of it. */
  async missing({ streamId, expectedVersion, actualVersion }: WrongVersion): Promise<readonly Event[]> {
    if (expectedVersion >= actualVersion) return [];
    const query = { afterVersion: expectedVersion, first: Math.min(missingMax, actualVersion - expectedVersion) };
    const { events } = await readStreamEvents(this.#store, streamId, query);
    return events.filter(({ version }) => version <= actualVersion);
  }

  async snapshot(streamId: string): Promise<Snapshot | undefined> {
    const { results } = await this.#store.read([{ start: keyspace.eventSnapshot(streamId) }]);
    const [entry] = results[0]!.entries;
    return entry && toSnapshot(streamId, entry.value);
  }

  /** Appends all the events, or none. */
  async append(input: AppendEvents): Promise<AppendOutcome> {
    const events = requireAppend(input, () => this.#ids.uuid());
    const { streamId, fence, expectedVersion = 0 } = input;
    const fenceKey = fence && requireFenceKey(fence);
    const headKey = keyspace.eventStream(streamId);
    const ids = events.filter(({ isNamed }) => isNamed).map(({ eventId }) => eventId);
    const idRows = ids.map((id) => keyspace.eventId(streamId, id));
    const areChecked = idRows.length <= checkedIdsMax;
    const covered = [...(areChecked ? [] : idRows), ...madeEventKeys(streamId, ids)];
    const { outcome, isReplay } = await this.#transact.run<AppendVerdict>({
      records: [keyspace.eventTail(), headKey],
      ...(fenceKey && { guards: [fenceKey] }),
      fresh: areChecked ? idRows : [],
      covered: covered.length === 0 ? undefined : { by: headKey, rows: covered },
      decide: (view) => {
        const fenced = fence && judgeFence(fence, view.get(fenceKey!));
        return appendTo(view, { input, events, fenced });
      },
      remembered: rememberAsJson<AppendVerdict>({ mutation: 'appendEvents', input, keep: withoutHead }),
    });
    if (outcome.kind === 'wrongVersion') return { ...outcome, streamId, expectedVersion };
    if (outcome.kind === 'duplicate') return { ...outcome, streamId };
    if (outcome.kind === 'fenced') return { ...fence!, ...outcome };
    const appended = { kind: 'appended' as const, streamId, version: outcome.version, count: events.length };
    if (outcome.kind === 'standing' || isReplay) return { ...appended, written: undefined };
    const written = events.map((event, index) => eventAt(streamId, { event, index, events, outcome }));
    return { ...appended, written: { stream: toStream(streamId, outcome.head), events: written } };
  }

  /** Keeps a snapshot, unless one of its version or a newer one is kept already: the one that is kept then. */
  async saveSnapshot(input: SaveSnapshot): Promise<SnapshotOutcome> {
    const state = requireSnapshot(input);
    const { streamId, version } = input;
    const headKey = keyspace.eventStream(streamId);
    const { outcome } = await this.#transact.run({
      records: [headKey],
      decide: (view) => {
        const verdict = decideSnapshot(headIn(view, streamId), version, view.nowMs);
        if (verdict.kind === 'ahead')
          throw invalidArgument('input.version', `is ${version}: the stream is at ${verdict.actualVersion}`);
        if (verdict.kind !== 'saved') return verdict;
        putHead(view, streamId, verdict.head);
        const value = encodeSnapshot({ version, state, takenAtMs: verdict.takenAtMs });
        view.putSideRow(keyspace.eventSnapshot(streamId), value, { history: families.eventSnapshot.history });
        return verdict;
      },
    });
    if (outcome.kind === 'notFound') return outcome;
    if (outcome.kind === 'saved')
      return { kind: 'saved', snapshot: { streamId, version, state, takenAtMs: outcome.takenAtMs } };
    const snapshot = await this.snapshot(streamId);
    return snapshot ? { kind: 'saved', snapshot } : { kind: 'notFound' };
  }

  /** Ends the stream: its events go, its version stays. One that has been ended is answered as it is. */
  async delete({ streamId, expectedVersion }: DeleteEventStream): Promise<DeleteOutcome> {
    requireStreamId('input.streamId', streamId);
    if (expectedVersion !== undefined) requireVersionNumber('input.expectedVersion', expectedVersion);
    const { outcome } = await this.#transact.run({
      records: [keyspace.eventStream(streamId)],
      decide: (view) => {
        const verdict = decideDelete(headIn(view, streamId), expectedVersion, view.nowMs);
        if (verdict.kind !== 'deleted' || !verdict.isNew) return verdict;
        putHead(view, streamId, verdict.head);
        view.deleteSideRow(keyspace.eventSnapshot(streamId), families.eventSnapshot.history);
        const through = encodeIdRow(verdict.head.deletedThrough);
        view.putSideRow(keyspace.eventSweep(streamId), through, { history: families.eventSweep.history });
        return verdict;
      },
    });
    if (outcome.kind === 'wrongVersion') return { ...outcome, streamId, expectedVersion: expectedVersion! };
    if (outcome.kind === 'notFound') return outcome;
    this.#sweep.wake();
    return { kind: 'deleted', stream: toStream(streamId, outcome.head) };
  }

  /**
   * The stream's events behind a version (left out: from now on), each once, in order. Ends when the stream is deleted, or `signal`
   * aborts. Throws INVALID_ARGUMENT at once.
   */
  follow(query: FollowStream, signal: AbortSignal): AsyncGenerator<Delivery, void, void> {
    return this.#followers.follow(query, signal);
  }

  /** All events behind a cursor (left out: from now on) that the filter lets through. Ends when `signal` aborts. */
  followAll(
    query: EventFilter & { readonly after?: string | undefined },
    signal: AbortSignal,
  ): AsyncGenerator<Delivery, void, void> {
    this.#sweep.begin();
    return this.#followers.followAll(query, signal);
  }
}

/** A mark keeps scalars: what stands is read. */
function withoutHead(verdict: AppendVerdict): unknown {
  return verdict.kind === 'appended' ? { ...verdict, head: undefined } : verdict;
}

interface AppendParts {
  readonly input: AppendEvents;
  readonly events: readonly ParsedEvent[];
  readonly fenced: Fenced | undefined;
}

function appendTo(view: View, { input, events, fenced }: AppendParts): AppendVerdict {
  const { streamId, expectedVersion } = input;
  const head = headIn(view, streamId) ?? noStream;
  const tail = decodeTail(view.get(keyspace.eventTail())?.value);
  const standing = events.map(({ eventId, isNamed }) => {
    // An id that is still to be made is nobody else's.
    if (!isNamed) return undefined;
    return versionsOf(view, streamId, eventId).find((version) => version > head.deletedThrough);
  });
  const rules = { ids: events.map(({ eventId }) => eventId), expectedVersion, fenced };
  const verdict = decideAppend({ head, tail, standing }, rules, view.nowMs);
  if (verdict.kind === 'appended') putAppend(view, streamId, { events, outcome: verdict });
  return verdict;
}

/** Where the events stand that have these ids, if any has: those of them that were made here. */
function madeEventKeys(streamId: string, ids: readonly string[]): Buffer[] {
  const versions = ids.map(versionOfMadeId).filter((version) => version !== undefined);
  return versions.map((version) => keyspace.event(streamId, version));
}

/** Versions of the events with this id: at most one in each life of the stream, of which rows may still be there. */
function versionsOf(view: View, streamId: string, eventId: string): number[] {
  const idRow = view.get(keyspace.eventId(streamId, eventId));
  const versions = idRow ? [decodeIdRow(idRow.value)] : [];
  for (const key of madeEventKeys(streamId, [eventId])) {
    const row = view.get(key);
    const event = row && toEvent(streamId, { key, value: row.value });
    if (event?.eventId === eventId) versions.push(event.version);
  }
  return versions;
}

type AppendedVerdict = Extract<AppendVerdict, { kind: 'appended' }>;

interface Append {
  readonly events: readonly ParsedEvent[];
  readonly outcome: AppendedVerdict;
}

function putAppend(view: View, streamId: string, { events, outcome }: Append): void {
  let bytes = 0;
  for (const [index, event] of events.entries()) {
    const { version, ...stored } = eventAt(streamId, { event, index, events, outcome });
    const value = encodeEvent(stored);
    bytes += value.length;
    view.putSideRow(keyspace.event(streamId, version), value, { history: families.event.history });
    if (!event.isNamed) continue;
    const idKey = keyspace.eventId(streamId, event.eventId);
    view.putSideRow(idKey, encodeIdRow(version), { history: families.eventId.history });
  }
  const { version, position, atMs, head } = outcome;
  const last = position + events.length - 1;
  const place = encodePlace({ streamId, version, position, types: events.map(({ type }) => type), bytes });
  view.putSideRow(keyspace.eventPlace(last), place, { history: families.eventPlace.history });
  view.put(keyspace.eventTail(), encodeTail({ position: last, atMs }), { history: families.eventTail.history });
  putHead(view, streamId, head);
}

/** The event with this index of an append, as it stands. */
function eventAt(
  streamId: string,
  { event, index, events, outcome }: Append & { readonly event: ParsedEvent; readonly index: number },
): Event {
  const { isNamed, type, data, metadata } = event;
  const { position, atMs } = outcome;
  const version = outcome.version + index;
  const followers = events.length - 1 - index;
  return {
    streamId,
    version,
    position: position + index,
    atMs,
    followers,
    eventId: isNamed ? event.eventId : makeEventId(version, event.eventId),
    type,
    data,
    metadata,
  };
}

function headIn(view: View, streamId: string): StreamHead | undefined {
  const row = view.get(keyspace.eventStream(streamId));
  return row && decodeHead(row.value);
}

function putHead(view: View, streamId: string, head: StreamHead): void {
  view.put(keyspace.eventStream(streamId), encodeHead(head), { history: families.eventStream.history });
}
