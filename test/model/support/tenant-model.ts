/**
 * What must hold of a tenant that is deleted and made again, over and over, while it is written to and read through several
 * gateways, with messages lost and late: nothing is written or read between its end and its next beginning, nothing of one
 * life is seen in the next, nothing of a life is lost to the removal of another, and a deletion counts what was there.
 */
import { ManualClock } from '../../../src/core/clock';
import { AppError } from '../../../src/core/errors';
import { tenantScope } from '../../../src/core/keyspace';
import { makePatterns, makeTenancy } from '../../../src/patterns/patterns';
import type { Patterns, Tenancy } from '../../../src/patterns/patterns';
import { LaneMemory } from '../../../src/store/lane-memory';
import { ScopedStore } from '../../../src/store/scoped-store';
import { TenantStore } from '../../../src/store/tenant-store';
import type { Store } from '../../../proto/store';
import type { Breakage } from './broken-stores';
import { makeModelStorage } from './model-storage';
import { FarStore, Network } from './network';
import { makeChance } from './seeds';
import type { Chance } from './seeds';
import { meaning } from '../../support/meaning';

const tenantId = 't';
const gatewaysCount = 3;
const writersCount = 4;
const writesOfWriter = 5;
const livesMax = 3;
const stepsMax = 30_000;

/** Something that was done, from its first sending to its answer, in steps of the simulation. */
interface Done<T> {
  readonly from: number;
  readonly to: number;
  /** Undefined: it was refused, or nobody knows. */
  readonly answer: T | undefined;
  /** It surely had no effect. */
  readonly isRefused: boolean;
}

interface Write extends Done<true> {
  readonly key: string;
}

interface Read extends Done<{ readonly isPresent: boolean }> {
  readonly key: string;
}

/** A life from the answer of its creation to the answer of its deletion. */
interface Life {
  readonly createdFrom: number;
  readonly createdTo: number;
  deletedFrom: number;
  deletedTo: number;
  /** What its deletion answered. */
  held: number | undefined;
}

interface ModelGateway {
  readonly tenancy: Tenancy;
  patterns(): Patterns;
}

/** Plays one run; what was wrong, in sentences. */
export async function runLives(seed: number, breakage?: Breakage): Promise<string[]> {
  const run = new LivesRun(makeChance(seed), breakage);
  await run.play();
  return run.faults();
}

class LivesRun {
  readonly #chance: Chance;
  readonly #network: Network;
  readonly #clock = new ManualClock();
  readonly #storage = makeModelStorage(this.#clock);
  readonly #store = this.#storage.store;
  readonly #gateways: readonly ModelGateway[];
  readonly #near: ModelGateway;
  readonly #lives: Life[] = [];
  readonly #writes: Write[] = [];
  readonly #reads: Read[] = [];
  readonly #present = new Set<string>();
  readonly #left: string[] = [];
  #step = 0;

