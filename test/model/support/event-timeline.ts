/**
 * The truth about events: what stands in the store after every step, and what has ever stood there. Looks at the rows themselves,
 * so that it sees what no reader could put right: a version that is missing, an event that changes, a position that comes late.
 */
import type { Entry } from '../../../proto/store';
import { families, keyspace } from '../../../src/core/keyspace';
import { readEscaped } from '../../../src/core/tuple';
import { versionOfMadeId } from '../../../src/patterns/event-id';
import { decodeHead, decodeIdRow, decodeTail, toEvent, toPlace } from '../../../src/patterns/event-record';
import type { Event, Place, StreamHead } from '../../../src/patterns/event-record';
import type { Simulation } from './simulation';

export interface Known {
  readonly event: Event;
  /** The step after which it first stood there. */
  readonly step: number;
  isDeleted: boolean;
}

/** The stream in a key that goes on behind it, and what comes there. */
function readStream(key: Buffer): { streamId: string; rest: Buffer } {
  const { part, next } = readEscaped(key, 1);
  return { streamId: part.toString(), rest: key.subarray(next) };
}

/** The version that an id leads to: by its row, or, where it was made for the event, by itself. */
function leadsTo(ids: ReadonlyMap<string, number>, { streamId, eventId }: Event): number | undefined {
  return ids.get(`${streamId} ${eventId}`) ?? versionOfMadeId(eventId);
}

type Heads = ReadonlyMap<string, StreamHead>;

interface Rows {
  readonly heads: Heads;
  readonly tail: number;
  readonly places: readonly Place[];
  readonly events: readonly Event[];
  readonly ids: ReadonlyMap<string, number>;
}

const place = (streamId: string, version: number): string => `${version} of ${streamId}`;

export class EventTimeline {
  readonly #simulation: Simulation;
  /** Everything that ever stood, by stream and version. */
  readonly known = new Map<string, Known>();
  readonly faults: string[] = [];
  readonly #positions = new Set<number>();
  readonly #heads: Heads[] = [];
  #revision = -1;
  #tail = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  at(streamId: string, version: number): Known | undefined {
    return this.known.get(place(streamId, version));
  }

  /** In the order of positions. */
  get all(): Known[] {
    return [...this.known.values()].sort((a, b) => a.event.position - b.event.position);
  }

  /** What a stream's head said between two steps. */
  versionsDuring(streamId: string, fromStep: number, toStep: number): number[] {
    const heads = this.#heads.slice(Math.max(0, fromStep - 1), toStep + 1);
    return heads.map((each) => each.get(streamId)?.version ?? 0);
  }

  async look(): Promise<void> {
    const { revision, step } = this.#simulation.now();
    const last = this.#heads.at(-1) ?? new Map();
    while (this.#heads.length < step) this.#heads.push(last);
    if (revision !== this.#revision) {
      const rows = await this.#read();
      this.#compare(rows, step);
      this.#revision = revision;
      this.#heads[step] = rows.heads;
    } else this.#heads[step] = last;
  }

  #compare({ heads, tail, places, events, ids }: Rows, step: number): void {
    const { faults } = this;
    const placed = new Map(
      places.flatMap(({ streamId, version, position, types }) =>
        types.map((type, index) => [position + index, `${place(streamId, version + index)} ${type}`] as const),
      ),
    );
    for (const [position, what] of placed) {
      if (!this.#positions.has(position) && position <= this.#tail)
        faults.push(`position ${position} (${what}) came after ${this.#tail}`);
    }
    for (let position = this.#tail + 1; position <= tail; position += 1)
      if (!placed.has(position)) faults.push(`position ${position} is of nothing`);
    if (Math.max(0, ...placed.keys()) > tail) faults.push(`there is a position behind the tail ${tail}`);
    this.#tail = Math.max(this.#tail, tail);
    for (const event of events) this.#compareEvent(event, step);
    for (const known of this.known.values()) {
      const { streamId, version } = known.event;
      known.isDeleted ||= version <= (heads.get(streamId)?.deletedThrough ?? 0);
    }
    const standing = new Map(events.map((event) => [place(event.streamId, event.version), event]));
    for (const [streamId, head] of heads) {
      const taken = new Set<string>();
      for (let version = head.deletedThrough + 1; version <= head.version; version += 1) {
        const event = standing.get(place(streamId, version));
        if (!event) faults.push(`version ${place(streamId, version)} is missing`);
        else {
          if (taken.has(event.eventId)) faults.push(`an id of ${streamId} is there twice`);
          taken.add(event.eventId);
          if (leadsTo(ids, event) !== version)
            faults.push(`the id of version ${place(streamId, version)} leads elsewhere`);
          if (placed.get(event.position) !== `${place(streamId, version)} ${event.type}`)
            faults.push(`version ${place(streamId, version)} is not at its position`);
        }
      }
    }
    for (const { streamId, version } of events)
      if (version > (heads.get(streamId)?.version ?? 0)) faults.push(`version ${place(streamId, version)} is ahead`);
    const times = [...events].sort((a, b) => a.position - b.position).map(({ atMs }) => atMs);
    if (times.some((atMs, index) => atMs < (times[index - 1] ?? 0))) faults.push('time goes back');
  }

  #compareEvent(event: Event, step: number): void {
    const id = place(event.streamId, event.version);
    const known = this.known.get(id);
    if (!known) {
      this.known.set(id, { event, step, isDeleted: false });
      this.#positions.add(event.position);
    } else if (JSON.stringify(known.event) !== JSON.stringify(event)) this.faults.push(`version ${id} was changed`);
  }

  async #read(): Promise<Rows> {
    const names = ['eventStream', 'eventPlace', 'event', 'eventId'] as const;
    const { results } = await this.#simulation.store.read([
      { start: keyspace.eventTail() },
      ...names.map((name) => ({ start: Buffer.of(families[name].code), end: Buffer.of(families[name].code + 1) })),
    ]);
    const [tail, heads, places, events, ids] = results.map(({ entries }) => entries) as Entry[][];
    return {
      tail: decodeTail(tail![0]?.value).position,
      heads: new Map(heads!.map(({ key, value }) => [keyspace.lastPart(key).toString(), decodeHead(value)])),
      places: places!.map(toPlace),
      events: events!.map((entry) => toEvent(readStream(entry.key).streamId, entry)),
      ids: new Map(
        ids!.map(({ key, value }) => {
          const { streamId, rest } = readStream(key);
          return [`${streamId} ${rest.toString()}`, decodeIdRow(value)];
        }),
      ),
    };
  }
}
