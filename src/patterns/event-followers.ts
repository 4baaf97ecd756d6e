/** Following events: a stream's, or those of all streams that a filter lets through, history first and what comes then. */
import type { Store } from '../../proto/store';
import type { Clock } from '../core/clock';
import { keyspace } from '../core/keyspace';
import { requireFilter, requirePlaceCursor, requireStreamId, requireVersionNumber } from './event-input';
import type { EventFilter } from './event-input';
import { EventLogs, logPageBytesMax, logPageEventsMax } from './event-log';
import type { Beginning, Delivery, LogSource, ReadPage } from './event-log';
import { positionCursor, readAllEvents, readHead, readLiveEvents, versionCursor } from './event-pages';
import { decodeTail, noStream } from './event-record';
import type { Event } from './event-record';

/** Appends that one page looks at where a filter may leave most of them out. */
const filteredPlacesMax = 1_000;

export interface FollowStream {
  readonly streamId: string;
  readonly afterVersion?: number | undefined;
  readonly life?: number | undefined;
}

export class EventFollowers {
  readonly #store: Store;
  readonly #logs: EventLogs;

  constructor({ store, clock }: { readonly store: Store; readonly clock: Pick<Clock, 'sleep'> }) {
    this.#store = store;
    this.#logs = new EventLogs({ store, clock });
  }

  /** `life`: the one in which whoever follows was before; undefined: it begins, in whatever life the stream is. */
  follow({ streamId, afterVersion, life }: FollowStream, signal: AbortSignal): AsyncGenerator<Delivery, void, void> {
    requireStreamId('streamId', streamId);
    if (afterVersion !== undefined) requireVersionNumber('afterVersion', afterVersion);
    const begin = async (): Promise<Beginning | undefined> => {
      const { version, deletedThrough } = (await readHead(this.#store, streamId)) ?? noStream;
      if (life !== undefined && life !== deletedThrough) return undefined;
      // It was deleted since: what was followed is over. 0 is the beginning of whatever life it is in.
      if (afterVersion !== undefined && afterVersion > 0 && afterVersion < deletedThrough) return undefined;
      return { place: Math.max(afterVersion ?? version, deletedThrough), life: deletedThrough };
    };
    return this.#logs.follow({ source: this.#streamSource(streamId), begin, signal });
  }

  followAll(
    { after, ...filter }: EventFilter & { readonly after?: string | undefined },
    signal: AbortSignal,
  ): AsyncGenerator<Delivery, void, void> {
    requireFilter(filter);
    const from = after === undefined ? undefined : requirePlaceCursor('after', 'allEvents', after);
    const begin = async (): Promise<Beginning> => ({
      place: from ?? (await this.#lastPosition()),
      life: 0,
    });
    return this.#logs.follow({ source: this.#allSource(filter), begin, signal });
  }

  async #lastPosition(): Promise<number> {
    const { results } = await this.#store.read([{ start: keyspace.eventTail() }]);
    return decodeTail(results[0]!.entries[0]?.value).position;
  }

  #streamSource(streamId: string): LogSource {
    const mark: LogSource['mark'] = ({ next: version, life }, caughtUp) => ({
      event: undefined,
      cursor: versionCursor(version),
      caughtUp,
      version,
      life,
    });
    return {
      name: JSON.stringify([streamId]),
      range: { start: keyspace.eventStream(streamId) },
      read: async (from) => {
        const query = { from, limit: logPageEventsMax, bytesMax: logPageBytesMax };
        const { head, events, more } = await readLiveEvents(this.#store, streamId, query);
        const next = events.at(-1)?.version ?? from;
        const { deletedThrough: life } = head;
        const deliveries = events.map((event) => ({ ...mark({ next: event.version, life }, false), event }));
        return { deliveries, next, isEnd: !more, told: next, life, bytes: bytesOf(events) };
      },
      mark,
    };
  }

  #allSource(filter: EventFilter): LogSource {
    const { types, streamPrefix } = filter;
    const isFiltered = types !== undefined || streamPrefix !== '';
    const mark: LogSource['mark'] = ({ next: position, life }, caughtUp) => ({
      event: undefined,
      cursor: positionCursor(position),
      caughtUp,
      version: undefined,
      life,
    });
    return {
      name: JSON.stringify(['', streamPrefix, types && [...new Set(types)].sort()]),
      range: { start: keyspace.eventTail() },
      read: async (after): Promise<ReadPage> => {
        const { events, through, hasMore } = await readAllEvents(this.#store, {
          after,
          first: logPageEventsMax,
          filter,
          bytesMax: logPageBytesMax,
          placesMax: isFiltered ? filteredPlacesMax : logPageEventsMax,
        });
        const deliveries = events.map((event) => ({ ...mark({ next: event.position, life: 0 }, false), event }));
        const told = events.at(-1)?.position ?? after;
        return { deliveries, next: through, isEnd: !hasMore, told, life: 0, bytes: bytesOf(events) };
      },
      mark,
    };
  }
}

function bytesOf(events: readonly Event[]): number {
  return events.reduce((sum, { data, metadata, type }) => sum + data.length + metadata.length + type.length, 0);
}
