/**
 * Rows and when to look at them again. A row that expires has a due row at its expiry, or earlier: a longer life leaves the
 * due row where it is, and the sweeper files it anew, so that extending a life costs one write.
 */
import type { Database } from 'lmdb';
import { storeLimits } from '../../proto/limits';
import type { Change, Entry, KeyRange, RangeResult, Revision } from '../../proto/store';
import { readUint64, uint64 } from '../../src/core/tuple';
import { decodeUsage, encodeUsage, noUsage, usageKey, usageSpan } from '../../src/core/usage';
import type { Usage } from '../../src/core/usage';
import type { FoundRow } from '../collect-range';
import { collectRange, isEmptyRange } from '../collect-range';
import type { RowEffect } from '../judge';
import { isExpired, removal } from '../judge';
import { UsageBook, UsageChanges } from '../usage';
import type { UsageChange } from '../usage';
import { decodeDueKey, decodeHead, dueKey, encodeRow, valueOffset } from './lmdb-format';
import type { StoredHead } from './lmdb-format';

type Rows = Database<Buffer, Buffer>;

const noValue = Buffer.alloc(0);
const nothing: RangeResult = { entries: [], more: false };

/** What a sweep did. */
export interface Swept {
  readonly changes: readonly Change[];
  /** Rows that were looked at, and those of them that are gone. */
  readonly looked: number;
  readonly removed: number;
  readonly usage: readonly UsageChange[];
}

export class LmdbRows {
  readonly #rows: Rows;
  readonly #due: Rows;
  #firstDueMs: number | undefined;

  constructor(rows: Rows, due: Rows) {
    this.#rows = rows;
    this.#due = due;
    this.findFirstDue();
  }

  /** When the first row is to be looked at; may be earlier than need be. */
  get firstDueMs(): number | undefined {
    return this.#firstDueMs;
  }

