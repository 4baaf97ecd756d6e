/** Random histories of LMDB: in this process, through gRPC, and of one scope; with restarts in between. */
import { lmdbFixture } from '../support/lmdb-fixture';
import { scopedFixture, servedFixture } from '../support/store-fixtures';
import type { MakeFixture } from './suite/fixture';
import { runHistory, seedsOf } from './suite/random-history';

const stores: readonly (readonly [string, MakeFixture, number])[] = [
  ['lmdb', lmdbFixture, 8],
  ['gRPC over lmdb', servedFixture(lmdbFixture), 6],
  ['scoped over lmdb', scopedFixture(lmdbFixture), 4],
];

describe.each(stores)('random histories: %s', (_name, make, count) => {
  const seeds = seedsOf(count);
  test(`do what the model does (seeds from ${seeds[0]}, ${seeds.length} of them)`, async () => {
    for (const seed of seeds) await runHistory(make, { seed, steps: 200 });
  }, 60_000);
});

const seeds = seedsOf(8);
test(`random histories of a store that keeps little of them (seeds from ${seeds[0]})`, async () => {
  let gone = 0;
  for (const seed of seeds) gone += await runHistory(lmdbFixture, { seed, steps: 200, isForgetful: true });
  if (seeds.length > 1) expect(gone).toBeGreaterThan(0);
}, 60_000);
