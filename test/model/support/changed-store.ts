/** A store with some of its methods changed, and the faults of that kind that several patterns are tried with. */
import type { Store, Transaction } from '../../../proto/store';
import { families } from '../../../src/core/keyspace';
import type { FamilyName } from '../../../src/core/keyspace';
import type { Breakage } from './broken-stores';

export function changed(store: Store, change: Partial<Store>): Store {
  return {
    read: (ranges, options) => store.read(ranges, options),
    commit: (transactions, options) => store.commit(transactions, options),
    watch: (ranges, options) => store.watch(ranges, options),
    search: (request, options) => store.search(request, options),
    status: () => store.status(),
    close: () => store.close(),
    ...change,
  };
}

export const isOf = (key: Buffer, family: FamilyName): boolean => key[0] === families[family].code;

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
