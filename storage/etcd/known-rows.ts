/**
 * What this process happens to know of rows: when the row at a revision expires, so that a check of that revision is judged without
 * reading it, and which due rows stand, so that a life that is made longer again and again files no more of them. Both are bounded; what is not known is read. Rows go by their names (`plan.ts`).
 */
import type { Entry } from '../../proto/store';
import { BoundedMap } from '../../src/core/bounded-map';
import { nameOf } from './plan';

const rowsMax = 100_000;
/** A due row this close may be taken by the sweeper at any moment: then another one is filed. */
const dueMarginMs = 5_000;

interface Expiry {
  readonly revision: number;
  readonly expiresAtMs: number;
}

export class KnownRows {
  readonly #expiries = new BoundedMap<string, Expiry>({ entriesMax: rowsMax });
  readonly #dues = new BoundedMap<string, number>({ entriesMax: rowsMax });

  /** A row that was read. */
  note({ key, revision, expiresAtMs }: Pick<Entry, 'key' | 'revision' | 'expiresAtMs'>): void {
    this.noteName(nameOf(key), { revision, expiresAtMs });
  }

  /** A row that was read or written, by its name. */
  noteName(name: string, expiry: Expiry): void {
    const before = this.#expiries.peek(name);
    if (!before || before.revision <= expiry.revision) this.#expiries.set(name, expiry);
  }

  /** When the row at this revision expires (0: never); undefined where that is not known. */
  expiryOf(name: string, revision: number): number | undefined {
    const known = this.#expiries.peek(name);
    return known?.revision === revision ? known.expiresAtMs : undefined;
  }

  noteDue(key: Buffer, atMs: number): void {
    this.#dues.set(nameOf(key), atMs);
  }

  /** Whether a due row surely stands that is early enough for this expiry. */
  hasDue(key: Buffer, expiresAtMs: number, nowMs: number): boolean {
    const atMs = this.#dues.peek(nameOf(key));
    return atMs !== undefined && atMs <= expiresAtMs && atMs > nowMs + dueMarginMs;
  }
}
