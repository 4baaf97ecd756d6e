/** Faults that people make in event stores by hand, as stores between a gateway and its store. */
import type { Store, Transaction } from '../../../proto/store';
import { families } from '../../../src/core/keyspace';
import type { FamilyName } from '../../../src/core/keyspace';
import type { Breakage } from './broken-stores';

function changed(store: Store, over: Partial<Pick<Store, 'commit' | 'watch'>>): Store {
  return {
    read: (ranges, options) => store.read(ranges, options),
    commit: (transactions, options) => store.commit(transactions, options),
    watch: (ranges, options) => store.watch(ranges, options),
    search: (query, options) => store.search(query, options),
    status: () => store.status(),
    close: () => store.close(),
    ...over,
  };
}

const isOf = (key: Buffer, family: FamilyName): boolean => key[0] === families[family].code;

/** Writes some rows in a commit of their own, after the rest. */
export const apart =
  (family: FamilyName): Breakage =>
  (store) =>
    changed(store, {
      commit: async (transactions) => {
        const rest = (each: Transaction): Transaction => ({
          ...each,
          writes: each.writes.filter(({ key }) => !isOf(key, family)),
        });
        const outcomes = await store.commit(transactions.map(rest));
        const later = transactions.flatMap(({ writes }, index) =>
          outcomes[index]!.kind === 'committed' ? writes.filter(({ key }) => isOf(key, family)) : [],
        );
        if (later.length > 0) await store.commit([{ checks: [], writes: later }]);
        return outcomes;
      },
    });

/** Forgets the conditions on the rows of one family; a conflict for another reason still brings what stands there. */
export const unchecked =
  (family: FamilyName): Breakage =>
  (store) =>
    changed(store, {
      commit: async (transactions) => {
        const outcomes = await store.commit(
          transactions.map((each) => ({ ...each, checks: each.checks.filter(({ key }) => !isOf(key, family)) })),
        );
        return Promise.all(
          outcomes.map(async (outcome, index) => {
            const left = transactions[index]!.checks.filter(({ key }) => isOf(key, family));
            if (outcome.kind !== 'conflict' || left.length === 0) return outcome;
            const { results } = await store.read(left.map(({ key }) => ({ start: key })));
            return { ...outcome, entries: [...outcome.entries, ...results.flatMap(({ entries }) => entries)] };
          }),
        );
      },
    });

/** Writes no row of one family. */
export const unwritten =
  (family: FamilyName): Breakage =>
  (store) =>
    changed(store, {
      commit: (transactions) =>
        store.commit(
          transactions.map((each) => ({ ...each, writes: each.writes.filter(({ key }) => !isOf(key, family)) })),
        ),
    });
