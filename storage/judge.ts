/**
 * The rules of a commit, the same for every engine: whether a transaction applies to a state, and what it then changes. Pure:
 * it reads through a `StateView` and returns effects. No effect exists before every check has passed.
 */
import type { Change, Check, CommitOutcome, Entry, Mark, MarkEntry, Revision, Transaction } from '../proto/store';
import { AppError } from '../src/core/errors';
import type { History } from '../src/core/keyspace';
import type { Usage } from '../src/core/usage';
import { UsageChanges, quotaFault } from './usage';
import type { UsageChange } from './usage';

/** What stands beside a value. An expired row stays until it is swept or written over. */
export interface RowHead {
  readonly revision: Revision;
  /** 0: never. */
  readonly expiresAtMs: number;
  readonly history: History;
  readonly valueBytes: number;
}

/** A transaction that was applied before under the same attempt id. */
export interface PastAttempt {
  readonly revision: Revision;
  readonly nowMs: number;
}

/** The state that a transaction is judged on: what is committed and what the earlier transactions of the group left. */
export interface StateView<Head extends RowHead = RowHead> {
  readonly revision: Revision;
  head(key: Buffer): Head | undefined;
  /** The row that `head` found, with its value. */
  entry(key: Buffer): Entry;
  /** A mark that is kept at `nowMs`. */
  mark(key: Buffer, nowMs: number): MarkEntry | undefined;
  /** How many marks count against a scope. */
  marksOfScope(scope: Buffer, nowMs: number): number;
  attempt(attemptId: Buffer): PastAttempt | undefined;
  /** What is stored for a scope. */
  usage(scope: Buffer): Usage;
}

/** One row to write or to remove. */
export interface RowEffect<Head extends RowHead = RowHead> {
  readonly key: Buffer;
  /** What stood there; undefined: nothing. */
  readonly before: Head | undefined;
  /** Undefined: removed. */
  readonly value: Buffer | undefined;
  readonly expiresAtMs: number;
  readonly history: History;
}

export interface Judgement<Head extends RowHead = RowHead> {
  readonly outcome: CommitOutcome;
  /** Undefined: nothing is to be done. */
  readonly effects: Effects<Head> | undefined;
}

export interface Effects<Head extends RowHead = RowHead> {
  /** Of the state after them; that of the state before where no row and no mark is written. */
  readonly revision: Revision;
  readonly rows: readonly RowEffect<Head>[];
  readonly marks: readonly Mark[];
  readonly scope: Buffer;
  readonly changes: readonly Change[];
  readonly usage: readonly UsageChange[];
  readonly attemptId: Buffer | undefined;
}

const noScope = Buffer.alloc(0);

export function isExpired(row: Pick<RowHead, 'expiresAtMs'>, nowMs: number): boolean {
  return row.expiresAtMs !== 0 && row.expiresAtMs <= nowMs;
}

/** Whether a transaction leaves the state as it is, whatever its outcome. */
export function isReadOnly(transaction: Transaction): boolean {
  return transaction.writes.length === 0 && (transaction.marks === undefined || transaction.marks.length === 0);
}

/** Judges one transaction. Limits of size were checked before (`validate.ts`). */
export function judgeTransaction<Head extends RowHead>(
  transaction: Transaction,
  view: StateView<Head>,
  at: { readonly nowMs: number; readonly marksPerScopeMax: number },
): Judgement<Head> {
  const { nowMs } = at;
  if (transaction.attemptId) {
    const past = view.attempt(transaction.attemptId);
    if (past) return { outcome: { kind: 'committed', revision: past.revision, nowMs: past.nowMs }, effects: undefined };
  }
  const marks = transaction.marks ?? [];
  if (!allHold(transaction, view, nowMs)) {
    return { outcome: conflict(transaction, view, nowMs), effects: undefined };
  }
  if (isReadOnly(transaction))
    return { outcome: { kind: 'committed', revision: view.revision, nowMs }, effects: undefined };
  const scope = transaction.scope ?? noScope;
  if (marks.length > 0 && view.marksOfScope(scope, nowMs) + marks.length > at.marksPerScopeMax) {
    const message = `idempotency marks: the limit of ${at.marksPerScopeMax} kept at once is reached`;
    return { outcome: { kind: 'failed', error: new AppError('OVERLOADED', message) }, effects: undefined };
  }
  const effects = effectsOf(transaction, view, nowMs, scope);
  const error = quotaFault(transaction, effects.usage, (account) => view.usage(account));
  if (error) return { outcome: { kind: 'failed', error }, effects: undefined };
  return { outcome: { kind: 'committed', revision: effects.revision, nowMs }, effects };
}

