/**
 * Reading events, a page at a time. A stream's own events lie side by side: a page of them is one trip. All events lie in the order
 * of their positions as one small row an append; a page of them reads those first, one snapshot, and then the events that they name, so
 * that a filter costs no events that it leaves out. What was deleted and is not removed yet is left out by what the head says.
 */
import { limits } from '../../proto/limits';
import type { Entry, KeyRange, Store } from '../../proto/store';
import { invalidArgument } from '../core/errors';
import { requireInteger, requireText } from '../core/input';
import { eventPlacesRange, eventsRange, familyRange, keyspace } from '../core/keyspace';
import { encodeOpaque, requireCursor } from '../core/opaque';
import { keyAfter, uint64 } from '../core/tuple';
import { requireFilter, requirePlaceCursor, requireStreamId, requireVersionNumber } from './event-input';
import type { EventFilter } from './event-input';
import { decodeHead, noStream, streamIdOf, toEvent, toPlace } from './event-record';
import type { Event, Place, StreamHead } from './event-record';

/** A stream as it is read. */
export interface EventStream extends Pick<StreamHead, 'version' | 'createdAtMs' | 'updatedAtMs'> {
  readonly streamId: string;
}

export interface StreamsPage {
  readonly streams: readonly EventStream[];
  readonly hasMore: boolean;
}

/** Which events of a stream; `first` or `last`, not both. */
export interface StreamEventsQuery {
  readonly afterVersion: number;
  readonly first?: number | undefined;
  readonly last?: number | undefined;
  readonly after?: string | undefined;
}

export interface EventsPage {
  /** In order. */
  readonly events: readonly Event[];
  readonly hasNext: boolean;
  readonly hasPrevious: boolean;
}

export interface AllEventsQuery extends EventFilter {
  readonly first: number;
  readonly after?: string | undefined;
}

export interface AllEventsPage extends Pick<EventsPage, 'events'> {
  /** Every event through this position is on this page, before it, or left out by the filter. */
  readonly through: number;
  readonly hasMore: boolean;
}

const eventsOfPage = 100;
/** Keys come on top of it, and all must fit one range. */
const pageBytesMax = 3_000_000;
/** Appends that one page looks at where a filter may leave most of them out. */
const filteredPlacesMax = 5_000;
const placesBytesMax = 1_048_576;
/** Events that one read may bring whatever they are: seven of the largest. */
const eventsOfRead = 7;

export async function readHead(store: Store, streamId: string): Promise<StreamHead | undefined> {
  const { results } = await store.read([{ start: keyspace.eventStream(streamId) }]);
  return headOf(results[0]!.entries[0]);
}

export function toStream(streamId: string, { version, createdAtMs, updatedAtMs }: StreamHead): EventStream {
  return { streamId, version, createdAtMs, updatedAtMs };
}

/** Streams whose id begins with `prefix`, in byte order, those that were deleted among them. */
export async function readStreams(
  store: Store,
  prefix: string,
  { first, after }: { readonly first: number; readonly after?: string | undefined },
): Promise<StreamsPage> {
  const { start, end } = familyRange(
    'eventStream',
    requireText('prefix', prefix, { bytesMin: 0, bytesMax: limits.nameBytesMax }),
  );
  requireFirst('first', first);
  const behind =
    after === undefined
      ? start
      : keyAfter(keyspace.eventStream(requireCursor('after', 'eventStreams', after).toString('utf8')));
  const from = Buffer.compare(behind, start) > 0 ? behind : start;
  if (Buffer.compare(from, end) >= 0) return { streams: [], hasMore: false };
  const { results } = await store.read([{ start: from, end, limit: first }]);
  const { entries, more } = results[0]!;
  return { streams: entries.map(({ key, value }) => toStream(streamIdOf(key), decodeHead(value))), hasMore: more };
}

