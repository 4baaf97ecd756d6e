/**
 * What a store can do beside the six methods of its contract, for those who move data as a whole: give everything from one long
 * snapshot, and take rows as they were elsewhere. Only inside the storage process; `storage/backup/` makes files of it.
 */
import type { Revision } from '../proto/store';
import type { History } from '../src/core/keyspace';

/** A row with all that has to move with it. The revision does not: a row is written anew where it arrives. */
export interface PortableRow {
  readonly key: Buffer;
  readonly value: Buffer;
  /** Storage milliseconds; 0: never. */
  readonly expiresAtMs: number;
  readonly history: History;
}

/** An idempotency mark; revision and time are those of the first answer, which a replay gives again. */
export interface PortableMark {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly revision: Revision;
  readonly committedAtMs: number;
}

/** All keys in [start, end). */
export interface KeySpan {
  readonly start: Buffer;
  readonly end: Buffer;
}

/** Everything as it stood at one revision, for as long as it is held; what is written meanwhile is not seen. */
export interface DataSnapshot {
  readonly revision: Revision;
  /** The storage clock when it was taken; what has expired by then is left out. */
  readonly nowMs: number;
  /** Rows of the whole store, for a progress bar. */
  readonly rowsAbout: number;
  /** In key order, in pages. Throws UNAVAILABLE once it is released. */
  rows(span: KeySpan): AsyncIterable<readonly PortableRow[]>;
  marks(span: KeySpan): AsyncIterable<readonly PortableMark[]>;
  /** Must be called: an engine may keep room for it. */
  release(): void;
}

/** Rows and marks to be written over what stands under their keys: in one commit, or in several on an engine whose commits are smaller. */
export interface LoadStep {
  readonly rows: readonly PortableRow[];
  readonly marks: readonly PortableMark[];
  /**
   * Later revisions and, where given, times are above these, and no watch can begin before: for the first step of an import, whose
   * callers may hold versions and cursors that another store gave. In one commit with the rows of the step, of which there are few.
   */
  readonly floor?: LoadFloor | undefined;
}

export interface LoadFloor {
  readonly revision: Revision;
  readonly clockMs: number | undefined;
  /** Everything is imported: refused with INVALID_ARGUMENT where another process serves the store. */
  readonly isAll: boolean;
}

export interface Portable {
  snapshot(): Promise<DataSnapshot>;
  /** Durable when it resolves; with the revision of the last commit. Rejects as `Store.commit`. */
  load(step: LoadStep): Promise<Revision>;
}

/** Every key. */
export const everyKey: KeySpan = { start: Buffer.of(0), end: Buffer.of(0xff, 0xff) };
