/** Random histories of etcd: in this process, and of one scope; with restarts in between. */
import { useEtcd } from '../support/etcd-fixture';
import { scopedFixture } from '../support/store-fixtures';
import type { MakeFixture } from './suite/fixture';
import { runHistory, seedsOf } from './suite/random-history';

const etcd = useEtcd();
const stores: readonly (readonly [string, MakeFixture, number])[] = [
  ['etcd', etcd, 8],
  ['scoped over etcd', scopedFixture(etcd), 4],
];

describe.each(stores)('random histories: %s', (_name, make, count) => {
  const seeds = seedsOf(count);
  test(`do what the model does (seeds from ${seeds[0]}, ${seeds.length} of them)`, async () => {
    for (const seed of seeds) await runHistory(make, { seed, steps: 200, sharesRevisions: true });
  }, 60_000);
});

const seeds = seedsOf(6);
test(`random histories of a store that keeps little of them (seeds from ${seeds[0]})`, async () => {
  let gone = 0;
  for (const seed of seeds)
    gone += await runHistory(etcd, { seed, steps: 200, isForgetful: true, sharesRevisions: true });
  if (seeds.length > 1) expect(gone).toBeGreaterThan(0);
}, 60_000);
