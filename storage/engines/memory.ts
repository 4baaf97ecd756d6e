/**
 * The engine that keeps everything in memory: the executable specification of the others, for tests and for trying things
 * out. Rows in a map with a sorted list of their keys, so that a new key costs a shift of that list; the log in a list.
 * Nothing fails, and nothing is left at the end.
 */
import type { Change, Entry, KeyRange, MarkEntry, Revision, Transaction } from '../../proto/store';
import { AttemptTable } from '../attempt-table';
import type { FoundRow } from '../collect-range';
import { collectRange, isEmptyRange, readRanges } from '../collect-range';
import { defaultRetention, historyGone } from '../engine';
import type { Applied, CommitChanges, Engine, EngineState, Group, LogPage, RetentionOptions } from '../engine';
import { decodeUsage, encodeUsage, noUsage, usageKey } from '../../src/core/usage';
import type { Usage } from '../../src/core/usage';
import { isExpired, judgeTransaction, removal } from '../judge';
import type { Effects, RowHead, StateView } from '../judge';
import { changesOfRows, isInSpan, markScope, pagesOf } from '../load';
import type { DataSnapshot, LoadStep } from '../portable';
import { UsageBook, UsageChanges } from '../usage';
import type { UsageChange } from '../usage';

export interface MemoryEngineOptions {
  /** Default: 'memory'. */
  readonly storeId?: string;
  readonly retention?: Partial<RetentionOptions>;
}

interface Row extends RowHead {
  readonly key: Buffer;
  readonly value: Buffer;
}

interface KeptMark extends MarkEntry {
  readonly scope: string;
}

interface LogEntry extends CommitChanges {
  readonly atMs: number;
  readonly bytes: number;
}

const nameOf = (key: Buffer): string => key.toString('latin1');
const commitOverheadBytes = 32;

export function makeMemoryEngine(options: MemoryEngineOptions = {}): Engine {
  return new MemoryEngine(options.storeId ?? 'memory', { ...defaultRetention, ...options.retention });
}

class MemoryEngine implements Engine {
  readonly name = 'memory';
  readonly storeId: string;
  readonly epoch = 1;
  readonly #retention: RetentionOptions;
  readonly #rows = new Map<string, Row>();
  /** The names of all rows, in byte order (that of latin1 strings). */
  readonly #names: string[] = [];
  /** Rows with an expiry. */
  readonly #mortal = new Set<string>();
  #nextDueMs = Infinity;
  readonly #marks = new Map<string, KeptMark>();
  readonly #marksOfScope = new Map<string, number>();
  readonly #attempts: AttemptTable;
  readonly #log: LogEntry[] = [];
  #logBytes = 0;
  #revision: Revision = 0;
  #oldestRevision: Revision = 0;
  #clockMs = 0;

  constructor(storeId: string, retention: RetentionOptions) {
    this.storeId = storeId;
    this.#retention = retention;
    this.#attempts = new AttemptTable(retention.attemptKeepMs);
  }

