/**
 * The engine over LMDB, the default: rows, change log, marks and the clock in one file, and one physical commit for each
 * group of transactions, flushed before it is answered. The group is judged inside LMDB's own write transaction, transaction after
 * transaction, each on what the earlier ones wrote; it runs as a child transaction, so that anything thrown takes the whole
 * group back. Costs one flush a group, some microseconds a row; a read is a look into the memory map. Fails with
 * UNAVAILABLE where there is no room (nothing was written, reads go on), and is fatal otherwise: then the process
 * must end, since nobody knows what stands.
 */
import { statfsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Database, RootDatabase } from 'lmdb';
import { ABORT, open } from 'lmdb';
import type { Change, Entry, KeyRange, RangeResult, Revision, Transaction } from '../../proto/store';
import { AppError, assertInvariant } from '../../src/core/errors';
import type { Ids } from '../../src/core/ids';
import { readUint64, uint64 } from '../../src/core/tuple';
import { AttemptTable } from '../attempt-table';
import type { FoundRow } from '../collect-range';
import { collectRange, isEmptyRange } from '../collect-range';
import { EngineFailure, defaultRetention, historyGone } from '../engine';
import type {
  Applied,
  CommitChanges,
  Engine,
  EngineState,
  Group,
  LogPage,
  RetentionOptions,
  SnapshotRead,
} from '../engine';
import { isExpired, judgeTransaction, removal } from '../judge';
import type { PastAttempt, StateView } from '../judge';
import { DiskReserve, completeDirectory, isOtherProcess, ownOwner, prepareDirectory } from './lmdb-directory';
import type { Owner } from './lmdb-directory';
import {
  decodeDueKey,
  decodeHead,
  decodeLogKey,
  decodeLogRow,
  decodeMarkRow,
  decodeMeta,
  dueKey,
  encodeMarkRow,
  encodeMeta,
  encodeRow,
  formatByte,
  logKey,
  logRowTime,
  LogWriter,
  markKey,
  metaKeys,
  requireFormat,
  valueOffset,
} from './lmdb-format';
import type { LogPlace, StoreMeta, StoredHead } from './lmdb-format';
import { MarkGenerations } from './lmdb-marks';

export interface LmdbEngineOptions {
  /** Of the data; made where there is none. */
  readonly directory: string;
  readonly ids: Ids;
  readonly retention?: Partial<RetentionOptions>;
  /** What the file may grow to; past it as if the disk were full. Default: 256 GiB. */
  readonly dataBytesMax?: number;
}

type Rows = Database<Buffer, Buffer>;

/** Address space for the map, which is neither memory nor disk. */
const mapBytes = 274_877_906_944;
const pageBytes = 4_096;
/** Rows that one commit at most takes out of the log, and of old marks. */
const trimRowsMax = 256;

const noValue = Buffer.alloc(0);
const openDirectories = new Set<string>();

