/**
 * What a tenant's cache holds, what was not used for long first out, bounded in entries, and in bytes together with the caches of all other
 * tenants of the process: past those the tenant that holds most gives way, so that one that floods pushes out its own.
 */
import type { Entry, Revision } from '../../proto/store';
import { BoundedMap } from '../core/bounded-map';

/** An entry under the caller's key. */
export type NamedEntry = Omit<Entry, 'key'> & { readonly key: string };

/** What is known of a key as of a revision. */
export interface Known {
  /** Undefined: there is no such key. */
  readonly entry: NamedEntry | undefined;
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
  readonly #known: BoundedMap<string, Known>;
  readonly #budget: CacheBudget;
  #evictions = 0;

  constructor({ entriesMax }: CacheLimits, budget: CacheBudget) {
    this.#budget = budget;
    this.#known = new BoundedMap({ entriesMax, weigh, onEvict: () => void (this.#evictions += 1) });
  }

  get size(): number {
    return this.#known.size;
  }

  get bytes(): number {
    return this.#known.weight;
  }

  /** Entries that went for want of room. */
  get evictions(): number {
    return this.#evictions;
  }

  /** What is known, which counts as used. */
  get(key: string): Known | undefined {
    return this.#known.get(key);
  }

  /** What is known, not used by that. */
  peek(key: string): Known | undefined {
    return this.#known.peek(key);
  }

  /** Keeps it, unless what is known already is newer. */
  set(key: string, known: Known): void {
    const old = this.#known.peek(key);
    if (old && old.asOf > known.asOf) return;
    const { entry } = known;
    // A buffer is often a view of a whole message, which a small value would keep alive.
    const own = entry ? { ...known, entry: { ...entry, value: Buffer.from(entry.value) } } : known;
    this.#counting(() => this.#known.set(key, own));
    this.#budget.fit();
  }

  /** Whether there was something. */
  delete(key: string): boolean {
    return this.#counting(() => this.#known.delete(key));
  }

  /** Forgets what was not used for long; false where there is nothing. */
  evict(): boolean {
    return this.#counting(() => this.#known.evict());
  }

  /** Forgets everything; how many there were. */
  clear(): number {
    const { size } = this;
    this.#counting(() => this.#known.clear());
    return size;
  }

  /** Tells the budget what a change has come to. */
  #counting<T>(change: () => T): T {
    const before = this.bytes;
    const done = change();
    this.#budget.add(this, this.bytes - before);
    return done;
  }
}

function weigh({ entry }: Known, key: string): number {
  return slotBytes + key.length + (entry ? key.length + entry.value.length : 0);
}