function allHold(transaction: Transaction, view: StateView, nowMs: number): boolean {
  if (transaction.validUntilMs !== undefined && nowMs >= transaction.validUntilMs) return false;
  for (const check of transaction.checks) if (!holds(check, view, nowMs)) return false;
  for (const mark of transaction.marks ?? []) if (view.mark(mark.key, nowMs)) return false;
  return true;
}

function holds(check: Check, view: StateView, nowMs: number): boolean {
  const head = view.head(check.key);
  const presentRevision = head && !isExpired(head, nowMs) ? head.revision : 0;
  return presentRevision === check.revision;
}

function conflict(transaction: Transaction, view: StateView, nowMs: number): CommitOutcome {
  const entries: Entry[] = [];
  for (const { key } of transaction.checks) {
    const head = view.head(key);
    if (head && !isExpired(head, nowMs)) entries.push(toEntry(view.entry(key)));
  }
  const marks: MarkEntry[] = [];
  for (const { key } of transaction.marks ?? []) {
    const mark = view.mark(key, nowMs);
    if (mark)
      marks.push({ key: mark.key, value: mark.value, revision: mark.revision, committedAtMs: mark.committedAtMs });
  }
  return { kind: 'conflict', entries, marks, revision: view.revision, nowMs };
}

/** Without what an engine keeps beside it. */
function toEntry({ key, value, revision, expiresAtMs }: Entry): Entry {
  return { key, value, revision, expiresAtMs };
}

function effectsOf<Head extends RowHead>(
  transaction: Transaction,
  view: StateView<Head>,
  nowMs: number,
  scope: Buffer,
): Effects<Head> {
  const rows: RowEffect<Head>[] = [];
  const marks = transaction.marks ?? [];
  for (const write of transaction.writes) {
    const { key, history } = write;
    const before = view.head(key);
    if (write.kind === 'put') {
      const expiresAtMs = write.ttlMs === undefined ? 0 : nowMs + write.ttlMs;
      rows.push({ key, before, value: write.value, expiresAtMs, history });
    } else if (before && !isExpired(before, nowMs)) {
      // An expired row is absent already: deleting it is no change, and announcing its end is the sweeper's.
      rows.push({ key, before, value: undefined, expiresAtMs: 0, history });
    }
  }
  const revision = rows.length > 0 || marks.length > 0 ? view.revision + 1 : view.revision;
  const changes = changesOf(rows, revision, nowMs);
  return { revision, rows, marks, scope, changes, usage: usageOf(rows), attemptId: transaction.attemptId };
}

function changesOf(rows: readonly RowEffect[], revision: Revision, nowMs: number): Change[] {
  const changes: Change[] = [];
  for (const { key, before, value, expiresAtMs, history } of rows) {
    if (value !== undefined && before && isExpired(before, nowMs) && before.history !== 'none')
      changes.push(removal('expire', key, revision));
    if (history === 'none') continue;
    if (value === undefined) changes.push(removal('delete', key, revision));
    else changes.push({ kind: 'put', key, revision, value: history === 'value' ? value : undefined, expiresAtMs });
  }
  // The order is stable, so an EXPIRE stays before the PUT of its key.
  return changes.length > 1 ? changes.sort((a, b) => Buffer.compare(a.key, b.key)) : changes;
}

/** An expired row that is not swept yet is billed until it is written over. */
function usageOf(rows: readonly RowEffect[]): readonly UsageChange[] {
  const sum = new UsageChanges();
  for (const { key, before, value } of rows) sum.add(key, before?.valueBytes, value?.length);
  return sum.all();
}

/** A change that takes a key away. */
export function removal(kind: 'delete' | 'expire', key: Buffer, revision: Revision): Change {
  return { kind, key, revision, value: undefined, expiresAtMs: 0 };
}
