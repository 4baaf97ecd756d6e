/**
 * Search without an index: every row of the namespace is read, page after page, and measured. It is what a search means: an index may be
 * faster and no better. Costs the whole namespace; between pages others have their turn. A page is a snapshot of its own, none older
 * than the beginning of the search.
 */
import type { KeySpan, SearchOutcome, SearchRequest, Store } from '../../proto/store';
import { keyAfter } from '../../src/core/tuple';
import { Nearest } from './nearest';
import { readStanding } from './standing';

/** Keys and values of one page: some hundred microseconds' work. */
const pageBytes = 262_144;

export async function scanSearch(store: Store, request: SearchRequest): Promise<SearchOutcome> {
  const standing = await readStanding(store, request);
  if (standing.kind === 'conflict') return standing;
  const nearest = new Nearest(request);
  await offerAll(store, request.rows, nearest);
  return { kind: 'found', hits: nearest.hits(), revision: standing.revision };
}

/** Offers every row of the span. */
export async function offerAll(store: Store, { start, end }: KeySpan, nearest: Nearest): Promise<void> {
  let from = start;
  for (;;) {
    const { results } = await store.read([{ start: from, end, bytesMax: pageBytes }]);
    const { entries, more } = results[0]!;
    for (const entry of entries) nearest.offer(entry);
    if (!more) return;
    from = keyAfter(entries.at(-1)!.key);
    await othersTurn();
  }
}

/** Lets everything that is ready run. */
export function othersTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
