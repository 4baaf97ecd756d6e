/** Faults that people make in event stores by hand, as stores between a gateway and its store. */
import type { FamilyName } from '../../../src/core/keyspace';
import type { Breakage } from './broken-stores';
import { changed, isOf } from './changed-store';

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
