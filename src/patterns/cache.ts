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
import type { CacheLimits, Known, NamedEntry } from './cache-entries';
import { CacheFeed } from './cache-feed';

export interface CachedRead {
  /** Undefined: there is none. */
  readonly entry: NamedEntry | undefined;
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
  readonly result: Promise<NamedEntry | undefined>;
}

/** A call that memory does not answer. */
interface Miss {
  readonly key: string;
  readonly stored: Buffer;
  readonly ageMsMax: number;
  readonly nowMs: number;
  readonly isAlive: boolean;
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
      onChange: ({ key, revision }) => this.#changed(keyspace.lastText(key), revision),
      onGap: () => this.#forget(),
    });
  }

  /** The key, from memory where that is younger than `maxAgeMs` and the cache's own time to live; a hit is answered at once. */
  get(key: string, maxAgeMs?: number): CachedRead | Promise<CachedRead> {
    if (maxAgeMs !== undefined) requireInteger('maxAgeMs', maxAgeMs, { min: 0, max: Number.MAX_SAFE_INTEGER });
    const nowMs = this.#clock.monotonicMs();
    const ageMsMax = Math.min(maxAgeMs ?? Infinity, this.#limits.ttlMs);
    const isAlive = this.#feed.isAlive(nowMs);
    const known = isAlive ? this.#fresh(key, ageMsMax, nowMs) : undefined;
    if (!known) return this.#readThrough({ key, stored: requireKey('key', key), ageMsMax, nowMs, isAlive });
    this.#hits += 1;
    return { entry: known.entry, isHit: true, ageMs: Math.floor(nowMs - known.sinceMs) };
  }

  async #readThrough({ key, stored, ageMsMax, nowMs, isAlive }: Miss): Promise<CachedRead> {
    const running = isAlive ? this.#readings.get(key) : undefined;
    if (running && nowMs - running.sinceMs < ageMsMax) {
      this.#hits += 1;
      const entry = await running.result;
      return { entry, isHit: true, ageMs: Math.floor(this.#clock.monotonicMs() - running.sinceMs) };
    }
    this.#misses += 1;
    return { entry: await this.#read(key, stored, isAlive), isHit: false, ageMs: 0 };
  }

  /** Runs a write of one key, and keeps what it has put there; where it put nothing, what was known of the key is dropped. */
  async writing<O>({ key, value }: CacheWrite, write: () => Promise<O>): Promise<O> {
    const sinceMs = this.#clock.monotonicMs();
    const put: PutBy = { changedAt: 0, isKept: this.#feed.isAlive(sinceMs), value, sinceMs, isDone: false };
    this.#expect(key, put);
    this.#puts.set(key, [...(this.#puts.get(key) ?? []), put]);
    try {
      return await write();
    } finally {
      this.#unexpect(key, put);
      const others = this.#puts.get(key)!.filter((each) => each !== put);
      if (others.length > 0) this.#puts.set(key, others);
      else this.#puts.delete(key);
      // Refused, a replay, or not known: what stands there is read when it is asked for.
      if (!put.isDone && this.#drop(key)) this.#invalidations += 1;
    }
  }

  /** To be told of every write of this process before its writer is. */
  noticed({ writes, revision }: Written): void {
    for (const write of writes) {
      if (write.key[0] !== families.kv.code) continue;
      const key = keyspace.lastText(write.key);
      this.#changed(key, revision);
      if (write.kind !== 'put') continue;
      // Other writes of the key may be under way, also through the cache: this is the one that put these very bytes.
      const put = this.#puts.get(key)?.find(({ value }) => value === write.value);
      // A mortal value would need the storage time of its commit: it is read when it is asked for.
      if (!put?.isKept || put.changedAt > revision || write.ttlMs !== undefined) continue;
      put.isDone = true;
      const entry = { key, value: write.value, revision, expiresAtMs: 0 };
      this.#entries.set(key, { entry, asOf: revision, sinceMs: put.sinceMs, endsMs: Infinity });
    }
  }

  /** Drops what this gateway remembers of the keys; of how many there was something. */
  invalidate(keys: readonly string[]): number {
    requireCount('keys', keys, { min: 0, max: limits.getManyKeysMax });
    for (const [index, key] of keys.entries()) requireKey(`keys[${index}]`, key);
    const dropped = keys.filter((key) => this.#drop(key)).length;
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

  #fresh(key: string, ageMsMax: number, nowMs: number): Known | undefined {
    const known = this.#entries.get(key);
    if (!known) return undefined;
    const { entry, sinceMs, endsMs } = known;
    // The feed shows where the storage clock has leapt ahead.
    const isOver = nowMs >= endsMs || (entry !== undefined && isExpired(entry, this.#feed.storageMs()));
    if (isOver || nowMs - sinceMs >= this.#limits.ttlMs) {
      this.#entries.delete(key);
      return undefined;
    }
    return nowMs - sinceMs < ageMsMax ? known : undefined;
  }

  #read(key: string, stored: Buffer, isAlive: boolean): Promise<NamedEntry | undefined> {
    const sinceMs = this.#clock.monotonicMs();
    const expected: Expected = { changedAt: 0, isKept: isAlive };
    this.#expect(key, expected);
    const result = this.#store
      .read([{ start: stored }])
      .then(({ results, revision, nowMs }) => {
        const found = results[0]!.entries[0];
        const entry = found && { ...found, key };
        if (expected.isKept && revision >= expected.changedAt) {
          const endsMs = entry && entry.expiresAtMs > 0 ? sinceMs + entry.expiresAtMs - nowMs : Infinity;
          this.#entries.set(key, { entry, asOf: revision, sinceMs, endsMs });
        }
        return entry;
      })
      .finally(() => {
        this.#unexpect(key, expected);
        if (this.#readings.get(key) === reading) this.#readings.delete(key);
      });
    const reading: Reading = Object.assign(expected, { sinceMs, result });
    if (isAlive) this.#readings.set(key, reading);
    return result;
  }

  /** The key has changed at a revision: what is older goes, and what is under way may be. */
  #changed(key: string, revision: Revision): void {
    for (const expected of this.#expected.get(key) ?? []) expected.changedAt = Math.max(expected.changedAt, revision);
    // Whoever comes from now on must see the change, which a read that is under way may not.
    this.#readings.delete(key);
    const known = this.#entries.peek(key);
    if (!known || known.asOf >= revision) return;
    this.#entries.delete(key);
    this.#invalidations += 1;
  }

  /** Forgets a key, and what is under way for it. */
  #drop(key: string): boolean {
    for (const expected of this.#expected.get(key) ?? []) expected.isKept = false;
    this.#readings.delete(key);
    return this.#entries.delete(key);
  }

  #forget(): number {
    for (const each of this.#expected.values()) for (const expected of each) expected.isKept = false;
    this.#readings.clear();
    return this.#entries.clear();
  }

  #expect(key: string, expected: Expected): void {
    const all = this.#expected.get(key);
    if (all) all.add(expected);
    else this.#expected.set(key, new Set([expected]));
  }

  #unexpect(key: string, expected: Expected): void {
    const all = this.#expected.get(key);
    all?.delete(expected);
    if (all?.size === 0) this.#expected.delete(key);
  }
}

function requireKey(field: string, key: string): Buffer {
  return keyspace.kv(requireText(field, key, { bytesMax: limits.keyBytesMax }));
}

function isExpired({ expiresAtMs }: Pick<Entry, 'expiresAtMs'>, storageMs: number): boolean {
  return expiresAtMs > 0 && expiresAtMs <= storageMs;
}
