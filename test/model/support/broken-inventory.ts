/** Faults that people make in an inventory by hand, as stores between a gateway and its store. */
import type { CommitOutcome, Store, Transaction } from '../../../proto/store';
import { families } from '../../../src/core/keyspace';
import type { Breakage } from './broken-stores';

function changed(store: Store, over: Partial<Pick<Store, 'read' | 'commit'>>): Store {
  return {
    read: (ranges, options) => store.read(ranges, options),
    commit: (transactions, options) => store.commit(transactions, options),
    watch: (ranges, options) => store.watch(ranges, options),
    search: (request, options) => store.search(request, options),
    status: () => store.status(),
    close: () => store.close(),
    ...over,
  };
}

const isOf = (key: Buffer, family: keyof typeof families): boolean => key[0] === families[family].code;

const withoutEnd = ({ validUntilMs: _, ...transaction }: Transaction): Transaction => transaction;

/** Decides by the time at which it began: a hold that ends before the commit is settled all the same. */
export const untimely: Breakage = (store) =>
  changed(store, { commit: (transactions) => store.commit(transactions.map(withoutEnd)) });

/** Judges by a clock of its own, which is late. */
export const lateClock =
  (lateMs: number): Breakage =>
  (store) =>
    changed(store, {
      read: async (ranges, options) => {
        const read = await store.read(ranges, options);
        return { ...read, nowMs: read.nowMs - lateMs };
      },
      commit: async (transactions) => {
        const outcomes = await store.commit(transactions.map(withoutEnd));
        return outcomes.map((each): CommitOutcome =>
          each.kind === 'failed' ? each : { ...each, nowMs: each.nowMs - lateMs },
        );
      },
    });

/** Forgets that holds end: none is ever due. */
export const noExpiry: Breakage = (store) =>
  changed(store, {
    read: async (ranges, options) => {
      const read = await store.read(ranges, options);
      const results = read.results.map((result, index) =>
        isOf(ranges[index]!.start, 'hold') ? { entries: [], more: false } : result,
      );
      return { ...read, results };
    },
  });

/** Writes some rows in a commit of their own, after the rest. */
const apart =
  (family: keyof typeof families): Breakage =>
  (store) =>
    changed(store, {
      commit: async (transactions) => {
        const rest = transactions.map((each) => ({
          ...each,
          writes: each.writes.filter(({ key }) => !isOf(key, family)),
        }));
        const outcomes = await store.commit(rest);
        const later = transactions.flatMap(({ writes }, index) =>
          outcomes[index]!.kind === 'committed' ? writes.filter(({ key }) => isOf(key, family)) : [],
        );
        if (later.length > 0) await store.commit([{ checks: [], writes: later }]);
        return outcomes;
      },
    });

export const movementsApart = apart('stockMovement');
export const holdsApart = apart('hold');
export const reservationsApart = apart('reservation');

/** Leaves some checks out; a conflict for another reason still brings what stands there. */
const unchecked =
  (family: keyof typeof families): Breakage =>
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

/** Folds, holds and sells over what others did meanwhile. */
export const itemUnchecked = unchecked('inventoryItem');

/** Settles what was settled otherwise meanwhile. */
export const reservationUnchecked = unchecked('reservation');
