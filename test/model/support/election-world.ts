/**
 * Gateways over one store whose every commit is written down, a network that the dice hold in between, and time that passes
 * in strides which a lease feels.
 */
import { ManualClock } from '../../../src/core/clock';
import { isAppError } from '../../../src/core/errors';
import { Elections } from '../../../src/patterns/election';
import type { ElectionDependencies } from '../../../src/patterns/election';
import { Kv } from '../../../src/patterns/kv';
import { LaneMemory } from '../../../src/store/lane-memory';
import { Transact } from '../../../src/store/transact';
import type { CommitOutcome, Store, Transaction } from '../../../proto/store';
import type { Breakage } from './broken-stores';
import { makeModelStorage } from './model-storage';
import { FarStore, Network } from './network';
import { makeChance } from './seeds';
import type { Chance } from './seeds';

/** A transaction that was applied, in the order of the store. */
export interface Applied {
  readonly nowMs: number;
  readonly writes: Transaction['writes'];
}

export interface ElectionGateway {
  readonly elections: Elections;
  readonly kv: Kv;
}

export interface ElectionWorldOptions {
  readonly gateways: number;
  readonly breakage?: Breakage | undefined;
  readonly heldUntil?: ElectionDependencies['heldUntil'];
  /** At first. */
  readonly idleChance: number;
  readonly strideMsMax: number;
}

/** What became of a call; `unknown`: it may have happened, or may still. */
export type Sent<O> =
  | { readonly kind: 'answered'; readonly outcome: O }
  | { readonly kind: 'failed' | 'unknown'; readonly outcome?: undefined };

const stepsMax = 20_000;

export class ElectionWorld {
  readonly chance: Chance;
  readonly network: Network;
  readonly clock = new ManualClock();
  readonly applied: Applied[] = [];
  readonly gateways: readonly ElectionGateway[];
  /** One that nothing stands between. */
  readonly near: ElectionGateway;
  /** How likely time passes while messages wait. */
  idleChance: number;
  readonly #options: ElectionWorldOptions;
  readonly #storage = makeModelStorage(this.clock);

  constructor(seed: number, options: ElectionWorldOptions) {
    const { gateways, breakage = (store) => store } = options;
    this.#options = options;
    this.idleChance = options.idleChance;
    this.chance = makeChance(seed);
    this.network = new Network(this.chance);
    const recorded = this.#recorded(this.#storage.store);
    this.near = this.#gateway(recorded);
    this.gateways = Array.from({ length: gateways }, () =>
      this.#gateway(breakage(new FarStore(recorded, this.network))),
    );
  }

  /** One step: a message arrives, or time passes. */
  async step(): Promise<void> {
    const { strideMsMax } = this.#options;
    if (this.network.size > 0 && !this.chance.happens(this.idleChance)) this.network.release();
    else this.clock.advance(1 + this.chance.whole(strideMsMax));
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    await this.#storage.settled();
  }

  /** Steps until all are done; nothing is lost any more after `stormyStepsMax` steps. */
  async run(callers: readonly Promise<unknown>[], stormyStepsMax = 600): Promise<void> {
    let isOver = false;
    const all = Promise.all(callers).finally(() => (isOver = true));
    all.catch(() => undefined);
    for (let steps = 0; !isOver; steps += 1) {
      if (steps === stormyStepsMax) this.network.isCalm = true;
      if (steps > stepsMax) throw new Error(`not over after ${stepsMax} steps`);
      await this.step();
    }
    await all;
    while (this.network.size > 0) await this.step();
  }

  /** Calls once, through some gateway, perhaps after a while. */
  async once<O>(call: (gateway: ElectionGateway) => Promise<O>): Promise<Sent<O>> {
    await this.network.pass();
    try {
      return { kind: 'answered', outcome: await call(this.chance.pick(this.gateways)) };
    } catch (error) {
      if (isAppError(error, 'OUTCOME_UNKNOWN')) return { kind: 'unknown' };
      if (isAppError(error) && ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CONTENTION'].includes(error.code)) {
        return { kind: 'failed' };
      }
      throw error;
    }
  }

  /** Calls through any gateway until it is answered: for what has an idempotency key. */
  async untilAnswered<O>(call: (gateway: ElectionGateway) => Promise<O>): Promise<O> {
    for (;;) {
      const sent = await this.once(call);
      if (sent.kind === 'answered') return sent.outcome;
    }
  }

  close(): Promise<void> {
    return this.#storage.store.close();
  }

  #gateway(store: Store): ElectionGateway {
    const { clock, chance } = this;
    const { heldUntil } = this.#options;
    const transact = new Transact({ store, memory: new LaneMemory(), memoryScope: '', clock, ids: chance.ids });
    const dependencies = { store, transact, clock, ids: chance.ids, ...(heldUntil ? { heldUntil } : {}) };
    return { elections: new Elections(dependencies), kv: new Kv(store, transact) };
  }

  #recorded(store: Store): Store {
    return {
      read: (ranges, options) => store.read(ranges, options),
      commit: async (transactions): Promise<readonly CommitOutcome[]> => {
        const outcomes = await store.commit(transactions);
        for (const [index, { writes }] of transactions.entries()) {
          const outcome = outcomes[index]!;
          if (outcome.kind === 'committed' && writes.length > 0) this.applied.push({ nowMs: outcome.nowMs, writes });
        }
        return outcomes;
      },
      watch: (ranges, options) => store.watch(ranges, options),
      search: (request, options) => store.search(request, options),
      status: () => store.status(),
      close: () => store.close(),
    };
  }
}
