/**
 * The engine over LMDB, the default: rows, change log, marks and the clock in one file, and one physical commit for each
 * group of transactions, flushed before it is answered. The group is judged inside LMDB's own write transaction, transaction after
 * transaction, each on what the earlier ones wrote; it runs as a child transaction, so that anything thrown takes the whole
 * group back. Costs one flush a group, some microseconds a row; a read is a look into the memory map. Fails with
 * UNAVAILABLE where there is no room (nothing was written, reads go on), and is fatal otherwise: then the process
 * must end, since nobody knows what stands.
 */
import { statfsSync } from 'node:fs';
import { ABORT } from 'lmdb';
import type { Entry, KeyRange, Revision, Transaction } from '../../proto/store';
import { AppError, assertInvariant } from '../../src/core/errors';
import type { Ids } from '../../src/core/ids';
import { readRanges } from '../collect-range';
import { EngineFailure, defaultRetention } from '../engine';
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
import { judgeTransaction } from '../judge';
import type { Effects, Judgement, StateView } from '../judge';
import { LmdbAttempts } from './lmdb-attempts';
import { DiskReserve, reserveBytes } from './lmdb-directory';
import { decodeMeta, encodeMarkRow, encodeMeta, formatByte, metaKeys } from './lmdb-format';
import type { StoreMeta, StoredHead } from './lmdb-format';
import { LmdbLog } from './lmdb-log';
import { MarkGenerations } from './lmdb-marks';
import { closeData, mapBytes, openData, pageBytes } from './lmdb-open';
import type { OpenData } from './lmdb-open';
import { UsageBook, UsageChanges } from '../usage';
import { LmdbRows } from './lmdb-rows';
import { openLmdbSnapshot } from './lmdb-snapshot';
import { changesOfRows, markScope } from '../load';
import type { DataSnapshot, LoadStep } from '../portable';

export interface LmdbEngineOptions {
  /** Of the data; made where there is none. */
  readonly directory: string;
  readonly ids: Ids;
  readonly retention?: Partial<RetentionOptions>;
  /** What the file may grow to; past it as if the disk were full. Default: 256 GiB. */
  readonly dataBytesMax?: number;
}

/** Rows that one commit at most takes out of the log, and of old marks. */
const trimRowsMax = 256;
/** A disk with less room than this is a full one. */
const fullDiskBytes = 16_777_216;

/** Opens the data of a directory. Throws UNAVAILABLE where another process has it open, INTERNAL where it is not ours or not sound. */
export async function openLmdbEngine(options: LmdbEngineOptions): Promise<Engine> {
  const { directory, ids, retention, dataBytesMax = mapBytes } = options;
  const data = await openData(directory, ids);
  return new LmdbEngine(data, { ...defaultRetention, ...retention }, dataBytesMax);
}

/** What one physical commit has done so far; it becomes the engine's own state when the commit stands. */
interface Work {
  readonly nowMs: number;
  readonly meta: { -readonly [Name in keyof StoreMeta]: StoreMeta[Name] };
  readonly commits: CommitChanges[];
  /** There is no room ahead: only what makes room is let through. */
  readonly fullDisk: AppError | undefined;
  readonly usage: UsageBook;
  /** Whether anything was written. */
  isDirty: boolean;
}

class LmdbEngine implements Engine {
  readonly name = 'lmdb';
  readonly storeId: string;
  readonly epoch: number;
  readonly #data: OpenData;
  readonly #retention: RetentionOptions;
  readonly #dataBytesMax: number;
  readonly #reserve: DiskReserve;
  readonly #rows: LmdbRows;
  readonly #log: LmdbLog;
  readonly #marks: MarkGenerations;
  readonly #attempts: LmdbAttempts;
  readonly #snapshots = new Set<DataSnapshot>();
  #meta: StoreMeta;
  #isClosed = false;

  constructor(data: OpenData, retention: RetentionOptions, dataBytesMax: number) {
    this.storeId = data.storeId;
    this.epoch = data.epoch;
    this.#data = data;
    this.#retention = retention;
    this.#dataBytesMax = dataBytesMax;
    this.#reserve = new DiskReserve(data.path);
    this.#rows = new LmdbRows(data.rows, data.due);
    this.#log = new LmdbLog(data.log, retention);
    this.#marks = new MarkGenerations(data.marks, data.meta, retention.markKeepMs);
    this.#meta = this.#storedMeta();
    const { clockMs } = this.#meta;
    this.#attempts = new LmdbAttempts(data.attempts, { keepMs: retention.attemptKeepMs, clockMs });
    this.#countUsageOnce();
    this.#letGo();
  }

