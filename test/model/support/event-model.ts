/**
 * What must hold of events under any interleaving: appends that are whole, once and in order (`runAppends`), and readers and
 * followers that see each event once, in order, none missing, however often they are interrupted (`runReaders`).
 */
import { isAppError } from '../../../src/core/errors';
import { positionCursor } from '../../../src/patterns/event-pages';
import type { AppendEvents } from '../../../src/patterns/event-input';
import type { AppendOutcome, Delivery, Event } from '../../../src/patterns/event-stream';
import type { Patterns } from '../../../src/patterns/patterns';
import type { Breakage } from './broken-stores';
import { EventTimeline } from './event-timeline';
import { Simulation } from './simulation';
import type { Sent } from './simulation';

const gateways = 3;
/** Never deleted, and deleted now and then. */
const streams = ['s', 't'];
const mortal = 'm';

interface AppendDone {
  readonly number: number;
  readonly input: AppendEvents;
  readonly sent: readonly Sent<AppendOutcome>[];
}

/** Appends by several callers, with and without ids, keys and expected versions, some of them again. */
class Writers {
  readonly #simulation: Simulation;
  readonly #timeline: EventTimeline;
  readonly #done: AppendDone[] = [];
  readonly faults: string[] = [];
  #numbers = 0;

  constructor(simulation: Simulation, timeline: EventTimeline) {
    this.#simulation = simulation;
    this.#timeline = timeline;
  }

  async write(rounds: number): Promise<void> {
    const { chance } = this.#simulation;
    for (let round = 0; round < rounds; round += 1) {
      if (chance.happens(0.15)) await this.#appendAgain();
      else if (chance.happens(0.12)) await this.#delete();
      else await this.#append();
    }
  }

  async #append(): Promise<void> {
    const simulation = this.#simulation;
    const { chance } = simulation;
    const number = (this.#numbers += 1);
    const streamId = chance.pick([...streams, mortal]);
    const way = chance.pick(streamId === mortal ? (['key', 'once'] as const) : (['key', 'ids', 'once'] as const));
    const count = chance.happens(0.1) ? 34 : 1 + chance.whole(3);
    const isNamed = way === 'ids' || chance.happens(0.5);
    const events = Array.from({ length: count }, (_, index) => ({
      eventId: isNamed ? `${number}-${index}` : undefined,
      type: (number + index) % 2 === 0 ? 'even' : 'odd',
      data: { number, index },
    }));
    // A version that is near, from what was last seen.
    const { version = 0 } = (await simulation.near.events.get(streamId)) ?? {};
    const expectedVersion = chance.happens(0.5) ? Math.max(0, version - chance.whole(2)) : undefined;
    const idempotencyKey = way === 'key' ? `k${number}` : undefined;
    const input = { streamId, events, expectedVersion, idempotencyKey };
    const send = (gateway: Patterns): Promise<AppendOutcome> => gateway.events.append(input);
    const sent = way === 'once' ? [await simulation.once(send)] : await simulation.untilAnswered(send);
    this.#done.push({ number, input, sent });
  }

