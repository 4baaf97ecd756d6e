/**
 * A near cache of callers' keys, in the gateway's memory, which is coherent.
 *
 * Promises: a write through any gateway, by any mutation, drops the entry on every gateway as soon as the change feed brings it, and on
 * the writing gateway before the writer hears of it, so that it reads its own writes. A read that began before a write never puts
 * the old value back: what it brings is dropped where a change with a higher revision came while it ran. An entry ends at its own
 * expiry, measured from before its read was sent, so never late. Cut off from the feed, the cache is not used. Not promised: that a
 * hit shows what another gateway wrote some milliseconds ago.
 *
 * Stores nothing. Absence is remembered like a value. A miss costs one read, which all who miss the same key at the same time
 * share (they count as hits, so that hits and misses together are the calls); a hit costs nothing. Fails with
 * INVALID_ARGUMENT and the store's own failures, which are not remembered.
 */
import { limits } from '../../proto/limits';
import type { Entry, Revision, Store } from '../../proto/store';
import type { Clock } from '../core/clock';
import { requireCount, requireInteger, requireText } from '../core/input';
import { families, familyRange, keyspace } from '../core/keyspace';
import type { Written } from '../store/noticing-store';
import { CacheBudget, CacheEntries } from './cache-entries';
import type { CacheLimits, Known } from './cache-entries';
import { CacheFeed } from './cache-feed';

export interface CachedRead {
  /** The entry as it is stored, under the caller's key; undefined: there is none. */
  readonly entry: (Omit<Entry, 'key'> & { readonly key: string }) | undefined;
  /** Whether it came from memory. */
  readonly isHit: boolean;
  readonly ageMs: number;
}

/** A tenant's own. */
export interface CacheStats {
  readonly size: number;
  readonly maxSize: number;
  readonly ttlMs: number;
  readonly hits: number;
  readonly misses: number;
  /** 0 where nothing was asked yet. */
  readonly hitRatio: number;
  readonly evictions: number;
  /** Entries dropped since they changed, or were to be dropped. */
  readonly invalidations: number;
}

export interface CacheDependencies {
  /** Without the notices of this cache. */
  readonly store: Pick<Store, 'read' | 'watch'>;
  readonly clock: Clock;
  readonly limits?: CacheLimits | undefined;
  /** Shared by the caches of all tenants of the process. */
  readonly budget?: CacheBudget | undefined;
}

/** A write through the cache: the very buffer that it puts; left out: it deletes. */
export interface CacheWrite {
  readonly key: string;
  readonly value?: Buffer;
}

/** Something that will be known of a key, and which changes came meanwhile. */
interface Expected {
  changedAt: Revision;
  /** Whether what it brings may be kept: false once changes may have been missed. */
  isKept: boolean;
}

interface Reading extends Expected {
  readonly sinceMs: number;
  readonly result: Promise<Entry | undefined>;
}

/** A write through the cache that is under way. */
interface PutBy extends Expected {
  readonly value: Buffer | undefined;
  readonly sinceMs: number;
  isDone: boolean;
}

const defaultLimits: CacheLimits = { entriesMax: 10_000, ttlMs: 60_000 };

export class Cache {
  readonly #store: Pick<Store, 'read' | 'watch'>;
  readonly #clock: Clock;
  readonly #limits: CacheLimits;
  readonly #entries: CacheEntries;
  readonly #feed: CacheFeed;
  /** Everything under way, by key. */
  readonly #expected = new Map<string, Set<Expected>>();
  /** The reads that others may join. */
  readonly #readings = new Map<string, Reading>();
  /** Writes through the cache that are under way, by key. */
  readonly #puts = new Map<string, readonly PutBy[]>();
  #hits = 0;
  #misses = 0;
  #invalidations = 0;

