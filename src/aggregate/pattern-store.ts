/** The event streams of a tenant as the store of its aggregates. */
import type { Event, Events } from '../patterns/event-stream';
import type { Patterns } from '../patterns/patterns';
import { Aggregates } from './aggregates';
import type { AggregatesOptions } from './aggregates';
import type { EventStore, RecordedEvent, StreamPage } from './event-store';

const pageEvents = 500;

export function eventStoreOf(events: Events): EventStore {
  const page = async (streamId: string, afterVersion: number): Promise<Omit<StreamPage, 'version'>> => {
    const { events: found, hasNext } = await events.page(streamId, { afterVersion, first: pageEvents });
    return { events: found.map(toRecorded), hasMore: hasNext };
  };
  return {
    async readStream(streamId, afterVersion) {
      const first = await page(streamId, afterVersion);
      const last = first.events.at(-1);
      if (last) return { ...first, version: last.version };
      // Nothing is there, or what was there is deleted: then the version goes on from what it was.
      const version = (await events.get(streamId))?.version ?? 0;
      if (version <= afterVersion) return { ...first, version };
      const second = await page(streamId, afterVersion);
      return { ...second, version: second.events.at(-1)?.version ?? version };
    },
    async append(streamId, expectedVersion, newEvents) {
      const { kind } = await events.append({ streamId, expectedVersion, events: newEvents });
      return { kind: kind === 'fenced' ? 'wrongVersion' : kind };
    },
    async loadSnapshot(streamId) {
      const snapshot = await events.snapshot(streamId);
      return snapshot && { version: snapshot.version, state: JSON.parse(snapshot.state) as unknown };
    },
    async saveSnapshot(streamId, { version, state }) {
      await events.saveSnapshot({ streamId, version, state });
    },
  };
}

function toRecorded({ eventId, type, data, metadata, version }: Event): RecordedEvent {
  return {
    eventId,
    type,
    data: JSON.parse(data) as unknown,
    metadata: JSON.parse(metadata) as Readonly<Record<string, unknown>>,
    version,
  };
}

const made = new WeakMap<Patterns, Aggregates>();

/**
 * The aggregates of the caller's tenant, over its event streams: the same for all its requests, so that commands of one stream take turns.
 * Options count the first time.
 */
export function aggregatesOf(
  { patterns }: { readonly patterns: Patterns },
  options: Omit<AggregatesOptions, 'store'> = {},
): Aggregates {
  let aggregates = made.get(patterns);
  if (!aggregates)
    made.set(patterns, (aggregates = new Aggregates({ ...options, store: eventStoreOf(patterns.events) })));
  return aggregates;
}
