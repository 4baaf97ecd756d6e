/**
 * The contract with storage: what every engine, every client and every wrapper promises, judged by one conformance
 * suite (`test/conformance/`). Keys and values are bytes. A revision is a number that grows with every commit, is never
 * used again and never goes back, over restarts too. The storage clock alone judges expiry: an expired entry is
 * absent for reads, checks and writes from its millisecond on, swept or not.
 */
import type { AppError } from '../src/core/errors';
import type { History } from '../src/core/keyspace';
import type { Quota } from '../src/core/usage';
import type { VectorDistance } from '../src/core/vector-distance';

/** A position in the history of the store; 0 stands before everything and means "absent" in a check. */
export type Revision = number;

/** One key, or all keys in [start, end). */
export interface KeyRange {
  readonly start: Buffer;
  /** Left out: the range is the single key `start`. */
  readonly end?: Buffer;
  /** Entries at most; default and bound: `storeLimits.rangeEntriesMax`. */
  readonly limit?: number;
  /** From the last key to the first; default false. */
  readonly reverse?: boolean;
  /** Leaves values out (they come as empty buffers); default false. */
  readonly keysOnly?: boolean;
  /** Stops before the entry that would pass this many bytes of keys and values, never before the first; default and bound: `storeLimits.rangeBytesMax`. */
  readonly bytesMax?: number;
}

export interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
  /** Of the commit that wrote it. */
  readonly revision: Revision;
  /** Storage milliseconds at which it ends; 0: never. */
  readonly expiresAtMs: number;
}

export interface RangeResult {
  readonly entries: readonly Entry[];
  /** Whether the range holds more than was given. */
  readonly more: boolean;
}

export interface ReadResult {
  /** One for each range asked for, in order, all from one snapshot. */
  readonly results: readonly RangeResult[];
  /** Of the snapshot. */
  readonly revision: Revision;
  /** The storage clock when it was taken. */
  readonly nowMs: number;
}

/** 'lease' is 'linearizable' on an engine without leases; 'stale' may be behind, where there are replicas. */
export type ReadConsistency = 'linearizable' | 'lease' | 'stale';

export interface ReadOptions {
  /** Default 'linearizable': sees every commit acknowledged before the read began. */
  readonly consistency?: ReadConsistency;
  /** Gives the call up; its outcome is then not waited for. */
  readonly signal?: AbortSignal;
}

/** Holds where the key is at exactly this revision; 0: where it is absent or expired. */
export interface Check {
  readonly key: Buffer;
  readonly revision: Revision;
}

export interface PutWrite {
  readonly kind: 'put';
  readonly key: Buffer;
  readonly value: Buffer;
  /** Milliseconds from the commit on; left out: it never expires. A put replaces or clears an earlier ttl. */
  readonly ttlMs?: number;
  /** What the change log keeps of it, of its deletion and of its expiry. */
  readonly history: History;
}

/** Deleting an absent key is not a change. */
export interface DeleteWrite {
  readonly kind: 'delete';
  readonly key: Buffer;
  readonly history: History;
}

export type Write = PutWrite | DeleteWrite;

/**
 * Remembers that a command was done. A mark that exists already is a conflict that brings it. Marks live in a key space
 * of their own, are kept for the store's `markKeepMs`, and expire without a trace in the change log.
 */
export interface Mark {
  /** At most `storeLimits.markKeyBytesMax` behind the scope. */
  readonly key: Buffer;
  /** At most `storeLimits.markBytesMax`. */
  readonly value: Buffer;
}

/** A mark that stands. */
export interface MarkEntry {
  readonly key: Buffer;
  readonly value: Buffer;
  /** Of the commit that made it, with that commit's storage time. */
  readonly revision: Revision;
  readonly committedAtMs: number;
}

/** Checks, then writes, all or nothing. No key is written twice. */
export interface Transaction {
  readonly checks: readonly Check[];
  readonly writes: readonly Write[];
  readonly marks?: readonly Mark[];
  /** The earliest expiry that the decision relied on: at or past it on the storage clock is a conflict. */
  readonly validUntilMs?: number;
  /** Whose marks these are: the scope's prefix, which has a limit on marks. Set by the scoped store. */
  readonly scope?: Buffer;
  /**
   * What the scope may hold (`src/core/usage.ts`): a transaction that would make its keys or bytes more than that, and more than
   * they are, fails with QUOTA_EXCEEDED. What is stored is counted with or without it.
   */
  readonly quota?: Quota;
  /**
   * 16 bytes that name this try to write. Sent again with the same id (by a client that lost the answer), a transaction that
   * was applied answers as the first time and is not applied again. Remembered for at least 60 s, over restarts too.
   */
  readonly attemptId?: Buffer;
}

export interface Committed {
  readonly kind: 'committed';
  /** Of this transaction; where it wrote nothing, of the state that it was judged on. */
  readonly revision: Revision;
  /** The storage clock that judged it: a put's ttl counts from here. */
  readonly nowMs: number;
}

/** Nothing was written. Brings what a new decision needs, so that a lost race costs no further read. */
export interface Conflict {
  readonly kind: 'conflict';
  /** Every checked key that is present, failed or not; a checked key that is not here is absent. */
  readonly entries: readonly Entry[];
  /** Every mark of the transaction that exists. */
  readonly marks: readonly MarkEntry[];
  /** Of the state that it was judged on. */
  readonly revision: Revision;
  readonly nowMs: number;
}

/** Nothing was written, for a reason of this transaction alone (too large, too many marks, QUOTA_EXCEEDED) or of the disk (UNAVAILABLE). */
export interface Failed {
  readonly kind: 'failed';
  readonly error: AppError;
}

