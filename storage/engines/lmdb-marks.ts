/**
 * Idempotency marks in generations. A generation takes the marks of one keeping time; the one before it is still looked
 * into, and what is older is dropped range by range, without looking for single marks that have expired. Whether a found mark
 * still counts is judged by its own time. Marks of a scope are counted by generation.
 */
import type { Database } from 'lmdb';
import type { MarkEntry } from '../../proto/store';
import { uint32 } from '../../src/core/tuple';
import { decodeMarkRow, decodeNumbers, encodeNumbers, markKey, metaKeys } from './lmdb-format';

type Rows = Database<Buffer, Buffer>;

interface Generation {
  readonly id: number;
  readonly startMs: number;
}

export class MarkGenerations {
  readonly #marks: Rows;
  readonly #meta: Rows;
  readonly #keepMs: number;
  /** By generation and scope. */
  readonly #counts = new Map<number, Map<string, number>>();
  #current: Generation | undefined;
  /** Of the commit that runs. */
  #next: Generation | undefined;
  #added = new Map<string, number>();
  #dropped: readonly number[] = [];

  constructor(marks: Rows, meta: Rows, keepMs: number) {
    this.#marks = marks;
    this.#meta = meta;
    this.#keepMs = keepMs;
    const row = meta.getBinary(metaKeys.markGeneration);
    if (row) {
      const [id, startMs] = decodeNumbers(row);
      this.#current = { id: id!, startMs: startMs! };
    }
    this.#loadCounts();
  }

  /** Begins a commit; a new generation where the current one has had its time. */
  begin(nowMs: number): void {
    this.abandon();
    this.#next = this.#current;
    if (!this.#current) this.#next = { id: 1, startMs: nowMs };
    else if (nowMs >= this.#current.startMs + this.#keepMs) this.#next = { id: this.#current.id + 1, startMs: nowMs };
  }

  /** A mark that is kept at `nowMs`. */
  find(key: Buffer, nowMs: number): MarkEntry | undefined {
    for (const generation of this.kept()) {
      const row = this.#marks.getBinary(markKey(generation, key));
      const mark = row && decodeMarkRow(row);
      if (mark && mark.committedAtMs + this.#keepMs > nowMs) return { key, ...mark };
    }
    return undefined;
  }

  put(key: Buffer, row: Buffer, scope: Buffer): void {
    this.#marks.putSync(markKey(this.#next!.id, key), row);
    const name = scope.toString('latin1');
    this.#added.set(name, (this.#added.get(name) ?? 0) + 1);
  }

  countOf(scope: Buffer): number {
    const name = scope.toString('latin1');
    let count = this.#added.get(name) ?? 0;
    for (const generation of this.kept()) count += this.#counts.get(generation)?.get(name) ?? 0;
    return count;
  }

  /** When the oldest marks that are kept can go. */
  nextDueMs(): number | undefined {
    return this.#counts.size > 0 && this.#current ? this.#current.startMs + this.#keepMs : undefined;
  }

  /** Removes at most `rowsMax` marks of generations that no longer count: whether it did anything, and has more to do. */
  dropOld(rowsMax: number): 'none' | 'some' | 'all' {
    const oldestKept = this.#next!.id - 1;
    const old = [...this.#counts.keys()].filter((generation) => generation < oldestKept);
    // A new generation is written down even where it finds nothing to drop: it is not to begin again and again.
    if (old.length === 0) return this.#current && this.#next !== this.#current ? 'all' : 'none';
    const keys = [...this.#marks.getKeys({ end: uint32(oldestKept), limit: rowsMax })];
    for (const key of keys) this.#marks.removeSync(key);
    if (keys.length === rowsMax) return 'some';
    for (const generation of old) {
      for (const scope of this.#counts.get(generation)!.keys()) {
        this.#meta.removeSync(metaKeys.markCount(generation, Buffer.from(scope, 'latin1')));
      }
    }
    this.#dropped = old;
    return 'all';
  }

  /** Writes what changed beside the marks themselves. */
  writeCounts(): void {
    if (this.#next && this.#next !== this.#current) {
      this.#meta.putSync(metaKeys.markGeneration, encodeNumbers(this.#next.id, this.#next.startMs));
    }
    for (const [name, added] of this.#added) {
      const count = (this.#counts.get(this.#next!.id)?.get(name) ?? 0) + added;
      this.#meta.putSync(metaKeys.markCount(this.#next!.id, Buffer.from(name, 'latin1')), encodeNumbers(count));
    }
  }

  /** The commit stands. */
  adopt(): void {
    this.#current = this.#next;
    if (this.#current && this.#added.size > 0) {
      const counts = this.#counts.get(this.#current.id) ?? new Map<string, number>();
      for (const [name, added] of this.#added) counts.set(name, (counts.get(name) ?? 0) + added);
      this.#counts.set(this.#current.id, counts);
    }
    for (const generation of this.#dropped) this.#counts.delete(generation);
    this.abandon();
  }

  /** The commit does not stand. */
  abandon(): void {
    this.#next = undefined;
    this.#added = new Map();
    this.#dropped = [];
  }

  /** The generations whose marks may still count, newest first. */
  kept(): readonly number[] {
    const newest = (this.#next ?? this.#current)?.id;
    return newest === undefined ? [] : [newest, newest - 1];
  }

  #loadCounts(): void {
    for (const { key, value } of this.#meta.getRange(metaKeys.markCounts)) {
      const generation = key.readUInt32BE(1);
      const counts = this.#counts.get(generation) ?? new Map<string, number>();
      counts.set(key.toString('latin1', 5), decodeNumbers(value)[0]!);
      this.#counts.set(generation, counts);
    }
  }
}
