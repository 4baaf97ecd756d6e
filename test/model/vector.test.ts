/** Vectors against their model, in random interleavings of gateways, lost messages, resends, drops, and an index that lags and is lost. */
import { families } from '../../src/core/keyspace';
import { blindWrites, markedLater, resentBlindly, unmarked } from './support/broken-stores';
import type { Breakage } from './support/broken-stores';
import { firstFault, holdsForSeeds } from './support/seeds';
import { runVectors } from './support/vector-model';
import type { VectorFault } from './support/vector-model';

// A second or two each; a machine with other work may take its time.
jest.setTimeout(60_000);

const passing = (store: Parameters<Breakage>[0], over: Partial<ReturnType<Breakage>>): ReturnType<Breakage> => ({
  read: (ranges, options) => store.read(ranges, options),
  commit: (transactions, options) => store.commit(transactions, options),
  watch: (ranges, options) => store.watch(ranges, options),
  search: (request, options) => store.search(request, options),
  status: () => store.status(),
  close: () => store.close(),
  ...over,
});

/** Does not wait for the index. */
const impatient: Breakage = (store) =>
  passing(store, { search: (request) => store.search({ ...request, consistency: 'eventual' }) });

/** Searches whatever index it once saw. */
const unchecked: Breakage = (store) =>
  passing(store, { search: (request) => store.search({ ...request, checks: [] }) });

/** Writes rows without their stamp. */
const unstamped: Breakage = (store) =>
  passing(store, {
    commit: (transactions) =>
      store.commit(
        transactions.map((each) => ({
          ...each,
          writes: each.writes.filter(({ key }) => key[0] !== families.vectorStamp.code),
        })),
      ),
  });

/** Follows the rows from a moment after it has read them. */
const deafAtFirst: Breakage = (store) =>
  passing(store, {
    async *watch(ranges, options) {
      let batches = 0;
      for await (const batch of store.watch(ranges, options)) {
        batches += 1;
        yield batches === 2 ? { ...batch, changes: [] } : batch;
      }
    },
  });

describe('vectors', () => {
  it('are found as they stand, written once, counted, and gone with their index', () =>
    holdsForSeeds(120, (seed) => runVectors(seed)));
});

describe('the model finds', () => {
  it.each<[string, VectorFault, string]>([
    ['writes that check nothing', { store: blindWrites }, 'counted|shows|dropped'],
    ['inserts that leave no mark', { store: unmarked }, 'more than once'],
    ['marks in a commit of their own', { store: markedLater }, 'more than once'],
    ['sending again without a mark', { store: resentBlindly }, 'more than once|counted'],
    ['searches that do not wait for the index', { store: impatient }, 'shows'],
    ['searches of an index that was dropped', { store: unchecked }, 'dropped|shows|no index'],
    ['rows without a stamp', { store: unstamped }, 'shows|counted'],
    ['an index that misses what was written while it was read', { rows: deafAtFirst }, 'shows'],
  ])('%s', async (_, fault, expected) => {
    expect(await firstFault(120, (seed) => runVectors(seed, fault))).toMatch(new RegExp(expected));
  });
});