/** Opens the data of a directory. Throws UNAVAILABLE where another process has it open, INTERNAL where it is not ours or not sound. */
export async function openLmdbEngine(options: LmdbEngineOptions): Promise<Engine> {
  const { directory, ids, dataBytesMax = mapBytes } = options;
  const retention = { ...defaultRetention, ...options.retention };
  const path = resolve(directory);
  if (openDirectories.has(path)) throw inUse(path, 'this process');
  const mark = prepareDirectory(path, ids);
  openDirectories.add(path);
  let environment: RootDatabase<Buffer, Buffer> | undefined;
  try {
    environment = open<Buffer, Buffer>({
      path,
      noSubdir: false,
      pageSize: pageBytes,
      mapSize: mapBytes,
      maxDbs: 12,
      // Else an answer would come before its flush.
      overlappingSync: false,
      eventTurnBatching: false,
      commitDelay: 0,
    });
    const files = openFiles(environment);
    const epoch = claim(environment, files.meta, path);
    completeDirectory(path, mark);
    return new LmdbEngine({
      path,
      environment,
      files,
      storeId: mark.storeId,
      epoch,
      retention,
      dataBytesMax,
    });
  } catch (error) {
    openDirectories.delete(path);
    await environment?.close();
    if (error instanceof AppError) throw error;
    throw new AppError('INTERNAL', `the data in ${path} cannot be opened: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

interface Files {
  readonly rows: Rows;
  readonly due: Rows;
  readonly log: Rows;
  readonly marks: Rows;
  readonly meta: Rows;
}

function openFiles(environment: RootDatabase<Buffer, Buffer>): Files {
  const file = (name: string): Rows =>
    environment.openDB<Buffer, Buffer>({ name, keyEncoding: 'binary', encoding: 'binary' });
  return { rows: file('rows'), due: file('due'), log: file('log'), marks: file('marks'), meta: file('meta') };
}

/** Makes this process the owner of the data, and begins its next epoch. */
function claim(environment: RootDatabase<Buffer, Buffer>, meta: Rows, path: string): number {
  // Once before the writer's lock: a process that stands still may hold it.
  refuseOther(meta, path);
  return environment.transactionSync(() => {
    const epoch = refuseOther(meta, path) + 1;
    meta.putSync(metaKeys.owner, encodeOwner({ ...ownOwner(), epoch }));
    return epoch;
  });
}

/** The epoch of the last owner. Throws UNAVAILABLE where it lives. */
function refuseOther(meta: Rows, path: string): number {
  const row = meta.getBinary(metaKeys.owner);
  if (!row) return 0;
  requireFormat(row, 'the row of the owner');
  const owner = JSON.parse(row.toString('utf8', 1)) as Owner & { readonly epoch: number };
  if (owner.pid !== 0 && isOtherProcess(owner)) throw inUse(path, `process ${owner.pid}`);
  return owner.epoch;
}

function encodeOwner(owner: Owner & { readonly epoch: number }): Buffer {
  return Buffer.concat([Buffer.of(formatByte), Buffer.from(JSON.stringify(owner))]);
}

function inUse(path: string, by: string): AppError {
  const advice = 'stop that one, or choose another directory';
  return new AppError('UNAVAILABLE', `the data directory ${path} is in use by ${by}: ${advice}`);
}

interface LmdbEngineParts {
  readonly path: string;
  readonly environment: RootDatabase<Buffer, Buffer>;
  readonly files: Files;
  readonly storeId: string;
  readonly epoch: number;
  readonly retention: RetentionOptions;
  readonly dataBytesMax: number;
}

/** What one physical commit has done so far; it becomes the engine's own state when the commit stands. */
interface Work {
  readonly nowMs: number;
  readonly meta: { -readonly [Name in keyof StoreMeta]: StoreMeta[Name] };
  readonly log: LogWriter;
  readonly commits: CommitChanges[];
  readonly attempts: Map<string, PastAttempt & { readonly id: Buffer }>;
  newestLogRow: LogPlace | undefined;
  /** There is no room ahead: only what makes room is let through. */
  readonly fullDisk: AppError | undefined;
  /** Whether anything was written. */
  isDirty: boolean;
}

class LmdbEngine implements Engine {
  readonly name = 'lmdb';
  readonly storeId: string;
  readonly epoch: number;
  readonly #path: string;
  readonly #environment: RootDatabase<Buffer, Buffer>;
  readonly #files: Files;
  readonly #retention: RetentionOptions;
  readonly #dataBytesMax: number;
  readonly #reserve: DiskReserve;
  readonly #attempts: AttemptTable;
  readonly #marks: MarkGenerations;
  #meta: StoreMeta;
  #oldestLogMs: number | undefined;
  #newestLogRow: LogPlace | undefined;
  #firstDueMs: number | undefined;
  #isClosed = false;

  constructor({ path, environment, files, storeId, epoch, retention, dataBytesMax }: LmdbEngineParts) {
    this.#path = path;
    this.#environment = environment;
    this.#files = files;
    this.storeId = storeId;
    this.epoch = epoch;
    this.#retention = retention;
    this.#dataBytesMax = dataBytesMax;
    this.#reserve = new DiskReserve(path);
    this.#attempts = new AttemptTable(retention.attemptKeepMs);
    this.#marks = new MarkGenerations(files.marks, files.meta, retention.markKeepMs);
    this.#meta = this.#storedMeta();
    this.#loadAttempts();
    this.#oldestLogMs = this.#findOldestLog();
    this.#newestLogRow = this.#findNewestLogRow();
    this.#firstDueMs = this.#findFirstDue();
    this.#letGo();
  }

  state(): EngineState {
    return this.#meta;
  }

  read(ranges: readonly KeyRange[], nowMs: number): SnapshotRead {
    return this.#onSnapshot(() => ({
      results: ranges.map((range) => this.#readRange(range, nowMs)),
      revision: this.#storedMeta().revision,
    }));
  }

  judge(transactions: readonly Transaction[], nowMs: number): ReturnType<Engine['judge']> {
    return this.#onSnapshot(() => {
      const view = this.#view(() => this.#storedMeta().revision, undefined);
      const at = { nowMs, marksPerScopeMax: this.#retention.marksPerScopeMax };
      return transactions.map((each) => judgeTransaction(each, view, at).outcome);
    });
  }

  async apply(takeGroup: () => Group): Promise<Applied> {
    let outcomes: Applied['outcomes'] = [];
    const { work, more } = await this.#commit(takeGroup, (work, { transactions }) => {
      const view = this.#view(() => work.meta.revision, work);
      const at = { nowMs: work.nowMs, marksPerScopeMax: this.#retention.marksPerScopeMax };
      outcomes = transactions.map((transaction) => {
        if (work.fullDisk && !isShrinking(transaction)) return { kind: 'failed', error: work.fullDisk };
        const { outcome, effects } = judgeTransaction(transaction, view, at);
        if (effects) this.#take(work, effects);
        return outcome;
      });
      return false;
    });
    return { outcomes, commits: work.commits, revision: work.meta.revision, more };
  }

  async expire(takeNowMs: () => number, rowsMax: number): Promise<Applied> {
    const { work, more } = await this.#commit(
      () => ({ transactions: [], nowMs: takeNowMs() }),
      (work) => this.#sweep(work, rowsMax),
    );
    return { outcomes: [], commits: work.commits, revision: work.meta.revision, more };
  }

  nextDueMs(): number | undefined {
    const { logKeepMs, attemptKeepMs } = this.#retention;
    const keepMs = Math.max(logKeepMs, attemptKeepMs);
    // Some rows of the log at a time, rather than a commit for each.
    const trimMs = this.#oldestLogMs !== undefined ? this.#oldestLogMs + keepMs + Math.ceil(keepMs / 60) : Infinity;
    const dueMs = Math.min(this.#firstDueMs ?? Infinity, trimMs, this.#marks.nextDueMs() ?? Infinity);
    return dueMs === Infinity ? undefined : dueMs;
  }

  readLog(afterRevision: Revision, bytesMax: number): LogPage {
    return this.#onSnapshot(() => {
      const stored = this.#storedMeta();
      if (afterRevision > stored.revision || afterRevision < stored.oldestRevision)
        throw historyGone(afterRevision, stored);
      const commits: CommitChanges[] = [];
      let bytes = 0;
      for (const { value } of this.#files.log.getRange({ start: uint64(afterRevision + 1) })) {
        for (const commit of decodeLogRow(value)) {
          if (commit.revision <= afterRevision || commit.changes.length === 0) continue;
          if (bytes > 0 && bytes + bytesOf(commit) > bytesMax) return { commits, through: commits.at(-1)!.revision };
          bytes += bytesOf(commit);
          commits.push(commit);
        }
      }
      return { commits, through: stored.revision };
    });
  }

  async close(clockMs: number): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      this.#environment.transactionSync(() => {
        const clock = Math.max(clockMs, this.#meta.clockMs);
        this.#files.meta.putSync(metaKeys.state, encodeMeta({ ...this.#meta, clockMs: clock }));
        this.#files.meta.putSync(metaKeys.owner, encodeOwner({ pid: 0, startTicks: undefined, epoch: this.epoch }));
      });
    } catch {
      // Without room for that, the next start finds this process gone, and the time of the last commit.
    }
    this.#reserve.close();
    openDirectories.delete(this.#path);
    await this.#environment.close();
  }

  // --- one physical commit -----------------------------------------------------------------------------------------

  /**
   * Runs `make` inside a write transaction and commits what it did; it answers whether there is more to do. The group is taken
   * when the transaction has begun, after the commit before it.
   */
  async #commit(
    takeGroup: () => Group,
    make: (work: Work, group: Group) => boolean,
  ): Promise<{ work: Work; more: boolean }> {
    let work: Work | undefined;
    let more = false;
    let thrown: unknown;
    try {
      await this.#environment.childTransaction(() => {
        const group = takeGroup();
        work = this.#begin(group.nowMs);
        try {
          more = make(work, group);
          more = this.#finish(work) || more;
        } catch (error) {
          thrown = error;
        }
        return (thrown === undefined && work.isDirty ? undefined : ABORT) as never;
      });
    } catch (error) {
      throw await this.#failureOf(error);
    }
    if (thrown !== undefined) throw thrown instanceof EngineFailure ? thrown : await this.#failureOf(thrown);
    assertInvariant(work !== undefined, 'a physical commit takes its group');
    if (work.isDirty) this.#adopt(work);
    if (this.#firstDueMs !== undefined && this.#firstDueMs <= work.nowMs) {
      this.#firstDueMs = this.#onSnapshot(() => this.#findFirstDue());
    }
    return { work, more };
  }

  #begin(nowMs: number): Work {
    this.#marks.begin(nowMs);
    const clockMs = Math.max(nowMs, this.#meta.clockMs);
    return {
      nowMs,
      meta: { ...this.#meta, clockMs },
      log: new LogWriter(nowMs),
      commits: [],
      attempts: new Map(),
      newestLogRow: this.#newestLogRow,
      fullDisk: this.#fullDisk(),
      isDirty: false,
    };
  }

  #fullDisk(): AppError | undefined {
    const { lastPageNumber } = this.#environment.getStats() as { readonly lastPageNumber: number };
    const cause = this.#reserve.ensure((lastPageNumber + 1) * pageBytes);
    return (
      cause && new AppError('UNAVAILABLE', `storage has no room left: ${cause.message}; nothing was written`, { cause })
    );
  }

  #take(work: Work, { revision, rows, marks, scope, changes, attemptId }: Effects): void {
    work.meta.revision = revision;
    for (const { key, value, expiresAtMs, history } of rows) {
      if (value === undefined) this.#removeRow(key);
      else this.#putRow(key, value, { revision, expiresAtMs, history });
    }
    for (const { key, value } of marks) {
      this.#marks.put(key, encodeMarkRow({ revision, committedAtMs: work.nowMs, value }), scope);
    }
    if (attemptId) work.attempts.set(nameOf(attemptId), { id: attemptId, revision, nowMs: work.nowMs });
    if (changes.length > 0 || attemptId) work.log.add({ revision, changes, attemptId });
    if (changes.length > 0) work.commits.push({ revision, changes });
    // What found nothing to do is remembered as well: done again later, it might find something.
    work.isDirty ||= rows.length > 0 || marks.length > 0 || attemptId !== undefined;
  }

  #putRow(key: Buffer, value: Buffer, head: Omit<StoredHead, 'dueMs'>): void {
    const dueBeforeMs = this.#head(key)?.dueMs ?? 0;
    // A due row that comes early enough stays: the sweeper files it anew, so that a longer life costs no write here.
    const isFiled = dueBeforeMs !== 0 && head.expiresAtMs !== 0 && dueBeforeMs <= head.expiresAtMs;
    if (dueBeforeMs !== 0 && !isFiled) this.#files.due.removeSync(dueKey(dueBeforeMs, key));
    if (head.expiresAtMs !== 0 && !isFiled) this.#fileDue(key, head.expiresAtMs);
    this.#files.rows.putSync(key, encodeRow({ ...head, dueMs: isFiled ? dueBeforeMs : head.expiresAtMs }, value));
  }

  #fileDue(key: Buffer, dueMs: number): void {
    this.#files.due.putSync(dueKey(dueMs, key), noValue);
    this.#firstDueMs = Math.min(this.#firstDueMs ?? Infinity, dueMs);
  }

  #removeRow(key: Buffer): void {
    const head = this.#head(key);
    if (!head) return;
    if (head.dueMs !== 0) this.#files.due.removeSync(dueKey(head.dueMs, key));
    this.#files.rows.removeSync(key);
  }

  /** Looks at the rows that are due: what has expired goes, what was given a longer life is filed anew. */
  #sweep(work: Work, rowsMax: number): boolean {
    const due = [...this.#files.due.getKeys({ end: uint64(work.nowMs + 1), limit: rowsMax })].map((key) =>
      decodeDueKey(Buffer.from(key)),
    );
    const revision = work.meta.revision + 1;
    const changes: Change[] = [];
    let hasRemoved = false;
    for (const { dueMs, key } of due) {
      this.#files.due.removeSync(dueKey(dueMs, key));
      const row = this.#files.rows.getBinary(key);
      const head = row && decodeHead(row);
      if (!head || head.dueMs !== dueMs) continue;
      if (isExpired(head, work.nowMs)) {
        this.#files.rows.removeSync(key);
        hasRemoved = true;
        if (head.history !== 'none') changes.push(removal('expire', key, revision));
      } else {
        this.#fileDue(key, head.expiresAtMs);
        this.#files.rows.putSync(key, encodeRow({ ...head, dueMs: head.expiresAtMs }, row.subarray(valueOffset(row))));
      }
    }
    if (hasRemoved) work.meta.revision = revision;
    if (changes.length > 0) {
      changes.sort((a, b) => Buffer.compare(a.key, b.key));
      work.log.add({ revision, changes, attemptId: undefined });
      work.commits.push({ revision, changes });
    }
    work.isDirty ||= due.length > 0;
    return due.length === rowsMax;
  }

  /** Writes what belongs to every commit: log, counts of marks, the state itself; trims what is no longer kept. */
  #finish(work: Work): boolean {
    const hasOldMarks = this.#marks.dropOld(trimRowsMax);
    const isTrimming = this.#trim(work);
    work.isDirty ||= hasOldMarks !== 'none' || isTrimming !== 'none';
    if (!work.isDirty) return false;
    for (const { lastRevision, bytes } of work.log.finish()) {
      const ordinal = lastRevision === work.newestLogRow?.lastRevision ? work.newestLogRow.ordinal + 1 : 0;
      work.newestLogRow = { lastRevision, ordinal };
      this.#files.log.putSync(logKey(work.newestLogRow), bytes);
      work.meta.logBytes += bytes.length;
    }
    this.#marks.writeCounts();
    this.#files.meta.putSync(metaKeys.state, encodeMeta(work.meta));
    return hasOldMarks === 'some' || isTrimming === 'some';
  }

  /** Takes rows out of the log that are too old, or too many; never those by which attempts are found again. */
  #trim(work: Work): 'none' | 'some' | 'all' {
    const { logKeepMs, logBytesMax, attemptKeepMs } = this.#retention;
    const isKept = (atMs: number): boolean =>
      atMs + attemptKeepMs >= work.nowMs || (atMs + logKeepMs >= work.nowMs && work.meta.logBytes <= logBytesMax);
    if (this.#oldestLogMs === undefined || isKept(this.#oldestLogMs)) return 'none';
    const removed: Buffer[] = [];
    for (const { key, value } of this.#files.log.getRange({ limit: trimRowsMax })) {
      if (isKept(logRowTime(value))) break;
      removed.push(key);
      work.meta.logBytes -= value.length;
      work.meta.oldestRevision = decodeLogKey(key).lastRevision;
    }
    for (const key of removed) this.#files.log.removeSync(key);
    return removed.length === trimRowsMax ? 'some' : 'all';
  }

  /** The commit stands. */
  #adopt(work: Work): void {
    const isTrimmed = work.meta.oldestRevision !== this.#meta.oldestRevision;
    this.#meta = work.meta;
    this.#newestLogRow = work.newestLogRow;
    this.#marks.adopt();
    for (const { id, revision, nowMs } of work.attempts.values()) this.#attempts.add(id, { revision, nowMs });
    if (isTrimmed || this.#oldestLogMs === undefined) {
      this.#oldestLogMs = this.#onSnapshot(() => this.#findOldestLog());
    }
  }

  /** What a failed commit means: where the disk was full and the state is the one before, nothing was written. */
  async #failureOf(thrown: unknown): Promise<EngineFailure> {
    this.#marks.abandon();
    const { commitError } = thrown as { readonly commitError?: Promise<unknown> };
    const cause = commitError ? await commitError.catch((error: unknown) => error) : thrown;
    const message = cause instanceof Error ? cause.message : String(cause);
    const isUnchanged = this.#onSnapshot(() => this.#storedMeta().revision) === this.#meta.revision;
    if (isUnchanged && this.#isForWantOfRoom(cause)) {
      return new EngineFailure(`storage has no room left: ${message}; nothing was written`, { isFatal: false, cause });
    }
    return new EngineFailure(`a commit failed: ${message}`, { isFatal: true, cause });
  }

  /** LMDB calls a write that was cut short for want of room an input/output error. */
  #isForWantOfRoom(cause: unknown): boolean {
    const { code } = cause as { readonly code?: unknown };
    if (code === 28 || code === 'ENOSPC' || code === 122 || code === -30792) return true;
    const { bavail, bsize } = statfsSync(this.#path);
    return code === 5 && bavail * bsize < 16_777_216;
  }

  // --- looking at what stands --------------------------------------------------------------------------------------

  /** A new snapshot, let go of afterwards: one that is held keeps LMDB from using free pages again. */
  #onSnapshot<Result>(look: () => Result): Result {
    if (this.#isClosed) throw new AppError('UNAVAILABLE', 'the store is closed');
    this.#letGo();
    try {
      return look();
    } finally {
      this.#letGo();
    }
  }

  #letGo(): void {
    (this.#environment as unknown as { resetReadTxn(): void }).resetReadTxn();
  }

  #storedMeta(): StoreMeta {
    const row = this.#files.meta.getBinaryFast(metaKeys.state);
    return row ? decodeMeta(row) : { revision: 0, clockMs: 0, oldestRevision: 0, logBytes: 0 };
  }

  #view(revision: () => Revision, work: Work | undefined): StateView {
    return {
      get revision() {
        return revision();
      },
      head: (key) => this.#head(key),
      entry: (key) => this.#entry(key)!,
      mark: (key, nowMs) => this.#mark(key, nowMs),
      marksOfScope: (scope) => this.#marks.countOf(scope),
      attempt: (attemptId) => work?.attempts.get(nameOf(attemptId)) ?? this.#attempts.find(attemptId),
    };
  }

  #head(key: Buffer): StoredHead | undefined {
    const row = this.#files.rows.getBinaryFast(key);
    return row && decodeHead(row);
  }

  #entry(key: Buffer): Entry | undefined {
    const row = this.#files.rows.getBinaryFast(key);
    if (!row) return undefined;
    const { revision, expiresAtMs } = decodeHead(row);
    return { key, value: copyOf(row, valueOffset(row)), revision, expiresAtMs };
  }

  #mark(key: Buffer, nowMs: number): ReturnType<StateView['mark']> {
    for (const generation of this.#marks.kept()) {
      const row = this.#files.marks.getBinary(markKey(generation, key));
      const mark = row && decodeMarkRow(row);
      if (mark && mark.committedAtMs + this.#retention.markKeepMs > nowMs) return { key, ...mark };
    }
    return undefined;
  }

  #readRange(range: KeyRange, nowMs: number): RangeResult {
    const { start, end, keysOnly = false } = range;
    if (end !== undefined)
      return isEmptyRange(range) ? { entries: [], more: false } : collectRange(this.#rowsIn(range, end), range, nowMs);
    const entry = this.#entry(start);
    if (!entry || isExpired(entry, nowMs)) return { entries: [], more: false };
    return { entries: [keysOnly ? { ...entry, value: noValue } : entry], more: false };
  }

  *#rowsIn({ start, reverse = false }: KeyRange, end: Buffer): Generator<FoundRow> {
    // Backwards LMDB begins at its start inclusive, and ends before its end.
    const bounds = reverse
      ? { start: end, end: start, reverse, exclusiveStart: true, inclusiveEnd: true }
      : { start, end };
    for (const { key, value: row } of this.#files.rows.getRange(bounds)) {
      const offset = valueOffset(row);
      yield { key, head: decodeHead(row), valueBytes: row.length - offset, value: () => row.subarray(offset) };
    }
  }

  #findOldestLog(): number | undefined {
    for (const { value } of this.#files.log.getRange({ limit: 1 })) return logRowTime(value);
    return undefined;
  }

  #findNewestLogRow(): LogPlace | undefined {
    for (const key of this.#files.log.getKeys({ reverse: true, limit: 1 })) return decodeLogKey(key);
    return undefined;
  }

  #findFirstDue(): number | undefined {
    for (const key of this.#files.due.getKeys({ limit: 1 })) return readUint64(key);
    return undefined;
  }

  /** Finds the attempts of the last minute again, from the end of the log back. */
  #loadAttempts(): void {
    const sinceMs = this.#meta.clockMs - this.#retention.attemptKeepMs;
    const rows: Buffer[] = [];
    for (const { value } of this.#files.log.getRange({ reverse: true })) {
      if (logRowTime(value) < sinceMs) break;
      rows.push(value);
    }
    for (const row of rows.reverse()) {
      const nowMs = logRowTime(row);
      for (const { attemptId, revision } of decodeLogRow(row)) {
        if (attemptId) this.#attempts.add(attemptId, { revision, nowMs });
      }
    }
  }
}

type Effects = NonNullable<ReturnType<typeof judgeTransaction>['effects']>;

const changeOverheadBytes = 32;

function bytesOf({ changes }: CommitChanges): number {
  let bytes = 0;
  for (const { key, value } of changes) bytes += changeOverheadBytes + key.length + (value?.length ?? 0);
  return bytes;
}

/** Whether it only takes away. */
function isShrinking({ writes, marks }: Transaction): boolean {
  return (marks?.length ?? 0) === 0 && writes.every(({ kind }) => kind === 'delete');
}

/** Fast reads give a buffer that the next one uses again. */
function copyOf(row: Buffer, from: number): Buffer {
  const copy = Buffer.allocUnsafe(row.length - from);
  row.copy(copy, 0, from, row.length);
  return copy;
}

function nameOf(key: Buffer): string {
  return key.toString('latin1');
}
