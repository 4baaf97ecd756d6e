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

/** Values as latin1 strings: a buffer is often a view of a whole message, which a small record would keep alive. */
interface Kept {
  /** Undefined: the key is absent. */
  readonly value: string | undefined;
  readonly revision: Revision;
  readonly expiresAtMs: number;
  readonly asOf: Revision;
}

/** Rough cost of a map slot with its objects, beside key and value. */
const slotBytes = 200;
/** What is larger is not kept: records of patterns are small, and it would push out many. */
const valueBytesMax = 65_536;

export class LaneMemory {
  readonly #states = new Map<string, Kept>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax = 32 * 1_048_576) {
    this.#bytesMax = bytesMax;
  }

  /** `key`: as the entry is to name it. */
  get(id: string, key: Buffer): KnownState | undefined {
    const kept = this.#states.get(id);
    if (!kept) return undefined;
    // Moves it to the end: a Map's order is the order of use.
    this.#states.delete(id);
    this.#states.set(id, kept);
    const { value, revision, expiresAtMs, asOf } = kept;
    if (value === undefined) return { entry: undefined, asOf };
    return { entry: { key, value: Buffer.from(value, 'latin1'), revision, expiresAtMs }, asOf };
  }

  set(id: string, { entry, asOf }: KnownState): void {
    const old = this.#states.get(id);
    if (old && old.asOf > asOf) return;
    this.drop(id);
    if (entry && entry.value.length > valueBytesMax) return;
    const { revision = 0, expiresAtMs = 0 } = entry ?? {};
    const kept: Kept = { value: entry?.value.toString('latin1'), revision, expiresAtMs, asOf };
    this.#states.set(id, kept);
    this.#bytes += sizeOf(id, kept);
    for (const [oldest] of this.#states) {
      if (this.#bytes <= this.#bytesMax) break;
      this.drop(oldest);
    }
  }

  /** Other data than before: nothing of the old is true. */
  clear(): void {
    this.#states.clear();
    this.#bytes = 0;
  }

  drop(id: string): void {
    const kept = this.#states.get(id);
    if (!kept) return;
    this.#states.delete(id);
    this.#bytes -= sizeOf(id, kept);
  }
}

function sizeOf(id: string, { value }: Kept): number {
  return slotBytes + id.length + (value?.length ?? 0);
}