  /** Looks it up: what was filed may not stand, what was due may be gone. */
  findFirstDue(): void {
    this.#firstDueMs = undefined;
    for (const key of this.#due.getKeys({ limit: 1 })) this.#firstDueMs = readUint64(key);
  }

  head(key: Buffer): StoredHead | undefined {
    const row = this.#rows.getBinaryFast(key);
    return row && decodeHead(row);
  }

  entry(key: Buffer): Entry | undefined {
    const row = this.#rows.getBinaryFast(key);
    if (!row) return undefined;
    const { revision, expiresAtMs } = decodeHead(row);
    return { key, value: copyOf(row, valueOffset(row)), revision, expiresAtMs };
  }

  /** The row as long as it lives; its value only until the next read of any row. */
  view(key: Buffer, nowMs: number): Entry | undefined {
    const row = this.#rows.getBinaryFast(key);
    if (!row) return undefined;
    const { revision, expiresAtMs } = decodeHead(row);
    const entry = { key, value: row.subarray(valueOffset(row)), revision, expiresAtMs };
    return isExpired(entry, nowMs) ? undefined : entry;
  }

  range(range: KeyRange, nowMs: number): RangeResult {
    const { start, end, keysOnly = false } = range;
    if (end !== undefined) return isEmptyRange(range) ? nothing : collectRange(this.#rowsIn(range, end), range, nowMs);
    const entry = this.entry(start);
    if (!entry || isExpired(entry, nowMs)) return nothing;
    return { entries: [keysOnly ? { ...entry, value: noValue } : entry], more: false };
  }

  /** Writes one row, or removes it. */
  take({ key, before, value, expiresAtMs, history }: RowEffect<StoredHead>, revision: Revision): void {
    const dueBeforeMs = before?.dueMs ?? 0;
    const isFiled = value !== undefined && dueBeforeMs !== 0 && expiresAtMs !== 0 && dueBeforeMs <= expiresAtMs;
    if (dueBeforeMs !== 0 && !isFiled) this.#due.removeSync(dueKey(dueBeforeMs, key));
    if (value === undefined) return void this.#rows.removeSync(key);
    if (expiresAtMs !== 0 && !isFiled) this.#file(key, expiresAtMs);
    const dueMs = isFiled ? dueBeforeMs : expiresAtMs;
    this.#rows.putSync(key, encodeRow({ revision, expiresAtMs, dueMs, history }, value));
  }

  /** Looks at rows that are due: what has expired goes, what was given a longer life is filed anew. */
  sweep(nowMs: number, { revision, rowsMax }: { readonly revision: Revision; readonly rowsMax: number }): Swept {
    const keys = [...this.#due.getKeys({ end: uint64(nowMs + 1), limit: rowsMax })];
    const changes: Change[] = [];
    const usage = new UsageChanges();
    let removed = 0;
    for (const { dueMs, key } of keys.map(decodeDueKey)) {
      this.#due.removeSync(dueKey(dueMs, key));
      const row = this.#rows.getBinary(key);
      const head = row && decodeHead(row);
      if (!head || head.dueMs !== dueMs) continue;
      if (isExpired(head, nowMs)) {
        this.#rows.removeSync(key);
        usage.add(key, head.valueBytes, undefined);
        removed += 1;
        if (head.history !== 'none') changes.push(removal('expire', key, revision));
      } else {
        this.#file(key, head.expiresAtMs);
        this.#rows.putSync(key, encodeRow({ ...head, dueMs: head.expiresAtMs }, row.subarray(valueOffset(row))));
      }
    }
    changes.sort((a, b) => Buffer.compare(a.key, b.key));
    return { changes, looked: keys.length, removed, usage: usage.all() };
  }

  /** What is stored for a tenant's scope. */
  usage(account: Buffer): Usage {
    const row = this.entry(usageKey(account));
    return row ? decodeUsage(row.value) : noUsage;
  }

  /** Writes down what a commit has made of it. */
  bill(book: UsageBook, revision: Revision): void {
    for (const { account, usage } of book.changed()) {
      const value = usage.keys === 0 && usage.bytes === 0 ? undefined : encodeUsage(usage);
      const key = usageKey(account);
      this.take({ key, before: this.head(key), value, expiresAtMs: 0, history: 'none' }, revision);
    }
  }

  /** Counts everything anew. Reads every row; inside a write transaction. */
  recount(revision: Revision): void {
    for (const key of [...this.#rows.getKeys(usageSpan)]) this.#rows.removeSync(key);
    const sum = new UsageChanges();
    for (const { key, value: row } of this.#rows.getRange({})) sum.add(key, undefined, decodeHead(row).valueBytes);
    const book = new UsageBook(() => noUsage);
    book.take(sum.all());
    this.bill(book, revision);
  }

  #file(key: Buffer, dueMs: number): void {
    this.#due.putSync(dueKey(dueMs, key), noValue);
    this.#firstDueMs = Math.min(this.#firstDueMs ?? Infinity, dueMs);
  }

  *#rowsIn({ start, reverse = false }: KeyRange, end: Buffer): Generator<FoundRow> {
    // Backwards LMDB begins at `start`, which here is the range's end and not a part of it.
    const [from, to] = [bound(start), bound(end)];
    const bounds = reverse
      ? { start: to, end: from, reverse, exclusiveStart: true, inclusiveEnd: true }
      : { start: from, end: to };
    for (const { key, value: row } of this.#rows.getRange(bounds)) {
      const offset = valueOffset(row);
      yield { key, head: decodeHead(row), valueBytes: row.length - offset, value: () => row.subarray(offset) };
    }
  }
}

/** A bound may be longer than any key, and than LMDB takes; what lies behind the longest key makes no difference. */
function bound(key: Buffer): Buffer {
  return key.subarray(0, storeLimits.storedKeyBytesMax + 1);
}

/** Fast reads give a buffer that the next one uses again. */
function copyOf(row: Buffer, from: number): Buffer {
  const copy = Buffer.allocUnsafe(row.length - from);
  row.copy(copy, 0, from, row.length);
  return copy;
}