export type CommitOutcome = Committed | Conflict | Failed;

export interface CommitOptions {
  readonly signal?: AbortSignal;
}

export type ChangeKind = 'put' | 'delete' | 'expire';

export interface Change {
  readonly kind: ChangeKind;
  readonly key: Buffer;
  readonly revision: Revision;
  /** Of a put whose history is 'value', unless the watch is keysOnly; else undefined. */
  readonly value: Buffer | undefined;
  /** Of a put; 0: never. */
  readonly expiresAtMs: number;
}

/** Whole commits, in order. Everything in the ranges through `revision` has been given. No changes: a progress mark. */
export interface WatchBatch {
  readonly changes: readonly Change[];
  readonly revision: Revision;
  readonly nowMs: number;
}

export interface WatchOptions {
  /** Changes after this revision; left out: from now. Older than what is kept: the iterator throws HISTORY_GONE. */
  readonly afterRevision?: Revision;
  readonly keysOnly?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Rows of vectors (`src/core/vector-row.ts`) among which the nearest are looked for. What an index is called, and whether it
 * exists, is the business of whoever asks: `checks` hold where that is still so.
 */
export interface SearchRequest {
  /** All rows of the namespace: [start, end). */
  readonly rows: KeySpan;
  /**
   * Rows of which every commit that writes one of `rows` writes one too: [start, end), at most 256. Their newest revision says how
   * far an index has to be.
   */
  readonly stamps: KeySpan;
  /** Judged on the state that a strong search has to see; one that does not hold is a conflict, and nothing is searched. */
  readonly checks: readonly Check[];
  readonly distance: VectorDistance;
  /** No index that may miss one is used. */
  readonly isExact: boolean;
  /** Its length is the number of dimensions; rows of another number are passed over. */
  readonly near: Float32Array;
  /** Hits at most, 1 to `limits.vectorMatchesMax`. */
  readonly k: number;
  /** JSON text of a filter (`src/core/metadata-filter.ts`); k hits are found where k rows match. */
  readonly filter?: string;
  /** A row that is not among the hits. */
  readonly except?: Buffer;
  /** 'strong': sees every commit acknowledged before the search began; 'eventual': as far as the index has come. */
  readonly consistency: SearchConsistency;
  /** Whether the rows of hits are given with their numbers; else with a vector of no dimensions. */
  readonly withVectors: boolean;
}

/** All keys in [start, end). */
export interface KeySpan {
  readonly start: Buffer;
  readonly end: Buffer;
}

export type SearchConsistency = 'strong' | 'eventual';

export interface SearchHit {
  readonly key: Buffer;
  /** The row as it stood when its distance was computed. */
  readonly value: Buffer;
  readonly revision: Revision;
  /** Computed from the row, not from an index. */
  readonly distance: number;
}

/** The nearest first; of equals the lower key. */
export interface SearchFound {
  readonly kind: 'found';
  readonly hits: readonly SearchHit[];
  /** Of a state that it has seen; a strong search has seen at least that of its beginning. */
  readonly revision: Revision;
}

export type SearchOutcome = SearchFound | Conflict;

export interface SearchOptions {
  /** Gives the call up; its outcome is then not waited for. */
  readonly signal?: AbortSignal;
}

export interface StoreNode {
  readonly id: string;
  readonly address: string;
  readonly role: 'leader' | 'follower' | 'unreachable';
}

export interface StoreStatus {
  readonly engine: string;
  /** Of the data; another one after a reconnect means other data. */
  readonly storeId: string;
  /** Rises at every start of the store and every change of its members; at least 1. */
  readonly epoch: number;
  readonly revision: Revision;
  readonly nowMs: number;
  /** The oldest revision that a watch can start after. */
  readonly oldestRevision: Revision;
  readonly nodes: readonly StoreNode[];
  /**
   * How far the clock of the storage machine is from the one that counts where several share a store, in whole milliseconds; positive:
   * ahead. Left out: it is the one, or there is nothing to compare with.
   */
  readonly clockSkewMs?: number;
  /** Rows that were read for the vector indexes which are being made from their rows, of how many. Left out: there is none. */
  readonly indexing?: { readonly rows: number; readonly total: number };
}

/**
 * Six methods with one meaning everywhere. A rejected promise is an AppError; a rejected `commit` says
 * UNAVAILABLE only where surely nothing was written, and OUTCOME_UNKNOWN where that is not known.
 */
export interface Store {
  /** Entries of all ranges from one snapshot. */
  read(ranges: readonly KeyRange[], options?: ReadOptions): Promise<ReadResult>;
  /** One outcome for each transaction, in order; their fates are separate, and each is judged on what the earlier ones left. */
  commit(transactions: readonly Transaction[], options?: CommitOptions): Promise<readonly CommitOutcome[]>;
  /**
   * Every change in the ranges, in commit order, each once, whole commits at a time. The first batch comes at once, where
   * need be as a progress mark; further marks follow at least every 500 ms. Pulled: a slow reader makes nobody else wait. The iterator
   * ends when `signal` aborts or its `return` is called, and throws when it cannot go on.
   */
  watch(ranges: readonly KeyRange[], options?: WatchOptions): AsyncIterable<WatchBatch>;
  /** The nearest vectors of a namespace, or a conflict. INVALID_ARGUMENT where the rows of the hits pass `limits.pageBytesMax`. */
  search(request: SearchRequest, options?: SearchOptions): Promise<SearchOutcome>;
  status(): Promise<StoreStatus>;
  /** Ends watches, finishes what runs, releases everything. Later calls fail with UNAVAILABLE. */
  close(): Promise<void>;
}