  constructor(chance: Chance, breakage: Breakage | undefined) {
    this.#chance = chance;
    this.#network = new Network(chance);
    this.#near = this.#gateway(this.#store);
    this.#gateways = Array.from({ length: gatewaysCount }, () => {
      const far = new FarStore(this.#store, this.#network);
      return this.#gateway(breakage ? breakage(far) : far);
    });
  }

  /** As a gateway process does it: patterns stay until their life is found to be over. */
  #gateway(store: Store): ModelGateway {
    const [clock, { ids }, memory] = [this.#clock, this.#chance, new LaneMemory()];
    const secret = (): Buffer => Buffer.from('secret');
    const tenancy = makeTenancy({ store, memory, clock, ids, serverSecret: secret, unknownExists: false });
    let known: Patterns | undefined;
    let made = 0;
    const patterns = (): Patterns => {
      if (known) return known;
      const life = () => tenancy.access.scopeOf(tenantId);
      const scoped = new TenantStore(store, {
        life,
        quota: () => tenancy.access.quotaOf(tenantId),
        onOver: () => (known = undefined),
      });
      return (known = makePatterns({
        store: scoped,
        memory,
        memoryScope: `${(made += 1)}`,
        clock,
        ids,
        secret,
        ...meaning,
      }));
    };
    return { tenancy, patterns };
  }

  async play(): Promise<void> {
    const stop = new AbortController();
    const removals = this.#gateways.map(({ tenancy }) => tenancy.removals.run(stop.signal));
    await this.#until(Promise.all([this.#operate(), ...this.#writers()]));
    this.#network.isCalm = true;
    // Removals come to their end, on whichever gateway.
    for (let round = 0; round < 200 && !(await this.#isRemoved()); round += 1) {
      this.#clock.advance(2_500);
      await this.#drain();
    }
    stop.abort();
    let isOver = false;
    void Promise.all(removals).finally(() => (isOver = true));
    while (!isOver) await this.#drain();
    await this.#look();
    await this.#store.close();
  }

  /** Creates and deletes by turns, each until it is answered; the last life stays. */
  async #operate(): Promise<void> {
    for (let life = 1; life <= livesMax; life += 1) {
      const createdFrom = this.#step;
      await this.#untilAnswered(({ tenants }) => tenants.create({ tenantId, name: 'n', plan: 'FREE' }));
      const born: Life = {
        createdFrom,
        createdTo: this.#step,
        deletedFrom: Infinity,
        deletedTo: Infinity,
        held: undefined,
      };
      this.#lives.push(born);
      for (let wait = this.#chance.whole(30); wait > 0; wait -= 1) await this.#network.pass();
      if (life === livesMax) return;
      born.deletedFrom = this.#step;
      born.held = await this.#untilAnswered(({ tenants }) => tenants.delete(tenantId));
      born.deletedTo = this.#step;
      for (let wait = this.#chance.whole(10); wait > 0; wait -= 1) await this.#network.pass();
    }
  }

  #writers(): Promise<void>[] {
    return Array.from({ length: writersCount }, async (_, writer) => {
      for (let count = 0; count < writesOfWriter; count += 1) {
        const key = `${writer}-${count}`;
        const value = Buffer.from('v');
        for (let wait = this.#chance.whole(12); wait > 0; wait -= 1) await this.#network.pass();
        // By turns past the lanes and through them.
        const written = await this.#once(async ({ kv, counters }) => {
          if (count % 2 === 0) await kv.put({ key, value, ifAbsent: false });
          else await counters.increment({ name: key, by: 1 });
          return true as const;
        });
        this.#writes.push({ key, ...written });
        const looked = this.#chance.pick(this.#writes).key;
        this.#reads.push({ key: looked, ...(await this.#once((patterns) => isPresent(patterns, looked))) });
      }
    });
  }

  async #once<T>(send: (patterns: Patterns) => Promise<T>): Promise<Done<T>> {
    await this.#network.pass();
    const from = this.#step;
    try {
      const answer = await send(this.#chance.pick(this.#gateways).patterns());
      return { from, to: this.#step, answer, isRefused: false };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { from, to: this.#step, answer: undefined, isRefused: error.code !== 'OUTCOME_UNKNOWN' };
    }
  }

  async #untilAnswered<T>(send: (tenancy: Tenancy) => Promise<T>): Promise<T> {
    for (;;) {
      await this.#network.pass();
      try {
        return await send(this.#chance.pick(this.#gateways).tenancy);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
      }
    }
  }

  async #until(all: Promise<unknown>): Promise<void> {
    let isOver = false;
    const ended = all.finally(() => (isOver = true));
    ended.catch(() => undefined);
    while (!isOver) {
      this.#step += 1;
      if (this.#step > stepsMax) throw new Error(`not over after ${stepsMax} steps`);
      if (this.#network.size > 0 && !this.#chance.happens(0.05)) this.#network.release();
      else this.#clock.advance(1 + this.#chance.whole(10));
      await this.#turn();
    }
    await ended;
  }

  /** Everything that is on its way arrives. */
  async #drain(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet += 1) {
      while (this.#network.size > 0) {
        this.#network.release();
        await this.#turn();
        quiet = 0;
      }
      this.#clock.advance(1);
      await this.#turn();
    }
  }

  async #turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    await this.#storage.settled();
  }

  async #rowsOfLife(incarnation: number): Promise<number> {
    const scoped = new ScopedStore(this.#store, tenantScope(tenantId, incarnation));
    const { results } = await scoped.read([{ start: Buffer.alloc(0), end: Buffer.alloc(100, 0xff) }]);
    return results[0]!.entries.length;
  }

  async #isRemoved(): Promise<boolean> {
    for (let life = 1; life < livesMax; life += 1) if ((await this.#rowsOfLife(life)) > 0) return false;
    return true;
  }

  async #look(): Promise<void> {
    const { isOpen } = await this.#near.tenancy.access.life(tenantId);
    if (!isOpen) this.#left.push('the last life is shut');
    else
      for (const { key } of this.#writes)
        if ((await isPresent(this.#near.patterns(), key)).isPresent) this.#present.add(key);
    for (let life = 1; life < livesMax; life += 1) {
      const rows = await this.#rowsOfLife(life);
      if (rows > 0) this.#left.push(`${rows} rows of life ${life} are left`);
    }
  }

  faults(): string[] {
    return [...this.#left, ...this.#shutFaults(), ...this.#lastLifeFaults(), ...this.#countFaults()];
  }

  /** Nothing is done between two lives. */
  #shutFaults(): string[] {
    const faults: string[] = [];
    for (const [index, { deletedTo }] of this.#lives.entries()) {
      const reopenedFrom = this.#lives[index + 1]?.createdFrom ?? Infinity;
      const isBetween = ({ from, to }: Done<unknown>): boolean => from > deletedTo && to < reopenedFrom;
      for (const write of this.#writes)
        if (isBetween(write) && write.answer) faults.push(`${write.key} was written while the tenant was shut`);
      for (const read of this.#reads)
        if (isBetween(read) && read.answer) faults.push(`${read.key} was read while the tenant was shut`);
    }
    return faults;
  }

  /** What was written in the last life is there, what was written before it is not, and was not seen in it. */
  #lastLifeFaults(): string[] {
    const faults: string[] = [];
    for (const [index, { createdFrom, createdTo }] of this.#lives.entries()) {
      const before = this.#lives[index - 1];
      const old = this.#writes.filter(({ to }) => before && to < before.deletedFrom);
      for (const { key } of old)
        for (const read of this.#reads)
          if (read.key === key && read.answer?.isPresent && read.from > createdTo)
            faults.push(`${key} of an earlier life was read in life ${index + 1}`);
      if (index < this.#lives.length - 1) continue;
      for (const { key } of old)
        if (this.#present.has(key)) faults.push(`${key} of an earlier life is there at the end`);
      for (const { key, from, answer } of this.#writes)
        if (answer && from > createdTo && !this.#present.has(key)) faults.push(`${key} of the last life is lost`);
      for (const { key, to, answer, isRefused } of this.#writes)
        if (!answer && isRefused && to > createdFrom && this.#present.has(key))
          faults.push(`${key} was refused and is there`);
    }
    return faults;
  }

  /** A deletion answers at least what was acknowledged before it began, and at most what was ever sent in that life. */
  #countFaults(): string[] {
    return this.#lives.flatMap(({ createdFrom, createdTo, deletedFrom, deletedTo, held }, index) => {
      if (held === undefined) return [];
      const sure = this.#writes.filter(({ from, to, answer }) => answer && from > createdTo && to < deletedFrom);
      const possible = this.#writes.filter(
        // A request may come long after its sender has given up.
        ({ from, to, answer, isRefused }) => !isRefused && from < deletedTo && (!answer || to > createdFrom),
      );
      const isRight = held >= sure.length && held <= possible.length;
      return isRight ? [] : [`life ${index + 1} held ${held}, not ${sure.length} to ${possible.length}`];
    });
  }
}

async function isPresent({ kv, counters }: Patterns, key: string): Promise<{ readonly isPresent: boolean }> {
  const isCounter = Number(key.split('-')[1]) % 2 === 1;
  const found = isCounter ? await counters.get(key) : await kv.get(key, 'linearizable');
  return { isPresent: found !== undefined };
}
