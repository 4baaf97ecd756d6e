/** An event store in memory, as aggregates see one, with hooks for what can go wrong on the way to it. */
import type {
  AppendResult,
  EventStore,
  NewEvent,
  RecordedEvent,
  StoredSnapshot,
  StreamPage,
} from '../../../src/aggregate/event-store';

interface Stream {
  readonly events: RecordedEvent[];
  snapshot: StoredSnapshot | undefined;
}

export class MemoryEventStore implements EventStore {
  readonly #streams = new Map<string, Stream>();
  pageSize = 10;
  reads = 0;
  appends = 0;
  /** Run before and after each append; whatever they throw is the answer that the caller gets. */
  beforeAppend: () => Promise<void> = () => Promise.resolve();
  afterAppend: () => Promise<void> = () => Promise.resolve();
  beforeSnapshot: () => Promise<void> = () => Promise.resolve();

  eventsOf(streamId: string): readonly RecordedEvent[] {
    return this.#stream(streamId).events;
  }

  async readStream(streamId: string, afterVersion: number): Promise<StreamPage> {
    this.reads += 1;
    await Promise.resolve();
    const { events: all } = this.#stream(streamId);
    const events = all.slice(afterVersion, afterVersion + this.pageSize);
    const version = events.at(-1)?.version ?? all.length;
    return { events, version, hasMore: version < all.length };
  }

  async append(streamId: string, expectedVersion: number, events: readonly NewEvent[]): Promise<AppendResult> {
    this.appends += 1;
    await this.beforeAppend();
    const result = this.#append(streamId, expectedVersion, events);
    await this.afterAppend();
    return result;
  }

  async loadSnapshot(streamId: string): Promise<StoredSnapshot | undefined> {
    await Promise.resolve();
    return this.#stream(streamId).snapshot;
  }

  async saveSnapshot(streamId: string, snapshot: StoredSnapshot): Promise<void> {
    await this.beforeSnapshot();
    const stream = this.#stream(streamId);
    if (snapshot.version > (stream.snapshot?.version ?? 0))
      stream.snapshot = JSON.parse(JSON.stringify(snapshot)) as StoredSnapshot;
  }

  #append(streamId: string, expectedVersion: number, events: readonly NewEvent[]): AppendResult {
    const { events: all } = this.#stream(streamId);
    const places = events.map(({ eventId }) => all.findIndex((each) => each.eventId === eventId));
    if (places.every((place, index) => place === expectedVersion + index)) return { kind: 'appended' };
    if (places.some((place) => place >= 0)) return { kind: 'duplicate' };
    if (all.length !== expectedVersion) return { kind: 'wrongVersion' };
    for (const event of events) all.push({ ...event, version: all.length + 1 });
    return { kind: 'appended' };
  }

  #stream(streamId: string): Stream {
    let stream = this.#streams.get(streamId);
    if (!stream) this.#streams.set(streamId, (stream = { events: [], snapshot: undefined }));
    return stream;
  }
}
