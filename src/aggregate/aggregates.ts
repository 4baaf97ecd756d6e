/**
 * Handles commands of aggregates over an event store. A command is decided on the state that the stream's events come to, and its
 * events are appended under the condition that nothing was appended since; where something was, that is evolved and the command
 * decided again. So two commands at once never rely on the same state, on however many gateways. A command with an id happens once:
 * its events carry the id, and handling it again answers with them. A command that is refused, or comes to no events, leaves nothing
 * behind, and is decided anew when it comes again.
 *
 * Costs one append, and before it the reading of the snapshot and of the events since, which the commands that wait for the same stream
 * share. A snapshot is written every so many events; losing one costs time only. Fails with CONTENTION after a bounded number of tries,
 * OVERLOADED where too many commands wait, and with the store's failures.
 */
import { backoffDelayMs } from '../core/backoff';
import { systemClock } from '../core/clock';
import type { Clock } from '../core/clock';
import { AppError, failureKinds, invalidArgument, isAppError } from '../core/errors';
import { systemIds } from '../core/ids';
import type { Ids } from '../core/ids';
import type { Aggregate, DomainEvent, Handled } from './decider';
import type { AppendResult, EventStore, NewEvent, RecordedEvent } from './event-store';
import { KnownCommands } from './known-commands';
import { StreamQueue } from './stream-queue';
import type { Turn } from './stream-queue';

export interface AggregatesOptions {
  readonly store: EventStore;
  /** Events between two snapshots of a stream; default 100, 0: none. */
  readonly snapshotEvery?: number;
  /** How often a command is decided before CONTENTION; default 20. */
  readonly triesMax?: number;
  /** Told when a snapshot could not be saved. */
  readonly onSnapshotFailure?: (streamId: string, error: unknown) => void;
  readonly clock?: Clock;
  readonly ids?: Pick<Ids, 'uuid' | 'fraction'>;
}

export interface CommandOptions {
  /** The same for the same command, however often it is sent; 1 to 200 characters. Left out: each is a command of its own. */
  readonly commandId?: string | undefined;
  /** Goes with each event. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** The state of a stream, as far as it was read. */
interface Loaded {
  readonly state: unknown;
  readonly version: number;
  readonly commands: KnownCommands;
  /** Of the snapshot that was loaded or saved last; 0: none. */
  readonly snapshotVersion: number;
}

interface Kept {
  readonly aggregate: unknown;
  readonly loaded: Loaded;
}

type AnyAggregate = Aggregate<unknown, unknown, DomainEvent, unknown>;

interface Task {
  readonly aggregate: AnyAggregate;
  readonly streamId: string;
  readonly command: unknown;
  readonly commandId: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

type AnyTurn = Turn<Handled<unknown, DomainEvent, unknown>, Kept>;

const retryBackoff = { baseMs: 5, capMs: 200 } as const;
const commandIdCharactersMax = 200;
const queueLimits = { ofStreamMax: 1_000, allMax: 10_000 } as const;
const snapshotLayout = 1;

export class Aggregates {
  readonly #options: AggregatesOptions;
  readonly #queue = new StreamQueue<Kept>(queueLimits);

  constructor(options: AggregatesOptions) {
    this.#options = options;
  }

  /** Decides the command and appends what it comes to. */
  async handle<State, Command, Event extends DomainEvent, Refusal = never>(
    aggregate: Aggregate<State, Command, Event, Refusal>,
    streamId: string,
    command: Command,
    { commandId, metadata = {} }: CommandOptions = {},
  ): Promise<Handled<State, Event, Refusal>> {
    if (commandId !== undefined && (commandId === '' || commandId.length > commandIdCharactersMax))
      throw invalidArgument(
        'commandId',
        `has ${commandId.length} characters: it must have 1 to ${commandIdCharactersMax}`,
      );
    const task: Task = {
      aggregate: aggregate as unknown as AnyAggregate,
      streamId,
      command,
      commandId: commandId ?? this.#ids.uuid(),
      metadata,
    };
    const handled = await this.#queue.run(streamId, (kept) => this.#turn(task, kept));
    return handled as Handled<State, Event, Refusal>;
  }

