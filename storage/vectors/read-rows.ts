/** Rows by their keys, however large they are. */
import type { Entry, Store } from '../../proto/store';
import { isAppError } from '../../src/core/errors';
import { hasRowViews } from '../row-views';
import { othersTurn } from './scan-search';

/** Point reads of one call: some hundred microseconds' work. */
const rowsOfRead = 64;

/** Shows the rows that are there, in order; a value holds only until `show` returns. Between parts others have their turn. */
export async function showRows(store: Store, keys: readonly Buffer[], show: (entry: Entry) => void): Promise<void> {
  if (!hasRowViews(store)) {
    for await (const entries of readRows(store, keys)) entries.forEach(show);
    return;
  }
  for (let at = 0; at < keys.length; at += rowsOfRead) {
    if (at > 0) await othersTurn();
    store.view(keys.length <= rowsOfRead ? keys : keys.slice(at, at + rowsOfRead), show);
  }
}

/** Gives the rows that are there, part after part; between parts others have their turn. */
export async function* readRows(store: Store, keys: readonly Buffer[]): AsyncGenerator<readonly Entry[], void, void> {
  for (let at = 0; at < keys.length; at += rowsOfRead) {
    if (at > 0) await othersTurn();
    yield await readPart(store, keys.slice(at, at + rowsOfRead));
  }
}

/** What a read refuses to bring in one is read in halves. */
async function readPart(store: Store, keys: readonly Buffer[]): Promise<readonly Entry[]> {
  try {
    const { results } = await store.read(keys.map((start) => ({ start })));
    return results.flatMap(({ entries }) => entries);
  } catch (error) {
    if (!isAppError(error, 'INVALID_ARGUMENT') || keys.length === 1) throw error;
    const half = Math.ceil(keys.length / 2);
    return [...(await readPart(store, keys.slice(0, half))), ...(await readPart(store, keys.slice(half)))];
  }
}
