/**
 * Subscriptions of one growing log under random appends, joins, leaves, connections that are full for a while, and sources that
 * fail. The model is one sentence: a subscriber is given every entry behind its beginning, once, in order, and is told once that
 * history is done; and whatever ends is let go of.
 */
import { buildSchema, parse } from 'graphql';
import { ManualClock } from '../../../src/core/clock';
import { AppError } from '../../../src/core/errors';
import { Metrics, makeLogger } from '../../../src/core/telemetry';
import { Executor } from '../../../src/gateway/executor';
import { makeResumable } from '../../../src/gateway/resumable';
import type { Resumption } from '../../../src/gateway/resumable';
import { Subscriptions } from '../../../src/gateway/subscriptions';
import type { OpenSubscription, Subscriber } from '../../../src/gateway/subscriptions';
import { subscribeTo } from '../../../resolvers/subscription';
import { makeChance } from './seeds';
import type { Chance, RunModel } from './seeds';

interface Given {
  readonly event: number | null;
  readonly caughtUp: boolean;
  readonly version: number;
}

/** What may be broken. */
export interface Variant {
  readonly resumption?: Partial<Resumption>;
  /** Begins at the wrong place. */
  readonly beginsAt?: (after: number, length: number) => number;
  /** Gives no second notice, as a source that remembers nothing would not either. */
  readonly forgetsFull?: boolean;
}

const tenantMax = 1_000;
const patienceMs = 1_000;
const steps = 120;
const subscribersMax = 12;

const resumption: Resumption = {
  argument: 'after',
  placeOf: ({ version }) => version as number,
  read: Number,
  isCaughtUp: ({ event, caughtUp }) => caughtUp === true && event === null,
};

const document = parse('subscription ($after: Int) { events(after: $after) { event caughtUp version } }');

/** A log whose sources give history, a word that it is done, then what is new. */
class Log {
  readonly #shared: Given[] = [];
  readonly #wakes = new Set<(failure?: AppError) => void>();
  length = 0;
  open = 0;

  append(): void {
    this.length += 1;
    this.#shared.push({ event: this.length, caughtUp: false, version: this.length });
    this.#wakeAll();
  }

  failAll(): void {
    this.#wakeAll(new AppError('UNAVAILABLE', 'storage stayed away'));
  }

