/** The change log on disk: what each commit adds, what is no longer kept, and the attempts that are found again from it. */
import type { Database } from 'lmdb';
import type { Revision } from '../../proto/store';
import { uint64 } from '../../src/core/tuple';
import type { AttemptTable } from '../attempt-table';
import { historyGone } from '../engine';
import type { CommitChanges, LogPage, RetentionOptions } from '../engine';
import { decodeLogKey, decodeLogRow, logKey, logRowTime, LogWriter } from './lmdb-format';
import type { LogPlace, LoggedCommit, StoreMeta } from './lmdb-format';

type Rows = Database<Buffer, Buffer>;
type MutableMeta = { -readonly [Name in keyof StoreMeta]: StoreMeta[Name] };

export class LmdbLog {
  readonly #log: Rows;
  readonly #retention: RetentionOptions;
  #oldestMs: number | undefined;
  #newest: LogPlace | undefined;
  /** Of the commit that runs. */
  #writer = new LogWriter(0);
  #newestNext: LogPlace | undefined;
  #isTrimmed = false;

  constructor(log: Rows, retention: RetentionOptions) {
    this.#log = log;
    this.#retention = retention;
    this.#findOldest();
    for (const key of log.getKeys({ reverse: true, limit: 1 })) this.#newest = decodeLogKey(key);
  }

  /** When something is to be taken out; some rows at a time, rather than a commit for each. */
  nextDueMs(): number | undefined {
    if (this.#oldestMs === undefined) return undefined;
    const keepMs = Math.max(this.#retention.logKeepMs, this.#retention.attemptKeepMs);
    return this.#oldestMs + keepMs + Math.ceil(keepMs / 60);
  }

  /** Begins a commit. */
  begin(nowMs: number): void {
    this.#writer = new LogWriter(nowMs);
    this.#newestNext = this.#newest;
    this.#isTrimmed = false;
  }

  add(commit: LoggedCommit): void {
    this.#writer.add(commit);
  }

  /** Writes what was added. */
  write(meta: MutableMeta): void {
    for (const { lastRevision, bytes } of this.#writer.finish()) {
      const ordinal = lastRevision === this.#newestNext?.lastRevision ? this.#newestNext.ordinal + 1 : 0;
      this.#newestNext = { lastRevision, ordinal };
      this.#log.putSync(logKey(this.#newestNext), bytes);
      meta.logBytes += bytes.length;
    }
  }

  /**
   * Takes at most `rowsMax` rows out that are too old, or too many; never those by which attempts are found again. Says whether it
   * did, and may have more to do.
   */
  trim(
    meta: MutableMeta,
    { nowMs, rowsMax }: { readonly nowMs: number; readonly rowsMax: number },
  ): 'none' | 'some' | 'all' {
    const { logKeepMs, logBytesMax, attemptKeepMs } = this.#retention;
    const isKept = (atMs: number): boolean =>
      atMs + attemptKeepMs >= nowMs || (atMs + logKeepMs >= nowMs && meta.logBytes <= logBytesMax);
    if (this.#oldestMs === undefined || isKept(this.#oldestMs)) return 'none';
    const removed: Buffer[] = [];
    for (const { key, value } of this.#log.getRange({ limit: rowsMax })) {
      if (isKept(logRowTime(value))) break;
      removed.push(key);
      meta.logBytes -= value.length;
      meta.oldestRevision = decodeLogKey(key).lastRevision;
    }
    for (const key of removed) this.#log.removeSync(key);
    this.#isTrimmed = removed.length > 0;
    return removed.length === rowsMax ? 'some' : 'all';
  }

  /** The commit stands; called on a new snapshot. */
  adopt(): void {
    this.#newest = this.#newestNext;
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
        if (commit.revision <= afterRevision || commit.changes.length === 0) continue;
        if (bytes > 0 && bytes + bytesOf(commit) > bytesMax) return { commits, through: commits.at(-1)!.revision };
        bytes += bytesOf(commit);
        commits.push(commit);
      }
    }
    return { commits, through: stored.revision };
  }

  /** Finds the attempts of the last minute again, from the end of the log back. */
  loadAttempts(attempts: AttemptTable, clockMs: number): void {
    const sinceMs = clockMs - this.#retention.attemptKeepMs;
    const rows: Buffer[] = [];
    for (const { value } of this.#log.getRange({ reverse: true })) {
      if (logRowTime(value) < sinceMs) break;
      rows.push(value);
    }
    for (const row of rows.reverse()) {
      const nowMs = logRowTime(row);
      for (const { attemptId, revision } of decodeLogRow(row)) {
        if (attemptId) attempts.add(attemptId, { revision, nowMs });
      }
    }
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
