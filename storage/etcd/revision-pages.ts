/** What stood at one revision of etcd, a page at a time: as many rows as weigh about a megabyte, if they are like those before them. */
import { keyAfter } from '../../src/core/tuple';
import type { Span } from './layout';
import type { KeyValue, RangeRequest, RangeResponse } from './messages';

/** Rows of one page: etcd makes one message of them, however large they are. */
const pageRows = { first: 64, max: 256 };
/** What the next page should weigh, if its rows are like the largest of this one. */
const pageBytes = 1_048_576;

/** The rows of a range, in order of their keys; `ask` reads at the revision that is meant. */
export async function* revisionPages(
  { start, end }: Span,
  ask: (request: RangeRequest) => Promise<RangeResponse>,
): AsyncGenerator<readonly KeyValue[], void, void> {
  let limit = pageRows.first;
  for (let from = start; Buffer.compare(from, end) < 0;) {
    const { kvs, more } = await ask({ key: from, rangeEnd: end, limit });
    yield kvs;
    if (!more || kvs.length === 0) return;
    from = keyAfter(kvs.at(-1)!.key);
    limit = rowsAfter(kvs);
  }
}

function rowsAfter(page: readonly KeyValue[]): number {
  const largest = page.reduce((most, { key, value }) => Math.max(most, key.length + value.length), 1);
  return Math.max(1, Math.min(pageRows.max, Math.floor(pageBytes / largest)));
}
