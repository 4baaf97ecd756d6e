/** Rows as etcd gave them, judged by the one set of rules that all engines share (`judge.ts`). */
import type { CommitOutcome, Entry, Transaction } from '../../proto/store';
import { noUsage } from '../../src/core/usage';
import type { StateView } from '../judge';
import { isExpired, judgeTransaction } from '../judge';
import { rowHead, toEntry, toMark } from './layout';
import type { Layout } from './layout';
import type { KeyValue, RangeResponse } from './messages';
import { nameOf } from './plan';

/** What stood when a transaction was judged. */
export interface StandingRows {
  readonly responses: readonly RangeResponse[];
  /** Of that state. */
  readonly revision: number;
}

export interface JudgeOptions {
  readonly layout: Layout;
  readonly nowMs: number;
  readonly markKeepMs: number;
  readonly marksPerScopeMax: number;
  /** Marks that count against the scope. */
  readonly marksOfScope: number;
}

export interface RowJudgement {
  readonly outcome: CommitOutcome;
  /** Rows that stand but count as absent, with their revisions, by etcd's keys. */
  readonly expired: ReadonlyMap<string, number>;
  readonly entries: readonly Entry[];
}

/** Judges a transaction on the rows that its plan reads. */
export function judgeRows(transaction: Transaction, standing: StandingRows, options: JudgeOptions): RowJudgement {
  const { layout, nowMs, markKeepMs } = options;
  const rows = new Map<string, KeyValue>();
  for (const { kvs } of standing.responses) for (const row of kvs) rows.set(nameOf(row.key), row);
  const rowOf = (key: Buffer): KeyValue | undefined => rows.get(nameOf(layout.row(key)));
  const marks = new Map<string, KeyValue>();
  const expired = new Map<string, number>();
  const entries: Entry[] = [];
  for (const { key } of transaction.checks) {
    const row = rowOf(key);
    if (!row) continue;
    entries.push(toEntry(key, row));
    if (isExpired(rowHead(row), nowMs)) expired.set(nameOf(row.key), row.modRevision);
  }
  // Behind the reads of checks stand those of marks, as many for each as there are generations.
  const ofMarks = standing.responses.slice(transaction.checks.length);
  const generations = ofMarks.length / Math.max(1, transaction.marks?.length ?? 0);
  transaction.marks?.forEach(({ key }, index) => {
    for (const { kvs } of ofMarks.slice(index * generations, (index + 1) * generations)) {
      for (const row of kvs) {
        const isKept = toMark(key, row).committedAtMs + markKeepMs > nowMs;
        if (isKept) marks.set(nameOf(key), row);
        else expired.set(nameOf(row.key), row.modRevision);
      }
    }
  });
  const view: StateView = {
    revision: standing.revision,
    head: (key) => {
      const row = rowOf(key);
      return row && rowHead(row);
    },
    entry: (key) => toEntry(key, rowOf(key)!),
    mark: (key) => {
      const row = marks.get(nameOf(key));
      return row && toMark(key, row);
    },
    marksOfScope: () => options.marksOfScope,
    attempt: () => undefined,
    usage: () => noUsage,
  };
  const { marksPerScopeMax } = options;
  // What stands under the keys that it writes is not known here: quotas are judged before it is sent.
  const { quota: _, ...unlimited } = transaction;
  const { outcome } = judgeTransaction(unlimited, view, { nowMs, marksPerScopeMax });
  return { outcome, expired, entries };
}