  constructor({ store, clock, limits: given = defaultLimits, budget = new CacheBudget() }: CacheDependencies) {
    this.#store = store;
    this.#clock = clock;
    this.#limits = given;
    this.#entries = new CacheEntries(given, budget);
    this.#feed = new CacheFeed({
      store,
      clock,
      range: familyRange('kv'),
      onChange: ({ key, revision }) => this.#changed(key.toString('latin1'), revision),
      onGap: () => this.#forget(),
    });
  }

  /** The key, from memory where that is younger than `maxAgeMs` and the cache's own time to live. */
  async get(key: string, maxAgeMs?: number): Promise<CachedRead> {
    const stored = requireKey('key', key);
    if (maxAgeMs !== undefined) requireInteger('maxAgeMs', maxAgeMs, { min: 0, max: Number.MAX_SAFE_INTEGER });
    const id = stored.toString('latin1');
    const isAlive = this.#feed.isAlive();
    const nowMs = this.#clock.monotonicMs();
    const ageMsMax = Math.min(maxAgeMs ?? Infinity, this.#limits.ttlMs);
    const known = isAlive ? this.#fresh(id, ageMsMax) : undefined;
    if (known) {
      this.#hits += 1;
      return { entry: named(key, known.entry), isHit: true, ageMs: Math.floor(nowMs - known.sinceMs) };
    }
    const running = isAlive ? this.#readings.get(id) : undefined;
    if (running && nowMs - running.sinceMs < ageMsMax) {
      this.#hits += 1;
      const entry = await running.result;
      return { entry: named(key, entry), isHit: true, ageMs: Math.floor(this.#clock.monotonicMs() - running.sinceMs) };
    }
    this.#misses += 1;
    return { entry: named(key, await this.#read(stored, id, isAlive)), isHit: false, ageMs: 0 };
  }

  /** Runs a write of one key, and keeps what it has put there; where it put nothing, what was known of the key is dropped. */
  async writing<O>({ key, value }: CacheWrite, write: () => Promise<O>): Promise<O> {
    const id = keyspace.kv(key).toString('latin1');
    const isKept = this.#feed.isAlive();
    const put: PutBy = { changedAt: 0, isKept, value, sinceMs: this.#clock.monotonicMs(), isDone: false };
    this.#expect(id, put);
    this.#puts.set(id, [...(this.#puts.get(id) ?? []), put]);
    try {
      return await write();
    } finally {
      this.#unexpect(id, put);
      const others = this.#puts.get(id)!.filter((each) => each !== put);
      if (others.length > 0) this.#puts.set(id, others);
      else this.#puts.delete(id);
      // Refused, a replay, or not known: what stands there is read when it is asked for.
      if (!put.isDone && this.#drop(id)) this.#invalidations += 1;
    }
  }

  /** To be told of every write of this process before its writer is. */
  noticed({ writes, revision }: Written): void {
    for (const write of writes) {
      if (write.key[0] !== families.kv.code) continue;
      const id = write.key.toString('latin1');
      this.#changed(id, revision);
      if (write.kind !== 'put') continue;
      // Other writes of the key may be under way, also through the cache: this is the one that put these very bytes.
      const put = this.#puts.get(id)?.find(({ value }) => value === write.value);
      // A mortal value would need the storage time of its commit: it is read when it is asked for.
      if (!put?.isKept || put.changedAt > revision || write.ttlMs !== undefined) continue;
      put.isDone = true;
      const entry = { key: write.key, value: write.value, revision, expiresAtMs: 0 };
      this.#entries.set(id, { entry, asOf: revision, sinceMs: put.sinceMs, endsMs: Infinity });
    }
  }

  /** Drops what this gateway remembers of the keys; of how many there was something. */
  invalidate(keys: readonly string[]): number {
    requireCount('keys', keys, { min: 0, max: limits.getManyKeysMax });
    const ids = keys.map((key, index) => requireKey(`keys[${index}]`, key).toString('latin1'));
    const dropped = ids.filter((id) => this.#drop(id)).length;
    this.#invalidations += dropped;
    return dropped;
  }

  /** Drops all that this gateway remembers of the tenant; how many entries there were. */
  invalidateAll(): number {
    const dropped = this.#forget();
    this.#invalidations += dropped;
    return dropped;
  }

  stats(): CacheStats {
    const hits = this.#hits;
    const misses = this.#misses;
    return {
      size: this.#entries.size,
      maxSize: this.#limits.entriesMax,
      ttlMs: this.#limits.ttlMs,
      hits,
      misses,
      hitRatio: hits + misses === 0 ? 0 : hits / (hits + misses),
      evictions: this.#entries.evictions,
      invalidations: this.#invalidations,
    };
  }

  #fresh(id: string, ageMsMax: number): Known | undefined {
    const known = this.#entries.get(id);
    if (!known) return undefined;
    const nowMs = this.#clock.monotonicMs();
    const { entry, sinceMs, endsMs } = known;
    // The feed shows where the storage clock has leapt ahead.
    const isOver = nowMs >= endsMs || (entry !== undefined && isExpired(entry, this.#feed.storageMs()));
    if (isOver || nowMs - sinceMs >= this.#limits.ttlMs) {
      this.#entries.delete(id);
      return undefined;
    }
    return nowMs - sinceMs < ageMsMax ? known : undefined;
  }

  #read(stored: Buffer, id: string, isAlive: boolean): Promise<Entry | undefined> {
    const sinceMs = this.#clock.monotonicMs();
    const expected: Expected = { changedAt: 0, isKept: isAlive };
    this.#expect(id, expected);
    const result = this.#store
      .read([{ start: stored }])
      .then(({ results, revision, nowMs }) => {
        const entry = results[0]!.entries[0];
        if (expected.isKept && revision >= expected.changedAt) {
          const endsMs = entry && entry.expiresAtMs > 0 ? sinceMs + entry.expiresAtMs - nowMs : Infinity;
          this.#entries.set(id, { entry, asOf: revision, sinceMs, endsMs });
        }
        return entry;
      })
      .finally(() => {
        this.#unexpect(id, expected);
        if (this.#readings.get(id) === reading) this.#readings.delete(id);
      });
    const reading: Reading = Object.assign(expected, { sinceMs, result });
    if (isAlive) this.#readings.set(id, reading);
    return result;
  }

  /** The key has changed at a revision: what is older goes, and what is under way may be. */
  #changed(id: string, revision: Revision): void {
    for (const expected of this.#expected.get(id) ?? []) expected.changedAt = Math.max(expected.changedAt, revision);
    // Whoever comes from now on must see the change, which a read that is under way may not.
    this.#readings.delete(id);
    const known = this.#entries.peek(id);
    if (!known || known.asOf >= revision) return;
    this.#entries.delete(id);
    this.#invalidations += 1;
  }

  /** Forgets a key, and what is under way for it. */
  #drop(id: string): boolean {
    for (const expected of this.#expected.get(id) ?? []) expected.isKept = false;
    this.#readings.delete(id);
    return this.#entries.delete(id);
  }

  #forget(): number {
    for (const each of this.#expected.values()) for (const expected of each) expected.isKept = false;
    this.#readings.clear();
    return this.#entries.clear();
  }

  #expect(id: string, expected: Expected): void {
    const all = this.#expected.get(id);
    if (all) all.add(expected);
    else this.#expected.set(id, new Set([expected]));
  }

  #unexpect(id: string, expected: Expected): void {
    const all = this.#expected.get(id);
    all?.delete(expected);
    if (all?.size === 0) this.#expected.delete(id);
  }
}

function requireKey(field: string, key: string): Buffer {
  return keyspace.kv(requireText(field, key, { bytesMax: limits.keyBytesMax }));
}

function isExpired({ expiresAtMs }: Entry, storageMs: number): boolean {
  return expiresAtMs > 0 && expiresAtMs <= storageMs;
}

function named(key: string, entry: Entry | undefined): CachedRead['entry'] {
  return entry && { ...entry, key };
}