  subscribe(from: number): AsyncIterable<Given> {
    return subscribeTo((signal) => this.#read(from, signal));
  }

  async *#read(from: number, signal: AbortSignal): AsyncGenerator<Given, void, void> {
    let at = from;
    let failure: AppError | undefined;
    let wake = (): void => undefined;
    const onWake = (reason?: AppError): void => {
      failure ??= reason;
      wake();
    };
    this.#wakes.add(onWake);
    signal.addEventListener('abort', () => wake(), { once: true });
    this.open += 1;
    let isCaughtUp = false;
    try {
      while (!signal.aborted) {
        // History is other objects each time, as what was read from a disk is; what is live is shared.
        if (at < this.length) yield isCaughtUp ? this.#shared[at++]! : { ...this.#shared[at++]! };
        else if (!isCaughtUp) {
          isCaughtUp = true;
          yield { event: null, caughtUp: true, version: at };
        } else if (failure) throw failure;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.open -= 1;
      this.#wakes.delete(onWake);
    }
  }

  #wakeAll(failure?: AppError): void {
    for (const wake of [...this.#wakes]) wake(failure);
  }
}

/** Full when the dice say so. */
class Connection {
  readonly #actions: (() => void)[] = [];
  readonly #forgetsFull: boolean;
  isFull = false;

  constructor(forgetsFull: boolean) {
    this.#forgetsFull = forgetsFull;
  }

  whenDrained(action: () => void): void {
    if (!this.isFull) action();
    else if (!this.#forgetsFull) this.#actions.push(action);
  }

  drain(): void {
    this.isFull = false;
    for (const action of this.#actions.splice(0)) action();
  }
}

/** One who subscribes. */
class Client implements Subscriber {
  readonly seen: Given[] = [];
  readonly outlet: Connection;
  from = 0;
  subscription: OpenSubscription | undefined;
  ending: { kind: string; resumeFrom?: unknown } | undefined;
  /** Messages that were written to it while it was full, in a row. */
  excess = 0;
  excessMax = 0;

  constructor(forgetsFull: boolean) {
    this.outlet = new Connection(forgetsFull);
  }

  deliver({ json }: { readonly json: string }): void {
    const { data } = JSON.parse(json) as { data: { events: Given } };
    this.seen.push(data.events);
    this.excess = this.outlet.isFull ? this.excess + 1 : 0;
    this.excessMax = Math.max(this.excessMax, this.excess);
  }

  end(how: Parameters<Subscriber['end']>[0]): void {
    this.ending = how.kind === 'failed' ? { kind: how.kind, resumeFrom: how.errors[0]!.extensions['resumeFrom'] } : how;
  }

  drain(): void {
    this.excess = 0;
    this.outlet.drain();
  }
}

class World {
  readonly clock = new ManualClock();
  readonly log = new Log();
  readonly clients: Client[] = [];
  readonly faults: string[] = [];
  readonly #chance: Chance;
  readonly #variant: Variant;
  readonly #subscriptions: Subscriptions;
  readonly #executor: Executor;

  constructor(chance: Chance, variant: Variant) {
    this.#chance = chance;
    this.#variant = variant;
    const schema = buildSchema(
      'type Query { a: Int } type Subscription { events(after: Int): Given! } type Given { event: Int caughtUp: Boolean! version: Int! }',
    );
    const field = schema.getSubscriptionType()!.getFields()['events']!;
    field.resolve = (given) => given as unknown;
    field.subscribe = (_root, { after }: { after?: number }) => {
      const { length } = this.log;
      return this.log.subscribe(after === undefined ? length : (variant.beginsAt?.(after, length) ?? after));
    };
    const resumptions = { events: { ...resumption, ...variant.resumption } };
    makeResumable(schema, resumptions);
    this.#executor = new Executor(schema);
    const metrics = new Metrics();
    metrics.registry.clear();
    const { clock } = this;
    this.#subscriptions = new Subscriptions({ executor: this.#executor, resumptions, tenantMax, clock, metrics });
  }

  async step(): Promise<void> {
    const chance = this.#chance;
    const living = this.clients.filter(({ subscription, ending }) => subscription && !ending);
    const action = chance.whole(100);
    if (action < 40) for (let count = chance.whole(4); count >= 0; count -= 1) this.log.append();
    else if (action < 55 && living.length < subscribersMax) await this.join();
    else if (action < 60 && living.length > 0) this.leave(chance.pick(living));
    else if (action < 74 && living.length > 0) chance.pick(living).outlet.isFull = true;
    else if (action < 88)
      living.filter(({ outlet }) => outlet.isFull && chance.happens(0.7)).forEach((each) => each.drain());
    else if (action < 97) this.clock.advance(chance.pick([1, patienceMs / 2, patienceMs + 1]));
    else if (chance.happens(0.3)) this.log.failAll();
    if (chance.happens(0.6)) await turns(1 + chance.whole(3));
  }

  async join(): Promise<void> {
    const chance = this.#chance;
    const client = new Client(this.#variant.forgetsFull ?? false);
    const after = chance.happens(0.4) ? undefined : chance.whole(this.log.length + 1);
    client.from = after ?? this.log.length;
    this.clients.push(client);
    const operation = this.#executor.prepare(document, undefined);
    const opened = await this.#subscriptions.open({
      operation,
      operationName: undefined,
      inputs: after === undefined ? {} : { after },
      caller: { tenantId: 'a', role: 'READER', isOperator: false },
      subscriber: client,
      lastEventId: undefined,
      onClose: () => undefined,
      contextValue: {},
      scene: { requestId: 'r', logger: makeLogger({ level: 'silent', format: 'json', name: 'model' }) },
    });
    if ('errors' in opened) this.faults.push(`refused: ${JSON.stringify(opened.errors)}`);
    else client.subscription = opened;
  }

  leave(client: Client): void {
    client.subscription!.close();
    client.ending = { kind: 'left' };
  }

  /** Lets everybody have everything, and looks. */
  async judge(): Promise<readonly string[]> {
    for (let round = 0; round < 5; round += 1) {
      for (const client of this.clients) client.drain();
      this.clock.advance(patienceMs + 1);
      await turns(20);
    }
    this.clients.forEach((client, index) => this.#judge(client, `subscriber ${index}`));
    const living = this.clients.filter(({ ending }) => !ending);
    if (this.log.open > Math.max(1, living.length))
      this.faults.push(`${this.log.open} sources of ${living.length} subscribers`);
    this.#subscriptions.stopAll();
    await turns(5);
    if (this.log.open > 0) this.faults.push(`${this.log.open} sources are left open`);
    return this.faults;
  }

  #judge({ seen, from, ending, excessMax }: Client, name: string): void {
    const events = seen.flatMap(({ event }) => (event === null ? [] : [event]));
    const expected = events.map((_, at) => from + at + 1);
    if (JSON.stringify(events) !== JSON.stringify(expected))
      this.faults.push(`${name} began behind ${from} and was given ${JSON.stringify(events)}`);
    const notices = seen.filter(({ caughtUp }) => caughtUp).length;
    if (notices > 1) this.faults.push(`${name} was told ${notices} times that history is done`);
    if (!ending && (events.at(-1) ?? from) !== this.log.length)
      this.faults.push(`${name} stands at ${events.at(-1) ?? from}, the log at ${this.log.length}`);
    if (!ending && notices !== 1) this.faults.push(`${name} was never told that history is done`);
    if (
      ending?.kind === 'failed' &&
      ending.resumeFrom !== (events.at(-1) ?? from) &&
      !(events.length === 0 && ending.resumeFrom === undefined)
    )
      this.faults.push(
        `${name} is to go on from ${String(ending.resumeFrom)}, and was given ${JSON.stringify(events)}`,
      );
    // The message that fills it is still written, and one that was on its way when it was found full.
    if (excessMax > 2) this.faults.push(`${name} was written ${excessMax} messages while it was full`);
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export function runSubscriptions(variant: Variant = {}): RunModel {
  return async (seed) => {
    const world = new World(makeChance(seed), variant);
    for (let step = 0; step < steps && world.faults.length === 0; step += 1) await world.step();
    return world.faults.length > 0 ? world.faults : world.judge();
  };
}
