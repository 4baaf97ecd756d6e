/**
 * Removing the rows of deleted streams. A deletion is one put to the head, which ends the life of all events so far; their rows are
 * then of no use and are removed here, some a commit, by the gateway that deleted the stream. A row of its own says that there is something to
 * remove, so that whichever gateway uses the event store next goes on where that one was killed. Gateways that meet at one
 * stream do no harm: a row that names an id is removed only while it names the event that goes with it.
 */
import type { Check, Store, Write } from '../../proto/store';
import type { Clock } from '../core/clock';
import { isAppError } from '../core/errors';
import { eventsRange, families, familyRange, keyspace } from '../core/keyspace';
import type { FamilyName } from '../core/keyspace';
import { decodeHead, decodeIdRow, streamIdOf, toEvent } from './event-record';
import type { Event } from './event-record';

/** Each takes a check and three writes of a transaction. */
const eventsOfStep = 50;
const bytesOfStep = 1_048_576;
const streamsOfLook = 100;
const retryMs = 1_000;
/** As long as subscriptions wait for a storage that is away; then whoever uses the event store next looks again. */
const retriesMax = 60;

export interface EventSweepOptions {
  readonly store: Store;
  readonly clock: Pick<Clock, 'sleep'>;
}

export class EventSweep {
  readonly #store: Store;
  readonly #clock: Pick<Clock, 'sleep'>;
  #hasLooked = false;
  #isRunning = false;
  #isWanted = false;

  constructor({ store, clock }: EventSweepOptions) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Looks once in the life of this process whether others have left something. */
  begin(): void {
    if (!this.#hasLooked) this.wake();
  }

  /** There is something to remove. */
  wake(): void {
    this.#hasLooked = true;
    this.#isWanted = true;
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let tries = 1; this.#isWanted && tries <= retriesMax; tries += 1) {
      this.#isWanted = false;
      try {
        await this.#sweepAll();
      } catch (error) {
        // Storage is away, or the tenant is shut: then its removal takes the rows.
        if (!isAppError(error) || error.code === 'INTERNAL' || error.code === 'NOT_FOUND') break;
        this.#isWanted = true;
        await this.#clock.sleep(retryMs);
      }
    }
    this.#isRunning = false;
    // What could not be done is looked for when the store is used again.
    if (this.#isWanted) this.#hasLooked = false;
  }

  async #sweepAll(): Promise<void> {
    for (;;) {
      const { results } = await this.#store.read([{ ...familyRange('eventSweep'), limit: streamsOfLook }]);
      const { entries } = results[0]!;
      if (entries.length === 0) return;
      for (const { key, revision } of entries) {
        const streamId = streamIdOf(key);
        while (await this.#step(streamId)) await this.#clock.sleep(1);
        // Deleted once more meanwhile, it stays for the next look.
        await this.#commit([{ key, revision }], [{ kind: 'delete', key, history: families.eventSweep.history }]);
      }
    }
  }

  /** Removes some events with their other rows; whether there may be more. */
  async #step(streamId: string): Promise<boolean> {
    const head = { start: keyspace.eventStream(streamId) };
    const [headEntry] = (await this.#store.read([head])).results[0]!.entries;
    const { deletedThrough } = headEntry ? decodeHead(headEntry.value) : { deletedThrough: 0 };
    const range = { ...eventsRange(streamId, 0, deletedThrough), limit: eventsOfStep, bytesMax: bytesOfStep };
    const { entries } = (await this.#store.read([range])).results[0]!;
    if (entries.length === 0) return false;
    const events = entries.map((entry) => toEvent(streamId, entry));
    const ids = events.map(({ eventId }) => ({ start: keyspace.eventId(streamId, eventId) }));
    const idRows = (await this.#store.read(ids)).results.map((result) => result.entries[0]);
    const checks: Check[] = [];
    const writes: Write[] = [];
    for (const [index, event] of events.entries()) {
      const row = idRows[index];
      if (row && decodeIdRow(row.value) === event.version) {
        checks.push({ key: row.key, revision: row.revision });
        writes.push(removal('eventId', row.key));
      }
      writes.push(...removalsOf(event));
    }
    await this.#commit(checks, writes);
    return true;
  }

  /** A conflict is no failure: what stands now is looked at again. */
  async #commit(checks: readonly Check[], writes: readonly Write[]): Promise<void> {
    const [outcome] = await this.#store.commit([{ checks, writes }]);
    if (outcome!.kind === 'failed') throw outcome!.error;
  }
}

function removalsOf({ streamId, version, position, followers }: Event): Write[] {
  const event = removal('event', keyspace.event(streamId, version));
  return followers > 0 ? [event] : [event, removal('eventPlace', keyspace.eventPlace(position))];
}

function removal(family: FamilyName, key: Buffer): Write {
  return { kind: 'delete', key, history: families[family].history };
}
