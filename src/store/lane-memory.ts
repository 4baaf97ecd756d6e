/**
 * The last state known of recently written records, so that a hot lane needs no read before it decides. Never a source
 * of truth: whatever is decided on it is checked, or confirmed, by the store at the revision kept here. Bounded in
 * bytes, least recently used first out; shared by the lanes of all tenants of a process.
 */
import type { Entry, Revision } from '../../proto/store';

/** What is known of a key: its entry, or that it is absent. */
export interface KnownState {
  readonly entry: Entry | undefined;
  /** Of the snapshot or commit that this was learnt from: newer knowledge is not replaced by older. */
  readonly asOf: Revision;
}

/** Rough cost of a map slot with its objects, beside key and value. */
const slotBytes = 200;

export class LaneMemory {
  readonly #states = new Map<string, KnownState>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax = 32 * 1_048_576) {
    this.#bytesMax = bytesMax;
  }

  get(id: string): KnownState | undefined {
    const known = this.#states.get(id);
    if (!known) return undefined;
    // Moves it to the end: a Map's order is the order of use.
    this.#states.delete(id);
    this.#states.set(id, known);
    return known;
  }

  set(id: string, known: KnownState): void {
    const old = this.#states.get(id);
    if (old && old.asOf > known.asOf) return;
    this.drop(id);
    this.#states.set(id, known);
    this.#bytes += sizeOf(id, known);
    for (const [oldest] of this.#states) {
      if (this.#bytes <= this.#bytesMax) break;
      this.drop(oldest);
    }
  }

  drop(id: string): void {
    const known = this.#states.get(id);
    if (!known) return;
    this.#states.delete(id);
    this.#bytes -= sizeOf(id, known);
  }

  /** Forgets everything: the store behind it is another one now. */
  clear(): void {
    this.#states.clear();
    this.#bytes = 0;
  }
}

function sizeOf(id: string, known: KnownState): number {
  return slotBytes + 2 * id.length + (known.entry ? known.entry.key.length + known.entry.value.length : 0);
}
