/**
 * What a decision sees and does: the rows that its command named, as they are after the commands decided before it in the
 * same batch. What it reads becomes a check of the commit, what it writes is kept aside until then, and a decision
 * that throws writes nothing. A row that is written without being read is written blindly.
 */
import { assertInvariant } from '../core/errors';
import type { History } from '../core/keyspace';
import type { Entry, Write } from '../../proto/store';

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
}

/** Given to a pattern's decision. */
export interface View {
  /** The storage clock, estimated from its last reply and never ahead of it. */
  readonly nowMs: number;
  /** The row, or undefined where it is absent or expired. The key must be one that the command named. */
  get(key: Buffer): Row | undefined;
  put(key: Buffer, value: Buffer, options: PutOptions): void;
  delete(key: Buffer, history: History): void;
  /** The decision relies on something that ends at this storage millisecond. */
  relyUntil(atMs: number): void;
}

interface PendingRow {
  readonly row: Row | undefined;
  readonly write: Write;
}

/** How far a batch may grow. */
export interface OverlayBounds {
  /** Checks and writes together. */
  readonly operationsMax: number;
  /** Keys and values to be written. */
  readonly bytesMax: number;
}

interface OwnState {
  readonly pending: Map<string, PendingRow>;
  readonly touched: Set<string>;
  validUntilMs: number | undefined;
}

/** The rows of one batch: the state before it and what its commands have decided so far. */
export class BatchOverlay {
  readonly #base: BaseState;
  readonly #nowMs: number;
  readonly #touched = new Set<string>();
  readonly #pending = new Map<string, PendingRow>();
  #validUntilMs: number | undefined;
  #bytes = 0;

  constructor(base: BaseState, nowMs: number) {
    this.#base = base;
    this.#nowMs = nowMs;
  }

  /**
   * Runs one decision. Where it throws, or where the batch would then pass `bounds`, nothing of it stays: the error
   * is thrown on, or undefined answered.
   */
  decide<O>(decision: (view: View) => O, bounds: OverlayBounds): { outcome: O } | undefined {
    const own: OwnState = { pending: new Map(), touched: new Set(), validUntilMs: undefined };
    let outcome: O;
    try {
      outcome = decision(this.#viewOver(own));
    } catch (error) {
      // The refusal rests on what was read: it is confirmed with the batch like any outcome.
      this.#keepReads(own);
      throw error;
    }
    if (!this.#fits(own, bounds)) return undefined;
    this.#keepReads(own);
    for (const [id, pending] of own.pending) this.#pending.set(id, pending);
    return { outcome };
  }

  /** Keys whose state some decision relied on, as latin1. */
  get touched(): ReadonlySet<string> {
    return this.#touched;
  }

  get writes(): Write[] {
    return Array.from(this.#pending.values(), ({ write }) => write);
  }

  get validUntilMs(): number | undefined {
    return this.#validUntilMs;
  }

  #keepReads(own: OwnState): void {
    for (const id of own.touched) this.#touched.add(id);
    this.#validUntilMs = earliest(this.#validUntilMs, own.validUntilMs);
  }

  #fits(own: OwnState, { operationsMax, bytesMax }: OverlayBounds): boolean {
    let operations = this.#touched.size + this.#pending.size;
    for (const id of own.touched) if (!this.#touched.has(id)) operations += 1;
    let bytes = this.#bytes;
    for (const [id, { write }] of own.pending) {
      const replaced = this.#pending.get(id);
      if (!replaced) operations += 1;
      bytes += sizeOf(write) - (replaced ? sizeOf(replaced.write) : 0);
    }
    if (operations > operationsMax || bytes > bytesMax) return false;
    this.#bytes = bytes;
    return true;
  }

  #viewOver(own: OwnState): View {
    const find = (key: Buffer): string => {
      const id = key.toString('latin1');
      assertInvariant(this.#base.has(id), 'a decision reads and writes only rows that its command named');
      return id;
    };
    const relyUntil = (atMs: number): void => {
      own.validUntilMs = earliest(own.validUntilMs, atMs);
    };
    return {
      nowMs: this.#nowMs,
      get: (key) => {
        const id = find(key);
        own.touched.add(id);
        const pending = own.pending.get(id) ?? this.#pending.get(id);
        if (pending) return pending.row;
        const entry = this.#base.get(id);
        if (!entry) return undefined;
        if (entry.expiresAtMs > 0) {
          if (entry.expiresAtMs <= this.#nowMs) return undefined;
          relyUntil(entry.expiresAtMs);
        }
        return entry;
      },
      put: (key, value, { ttlMs, history }) => {
        const id = find(key);
        const row: Row = { value, revision: 0, expiresAtMs: ttlMs === undefined ? 0 : this.#nowMs + ttlMs };
        const write: Write = { kind: 'put', key, value, history, ...(ttlMs === undefined ? {} : { ttlMs }) };
        own.pending.set(id, { row, write });
      },
      delete: (key, history) => {
        const id = find(key);
        own.pending.set(id, { row: undefined, write: { kind: 'delete', key, history } });
      },
      relyUntil,
    };
  }
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}

function sizeOf(write: Write): number {
  return write.key.length + (write.kind === 'put' ? write.value.length : 0);
}
