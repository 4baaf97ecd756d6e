/**
 * What a decision sees and does: the rows that its command named, as they are after the commands decided before it in the
 * same batch. What it reads becomes a check of the commit, what it writes is kept aside until then, and a decision
 * that throws writes nothing. A row that is written without being read is written blindly.
 */
import { storeLimits } from '../../proto/limits';
import type { Entry, Mark, Write } from '../../proto/store';
import { assertInvariant } from '../core/errors';
import type { History } from '../core/keyspace';

/** The state of a row before the batch, by its key as a latin1 string. */
export type BaseState = ReadonlyMap<string, Entry | undefined>;

/** A row as a decision sees it. */
export interface Row {
  readonly value: Buffer;
  /** Of the commit that wrote it; 0 where an earlier command of this very batch did. */
  readonly revision: number;
  /** 0: never. */
  readonly expiresAtMs: number;
}

export interface PutOptions {
  readonly ttlMs?: number | undefined;
  readonly history: History;
  /** Hardly any command will decide on the row again: it is not remembered. Default false. */
  readonly isFinal?: boolean;
}

/** Given to a pattern's decision. */
export interface View {
  /** The storage clock, estimated from its last reply and never ahead of it. */
  readonly nowMs: number;
  /** The row, or undefined where it is absent or expired. The key must be one that the command named. */
  get(key: Buffer): Row | undefined;
  put(key: Buffer, value: Buffer, options: PutOptions): void;
  delete(key: Buffer, history: History): void;
  /**
   * Writes a side row: one that the command did not name, since its key comes out of a record that the decision reads, or is
   * this command's own. It cannot be read, is written blindly, and what it says is guarded by that record.
   */
  putSideRow(key: Buffer, value: Buffer, options: PutOptions): void;
  deleteSideRow(key: Buffer, history: History): void;
  /** The decision relies on something that ends at this storage millisecond. */
  relyUntil(atMs: number): void;
  /**
   * The decision refuses, and would not from this storage millisecond on. Holds for a batch that writes nothing: then a clock at or
   * past it is a conflict, and the command is decided again. In a batch that writes, the refusal stands as of `nowMs`: refusals that
   * end every millisecond would else keep a busy lane from ever committing.
   */
  refuseUntil(atMs: number): void;
}

/** What a decision comes to. */
export interface Verdict<O> {
  readonly outcome: O;
  /** Remembers the outcome. */
  readonly mark: Mark | undefined;
}

/** A row as a batch writes it. */
export interface PendingRow {
  readonly row: Row | undefined;
  readonly write: Write;
  /** As of `PutOptions`. */
  readonly isFinal: boolean;
}

/** What a decision relies on and writes. */
class Decided {
  readonly touched = new Set<string>();
  readonly pending = new Map<string, PendingRow>();
  validUntilMs = Infinity;
  refusedUntilMs = Infinity;
}

const nothingTouched: ReadonlySet<string> = new Set();
const nothingWritten: ReadonlyMap<string, PendingRow> = new Map();

/** What a scope's prefix adds to a key at most: the keys here are without it. */
const scopeBytesMax = 264;
const { transactionBytesMax } = storeLimits;
/** One is left for the check of the scope's gate. */
const operationsMax = storeLimits.transactionOperationsMax - 1;

/** The rows of one batch: the state before it and what its commands have decided so far. It is the view of one decision at a time. */
export class BatchOverlay implements View {
  readonly nowMs: number;
  readonly #base: BaseState;
  /** Rows for which the check of another row stands. */
  readonly #covered: { has(id: string): boolean };
  readonly #marks: Mark[] = [];
  /** All decisions so far; undefined: none has touched anything. */
  #all: Decided | undefined;
  #operations = 0;
  #bytes = 0;
  /** The decision that runs. */
  #own!: Decided;

  constructor(base: BaseState, nowMs: number, covered: { has(id: string): boolean } = new Set<string>()) {
    this.#base = base;
    this.nowMs = nowMs;
    this.#covered = covered;
  }

