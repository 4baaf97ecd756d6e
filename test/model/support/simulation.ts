/** Several gateways over one store, with a network that the dice hold in between, and callers that send again until they know. */
import { ManualClock } from '../../../src/core/clock';
import { isAppError } from '../../../src/core/errors';
import type { EmbeddingProvider } from '../../../src/core/embedding';
import type { AppError } from '../../../src/core/errors';
import { makePatterns } from '../../../src/patterns/patterns';
import type { Patterns, PatternsDependencies } from '../../../src/patterns/patterns';
import { LaneMemory } from '../../../src/store/lane-memory';
import type { Store } from '../../../proto/store';
import type { Breakage } from './broken-stores';
import { makeModelStorage } from './model-storage';
import { FarStore, Network } from './network';
import { makeChance } from './seeds';
import type { Chance } from './seeds';
import { meaning } from '../../support/meaning';

/** A moment in the history of the store. */
export interface Moment {
  readonly revision: number;
  readonly nowMs: number;
  /** Counts what the network has let go; several moments may share a revision. */
  readonly step: number;
}

/** What became of a command. */
export type Result<O> =
  | { readonly kind: 'answered'; readonly outcome: O }
  /** Surely nothing happened. */
  | { readonly kind: 'failed'; readonly error: AppError }
  /** It may have happened once, or may still. */
  | { readonly kind: 'unknown' };

/** From the first sending to the answer. */
export interface Sent<O> {
  readonly from: Moment;
  readonly to: Moment;
  readonly result: Result<O>;
  /** How often it was sent. */
  readonly sends: number;
}

/** Past it no message is lost any more, so that every run ends. */
const stormyStepsMax = 600;
const stepsMax = 20_000;

export interface SimulationOptions {
  readonly gateways: number;
  readonly breakage: Breakage | undefined;
  /** What stands around the store on its own side of the network. */
  readonly storage?: (store: Store, simulation: Pick<Simulation, 'chance' | 'network' | 'clock'>) => Store;
  readonly embeddings?: EmbeddingProvider;
  readonly patterns?: Pick<PatternsDependencies, 'holdsOfItemMax'>;
}

export class Simulation {
  readonly chance: Chance;
  readonly network: Network;
  readonly clock = new ManualClock();
  readonly #storage = makeModelStorage(this.clock);
  /** The store itself, without network and faults. */
  readonly store: Store;
  readonly #embeddings: EmbeddingProvider;
  readonly #patterns: SimulationOptions['patterns'];
  readonly gateways: readonly Patterns[];
  /** A gateway that nothing stands between. */
  readonly near: Patterns;
  #step = 0;

  constructor(seed: number, options: SimulationOptions) {
    const { gateways, breakage, storage = (store) => store, embeddings = meaning.embeddings } = options;
    this.#embeddings = embeddings;
    this.#patterns = options.patterns;
    this.chance = makeChance(seed);
    this.network = new Network(this.chance);
    this.store = storage(this.#storage.store, this);
    this.near = this.#gateway(this.store);
    this.gateways = Array.from({ length: gateways }, () => {
      const far = new FarStore(this.store, this.network);
      return this.#gateway(breakage ? breakage(far) : far);
    });
  }

  #gateway(store: Store): Patterns {
    const { clock } = this;
    const secret = (): Buffer => Buffer.alloc(32, 7);
    return makePatterns({
      store,
      memory: new LaneMemory(),
      memoryScope: '',
      clock,
      ids: this.chance.ids,
      secret,
      ...meaning,
      ...this.#patterns,
      embeddings: this.#embeddings,
    });
  }

  now(): Moment {
    return { revision: this.#storage.revision(), nowMs: this.clock.nowMs(), step: this.#step };
  }

  /** Lets one message after another go, and time pass, until all callers are done. `look` sees the store after every step. */
  async run(callers: readonly Promise<unknown>[], look: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    let isOver = false;
    const all = Promise.all(callers).finally(() => (isOver = true));
    // Its failure is thrown at the end.
    all.catch(() => undefined);
    while (!isOver) {
      if (this.#step === stormyStepsMax) this.network.isCalm = true;
      if (this.#step > stepsMax) throw new Error(`not over after ${stepsMax} steps`);
      this.#step += 1;
      if (this.network.size > 0 && !this.chance.happens(0.05)) this.network.release();
      else this.clock.advance(1 + this.chance.whole(10));
      await new Promise((resolve) => setImmediate(resolve));
      await this.#storage.settled();
      await look();
    }
    await all;
    // What was on its way still arrives.
    while (this.network.size > 0) {
      this.network.release();
      await new Promise((resolve) => setImmediate(resolve));
      await this.#storage.settled();
      await look();
    }
  }

  /** Sends a command once. */
  async once<O>(send: (gateway: Patterns) => Promise<O>): Promise<Sent<O>> {
    await this.network.pass();
    const from = this.now();
    const result = await attempt(() => send(this.chance.pick(this.gateways)));
    return { from, to: this.now(), result, sends: 1 };
  }

  /** Sends a command that has an idempotency key, through any gateway, until it is answered; sometimes twice at the same time. */
  async untilAnswered<O>(send: (gateway: Patterns) => Promise<O>): Promise<readonly Sent<O>[]> {
    await this.network.pass();
    const from = this.now();
    let sends = 0;
    const one = async (): Promise<Sent<O>> => {
      for (;;) {
        sends += 1;
        const result = await attempt(() => send(this.chance.pick(this.gateways)));
        if (result.kind === 'answered') return { from, to: this.now(), result, sends };
        await this.network.pass();
      }
    };
    return Promise.all(Array.from({ length: this.chance.happens(0.25) ? 2 : 1 }, one));
  }

  /** Resolves when storage has done what there is to do at this time. */
  quiet(): Promise<void> {
    return this.#storage.quiet();
  }

  close(): Promise<void> {
    return this.store.close();
  }
}

async function attempt<O>(send: () => Promise<O>): Promise<Result<O>> {
  try {
    return { kind: 'answered', outcome: await send() };
  } catch (error) {
    if (isAppError(error, 'OUTCOME_UNKNOWN')) return { kind: 'unknown' };
    if (isAppError(error) && ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CONTENTION'].includes(error.code)) {
      return { kind: 'failed', error };
    }
    throw error;
  }
}