/** Events of a stream behind a version, or the newest of them. */
export async function readStreamEvents(store: Store, streamId: string, query: StreamEventsQuery): Promise<EventsPage> {
  const { afterVersion, first, last, after } = query;
  requireStreamId('streamId', streamId);
  requireVersionNumber('afterVersion', afterVersion);
  if (first !== undefined && last !== undefined)
    throw invalidArgument('last', `is ${last}, beside first ${first}: a page has one or the other`);
  if (last !== undefined) requireFirst('last', last);
  else requireFirst('first', first ?? eventsOfPage);
  const cursor = after === undefined ? 0 : requirePlaceCursor('after', 'streamEvents', after);
  const from = Math.max(afterVersion, cursor);
  const options = { limit: last ?? first ?? eventsOfPage, reverse: last !== undefined, bytesMax: pageBytesMax };
  const { events, more } = await readLiveEvents(store, streamId, { from, ...options });
  return last === undefined
    ? { events, hasNext: more, hasPrevious: after !== undefined }
    : { events: [...events].reverse(), hasNext: false, hasPrevious: more };
}

export interface LiveEventsQuery extends Pick<KeyRange, 'limit' | 'reverse' | 'bytesMax'> {
  /** Behind this version. */
  readonly from: number;
}

export interface LiveEvents {
  readonly head: StreamHead;
  readonly events: readonly Event[];
  readonly more: boolean;
}

/** Events of the stream's present life, with its head, from one snapshot. */
export async function readLiveEvents(store: Store, streamId: string, query: LiveEventsQuery): Promise<LiveEvents> {
  const { from, ...options } = query;
  const range = { ...eventsRange(streamId, from), ...options };
  const { results } = await store.read([{ start: keyspace.eventStream(streamId) }, range]);
  const head = headOf(results[0]!.entries[0]) ?? noStream;
  // Rows of an earlier life may be in the way; there are none behind the end of that life.
  if (from < head.deletedThrough && !options.reverse)
    return readLiveEvents(store, streamId, { ...query, from: head.deletedThrough });
  const { entries, more } = results[1]!;
  const all = entries.map((entry) => toEvent(streamId, entry));
  const events = all.filter(({ version }) => version > head.deletedThrough);
  // Backwards, those of an earlier life come last.
  const isMoreAlive = !options.reverse || (events.at(-1)?.version ?? 0) > head.deletedThrough + 1;
  return { head, events, more: more && isMoreAlive };
}

/** Those of the versions of which there are events, in order; past a page's bytes it ends early. */
export async function readVersions(store: Store, streamId: string, versions: readonly number[]): Promise<Event[]> {
  const events: Event[] = [];
  let bytes = 0;
  for (let at = 0; at < versions.length && bytes < pageBytesMax; at += eventsOfRead) {
    const some = versions.slice(at, at + eventsOfRead);
    const { results } = await store.read([
      { start: keyspace.eventStream(streamId) },
      ...some.map((version) => ({ start: keyspace.event(streamId, version) })),
    ]);
    const { deletedThrough } = headOf(results[0]!.entries[0]) ?? noStream;
    for (const [entry] of results.slice(1).map(({ entries }) => entries)) {
      const event = entry && toEvent(streamId, entry);
      if (!event || event.version <= deletedThrough) continue;
      events.push(event);
      bytes += entry.value.length;
    }
  }
  return events;
}

/** The event at a position, where it was not deleted. */
export async function readEventAt(store: Store, position: number): Promise<Event | undefined> {
  const { events } = await readAllEvents(store, { after: position - 1, first: 1, filter: { streamPrefix: '' } });
  return events[0]?.position === position ? events[0] : undefined;
}

export async function readAllPage(store: Store, query: AllEventsQuery): Promise<AllEventsPage> {
  const { first, after, types, streamPrefix } = query;
  requireFirst('first', first);
  requireFilter(query);
  const from = after === undefined ? 0 : requirePlaceCursor('after', 'allEvents', after);
  return readAllEvents(store, { after: from, first, filter: { types, streamPrefix } });
}

export interface AllEventsFrom {
  /** Behind this position. */
  readonly after: number;
  readonly first: number;
  readonly filter: EventFilter;
  /** Of events; default that of a page. */
  readonly bytesMax?: number;
  /** Appends that are looked at; default: as many as a page needs, or enough to fill it where a filter leaves some out. */
  readonly placesMax?: number;
}

