/** The near cache over real processes: one storage tier, two gateways, writers on both, storage killed meanwhile. */
import { until } from './support/collector';
import type { Program } from './support/program';
import { useTier } from './support/tier';

interface Cached {
  readonly hit: boolean;
  readonly entry: { readonly value: { readonly text: string }; readonly version: string } | null;
}

const minute = 60_000;
const read = 'query($key: String!) { cached(key: $key) { hit entry { version value { text } } } }';
const put = `mutation($key: String!, $text: String!) {
  kvPut(input: { key: $key, value: { text: $text } }) { ... on KvPutSuccess { version } }
}`;

const { startStorage, startTwoGateways } = useTier();

async function cached(gateway: Program, key: string): Promise<Cached | undefined> {
  const { data } = await gateway.query(read, { key });
  return (data?.['cached'] as Cached | undefined) ?? undefined;
}

/** The version of an acknowledged write; undefined where it failed, or nobody knows. */
async function write(gateway: Program, key: string, text: string): Promise<number | undefined> {
  const { data } = await gateway.query(put, { key, text });
  return data ? Number((data['kvPut'] as { version: string }).version) : undefined;
}

describe('the cache', () => {
  it(
    'reads its own writes under load on two gateways, and soon those of the other',
    async () => {
      await startStorage();
      const gateways = await startTwoGateways();
      const keys = ['a', 'b', 'c'];
      const faults: string[] = [];
      let hits = 0;
      const callers = Array.from({ length: 24 }, async (_, caller) => {
        const gateway = gateways[caller % 2]!;
        for (let round = 0; round < 20; round += 1) {
          const key = keys[(caller + round) % 3]!;
          const version = round % 4 === 0 ? await write(gateway, key, `${caller}-${round}`) : 0;
          const found = await cached(gateway, key);
          if (found?.hit) hits += 1;
          if (Number(found?.entry?.version ?? 0) < version!) faults.push(`${key}: ${version} was not read`);
        }
      });
      await Promise.all(callers);
      expect(faults).toEqual([]);
      expect(hits).toBeGreaterThan(0);
      for (const [index, key] of keys.entries()) {
        await write(gateways[index % 2]!, key, 'last');
        for (const gateway of gateways)
          await until(async () => (await cached(gateway, key))?.entry?.value.text === 'last');
      }
      const { data } = await gateways[0].query('{ cacheStats { hits misses hitRatio size } }');
      const { hits: all, misses, hitRatio } = data!['cacheStats'] as Record<string, number>;
      expect(hitRatio).toBeCloseTo(all! / (all! + misses!));
    },
    minute,
  );

  it(
    'shows nothing old after storage was killed, however the feed fared',
    async () => {
      let storage = await startStorage();
      const [first, second] = await startTwoGateways();
      await write(first, 'a', 'old');
      await until(async () => (await cached(second, 'a'))?.hit === true);
      await storage.destroy();
      storage = await startStorage();
      await until(async () => (await write(first, 'a', 'new')) !== undefined);
      await until(async () => (await cached(second, 'a'))?.entry?.value.text === 'new');
      // From then on it is never the old one again.
      for (let times = 0; times < 50; times += 1) expect((await cached(second, 'a'))?.entry?.value.text).toBe('new');
      await until(async () => (await cached(second, 'a'))?.hit === true);
    },
    minute,
  );
});
