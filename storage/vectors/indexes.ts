/**
 * What storage asks of whoever holds the indexes: a thread of its own (`index-thread.ts`), or, in tests, the same process. An index
 * proposes candidates; what they are and how far is judged from the rows.
 */
import type { VectorDistance } from '../../src/core/vector-distance';
import type { SnapshotPlace } from './snapshot-file';

export interface IndexSettings {
  readonly dimensions: number;
  readonly distance: VectorDistance;
  /** Every vector is measured. */
  readonly isExact: boolean;
  /** More vectors than this are put into a graph. */
  readonly graphFrom: number;
}

export interface IndexState {
  readonly count: number;
  /** About what it takes in memory. */
  readonly bytes: number;
  /** Vectors that are measured one by one: new ones, and all of a small or exact index. */
  readonly flat: number;
  /** It should be made anew. */
  readonly isWorn: boolean;
}

/** Rows of vectors as they stand now; ids as latin1 of what comes behind the namespace's prefix in their keys. */
export interface IndexChanges {
  readonly ids: readonly string[];
  readonly revisions: readonly number[];
  /** One after the other, in the order of the ids. */
  readonly vectors: Float32Array;
  /** JSON texts; empty: none. */
  readonly metadata: readonly string[];
  readonly removed: readonly string[];
}

export interface IndexQuery {
  readonly near: Float32Array;
  /** Candidates that are wanted; more may come. */
  readonly wanted: number;
  readonly filter: string | undefined;
}

export interface Candidates {
  readonly ids: readonly string[];
  /** There are no others that match. */
  readonly isAll: boolean;
}

export interface Indexes {
  /** It was stopped, or has failed: calls reject. */
  readonly isStopped: boolean;
  /** An index under a number of the caller's: what its snapshot holds, where there is one that can be believed; else empty. */
  open(index: number, settings: IndexSettings, snapshot?: SnapshotPlace): Promise<IndexState>;
  /** Which of these rows, by their places, are not in the index as of their revision. None of them is forgotten by `forgetOthers`. */
  compare(index: number, ids: readonly string[], revisions: readonly number[]): Promise<readonly number[]>;
  /** Removes what no `compare` and no `apply` has named since the index was opened. */
  forgetOthers(index: number): Promise<IndexState>;
  /** Writes rows over what is there of them, and removes some. */
  apply(index: number, changes: IndexChanges): Promise<IndexState>;
  /** The nearest by the index's own measure, nearest first, perhaps more than wanted. */
  search(index: number, query: IndexQuery): Promise<Candidates>;
  /** Writes the index down; one that is not worth it has no snapshot. */
  save(index: number, snapshot: SnapshotPlace): Promise<void>;
  close(index: number): Promise<void>;
  /** Ends everything. Later calls reject. */
  stop(): Promise<void>;
}
