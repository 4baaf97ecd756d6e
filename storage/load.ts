/** What engines share where rows are taken in, or given out, as a whole. */
import type { Change, Revision } from '../proto/store';
import { reservedScope, tenantScopeLength } from '../src/core/keyspace';
import type { KeySpan, PortableRow } from './portable';

const pageRows = 256;
const noScope = Buffer.alloc(0);

/** Whose marks a mark's key counts against: what `Transaction.scope` said when it was made. */
export function markScope(key: Buffer): Buffer {
  const length = tenantScopeLength(key);
  if (length > 0) return key.subarray(0, length);
  return key[0] === reservedScope[0] ? reservedScope : noScope;
}

/** What the change log keeps of rows that were taken in, in key order. */
export function changesOfRows(rows: readonly PortableRow[], revision: Revision): Change[] {
  const changes = rows
    .filter(({ history }) => history !== 'none')
    .map(({ key, value, expiresAtMs, history }): Change => {
      return { kind: 'put', key, revision, value: history === 'value' ? value : undefined, expiresAtMs };
    });
  return changes.sort((a, b) => Buffer.compare(a.key, b.key));
}

export function isInSpan(key: Buffer, { start, end }: KeySpan): boolean {
  return Buffer.compare(key, start) >= 0 && Buffer.compare(key, end) < 0;
}

/** A list in pages. */
export async function* pagesOf<Item>(items: readonly Item[]): AsyncGenerator<readonly Item[], void, void> {
  for (let at = 0; at < items.length; at += pageRows) yield await Promise.resolve(items.slice(at, at + pageRows));
}