  /** Some events that stand already, in their order or another, alone or with a new one. */
  async #appendAgain(): Promise<void> {
    const { chance } = this.#simulation;
    const standing = this.#timeline.all.filter(({ event }) => streams.includes(event.streamId));
    if (standing.length === 0) return;
    const { streamId, version } = chance.pick(standing).event;
    const part: Event[] = [];
    for (let at = version, left = 1 + chance.whole(4); left > 0; at += 1, left -= 1) {
      const known = this.#timeline.at(streamId, at);
      if (known) part.push(known.event);
    }
    const change = chance.pick(['none', 'none', 'order', 'new'] as const);
    const ids = part.map(({ eventId }) => eventId);
    if (change === 'order') ids.reverse();
    if (change === 'new') ids.push(`again-${(this.#numbers += 1)}`);
    const isReplay = change === 'none' || ids.length === 1;
    const events = ids.map((eventId) => ({ eventId, type: 'again', data: {} }));
    const { result } = await this.#simulation.once(({ events: each }) => each.append({ streamId, events }));
    if (result.kind !== 'answered') return;
    const { outcome } = result;
    const isRight = isReplay
      ? outcome.kind === 'appended' && outcome.version === version && outcome.written === undefined
      : outcome.kind === 'duplicate' && String(outcome.versions) === String(part.map((event) => event.version));
    if (!isRight) this.faults.push(`${ids.join(' ')} again (${change}) came to ${JSON.stringify(outcome)}`);
  }

  async #delete(): Promise<void> {
    await this.#simulation.once(({ events }) => events.delete({ streamId: mortal }));
  }

  check(): string[] {
    return [...this.faults, ...this.#done.flatMap((done) => this.#appendFaults(done)), ...this.#strangers()];
  }

  #appendFaults({ number, input, sent }: AppendDone): string[] {
    const faults: string[] = [];
    const { streamId, events, expectedVersion } = input;
    const what = `append ${number} to ${streamId}`;
    const stood = this.#timeline.all.filter(({ event }) => numberOf(event) === number).map(({ event }) => event);
    if (stood.length > events.length) faults.push(`${what} was done twice`);
    else if (stood.length > 0 && !isWhole(stood, events.length)) faults.push(`${what} is not whole`);
    const answers = sent.flatMap(({ result }) => (result.kind === 'answered' ? [result.outcome] : []));
    const shown = answers.map((answer) => `${answer.kind} ${'version' in answer ? answer.version : ''}`);
    if (new Set(shown).size > 1) faults.push(`${what} had two answers: ${shown.join(', ')}`);
    const [answer] = answers;
    const isLost = sent.some(({ result }) => result.kind === 'unknown');
    if (!answer) return !isLost && stood.length > 0 ? [...faults, `${what} failed, and was done`] : faults;
    if (answer.kind === 'appended') {
      if (stood[0]?.version !== answer.version) faults.push(`${what} does not stand where it was answered`);
      if (expectedVersion !== undefined && answer.version !== expectedVersion + 1)
        faults.push(`${what} expected ${expectedVersion} and went to ${answer.version}`);
    } else if (stood.length > 0) faults.push(`${what} was refused (${answer.kind}), and done`);
    if (answer.kind === 'wrongVersion') {
      if (answer.actualVersion === expectedVersion || !this.#was(streamId, answer.actualVersion, sent))
        faults.push(`${what} was refused by version ${answer.actualVersion}, at which the stream was not`);
    }
    if (answer.kind === 'duplicate' || answer.kind === 'fenced') faults.push(`${what} came to ${answer.kind}`);
    return faults;
  }

  /** Whether the stream was at a version meanwhile, be it between two appends of one commit. */
  #was(streamId: string, version: number, sent: readonly Sent<unknown>[]): boolean {
    const versions = this.#timeline.versionsDuring(streamId, sent[0]!.from.step, lastStep(sent));
    if (versions.includes(version)) return true;
    const isEndOfAppend = this.#timeline.at(streamId, version)?.event.followers === 0;
    return isEndOfAppend && version > Math.min(...versions) && version < Math.max(...versions);
  }

  /** Events that nobody appended. */
  #strangers(): string[] {
    const isOurs = ({ type, data }: Event): boolean => type === 'end' || /^\{"number"/.test(data);
    return this.#timeline.all.some(({ event }) => !isOurs(event)) ? ['there is an event that was refused'] : [];
  }
}

function numberOf({ data }: Event): number | undefined {
  return (JSON.parse(data) as { number?: number }).number;
}

function isWhole(stood: readonly Event[], count: number): boolean {
  const [first] = stood;
  return (
    stood.length === count &&
    stood.every(({ version, position }, index) => {
      return version === first!.version + index && position === first!.position + index;
    })
  );
}

function lastStep(sent: readonly Sent<unknown>[]): number {
  return Math.max(...sent.map(({ to }) => to.step));
}

/** Appends, appends again and deletions alone. */
export async function runAppends(seed: number, breakage?: Breakage): Promise<string[]> {
  const simulation = new Simulation(seed, { gateways, breakage });
  const timeline = new EventTimeline(simulation);
  const writers = new Writers(simulation, timeline);
  await simulation.run(
    Array.from({ length: 6 }, () => writers.write(5)),
    () => timeline.look(),
  );
  await timeline.look();
  await simulation.close();
  return [...timeline.faults, ...writers.check()];
}

/** The same, with readers of pages and followers all the while. */
export async function runReaders(seed: number, breakage?: Breakage): Promise<string[]> {
  const simulation = new Simulation(seed, { gateways, breakage });
  const timeline = new EventTimeline(simulation);
  const writers = new Writers(simulation, timeline);
  const readers = new Readers(simulation, timeline);
  const writing = Promise.all(Array.from({ length: 4 }, () => writers.write(4)));
  const ending = writing.then(async () => {
    // Every delayed request has come.
    for (let round = 0; round < 40; round += 1) await simulation.network.pass();
    for (const streamId of [...streams, mortal])
      await simulation.near.events.append({ streamId, events: [{ type: 'end', data: {} }] });
  });
  const reading = [
    readers.follow(simulation.chance.pick([...streams, mortal])),
    readers.followAll(undefined),
    readers.followAll(['odd', 'end']),
    readers.readPages(),
  ];
  await simulation.run([ending, ...reading], () => timeline.look());
  await timeline.look();
  await simulation.close();
  return [...timeline.faults, ...writers.check(), ...readers.faults];
}

