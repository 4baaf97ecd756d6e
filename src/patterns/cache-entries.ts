/**
 * What a tenant's cache holds, least recently used first out, bounded in entries, and in bytes together with the caches of all other
 * tenants of the process: past those the tenant that holds most gives way, so that one that floods pushes out its own.
 */
import type { Entry, Revision } from '../../proto/store';

/** What is known of a key as of a revision. */
export interface Known {
  /** Undefined: there is no such key. */
  readonly entry: Entry | undefined;
  /** Of the snapshot or the commit that it comes from. */
  readonly asOf: Revision;
  /** When the read was sent that brought it, in monotonic milliseconds: it is not older than that. */
  readonly sinceMs: number;
  /** When it ends by its own time to live, in monotonic milliseconds. */
  readonly endsMs: number;
}

export interface CacheLimits {
  /** Of a tenant. */
  readonly entriesMax: number;
  /** After so long an entry is read anew, even where nothing has changed. */
  readonly ttlMs: number;
}

/** A map slot with its objects, beside key and value. */
const slotBytes = 250;

/** The bytes of all caches of a process. */
export class CacheBudget {
  readonly #bytesMax: number;
  readonly #members = new Set<CacheEntries>();
  #bytes = 0;

  constructor(bytesMax = 64 * 1_048_576) {
    this.#bytesMax = bytesMax;
  }

  /** Keys and values that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** `member` holds so many bytes more (or less). */
  add(member: CacheEntries, bytes: number): void {
    this.#bytes += bytes;
    if (member.size > 0) this.#members.add(member);
    else this.#members.delete(member);
  }

  /** Makes room: answers when what is held fits. */
  fit(): void {
    while (this.#bytes > this.#bytesMax) {
      let largest: CacheEntries | undefined;
      for (const member of this.#members) if (!largest || member.bytes > largest.bytes) largest = member;
      if (!largest?.evict()) return;
    }
  }
}

export class CacheEntries {
  readonly #known = new Map<string, Known>();
  readonly #limits: CacheLimits;
  readonly #budget: CacheBudget;
  #bytes = 0;
  #evictions = 0;

  constructor(limits: CacheLimits, budget: CacheBudget) {
    this.#limits = limits;
    this.#budget = budget;
  }

  get size(): number {
    return this.#known.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Entries that went for want of room. */
  get evictions(): number {
    return this.#evictions;
  }

  /** What is known, which becomes the one used last. */
  get(id: string): Known | undefined {
    const known = this.#known.get(id);
    if (!known) return undefined;
    // Moves it to the end: a Map's order is the order of use.
    this.#known.delete(id);
    this.#known.set(id, known);
    return known;
  }

  /** What is known, not used by that. */
  peek(id: string): Known | undefined {
    return this.#known.get(id);
  }

  /** Keeps it, unless what is known already is newer. */
  set(id: string, known: Known): void {
    const old = this.#known.get(id);
    if (old && old.asOf > known.asOf) return;
    this.delete(id);
    const { entry } = known;
    // A buffer is often a view of a whole message, which a small value would keep alive.
    this.#known.set(id, entry ? { ...known, entry: { ...entry, value: Buffer.from(entry.value) } } : known);
    this.#count(weigh(id, known));
    while (this.#known.size > this.#limits.entriesMax) this.evict();
    this.#budget.fit();
  }

  /** Whether there was something. */
  delete(id: string): boolean {
    const known = this.#known.get(id);
    if (!known) return false;
    this.#known.delete(id);
    this.#count(-weigh(id, known));
    return true;
  }

  /** Forgets what was used longest ago; false where there is nothing. */
  evict(): boolean {
    const oldest = this.#known.keys().next();
    if (oldest.done) return false;
    this.#evictions += 1;
    return this.delete(oldest.value);
  }

  /** Forgets everything; how many there were. */
  clear(): number {
    const { size } = this;
    this.#known.clear();
    this.#count(-this.#bytes);
    return size;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.add(this, bytes);
  }
}

function weigh(id: string, { entry }: Known): number {
  return slotBytes + id.length + (entry ? id.length + entry.value.length : 0);
}