  state(): EngineState {
    return this.#meta;
  }

  read(ranges: readonly KeyRange[], nowMs: number): SnapshotRead {
    return this.#onSnapshot(() => ({
      results: readRanges(ranges, (range) => this.#rows.range(range, nowMs)),
      revision: this.#storedMeta().revision,
    }));
  }

  view(keys: readonly Buffer[], nowMs: number, show: (entry: Entry) => void): Revision {
    return this.#onSnapshot(() => {
      for (const key of keys) {
        const entry = this.#rows.view(key, nowMs);
        if (entry) show(entry);
      }
      return this.#storedMeta().revision;
    });
  }

  judge(transactions: readonly Transaction[], nowMs: number): ReturnType<Engine['judge']> {
    return this.#onSnapshot(() => {
      const { revision } = this.#storedMeta();
      const view = this.#view(() => revision);
      return transactions.map((each) => this.#judge(each, view, nowMs).outcome);
    });
  }

  async apply(takeGroup: () => Group): Promise<Applied> {
    let outcomes: Applied['outcomes'] = [];
    const { work, more } = await this.#commit(takeGroup, (work, { transactions }) => {
      const view = this.#view(() => work.meta.revision, work.usage);
      outcomes = transactions.map((transaction) => {
        if (work.fullDisk && !isShrinking(transaction)) return { kind: 'failed', error: work.fullDisk };
        const { outcome, effects } = this.#judge(transaction, view, work.nowMs);
        if (effects) this.#take(work, effects);
        return outcome;
      });
      return false;
    });
    return { outcomes, commits: work.commits, revision: work.meta.revision, more };
  }

  async expire(takeNowMs: () => number, rowsMax: number): Promise<Applied> {
    const takeGroup = (): Group => ({ transactions: [], nowMs: takeNowMs() });
    const { work, more } = await this.#commit(takeGroup, (work) => this.#sweep(work, rowsMax));
    return { outcomes: [], commits: work.commits, revision: work.meta.revision, more };
  }

  nextDueMs(): number | undefined {
    const dues = [this.#rows.firstDueMs, this.#log.nextDueMs(), this.#marks.nextDueMs()];
    const dueMs = Math.min(...dues.map((each) => each ?? Infinity));
    return dueMs === Infinity ? undefined : dueMs;
  }

  readLog(afterRevision: Revision, bytesMax: number): LogPage {
    return this.#onSnapshot(() => this.#log.read(afterRevision, bytesMax, this.#storedMeta()));
  }

  snapshot(nowMs: number): DataSnapshot {
    const { markKeepMs } = this.#retention;
    const marks = { generations: this.#marks.kept(), keepMs: markKeepMs };
    const onRelease = (): void => void this.#snapshots.delete(snapshot);
    const snapshot = this.#onSnapshot(() => openLmdbSnapshot(this.#data, { nowMs, marks, onRelease }));
    this.#snapshots.add(snapshot);
    return snapshot;
  }

  async load(takeNowMs: () => number, step: LoadStep): Promise<Applied> {
    let failure: AppError | undefined;
    const takeGroup = (): Group => ({ transactions: [], nowMs: takeNowMs() });
    const { work, more } = await this.#commit(takeGroup, (work) => {
      failure = work.fullDisk;
      if (!failure) this.#takeLoad(work, step);
      return false;
    });
    if (failure) throw new EngineFailure(failure.message, { isFatal: false, cause: failure });
    return { outcomes: [], commits: work.commits, revision: work.meta.revision, more };
  }

  async close(clockMs: number): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const snapshot of this.#snapshots) snapshot.release();
    try {
      const meta = { ...this.#meta, clockMs: Math.max(clockMs, this.#meta.clockMs) };
      this.#data.meta.putSync(metaKeys.state, encodeMeta(meta));
    } catch {
      // Without room for that, the time of the last commit stands.
    }
    this.#reserve.close();
    await closeData(this.#data);
  }

  /** Data that was written before usage was counted. */
  #countUsageOnce(): void {
    const { environment, meta } = this.#data;
    if (meta.getBinary(metaKeys.usage)) return;
    environment.transactionSync(() => {
      this.#rows.recount(this.#meta.revision);
      meta.putSync(metaKeys.usage, Buffer.of(formatByte));
    });
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
      await this.#data.environment.childTransaction(() => {
        const group = takeGroup();
        try {
          work = this.#begin(group.nowMs);
          more = make(work, group);
          more = this.#finish(work) || more;
        } catch (error) {
          thrown = error;
        }
        return (thrown === undefined && work?.isDirty ? undefined : ABORT) as never;
      });
    } catch (error) {
      thrown = error;
    }
    if (thrown !== undefined) throw await this.#failureOf(thrown);
    assertInvariant(work !== undefined, 'a physical commit takes its group');
    if (work.isDirty) this.#adopt(work);
    const { firstDueMs } = this.#rows;
    if (firstDueMs !== undefined && firstDueMs <= work.nowMs) this.#onSnapshot(() => this.#rows.findFirstDue());
    return { work, more };
  }

  #begin(nowMs: number): Work {
    this.#marks.begin(nowMs);
    this.#log.begin(nowMs);
    this.#attempts.begin();
    const meta = { ...this.#meta, clockMs: Math.max(nowMs, this.#meta.clockMs) };
    const usage = new UsageBook((account) => this.#rows.usage(account));
    return { nowMs, meta, commits: [], fullDisk: this.#fullDisk(), usage, isDirty: false };
  }

  #fullDisk(): AppError | undefined {
    const { lastPageNumber } = this.#data.environment.getStats() as { readonly lastPageNumber: number };
    const cause = this.#reserve.ensure((lastPageNumber + 1) * pageBytes, this.#dataBytesMax);
    // Room that deletions have made is as good as room behind the file.
    if (!cause || this.#freePages(lastPageNumber) * pageBytes >= reserveBytes) return undefined;
    return new AppError('UNAVAILABLE', noRoom(cause.message), { cause });
  }

  /** Pages of the file that hold nothing. */
  #freePages(lastPageNumber: number): number {
    const { environment, rows, due, log, attempts, marks, meta } = this.#data;
    const whole = environment.getStats() as { readonly root: TreeStats; readonly free: TreeStats };
    const trees = [rows, due, log, attempts, marks, meta].map((each) => each.getStats() as TreeStats);
    let used = headerPages;
    for (const { treeBranchPageCount, treeLeafPageCount, overflowPages } of [whole.root, whole.free, ...trees]) {
      used += treeBranchPageCount + treeLeafPageCount + overflowPages;
    }
    return lastPageNumber + 1 - used;
  }

  #judge(transaction: Transaction, view: StateView<StoredHead>, nowMs: number): Judgement<StoredHead> {
    return judgeTransaction(transaction, view, { nowMs, marksPerScopeMax: this.#retention.marksPerScopeMax });
  }

  #take(work: Work, { revision, rows, marks, scope, changes, usage, attemptId }: Effects<StoredHead>): void {
    work.meta.revision = revision;
    for (const row of rows) this.#rows.take(row, revision);
    work.usage.take(usage);
    for (const { key, value } of marks) {
      this.#marks.put(key, encodeMarkRow({ revision, committedAtMs: work.nowMs, value }), scope);
    }
    if (attemptId) this.#attempts.add(attemptId, { revision, nowMs: work.nowMs });
    this.#record(work, { revision, changes });
    // What found nothing to do is remembered as well: done again later, it might find something.
    work.isDirty ||= rows.length > 0 || marks.length > 0 || attemptId !== undefined;
  }

  #takeLoad(work: Work, { rows, marks, floor }: LoadStep): void {
    const { meta, nowMs } = work;
    if (floor) {
      meta.revision = Math.max(meta.revision, floor.revision);
      meta.oldestRevision = meta.revision;
    }
    meta.revision += 1;
    const { revision } = meta;
    const usage = new UsageChanges();
    for (const row of rows) {
      const before = this.#rows.head(row.key);
      usage.add(row.key, before?.valueBytes, row.value.length);
      this.#rows.take({ ...row, before }, revision);
    }
    work.usage.take(usage.all());
    for (const mark of marks) {
      if (!this.#marks.find(mark.key, nowMs)) this.#marks.put(mark.key, encodeMarkRow(mark), markScope(mark.key));
    }
    this.#record(work, { revision, changes: changesOfRows(rows, revision) });
    work.isDirty = true;
  }

  #sweep(work: Work, rowsMax: number): boolean {
    const revision = work.meta.revision + 1;
    const { changes, looked, removed, usage } = this.#rows.sweep(work.nowMs, { revision, rowsMax });
    if (removed > 0) work.meta.revision = revision;
    work.usage.take(usage);
    this.#record(work, { revision, changes });
    work.isDirty ||= looked > 0;
    return looked === rowsMax;
  }

  #record(work: Work, commit: CommitChanges): void {
    if (commit.changes.length === 0) return;
    this.#log.add(commit);
    work.commits.push(commit);
  }

  /** Writes what belongs to every commit: usage, log, counts of marks, the state itself; drops what is no longer kept. */
  #finish(work: Work): boolean {
    const oldMarks = this.#marks.dropOld(trimRowsMax);
    const oldLog = this.#log.trim(work.meta, { nowMs: work.nowMs, rowsMax: trimRowsMax });
    work.isDirty ||= oldMarks !== 'none' || oldLog !== 'none';
    if (!work.isDirty) return false;
    this.#rows.bill(work.usage, work.meta.revision);
    this.#log.write(work.meta);
    this.#attempts.write(work.nowMs);
    this.#marks.writeCounts();
    this.#data.meta.putSync(metaKeys.state, encodeMeta(work.meta));
    return oldMarks === 'some' || oldLog === 'some';
  }

  /** The commit stands. */
  #adopt(work: Work): void {
    this.#meta = work.meta;
    this.#marks.adopt();
    this.#onSnapshot(() => this.#log.adopt());
    this.#attempts.adopt();
  }

  /** What a failed commit means: where the disk was full and the state is the one before, nothing was written. */
  async #failureOf(thrown: unknown): Promise<EngineFailure> {
    this.#marks.abandon();
    this.#attempts.begin();
    const { commitError } = thrown as { readonly commitError?: Promise<unknown> };
    const cause = commitError ? await commitError.catch((error: unknown) => error) : thrown;
    const message = cause instanceof Error ? cause.message : String(cause);
    const isUnchanged = this.#onSnapshot(() => this.#storedMeta().revision) === this.#meta.revision;
    if (isUnchanged && this.#isForWantOfRoom(cause))
      return new EngineFailure(noRoom(message), { isFatal: false, cause });
    return new EngineFailure(`a commit failed: ${message}`, { isFatal: true, cause });
  }

  /** LMDB calls a write that was cut short for want of room an input/output error. */
  #isForWantOfRoom(cause: unknown): boolean {
    const { code } = cause as { readonly code?: unknown };
    if (typeof code === 'number' && wantsOfRoom.has(code)) return true;
    const { bavail, bsize } = statfsSync(this.#data.path);
    return code === inputOutputError && bavail * bsize < fullDiskBytes;
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
    // Not in lmdb's types, but what they say to call: reads see what stood when their snapshot was taken.
    (this.#data.environment as unknown as { resetReadTxn(): void }).resetReadTxn();
  }

  #storedMeta(): StoreMeta {
    const row = this.#data.meta.getBinaryFast(metaKeys.state);
    return row ? decodeMeta(row) : { revision: 0, clockMs: 0, oldestRevision: 0, logBytes: 0 };
  }

  #view(revision: () => Revision, book?: UsageBook): StateView<StoredHead> {
    return {
      get revision() {
        return revision();
      },
      head: (key) => this.#rows.head(key),
      entry: (key) => this.#rows.entry(key)!,
      mark: (key, nowMs) => this.#marks.find(key, nowMs),
      marksOfScope: (scope) => this.#marks.countOf(scope),
      attempt: (attemptId) => this.#attempts.find(attemptId),
      usage: (scope) => (book ? book.of(scope) : this.#rows.usage(scope)),
    };
  }
}

/** Of one of LMDB's trees, in pages. */
interface TreeStats {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

/** The first two pages of the file. */
const headerPages = 2;
const inputOutputError = 5;
/** ENOSPC, EDQUOT, and LMDB's own MDB_MAP_FULL. */
const wantsOfRoom: ReadonlySet<number> = new Set([28, 122, -30792]);

function noRoom(reason: string): string {
  return `storage has no room left: ${reason}; nothing was written`;
}

/** Whether it only takes away. */
function isShrinking({ writes, marks }: Transaction): boolean {
  return (marks?.length ?? 0) === 0 && writes.every(({ kind }) => kind === 'delete');
}
