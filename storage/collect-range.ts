/** What one range brings of the rows in it: the same for every engine. */
import { storeLimits } from '../proto/limits';
import type { Entry, KeyRange, RangeResult } from '../proto/store';
import { invalidArgument } from '../src/core/errors';
import type { RowHead } from './judge';
import { isExpired } from './judge';

/** A row as an engine's iteration meets it; `value` is read only where it is asked for. */
export interface FoundRow {
  readonly key: Buffer;
  readonly head: RowHead;
  readonly valueBytes: number;
  value(): Buffer;
}

const noValue = Buffer.alloc(0);

/** Takes live rows, in the order in which they come, up to the range's bounds. Stops iterating at the first that passes one. */
export function collectRange(rows: Iterable<FoundRow>, range: KeyRange, nowMs: number): RangeResult {
  const { limit = storeLimits.rangeEntriesMax, bytesMax = storeLimits.rangeBytesMax, keysOnly = false } = range;
  const entries: Entry[] = [];
  let bytes = 0;
  for (const row of rows) {
    if (isExpired(row.head, nowMs)) continue;
    bytes += row.key.length + (keysOnly ? 0 : row.valueBytes);
    if (entries.length === limit || (bytes > bytesMax && entries.length > 0)) return { entries, more: true };
    const value = keysOnly ? noValue : row.value();
    entries.push({ key: row.key, value, revision: row.head.revision, expiresAtMs: row.head.expiresAtMs });
  }
  return { entries, more: false };
}

/** Reads range after range. Throws INVALID_ARGUMENT where they bring too much together, before it is all in memory. */
export function readRanges(
  ranges: readonly KeyRange[],
  readOne: (range: KeyRange) => RangeResult,
): readonly RangeResult[] {
  const { readBytesMax } = storeLimits;
  let bytes = 0;
  return ranges.map((range) => {
    const result = readOne(range);
    for (const { key, value } of result.entries) bytes += key.length + value.length;
    if (bytes > readBytesMax)
      throw invalidArgument('ranges', `bring more than ${readBytesMax} bytes together: ask for fewer`);
    return result;
  });
}

/** Whether a range can hold a key at all. */
export function isEmptyRange({ start, end }: KeyRange): boolean {
  return end !== undefined && Buffer.compare(start, end) >= 0;
}