  /** The state that the stream's events come to. */
  async load<State, Command, Event extends DomainEvent, Refusal>(
    aggregate: Aggregate<State, Command, Event, Refusal>,
    streamId: string,
  ): Promise<{ readonly state: State; readonly version: number }> {
    const { state, version } = await this.#load(aggregate as unknown as AnyAggregate, streamId);
    return { state: state as State, version };
  }

  get #ids(): Pick<Ids, 'uuid' | 'fraction'> {
    return this.#options.ids ?? systemIds;
  }

  async #turn(task: Task, kept: Kept | undefined): Promise<AnyTurn> {
    const { aggregate, streamId, command, commandId } = task;
    const { triesMax = 20, clock = systemClock } = this.#options;
    // What the last command left is as good as read, as long as nothing is answered from it alone.
    let isFresh = kept?.aggregate !== aggregate;
    let loaded = isFresh ? await this.#load(aggregate, streamId) : kept!.loaded;
    for (let attempt = 1; attempt <= triesMax;) {
      if (loaded.commands.get(commandId)) return this.#replay(task, loaded);
      const decision = aggregate.decide(loaded.state, command);
      const events = Array.isArray(decision) ? (decision as readonly DomainEvent[]) : undefined;
      if (!events || events.length === 0) {
        if (isFresh) return this.#nothingDone(task, loaded, decision);
        loaded = await this.#catchUp(task, loaded);
        isFresh = true;
        continue;
      }
      const recorded = recordedOf(task, loaded.version, events);
      const result = await this.#append(task, loaded.version, recorded);
      if (result.kind === 'appended') return this.#done(task, loaded, recorded);
      if (result.kind === 'duplicate') return this.#replay(task, await this.#loadWhole(aggregate, streamId));
      if (attempt > 1) await clock.sleep(backoffDelayMs(attempt - 1, retryBackoff, this.#ids));
      loaded = await this.#catchUp(task, loaded);
      isFresh = true;
      attempt += 1;
    }
    throw new AppError('CONTENTION', `others appended to the stream ${triesMax} times while the command was decided`);
  }

  /** Sends it again while its answer is lost: the store knows it by its events, which stand in one place only. */
  async #append({ streamId }: Task, expectedVersion: number, events: readonly NewEvent[]): Promise<AppendResult> {
    const { triesMax = 20, clock = systemClock, store } = this.#options;
    let isAmbiguous = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await store.append(streamId, expectedVersion, events);
      } catch (error) {
        isAmbiguous ||= isAppError(error, 'OUTCOME_UNKNOWN') || isAppError(error, 'DEADLINE_EXCEEDED');
        if (!isAmbiguous) throw error;
        if (attempt >= triesMax || !isAppError(error) || !failureKinds[error.code].isRetryable)
          throw new AppError('OUTCOME_UNKNOWN', 'the append was sent, and its answer lost', { cause: error });
        await clock.sleep(backoffDelayMs(attempt, retryBackoff, this.#ids));
      }
    }
  }

  async #done(task: Task, before: Loaded, events: readonly RecordedEvent[]): Promise<AnyTurn> {
    const { aggregate, streamId } = task;
    const after = evolved(aggregate, before, events);
    const { state, version } = after;
    const loaded = await this.#saveSnapshot(aggregate, streamId, after);
    const result = { kind: 'decided', events, state, version, isReplay: false } as const;
    return { result, kept: { aggregate, loaded } };
  }

