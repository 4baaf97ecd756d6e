/**
 * What a store can do beside the six methods of its contract, for those who only look at rows: show them without copying them. A search
 * measures some fifteen rows and keeps ten short parts of them; the copies would cost it more than the measuring. Only inside the storage process.
 */
import type { Entry, Store } from '../proto/store';

export interface RowViews {
  /**
   * Shows the live rows under these keys, in their order, all from one state that has every commit acknowledged before the call. A
   * value holds only until `show` returns, and `show` must not use the store.
   */
  view(keys: readonly Buffer[], show: (entry: Entry) => void): void;
}

export function hasRowViews(store: Store): store is Store & RowViews {
  return 'view' in store;
}