/** Two trips. Ends early where the filter leaves out what it has looked at, or events are large: `through` always moves on. */
export async function readAllEvents(store: Store, query: AllEventsFrom): Promise<AllEventsPage> {
  const { after, first, filter } = query;
  const isFiltered = filter.types !== undefined || filter.streamPrefix !== '';
  const placesMax = query.placesMax ?? (isFiltered ? filteredPlacesMax : first);
  const { results } = await store.read([{ ...eventPlacesRange(after), limit: placesMax, bytesMax: placesBytesMax }]);
  const { entries, more } = results[0]!;
  const chosen = choose(entries.map(toPlace), query);
  const hasMore = more || chosen.isCut;
  if (chosen.runs.length === 0) return { events: [], through: chosen.through, hasMore };
  const read = await readRuns(store, chosen.runs);
  const cutAt = read.cutAt ?? chosen.through;
  return { events: read.events, through: cutAt, hasMore: hasMore || read.cutAt !== undefined };
}

/** Events of a stream that stand side by side in the order of all, too. */
interface Run {
  readonly streamId: string;
  readonly from: number;
  through: number;
}

interface Chosen {
  readonly runs: readonly Run[];
  readonly through: number;
  /** There was no room for all that was looked at. */
  readonly isCut: boolean;
}

/** What of some appends belongs on a page. */
function choose(places: readonly Place[], { after, first, filter, bytesMax = pageBytesMax }: AllEventsFrom): Chosen {
  const types = filter.types && new Set(filter.types);
  const runs: Run[] = [];
  let through = after;
  let count = 0;
  let bytes = 0;
  for (const place of places) {
    const wanted = versionsOf(place, { after, types, streamPrefix: filter.streamPrefix });
    if (wanted.length > 0 && count > 0 && bytes + place.bytes > bytesMax) return { runs, through, isCut: true };
    if (wanted.length > 0) bytes += place.bytes;
    for (const version of wanted) {
      if (count === first) return { runs, through, isCut: true };
      count += 1;
      through = place.position + version - place.version;
      const last = runs.at(-1);
      if (last?.streamId === place.streamId && last.through === version - 1) last.through = version;
      else runs.push({ streamId: place.streamId, from: version - 1, through: version });
    }
    through = place.position + place.types.length - 1;
  }
  return { runs, through, isCut: false };
}

interface Wanted {
  readonly after: number;
  readonly types: ReadonlySet<string> | undefined;
  readonly streamPrefix: string;
}

function versionsOf(place: Place, { after, types, streamPrefix }: Wanted): number[] {
  if (!place.streamId.startsWith(streamPrefix)) return [];
  return place.types.flatMap((type, index) => {
    const isWanted = place.position + index > after && (types?.has(type) ?? true);
    return isWanted ? [place.version + index] : [];
  });
}

interface RunsRead {
  readonly events: readonly Event[];
  /** The position through which all was read, where that was not everything. */
  readonly cutAt: number | undefined;
}

async function readRuns(store: Store, runs: readonly Run[]): Promise<RunsRead> {
  const streamIds = [...new Set(runs.map(({ streamId }) => streamId))];
  const { results } = await store.read([
    ...streamIds.map((streamId) => ({ start: keyspace.eventStream(streamId) })),
    ...runs.map(({ streamId, from, through }) => eventsRange(streamId, from, through)),
  ]);
  const deleted = new Map(
    streamIds.map((streamId, index) => [streamId, (headOf(results[index]!.entries[0]) ?? noStream).deletedThrough]),
  );
  const events: Event[] = [];
  for (const [index, { streamId }] of runs.entries()) {
    const { entries, more } = results[streamIds.length + index]!;
    const all = entries.map((entry) => toEvent(streamId, entry));
    events.push(...all.filter(({ version }) => version > deleted.get(streamId)!));
    if (more) return { events, cutAt: all.at(-1)!.position };
  }
  return { events, cutAt: undefined };
}

export function streamCursor(streamId: string): string {
  return encodeOpaque('eventStreams', Buffer.from(streamId, 'utf8'));
}

/** The cursor behind an event of a stream. */
export function versionCursor(version: number): string {
  return encodeOpaque('streamEvents', uint64(version));
}

/** The cursor of a place in the order of all events. */
export function positionCursor(position: number): string {
  return encodeOpaque('allEvents', uint64(position));
}

function headOf(entry: Entry | undefined): StreamHead | undefined {
  return entry && decodeHead(entry.value);
}

function requireFirst(field: string, first: number): void {
  requireInteger(field, first, { min: 1, max: limits.pageEntriesMax });
}