class Readers {
  readonly #simulation: Simulation;
  readonly #timeline: EventTimeline;
  readonly faults: string[] = [];

  constructor(simulation: Simulation, timeline: EventTimeline) {
    this.#simulation = simulation;
    this.#timeline = timeline;
  }

  /** All pages, through any gateway, until the end. */
  async readPages(): Promise<void> {
    const simulation = this.#simulation;
    const { chance } = simulation;
    const seen: Event[] = [];
    let after: string | undefined;
    while (seen.filter(({ type }) => type === 'end').length < streams.length + 1) {
      const query = { first: 1 + chance.whole(5), after, streamPrefix: '' };
      const { result } = await simulation.once(({ events }) => events.all(query));
      if (result.kind !== 'answered') continue;
      seen.push(...result.outcome.events);
      after = positionCursor(result.outcome.through);
    }
    this.#check('pages', seen, () => true);
  }

  async follow(streamId: string): Promise<void> {
    let after = 0;
    const seen: Event[] = [];
    await this.#untilEnd(1, seen, {
      isOf: (event) => event.streamId === streamId,
      start: ({ events }, signal) => events.follow({ streamId, afterVersion: after }, signal),
      note: ({ version }) => (after = version!),
      // Deleted: none of the life that has begun since was seen.
      over: () => (after = 0),
    });
    this.#check(`a follower of ${streamId}`, seen, (event) => event.streamId === streamId);
  }

  async followAll(types: readonly string[] | undefined): Promise<void> {
    let after = positionCursor(0);
    const isOf = ({ type }: Event): boolean => types?.includes(type) ?? true;
    const seen: Event[] = [];
    await this.#untilEnd(streams.length + 1, seen, {
      isOf,
      start: ({ events }, signal) => events.followAll({ after, types, streamPrefix: '' }, signal),
      note: ({ cursor }) => (after = cursor),
    });
    this.#check(`a follower of ${types?.join(' ') ?? 'all'}`, seen, isOf);
  }

  /** Follows through any gateway, leaves at any time, and goes on where it was, until all that is followed is over. */
  async #untilEnd(ends: number, seen: Event[], following: Following): Promise<void> {
    const { chance, network } = this.#simulation;
    let left = ends;
    while (left > 0) {
      const leaving = new AbortController();
      const openedAt = this.#simulation.now().step;
      let taken = 1 + chance.whole(10);
      try {
        for await (const delivery of following.start(chance.pick(this.#simulation.gateways), leaving.signal)) {
          if (delivery.event) seen.push(delivery.event);
          if (delivery.caughtUp) this.#checkCaughtUp(openedAt, seen, following);
          following.note(delivery);
          if (delivery.event?.type === 'end' && (left -= 1) === 0) break;
          if ((taken -= 1) === 0) break;
          if (chance.happens(0.2)) await network.pass();
        }
        if (left > 0 && taken > 0) following.over?.();
      } catch (error) {
        if (!isAppError(error, 'UNAVAILABLE') && !isAppError(error, 'DEADLINE_EXCEEDED')) throw error;
      }
      leaving.abort();
      await network.pass();
    }
  }

  /** What stood when it was opened has been seen by then. */
  #checkCaughtUp(openedAt: number, seen: readonly Event[], { isOf }: Following): void {
    const positions = new Set(seen.map(({ position }) => position));
    const missed = this.#timeline.all.find(
      ({ event, step, isDeleted }) => step < openedAt && !isDeleted && isOf(event) && !positions.has(event.position),
    );
    if (missed) this.faults.push(`caught up without position ${missed.event.position}`);
  }

  #check(what: string, seen: readonly Event[], isOf: (event: Event) => boolean): void {
    for (const [index, event] of seen.entries()) {
      if (event.position <= (seen[index - 1]?.position ?? 0)) this.faults.push(`${what}: ${event.position} came late`);
      const known = this.#timeline.at(event.streamId, event.version);
      // The last ones may not have been looked at yet.
      if (known && JSON.stringify(known.event) !== JSON.stringify(event))
        this.faults.push(`${what}: version ${event.version} of ${event.streamId} is not what stood there`);
    }
    const last = seen.at(-1)!.position;
    const positions = new Set(seen.map(({ position }) => position));
    for (const { event, isDeleted } of this.#timeline.all)
      if (!isDeleted && event.position <= last && isOf(event) && !positions.has(event.position))
        this.faults.push(`${what}: position ${event.position} was missed`);
  }
}

interface Following {
  readonly isOf: (event: Event) => boolean;
  readonly start: (gateway: Patterns, signal: AbortSignal) => AsyncIterable<Delivery>;
  readonly note: (delivery: Delivery) => void;
  /** It has completed. */
  readonly over?: () => void;
}
