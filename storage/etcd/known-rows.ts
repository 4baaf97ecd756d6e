/**
 * What this process happens to know of rows: when the row at a revision expires, so that a check of that revision is judged without
 * reading it, and which due rows stand, so that a life that is made longer again and again files no more of them. Both are bounded, the
 * oldest forgotten first; what is not known is read.
 */
import type { Entry } from '../../proto/store';
import { nameOf } from './plan';

const rowsMax = 100_000;
/** A due row this close may be taken by the sweeper at any moment: then another one is filed. */
const dueMarginMs = 5_000;

export class KnownRows {
  readonly #expiries = new Map<string, { readonly revision: number; readonly expiresAtMs: number }>();
  readonly #dues = new Map<string, number>();

  /** A row that was read or written. */
  note({ key, revision, expiresAtMs }: Pick<Entry, 'key' | 'revision' | 'expiresAtMs'>): void {
    const name = nameOf(key);
    const before = this.#expiries.get(name);
    if (before && before.revision > revision) return;
    keep(this.#expiries, name, { revision, expiresAtMs });
  }

  /** When the row at this revision expires (0: never); undefined where that is not known. */
  expiryOf(key: Buffer, revision: number): number | undefined {
    const known = this.#expiries.get(nameOf(key));
    return known?.revision === revision ? known.expiresAtMs : undefined;
  }

  noteDue(key: Buffer, atMs: number): void {
    keep(this.#dues, nameOf(key), atMs);
  }

  /** Whether a due row surely stands that is early enough for this expiry. */
  hasDue(key: Buffer, expiresAtMs: number, nowMs: number): boolean {
    const atMs = this.#dues.get(nameOf(key));
    return atMs !== undefined && atMs <= expiresAtMs && atMs > nowMs + dueMarginMs;
  }
}

function keep<Value>(map: Map<string, Value>, name: string, value: Value): void {
  map.delete(name);
  map.set(name, value);
  if (map.size <= rowsMax) return;
  for (const [oldest] of map) {
    map.delete(oldest);
    return;
  }
}
