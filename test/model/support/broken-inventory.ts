/** Faults that people make in an inventory by hand, as stores between a gateway and its store. */
import type { CommitOutcome, Transaction } from '../../../proto/store';
import type { Breakage } from './broken-stores';
import { apart, changed, isOf, unchecked } from './changed-store';

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

export const movementsApart = apart('stockMovement');
export const holdsApart = apart('hold');
/** Says in another commit when an item is to be looked at. */
export const dueApart = apart('holdsDue');
export const reservationsApart = apart('reservation');

/** Folds, holds and sells over what others did meanwhile. */
export const itemUnchecked = unchecked('inventoryItem');

/** Settles what was settled otherwise meanwhile. */
export const reservationUnchecked = unchecked('reservation');
