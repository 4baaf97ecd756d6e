/** Random histories of the memory engine and of what stands around it, and that they would find what is wrong. */
import { BatchedStore } from '../../src/store/batched-store';
import { SharedWatchStore } from '../../src/store/shared-watch-store';
import { memoryFixture, scopedFixture, wrappedFixture } from '../support/store-fixtures';
import { brokenStores } from './suite/broken-stores';
import type { MakeFixture } from './suite/fixture';
import { runHistory, seedsOf } from './suite/random-history';

const stores: readonly (readonly [string, MakeFixture, number])[] = [
  ['memory', memoryFixture, 200],
  ['scoped over memory', scopedFixture(memoryFixture), 25],
  ['batched over memory', wrappedFixture(memoryFixture, (store) => new BatchedStore(store)), 25],
  [
    'shared watches over memory',
    wrappedFixture(memoryFixture, (store, clock) => new SharedWatchStore(store, { clock })),
    25,
  ],
];

describe.each(stores)('random histories: %s', (_name, make, count) => {
  const seeds = seedsOf(count);
  test(`do what the model does (seeds from ${seeds[0]}, ${seeds.length} of them)`, async () => {
    for (const seed of seeds) await runHistory(make, { seed, steps: 120 });
  }, 60_000);
});

test(`random histories of a store that keeps little of them (seeds from ${seedsOf(50)[0]})`, async () => {
  let gone = 0;
  for (const seed of seedsOf(50)) gone += await runHistory(memoryFixture, { seed, steps: 120, isForgetful: true });
  if (seedsOf(50).length > 1) expect(gone).toBeGreaterThan(0);
}, 60_000);

describe('random histories find a store that', () => {
  const seeds = seedsOf(200);
  test.each(brokenStores)(
    `%s (seeds from ${seeds[0]})`,
    async (_what, make) => {
      const found: string[] = [];
      for (const seed of seeds) {
        await runHistory(make, { seed, steps: 200 }).catch((error: Error) => void found.push(error.message));
        if (found.length > 0) break;
      }
      expect(found[0]).toMatch(/^seed \d+, step \d+ of 200: /);
      // What a watch leaves out may be missed only by its silence.
    },
    30_000,
  );
});
