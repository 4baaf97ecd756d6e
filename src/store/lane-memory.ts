/**
 * The last state known of recently written records, so that a hot lane needs no read before it decides. Never a source
 * of truth: whatever is decided on it is checked, or confirmed, by the store at the revision kept here. Bounded in
 * bytes, what was not used for long first out; shared by the lanes of all tenants of a process.
 */
import type { Entry, Revision } from '../../proto/store';
import { BoundedMap } from '../core/bounded-map';

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
  readonly #states: BoundedMap<string, Kept>;

  constructor(bytesMax = 32 * 1_048_576) {
    const weigh = ({ value }: Kept, id: string): number => slotBytes + id.length + (value?.length ?? 0);
    this.#states = new BoundedMap({ weightMax: bytesMax, weigh });
  }

  /** `key`: as the entry is to name it. */
  get(id: string, key: Buffer): KnownState | undefined {
    const kept = this.#states.get(id);
    if (!kept) return undefined;
    const { value, revision, expiresAtMs, asOf } = kept;
    if (value === undefined) return { entry: undefined, asOf };
    return { entry: { key, value: Buffer.from(value, 'latin1'), revision, expiresAtMs }, asOf };
  }

  set(id: string, { entry, asOf }: KnownState): void {
    const old = this.#states.peek(id);
    if (old && old.asOf > asOf) return;
    if (entry && entry.value.length > valueBytesMax) return this.drop(id);
    const { revision = 0, expiresAtMs = 0 } = entry ?? {};
    this.#states.set(id, { value: entry?.value.toString('latin1'), revision, expiresAtMs, asOf });
  }

  /** Other data than before: nothing of the old is true. */
  clear(): void {
    this.#states.clear();
  }

  drop(id: string): void {
    this.#states.delete(id);
  }
}
