/** Faults in the way search is written by hand: stores between a gateway and its store. */
import { changed } from './changed-store';
import type { Breakage } from './broken-stores';

/** Looks in an index that lags behind: what it finds is one search old. */
export const laggingSearch: Breakage = (store) => {
  let last: Awaited<ReturnType<typeof store.search>> | undefined;
  return changed(store, {
    search: async (request, options) => {
      const found = await store.search(request, options);
      const shown = last ?? found;
      last = found;
      return shown;
    },
  });
};

/** Finds nothing. */
export const blindSearch: Breakage = (store) =>
  changed(store, {
    search: async (request, options) => {
      const found = await store.search(request, options);
      return found.kind === 'found' ? { ...found, hits: [] } : found;
    },
  });