  state(): EngineState {
    return { revision: this.#revision, oldestRevision: this.#oldestRevision, clockMs: this.#clockMs };
  }

  read(ranges: readonly KeyRange[], nowMs: number): ReturnType<Engine['read']> {
    return {
      results: readRanges(ranges, (range) => collectRange(this.#rowsIn(range), range, nowMs)),
      revision: this.#revision,
    };
  }

  view(keys: readonly Buffer[], nowMs: number, show: (entry: Entry) => void): Revision {
    for (const key of keys) {
      const row = this.#rows.get(nameOf(key));
      if (row && !isExpired(row, nowMs)) {
        // Spoilt afterwards, as another engine uses the same memory for the next row.
        const value = Buffer.from(row.value);
        show({ key, value, revision: row.revision, expiresAtMs: row.expiresAtMs });
        value.fill(0xff);
      }
    }
    return this.#revision;
  }

  judge(transactions: readonly Transaction[], nowMs: number): ReturnType<Engine['judge']> {
    return transactions.map((each) => this.#judge(each, nowMs).outcome);
  }

  apply(takeGroup: () => Group): Promise<Applied> {
    const { transactions, nowMs } = takeGroup();
    this.#clockMs = Math.max(this.#clockMs, nowMs);
    this.#dropMarks(nowMs);
    const commits: CommitChanges[] = [];
    const outcomes = transactions.map((transaction) => {
      const { outcome, effects } = this.#judge(transaction, nowMs);
      if (effects) commits.push(...this.#take(effects, nowMs));
      return outcome;
    });
    const more = this.#trim(nowMs);
    return Promise.resolve({ outcomes, commits, revision: this.#revision, more });
  }

  expire(takeNowMs: () => number, rowsMax: number): Promise<Applied> {
    const nowMs = takeNowMs();
    this.#clockMs = Math.max(this.#clockMs, nowMs);
    this.#dropMarks(nowMs);
    const due = [...this.#mortal].map((name) => this.#rows.get(name)!).filter((row) => isExpired(row, nowMs));
    due.sort((a, b) => a.expiresAtMs - b.expiresAtMs);
    const swept = due.slice(0, rowsMax);
    const changes: Change[] = [];
    const usage = new UsageChanges();
    for (const row of swept) {
      this.#remove(nameOf(row.key));
      usage.add(row.key, row.valueBytes, undefined);
      if (row.history !== 'none') changes.push(removal('expire', row.key, this.#revision + 1));
    }
    if (swept.length > 0) this.#revision += 1;
    this.#bill(usage.all());
    const commits = this.#record(
      changes.sort((a, b) => Buffer.compare(a.key, b.key)),
      nowMs,
    );
    this.#findNextDue();
    const more = this.#trim(nowMs) || due.length > swept.length;
    return Promise.resolve({ outcomes: [], commits, revision: this.#revision, more });
  }

  nextDueMs(): number | undefined {
    const logDueMs = this.#log.length > 0 ? this.#log[0]!.atMs + this.#retention.logKeepMs + 1 : Infinity;
    const dueMs = Math.min(this.#nextDueMs, logDueMs);
    return dueMs === Infinity ? undefined : dueMs;
  }

  readLog(afterRevision: Revision, bytesMax: number): LogPage {
    if (afterRevision > this.#revision || afterRevision < this.#oldestRevision) {
      throw historyGone(afterRevision, this.state());
    }
    const commits: LogEntry[] = [];
    let bytes = 0;
    for (let at = this.#logIndexAfter(afterRevision); at < this.#log.length; at += 1) {
      const commit = this.#log[at]!;
      if (bytes > 0 && bytes + commit.bytes > bytesMax) {
        return { commits, through: commits.at(-1)!.revision };
      }
      bytes += commit.bytes;
      commits.push(commit);
    }
    return { commits, through: this.#revision };
  }

  snapshot(nowMs: number): DataSnapshot {
    // Rows and marks are never changed, only replaced: two lists are a snapshot.
    const rows = this.#names.map((name) => this.#rows.get(name)!).filter((row) => !isExpired(row, nowMs));
    const marks = [...this.#marks.values()].filter((mark) => this.#isKept(mark, nowMs));
    return {
      revision: this.#revision,
      nowMs,
      rowsAbout: rows.length,
      rows: (span) => pagesOf(rows.filter(({ key }) => isInSpan(key, span))),
      marks: (span) => pagesOf(marks.filter(({ key }) => isInSpan(key, span))),
      release: () => undefined,
    };
  }

  load(takeNowMs: () => number, { rows, marks, floor }: LoadStep): Promise<Applied> {
    if (floor) this.#cut(floor);
    const nowMs = takeNowMs();
    this.#clockMs = Math.max(this.#clockMs, nowMs);
    this.#revision += 1;
    const revision = this.#revision;
    const usage = new UsageChanges();
    for (const row of rows) {
      usage.add(row.key, this.#rows.get(nameOf(row.key))?.valueBytes, row.value.length);
      this.#put({ ...row, revision });
    }
    this.#bill(usage.all());
    for (const mark of marks) if (!this.#marks.has(nameOf(mark.key))) this.#keepMark(mark, nameOf(markScope(mark.key)));
    const commits = this.#record(changesOfRows(rows, revision), nowMs);
    return Promise.resolve({ outcomes: [], commits, revision, more: this.#trim(nowMs) });
  }

  #cut({ revision }: { readonly revision: Revision }): void {
    this.#revision = Math.max(this.#revision, revision);
    this.#oldestRevision = this.#revision;
    this.#log.splice(0);
    this.#logBytes = 0;
  }

  #keepMark(mark: MarkEntry, scope: string): void {
    this.#marks.set(nameOf(mark.key), { ...mark, scope });
    this.#marksOfScope.set(scope, (this.#marksOfScope.get(scope) ?? 0) + 1);
  }

  close(clockMs: number): Promise<void> {
    this.#clockMs = Math.max(this.#clockMs, clockMs);
    return Promise.resolve();
  }

  // --- judging and applying ----------------------------------------------------------------------------------------

  #judge(transaction: Transaction, nowMs: number): ReturnType<typeof judgeTransaction> {
    return judgeTransaction(transaction, this.#view(), { nowMs, marksPerScopeMax: this.#retention.marksPerScopeMax });
  }

  #view(): StateView {
    return {
      revision: this.#revision,
      head: (key) => this.#rows.get(nameOf(key)),
      entry: (key) => this.#rows.get(nameOf(key))!,
      mark: (key, nowMs) => {
        const mark = this.#marks.get(nameOf(key));
        return mark && this.#isKept(mark, nowMs) ? mark : undefined;
      },
      marksOfScope: (scope) => this.#marksOfScope.get(nameOf(scope)) ?? 0,
      attempt: (attemptId) => this.#attempts.find(attemptId),
      usage: (scope) => this.#usageOf(scope),
    };
  }

  #usageOf(scope: Buffer): Usage {
    const row = this.#rows.get(nameOf(usageKey(scope)));
    return row ? decodeUsage(row.value) : noUsage;
  }

  #bill(changes: readonly UsageChange[]): void {
    const book = new UsageBook((account) => this.#usageOf(account));
    book.take(changes);
    for (const { account, usage } of book.changed()) {
      const key = usageKey(account);
      if (usage.keys === 0 && usage.bytes === 0) this.#remove(nameOf(key));
      else this.#put({ key, value: encodeUsage(usage), revision: this.#revision, expiresAtMs: 0, history: 'none' });
    }
  }

  #take({ revision, rows, marks, scope, changes, usage, attemptId }: Effects, nowMs: number): CommitChanges[] {
    this.#revision = revision;
    for (const { key, value, expiresAtMs, history } of rows) {
      // Copies: the caller may use its buffers again.
      if (value === undefined) this.#remove(nameOf(key));
      else this.#put({ key: Buffer.from(key), value: Buffer.from(value), revision, expiresAtMs, history });
    }
    for (const { key, value } of marks) {
      const kept = { key: Buffer.from(key), value: Buffer.from(value), revision, committedAtMs: nowMs };
      this.#keepMark(kept, nameOf(scope));
    }
    this.#bill(usage);
    if (attemptId) this.#attempts.add(attemptId, { revision, nowMs });
    const kept = changes.map((each) => ({
      ...each,
      key: Buffer.from(each.key),
      value: each.value && Buffer.from(each.value),
    }));
    return this.#record(kept, nowMs);
  }

  /** Writes the changes of one commit into the log, where there are any. */
  #record(changes: readonly Change[], atMs: number): LogEntry[] {
    if (changes.length === 0) return [];
    let bytes = commitOverheadBytes;
    for (const { key, value } of changes) bytes += key.length + (value?.length ?? 0);
    const entry = { revision: this.#revision, changes, atMs, bytes };
    this.#log.push(entry);
    this.#logBytes += bytes;
    return [entry];
  }

  #put(put: Omit<Row, 'valueBytes'>): void {
    const row = { ...put, valueBytes: put.value.length };
    const name = nameOf(row.key);
    if (!this.#rows.has(name)) this.#names.splice(this.#indexOf(name), 0, name);
    this.#rows.set(name, row);
    if (row.expiresAtMs === 0) this.#mortal.delete(name);
    else {
      this.#mortal.add(name);
      this.#nextDueMs = Math.min(this.#nextDueMs, row.expiresAtMs);
    }
  }

  #remove(name: string): void {
    if (!this.#rows.delete(name)) return;
    this.#names.splice(this.#indexOf(name), 1);
    this.#mortal.delete(name);
  }

  #findNextDue(): void {
    this.#nextDueMs = Infinity;
    for (const name of this.#mortal) this.#nextDueMs = Math.min(this.#nextDueMs, this.#rows.get(name)!.expiresAtMs);
  }

  // --- keeping and forgetting --------------------------------------------------------------------------------------

  #isKept(mark: MarkEntry, nowMs: number): boolean {
    return mark.committedAtMs + this.#retention.markKeepMs > nowMs;
  }

  /** Marks stand in the order in which they were made, so the oldest come first. */
  #dropMarks(nowMs: number): void {
    for (const [name, mark] of this.#marks) {
      if (this.#isKept(mark, nowMs)) return;
      this.#marks.delete(name);
      const left = this.#marksOfScope.get(mark.scope)! - 1;
      if (left > 0) this.#marksOfScope.set(mark.scope, left);
      else this.#marksOfScope.delete(mark.scope);
    }
  }

  /** All at once: a list is cheap to cut. */
  #trim(nowMs: number): boolean {
    const { logKeepMs, logBytesMax } = this.#retention;
    let count = 0;
    while (count < this.#log.length) {
      const { atMs, bytes, revision } = this.#log[count]!;
      if (atMs + logKeepMs >= nowMs && this.#logBytes <= logBytesMax) break;
      this.#logBytes -= bytes;
      this.#oldestRevision = revision;
      count += 1;
    }
    if (count > 0) this.#log.splice(0, count);
    return false;
  }

  // --- looking up --------------------------------------------------------------------------------------------------

  *#rowsIn(range: KeyRange): Generator<FoundRow> {
    const { start, end, reverse = false } = range;
    if (end === undefined) {
      const row = this.#rows.get(nameOf(start));
      if (row) yield toFound(row);
      return;
    }
    if (isEmptyRange(range)) return;
    const from = this.#indexOf(nameOf(start));
    const to = this.#indexOf(nameOf(end));
    for (let at = 0; at < to - from; at += 1) {
      yield toFound(this.#rows.get(this.#names[reverse ? to - 1 - at : from + at]!)!);
    }
  }

  /** Where the name stands, or would stand. */
  #indexOf(name: string): number {
    let low = 0;
    let high = this.#names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#names[middle]! < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #logIndexAfter(revision: Revision): number {
    let low = 0;
    let high = this.#log.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#log[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function toFound(row: Row): FoundRow {
  return { key: row.key, head: row, valueBytes: row.value.length, value: () => row.value };
}
