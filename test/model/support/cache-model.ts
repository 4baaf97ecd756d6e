/**
 * What must hold of the near cache under any interleaving of gateways, writers and lost messages: whoever has written through a
 * gateway, or read a value there that was not in memory, is never shown an older one by it; and when the feeds have said all, every
 * cache shows what stands.
 */
import type { KeyRange, ReadResult, Store, WatchBatch, WatchOptions } from '../../../proto/store';
import { Cache } from '../../../src/patterns/cache';
import type { Patterns } from '../../../src/patterns/patterns';
import type { Breakage } from './broken-stores';
import { FarStore } from './network';
import { Simulation } from './simulation';

const gateways = 3;
const keys = ['a', 'b'] as const;

export interface CacheFault {
  readonly store?: Breakage;
  /** The caches hear of their own gateway's writes from the feed alone. */
  readonly isUnnoticed?: boolean;
}

export async function runCoherence(seed: number, { store, isUnnoticed = false }: CacheFault = {}): Promise<string[]> {
  // A feed that lags, as far as the dice will, but is not lost: a cache without one is not used.
  const steady: Breakage = (far) => passing(far, { watch: (ranges, options) => lagging(simulation, ranges, options) });
  const breakage: Breakage = (far) => (store ? store(steady(far)) : steady(far));
  const simulation: Simulation = new Simulation(seed, { gateways, breakage });
  const caches = simulation.gateways.map(({ cache }) => {
    const far = breakage(new FarStore(simulation.store, simulation.network));
    return isUnnoticed ? new Cache({ store: far, clock: simulation.clock }) : cache;
  });
  const cacheOf = (gateway: Patterns): Cache => caches[simulation.gateways.indexOf(gateway)]!;
  const { chance } = simulation;
  const faults: string[] = [];
  /** By gateway and key: the highest revision that it has acknowledged a write of. */
  const written = new Map<string, number>();
  const slot = (gateway: Patterns, key: string): string => `${simulation.gateways.indexOf(gateway)}/${key}`;

  const write = async (gateway: Patterns, key: string): Promise<void> => {
    const isThrough = chance.happens(0.4);
    const value = Buffer.from(`v${chance.whole(1_000_000)}`);
    const { result } = await simulation.once(() =>
      (isThrough ? gateway.cachedKv : gateway.kv).put({ key, value, ifAbsent: false }),
    );
    if (result.kind !== 'answered' || result.outcome.kind !== 'put') return;
    const { revision } = result.outcome;
    written.set(slot(gateway, key), Math.max(written.get(slot(gateway, key)) ?? 0, revision));
  };
  const remove = async (gateway: Patterns, key: string): Promise<void> => {
    await simulation.once(() => gateway.cachedKv.delete({ key }));
  };
  const read = async (gateway: Patterns, key: string): Promise<void> => {
    await simulation.network.pass();
    const least = written.get(slot(gateway, key)) ?? 0;
    const { result } = await simulation.once(async () => cacheOf(gateway).get(key));
    if (result.kind !== 'answered') return;
    const { entry, isHit } = result.outcome;
    if (entry && entry.revision < least)
      faults.push(`${isHit ? 'memory' : 'a read'} shows ${key} at ${entry.revision}, where ${least} was acknowledged`);
  };
  const callers = Array.from({ length: 7 }, async () => {
    for (let round = 0; round < 8; round += 1) {
      const gateway = chance.pick(simulation.gateways);
      const key = chance.pick(keys);
      await chance.pick([read, read, read, read, write, write, remove])(gateway, key);
    }
  });
  await simulation.run(callers);
  // All that the feeds still have to say.
  simulation.network.isCalm = true;
  for (let turns = 0; turns < 60; turns += 1) {
    while (simulation.network.size > 0) simulation.network.release();
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const key of keys) {
    const stands = await simulation.near.kv.get(key, 'linearizable');
    for (const [index, cache] of caches.entries()) {
      const asked = simulation.once(async () => cache.get(key));
      let isOver = false;
      void asked.finally(() => (isOver = true));
      while (!isOver) {
        simulation.network.release();
        await new Promise((resolve) => setImmediate(resolve));
      }
      const { result } = await asked;
      if (result.kind !== 'answered') continue;
      const { entry, isHit } = result.outcome;
      if (entry?.revision !== stands?.revision)
        faults.push(
          `in the end ${isHit ? 'the memory' : 'a read'} of gateway ${index} shows ${key} at ${entry?.revision}, where ${stands?.revision} stands`,
        );
    }
  }
  await simulation.close();
  return faults;
}

async function* lagging(
  { store, network }: Simulation,
  ranges: readonly KeyRange[],
  options?: WatchOptions,
): AsyncGenerator<WatchBatch, void, void> {
  for await (const batch of store.watch(ranges, options)) {
    await network.pass();
    yield batch;
  }
}

const passing = (store: Store, over: Partial<Store>): Store => ({
  read: (ranges, options) => store.read(ranges, options),
  commit: (transactions, options) => store.commit(transactions, options),
  watch: (ranges, options) => store.watch(ranges, options),
  search: (request, options) => store.search(request, options),
  status: () => store.status(),
  close: () => store.close(),
  ...over,
});

/** Hears that the feed lives, and nothing that it says. */
export const deaf: Breakage = (store) =>
  passing(store, {
    async *watch(ranges, options) {
      for await (const batch of store.watch(ranges, options)) yield { ...batch, changes: [] };
    },
  });

/** Takes every read for the newest there can be: what came while it ran is no reason to drop it. */
export const lateFills: Breakage = (store) =>
  passing(store, {
    read: async (ranges, options): Promise<ReadResult> => ({
      ...(await store.read(ranges, options)),
      revision: Number.MAX_SAFE_INTEGER,
    }),
  });
