/** The change log on disk: what each commit adds, and what is no longer kept. */
import type { Database } from 'lmdb';
import type { Revision } from '../../proto/store';
import { readUint64, uint64 } from '../../src/core/tuple';
import { historyGone } from '../engine';
import type { CommitChanges, LogPage, RetentionOptions } from '../engine';
import { decodeLogRow, logRowTime, LogWriter } from './lmdb-format';
import type { StoreMeta } from './lmdb-format';

type Rows = Database<Buffer, Buffer>;
type MutableMeta = { -readonly [Name in keyof StoreMeta]: StoreMeta[Name] };

export class LmdbLog {
  readonly #log: Rows;
  readonly #retention: RetentionOptions;
  #oldestMs: number | undefined;
  readonly #writer = new LogWriter();
  #isTrimmed = false;

  constructor(log: Rows, retention: RetentionOptions) {
    this.#log = log;
    this.#retention = retention;
    this.#findOldest();
  }

  /** When something is to be taken out; some rows at a time, rather than a commit for each. */
  nextDueMs(): number | undefined {
    if (this.#oldestMs === undefined) return undefined;
    const { logKeepMs } = this.#retention;
    return this.#oldestMs + logKeepMs + Math.ceil(logKeepMs / 60);
  }

  /** Begins a commit. */
  begin(nowMs: number): void {
    this.#writer.begin(nowMs);
    this.#isTrimmed = false;
  }

  add(commit: CommitChanges): void {
    this.#writer.add(commit);
  }

  /** Writes what was added. */
  write(meta: MutableMeta): void {
    for (const { lastRevision, bytes } of this.#writer.finish()) {
      this.#log.putSync(uint64(lastRevision), bytes);
      meta.logBytes += bytes.length;
    }
  }

  /**
   * Takes at most `rowsMax` rows out that are too old, or too many. Says whether it
   * did, and may have more to do.
   */
  trim(
    meta: MutableMeta,
    { nowMs, rowsMax }: { readonly nowMs: number; readonly rowsMax: number },
  ): 'none' | 'some' | 'all' {
    const { logKeepMs, logBytesMax } = this.#retention;
    const isKept = (atMs: number): boolean => atMs + logKeepMs >= nowMs && meta.logBytes <= logBytesMax;
    if (this.#oldestMs === undefined || isKept(this.#oldestMs)) return 'none';
    const removed: Buffer[] = [];
    for (const { key, value } of this.#log.getRange({ limit: rowsMax })) {
      if (isKept(logRowTime(value))) break;
      removed.push(key);
      meta.logBytes -= value.length;
      // An import may have cut the log at a later revision.
      meta.oldestRevision = Math.max(meta.oldestRevision, readUint64(key));
    }
    for (const key of removed) this.#log.removeSync(key);
    this.#isTrimmed = removed.length > 0;
    return removed.length === rowsMax ? 'some' : 'all';
  }

  /** The commit stands; called on a new snapshot. */
  adopt(): void {
    if (this.#isTrimmed || this.#oldestMs === undefined) this.#findOldest();
  }

  /** As `Engine.readLog`. */
  read(afterRevision: Revision, bytesMax: number, stored: StoreMeta): LogPage {
    if (afterRevision > stored.revision || afterRevision < stored.oldestRevision)
      throw historyGone(afterRevision, stored);
    const commits: CommitChanges[] = [];
    let bytes = 0;
    for (const { value } of this.#log.getRange({ start: uint64(afterRevision + 1) })) {
      for (const commit of decodeLogRow(value)) {
        if (commit.revision <= afterRevision) continue;
        if (bytes > 0 && bytes + bytesOf(commit) > bytesMax) return { commits, through: commits.at(-1)!.revision };
        bytes += bytesOf(commit);
        commits.push(commit);
      }
    }
    return { commits, through: stored.revision };
  }

  #findOldest(): void {
    this.#oldestMs = undefined;
    for (const { value } of this.#log.getRange({ limit: 1 })) this.#oldestMs = logRowTime(value);
  }
}

const changeOverheadBytes = 32;

function bytesOf({ changes }: CommitChanges): number {
  let bytes = 0;
  for (const { key, value } of changes) bytes += changeOverheadBytes + key.length + (value?.length ?? 0);
  return bytes;
}