  /**
   * Runs one decision. Where it throws, nothing that it wrote stays, but what it read does: that it throws rests on it. Where the
   * batch would pass the limits of a transaction nothing of it stays and the answer is undefined, unless it is the
   * first: that one is the store's to judge.
   */
  decide<O>(decision: (view: View) => Verdict<O>): Verdict<O> | undefined {
    const own = new Decided();
    this.#own = own;
    let verdict: Verdict<O>;
    try {
      verdict = decision(this);
    } catch (error) {
      own.pending.clear();
      if (!this.#take(undefined)) return undefined;
      throw error;
    }
    return this.#take(verdict.mark) ? verdict : undefined;
  }

  /** Keys whose state some decision relied on, as latin1. */
  get touched(): ReadonlySet<string> {
    return this.#all?.touched ?? nothingTouched;
  }

  get writes(): Write[] {
    return Array.from(this.written.values(), ({ write }) => write);
  }

  /** What is written, by its key as latin1. */
  get written(): ReadonlyMap<string, PendingRow> {
    return this.#all?.pending ?? nothingWritten;
  }

  get marks(): readonly Mark[] {
    return this.#marks;
  }

  /** Undefined: nothing that it relied on ends. */
  get validUntilMs(): number | undefined {
    const all = this.#all;
    if (!all) return undefined;
    const untilMs = all.pending.size === 0 ? Math.min(all.validUntilMs, all.refusedUntilMs) : all.validUntilMs;
    return untilMs === Infinity ? undefined : untilMs;
  }

  get(key: Buffer): Row | undefined {
    const id = this.#idOf(key);
    if (!this.#covered.has(id)) this.#own.touched.add(id);
    const pending = this.#own.pending.get(id) ?? this.#all?.pending.get(id);
    if (pending) return pending.row;
    const entry = this.#base.get(id);
    if (!entry || entry.expiresAtMs === 0) return entry;
    if (entry.expiresAtMs <= this.nowMs) return undefined;
    this.relyUntil(entry.expiresAtMs);
    return entry;
  }

  put(key: Buffer, value: Buffer, options: PutOptions): void {
    this.#put(this.#idOf(key), key, value, options);
  }

  delete(key: Buffer, history: History): void {
    this.#delete(this.#idOf(key), key, history);
  }

  putSideRow(key: Buffer, value: Buffer, options: PutOptions): void {
    this.#put(key.toString('latin1'), key, value, options);
  }

  deleteSideRow(key: Buffer, history: History): void {
    this.#delete(key.toString('latin1'), key, history);
  }

  relyUntil(atMs: number): void {
    this.#own.validUntilMs = Math.min(this.#own.validUntilMs, atMs);
  }

  refuseUntil(atMs: number): void {
    this.#own.refusedUntilMs = Math.min(this.#own.refusedUntilMs, atMs);
  }

  #put(id: string, key: Buffer, value: Buffer, { ttlMs, history, isFinal = false }: PutOptions): void {
    const row: Row = { value, revision: 0, expiresAtMs: ttlMs === undefined ? 0 : this.nowMs + ttlMs };
    const write: Write =
      ttlMs === undefined ? { kind: 'put', key, value, history } : { kind: 'put', key, value, history, ttlMs };
    this.#own.pending.set(id, { row, write, isFinal });
  }

  #delete(id: string, key: Buffer, history: History): void {
    this.#own.pending.set(id, { row: undefined, write: { kind: 'delete', key, history }, isFinal: false });
  }

  #idOf(key: Buffer): string {
    const id = key.toString('latin1');
    assertInvariant(this.#base.has(id), 'a decision reads and writes only rows that its command named');
    return id;
  }

  /** Adds what the decision did to the batch, where that fits. */
  #take(mark: Mark | undefined): boolean {
    const own = this.#own;
    const all = this.#all;
    let operations = this.#operations;
    let bytes = this.#bytes;
    for (const id of own.touched) {
      if (all?.touched.has(id)) continue;
      operations += 1;
      bytes += scopeBytesMax + id.length;
    }
    for (const [id, { write }] of own.pending) {
      const replaced = all?.pending.get(id);
      if (replaced) bytes -= valueBytes(replaced.write);
      else {
        operations += 1;
        bytes += scopeBytesMax + id.length;
      }
      bytes += valueBytes(write);
    }
    if (mark) {
      operations += 1;
      bytes += scopeBytesMax + mark.key.length + mark.value.length;
    }
    if (this.#operations > 0 && (operations > operationsMax || bytes > transactionBytesMax)) return false;
    this.#operations = operations;
    this.#bytes = bytes;
    if (mark) this.#marks.push(mark);
    // Nearly every batch is of one command.
    if (!all) this.#all = own;
    else addTo(all, own);
    return true;
  }
}

function addTo(all: Decided, { touched, pending, validUntilMs, refusedUntilMs }: Decided): void {
  for (const id of touched) all.touched.add(id);
  for (const [id, row] of pending) all.pending.set(id, row);
  all.validUntilMs = Math.min(all.validUntilMs, validUntilMs);
  all.refusedUntilMs = Math.min(all.refusedUntilMs, refusedUntilMs);
}

function valueBytes(write: Write): number {
  return write.kind === 'put' ? write.value.length : 0;
}
