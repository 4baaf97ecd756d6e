/** Faults in the way sessions are written by hand: stores between a gateway and its store. */
import type { Transaction } from '../../../proto/store';
import { families } from '../../../src/core/keyspace';
import type { FamilyName } from '../../../src/core/keyspace';
import type { Breakage } from './broken-stores';
import { changed } from './changed-store';

/** Forgets the conditions on the rows of one family. */
export const uncheckedFamily =
  (family: FamilyName): Breakage =>
  (store) => {
    const withoutChecks = ({ checks, ...transaction }: Transaction): Transaction => ({
      ...transaction,
      checks: checks.filter(({ key }) => key[0] !== families[family].code),
    });
    return changed(store, { commit: (transactions) => store.commit(transactions.map(withoutChecks)) });
  };

/** Judges what has expired by a clock that is late, and keeps it for so much longer. */
export function lateClock(lateMs: number): Breakage {
  const kept = ({ validUntilMs: _validUntilMs, ...transaction }: Transaction): Transaction => ({
    ...transaction,
    writes: transaction.writes.map((write) =>
      write.kind === 'put' && write.ttlMs !== undefined ? { ...write, ttlMs: write.ttlMs + lateMs } : write,
    ),
  });
  return (store) =>
    changed(store, {
      commit: async (transactions) => {
        const outcomes = await store.commit(transactions.map(kept));
        return outcomes.map((outcome) =>
          outcome.kind === 'failed' ? outcome : { ...outcome, nowMs: outcome.nowMs - lateMs },
        );
      },
      read: async (ranges, options) => {
        const read = await store.read(ranges, options);
        return { ...read, nowMs: read.nowMs - lateMs };
      },
    });
}