  async #replay({ aggregate, streamId, commandId }: Task, loaded: Loaded): Promise<AnyTurn> {
    const place = loaded.commands.get(commandId);
    if (!place) throw invalidArgument('commandId', `"${commandId}" is taken by events that are of no command`);
    const events = await this.#eventsAt(streamId, place.version, place.count);
    const { state, version } = loaded;
    return { result: { kind: 'decided', events, state, version, isReplay: true }, kept: { aggregate, loaded } };
  }

  #nothingDone({ aggregate }: Task, loaded: Loaded, decision: unknown): AnyTurn {
    const { state, version } = loaded;
    const kept = { aggregate, loaded };
    return Array.isArray(decision)
      ? { result: { kind: 'decided', events: [], state, version, isReplay: false }, kept }
      : { result: { kind: 'refused', refusal: decision, state, version }, kept };
  }

  async #eventsAt(streamId: string, from: number, count: number): Promise<readonly RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for (let at = from - 1; at < from - 1 + count;) {
      const page = await this.#options.store.readStream(streamId, at);
      if (page.events.length === 0) break;
      events.push(...page.events);
      at = page.version;
    }
    return events.slice(0, count);
  }

  async #load(aggregate: AnyAggregate, streamId: string): Promise<Loaded> {
    const snapshot = await this.#options.store.loadSnapshot(streamId);
    const beginning = (snapshot && fromSnapshot(aggregate, snapshot.state, snapshot.version)) ?? empty(aggregate);
    return this.#read(aggregate, streamId, beginning);
  }

  /** From the first event on: for a command that is older than what snapshots remember. */
  #loadWhole(aggregate: AnyAggregate, streamId: string): Promise<Loaded> {
    return this.#read(aggregate, streamId, { ...empty(aggregate), commands: new KnownCommands(undefined, Infinity) });
  }

  #catchUp({ aggregate, streamId }: Task, loaded: Loaded): Promise<Loaded> {
    return this.#read(aggregate, streamId, loaded);
  }

  async #read(aggregate: AnyAggregate, streamId: string, from: Loaded): Promise<Loaded> {
    let loaded = from;
    for (;;) {
      const { events, version, hasMore } = await this.#options.store.readStream(streamId, loaded.version);
      loaded = { ...evolved(aggregate, loaded, events), version: Math.max(version, loaded.version) };
      if (!hasMore) return loaded;
    }
  }

  async #saveSnapshot(aggregate: AnyAggregate, streamId: string, loaded: Loaded): Promise<Loaded> {
    const { store, snapshotEvery = 100, onSnapshotFailure } = this.#options;
    if (snapshotEvery === 0 || loaded.version - loaded.snapshotVersion < snapshotEvery) return loaded;
    const { version } = loaded;
    try {
      await store.saveSnapshot(streamId, { version, state: toSnapshot(aggregate, loaded) });
    } catch (error) {
      // The command is done. The next one comes after as many events again, not at once.
      onSnapshotFailure?.(streamId, error);
    }
    return { ...loaded, snapshotVersion: version };
  }
}

function empty({ initialState }: AnyAggregate): Loaded {
  return { state: initialState, version: 0, commands: new KnownCommands(), snapshotVersion: 0 };
}

function recordedOf({ commandId, metadata }: Task, version: number, events: readonly DomainEvent[]): RecordedEvent[] {
  return events.map(({ type, data }, index) => ({
    eventId: `${commandId}:${index}`,
    type,
    data,
    metadata: { ...metadata, commandId },
    version: version + index + 1,
  }));
}

function evolved(aggregate: AnyAggregate, loaded: Loaded, events: readonly RecordedEvent[]): Loaded {
  let { state, version } = loaded;
  for (const event of events) {
    state = aggregate.evolve(state, event);
    version = event.version;
    const { commandId } = event.metadata;
    if (typeof commandId === 'string') loaded.commands.note(commandId, version);
  }
  return { ...loaded, state, version };
}

function toSnapshot({ name, snapshotFormat = 1 }: AnyAggregate, { state, commands }: Loaded): object {
  return { layout: snapshotLayout, aggregate: name, format: snapshotFormat, state, commands: commands.toJson() };
}

/** Undefined where it is of another aggregate, format or layout. */
function fromSnapshot({ name, snapshotFormat = 1 }: AnyAggregate, json: unknown, version: number): Loaded | undefined {
  const { layout, aggregate, format, state, commands } = (json ?? {}) as Readonly<Record<string, unknown>>;
  if (layout !== snapshotLayout || aggregate !== name || format !== snapshotFormat) return undefined;
  const known = KnownCommands.fromJson(commands);
  return known && { state, version, commands: known, snapshotVersion: version };
}
