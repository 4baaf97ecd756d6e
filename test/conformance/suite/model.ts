/**
 * What a store should have done, in a few maps: an implementation of its own, slow and simple, that the random histories hold
 * stores against. Revisions are the store's own; the model only says how they may be. When the sweeper comes is left open.
 */
import type {
  Change,
  CommitOutcome,
  Committed,
  Entry,
  KeyRange,
  MarkEntry,
  RangeResult,
  Revision,
  Transaction,
} from '../../../proto/store';
import type { History } from '../../../src/core/keyspace';
import { compareChanges } from './watch-reader';
import { textOf } from './words';

interface Row extends Entry {
  readonly history: History;
}

/** A put with a ttl, from its commit to what ended it. */
interface Life {
  readonly row: Row;
  /** The commit that wrote over it or deleted it; undefined while there is none. */
  endRevision: Revision | undefined;
  /** Whether it had expired by then. */
  wasExpired: boolean;
}

type Verdict =
  | { readonly kind: 'failed' }
  | { readonly kind: 'again'; readonly first: Committed }
  | { readonly kind: 'conflict'; readonly entries: readonly Entry[]; readonly marks: readonly MarkEntry[] }
  | { readonly kind: 'committed' };

export class Model {
  readonly #markKeepMs: number;
  readonly #rows = new Map<string, Row>();
  readonly #marks = new Map<string, MarkEntry>();
  readonly #attempts = new Map<string, Committed>();
  readonly #lives: Life[] = [];
  /** Puts and deletions that history keeps, in the order in which they have to be watched. */
  readonly changes: Change[] = [];
  /** The newest revision that is known. */
  revision: Revision;
  nowMs = 0;

  /** Independent transactions of one call may share a revision. */
  readonly #sharesRevisions: boolean;
  #callRevision = 0;

  constructor(
    revision: Revision,
    { markKeepMs, sharesRevisions }: { readonly markKeepMs: number; readonly sharesRevisions: boolean },
  ) {
    this.revision = revision;
    this.#sharesRevisions = sharesRevisions;
    this.#markKeepMs = markKeepMs;
  }

  /** A call begins: where revisions are shared, its transactions have theirs in any order, all after what stood before it. */
  beginCall(): void {
    this.#callRevision = this.revision;
  }

  /** Holds an outcome against what it should be, and does what the transaction did. Throws what is wrong. */
  take(transaction: Transaction, outcome: CommitOutcome): void {
    const verdict = this.#judge(transaction);
    if (verdict.kind === 'again') {
      return same('the answer to an attempt that was made before', shown(outcome), shown(verdict.first));
    }
    same('the outcome', outcome.kind, verdict.kind);
    if (outcome.kind === 'failed') return same('the failure', outcome.error.code, 'INVALID_ARGUMENT');
    same('the storage time of an outcome', outcome.nowMs, this.nowMs);
    const hasEffect = verdict.kind === 'committed' && this.#hasEffect(transaction);
    const least = this.#sharesRevisions ? this.#callRevision : this.revision;
    if (outcome.revision < least || (hasEffect && outcome.revision === least)) {
      throw new Error(
        `an outcome ${hasEffect ? 'with' : 'without'} effect at ${outcome.revision} after ${this.revision}`,
      );
    }
    if (outcome.kind === 'conflict' && verdict.kind === 'conflict') {
      const unique = [...new Map(outcome.entries.map((entry) => [textOf(entry.key), entry])).values()];
      same('the entries of a conflict', unique.map(shown).sort(), verdict.entries.map(shown).sort());
      same('the marks of a conflict', outcome.marks.map(shown).sort(), verdict.marks.map(shown).sort());
    }
    if (outcome.kind === 'committed') this.#apply(transaction, outcome);
    this.revision = Math.max(this.revision, outcome.revision);
  }

  /** What a read of one range must bring. */
  read(
    { start, end, limit = Infinity, reverse = false, keysOnly = false, bytesMax = Infinity }: KeyRange,
    prefixBytes: number,
  ): RangeResult {
    const isIn = (key: Buffer): boolean => (end ? key.compare(start) >= 0 && key.compare(end) < 0 : key.equals(start));
    const found = [...this.#rows.values()].filter((row) => isIn(row.key) && this.#isLive(row));
    found.sort((a, b) => (reverse ? b.key.compare(a.key) : a.key.compare(b.key)));
    const entries: Entry[] = [];
    let size = 0;
    for (const row of found) {
      const value = keysOnly ? Buffer.alloc(0) : row.value;
      size += prefixBytes + row.key.length + value.length;
      if (entries.length === limit || (size > bytesMax && entries.length > 0)) return { entries, more: true };
      entries.push({ ...row, value });
    }
    return { entries, more: false };
  }

  /** The revision at which a key is, or 0. */
  revisionOf(key: Buffer): Revision {
    const row = this.#rows.get(textOf(key));
    return row && this.#isLive(row) ? row.revision : 0;
  }

  /** When entries that stand end, and have not yet. */
  expiries(): number[] {
    return [...this.#rows.values()].map((row) => row.expiresAtMs).filter((atMs) => atMs > this.nowMs);
  }

  /** How many expiries have to be announced still, for what has expired by now. */
  unannounced(seen: readonly Change[]): number {
    const expired = this.#lives.filter((life) => life.row.history !== 'none' && this.#hasExpired(life));
    return expired.length - seen.filter(({ kind }) => kind === 'expire').length;
  }

  /** Holds everything that was watched, from the beginning on, against what was done. */
  judgeHistory(seen: readonly Change[], isSwept: boolean): void {
    const written = seen.filter(({ kind }) => kind !== 'expire');
    const done = this.#sharesRevisions ? [...this.changes].sort(compareChanges) : this.changes;
    same('what was watched', written.map(shown), done.map(shown));
    const ends = seen.filter(({ kind }) => kind === 'expire');
    for (const life of this.#lives) {
      const { row, endRevision } = life;
      const announced = ends.filter(
        ({ key, revision }) =>
          key.equals(row.key) && revision > row.revision && revision <= (endRevision ?? Number.MAX_SAFE_INTEGER),
      );
      const isDue = this.#hasExpired(life) && row.history !== 'none';
      const least = isDue && (isSwept || endRevision !== undefined) ? 1 : 0;
      if (announced.length < least || announced.length > (isDue ? 1 : 0)) {
        throw new Error(
          `${announced.length} ends were announced of ${shown(row)}, which ended at ${endRevision ?? 'no revision'}`,
        );
      }
    }
    const due = this.#lives.filter((life) => this.#hasExpired(life) && life.row.history !== 'none');
    if (ends.length > due.length)
      throw new Error(`${ends.length} ends were announced of ${due.length} that there were`);
  }

  #judge({ checks, writes, marks = [], validUntilMs, attemptId }: Transaction): Verdict {
    for (const keys of [writes, marks]) {
      if (new Set(keys.map(({ key }) => textOf(key))).size < keys.length) return { kind: 'failed' };
    }
    const first = attemptId && this.#attempts.get(textOf(attemptId));
    if (first) return { kind: 'again', first };
    const standing = marks.flatMap(({ key }) => this.#standing(key) ?? []);
    const areMet = checks.every(({ key, revision }) => this.revisionOf(key) === revision);
    if (areMet && standing.length === 0 && !(validUntilMs !== undefined && validUntilMs <= this.nowMs)) {
      return { kind: 'committed' };
    }
    const keys = new Set(checks.map(({ key }) => textOf(key)));
    const entries = [...keys].flatMap((key) => this.#rows.get(key) ?? []).filter((row) => this.#isLive(row));
    return { kind: 'conflict', entries, marks: standing };
  }

  #hasEffect({ writes, marks = [] }: Transaction): boolean {
    return marks.length > 0 || writes.some(({ kind, key }) => kind === 'put' || this.revisionOf(key) > 0);
  }

  #apply({ writes, marks = [], attemptId }: Transaction, outcome: Committed): void {
    const { revision, nowMs } = outcome;
    if (attemptId && writes.length + marks.length > 0) this.#attempts.set(textOf(attemptId), outcome);
    for (const write of [...writes].sort((a, b) => a.key.compare(b.key))) {
      const { kind, key, history } = write;
      const name = textOf(key);
      const before = this.#rows.get(name);
      if (write.kind === 'delete' && !(before && this.#isLive(before))) continue;
      if (before) this.#end(before, revision);
      if (write.kind === 'put') {
        const expiresAtMs = write.ttlMs === undefined ? 0 : nowMs + write.ttlMs;
        const row = { key, value: write.value, revision, expiresAtMs, history };
        this.#rows.set(name, row);
        if (expiresAtMs > 0) this.#lives.push({ row, endRevision: undefined, wasExpired: false });
      } else this.#rows.delete(name);
      if (history === 'none') continue;
      const value = write.kind === 'put' && history === 'value' ? write.value : undefined;
      this.changes.push({ kind, key, revision, value, expiresAtMs: this.#rows.get(name)?.expiresAtMs ?? 0 });
    }
    for (const { key, value } of marks) this.#marks.set(textOf(key), { key, value, revision, committedAtMs: nowMs });
  }

  #end(row: Row, revision: Revision): void {
    const life = this.#lives.find((each) => each.row === row);
    if (!life) return;
    life.endRevision = revision;
    life.wasExpired = !this.#isLive(row);
  }

  #hasExpired({ row, endRevision, wasExpired }: Life): boolean {
    return endRevision === undefined ? !this.#isLive(row) : wasExpired;
  }

  #isLive({ expiresAtMs }: Row): boolean {
    return expiresAtMs === 0 || this.nowMs < expiresAtMs;
  }

  #standing(key: Buffer): MarkEntry | undefined {
    const mark = this.#marks.get(textOf(key));
    return mark && this.nowMs < mark.committedAtMs + this.#markKeepMs ? mark : undefined;
  }
}

type Shown = Entry | MarkEntry | Change | CommitOutcome;

/** All that is promised of it, as text. */
export function shown(value: Shown): string {
  const parts: string[] = 'kind' in value ? [value.kind] : [];
  if ('key' in value) parts.push(JSON.stringify(textOf(value.key)));
  if ('value' in value) parts.push(value.value === undefined ? '-' : JSON.stringify(textOf(value.value)));
  if ('revision' in value) parts.push(`@${value.revision}`);
  for (const name of ['expiresAtMs', 'committedAtMs', 'nowMs'] as const) {
    const time = (value as Partial<Record<typeof name, number>>)[name];
    if (time !== undefined) parts.push(`${name} ${time}`);
  }
  return parts.join(' ');
}

/** Throws where what was found is not what was expected; of lists it names the first difference. */
export function same(what: string, found: unknown, expected: unknown): void {
  const [is, should] = [JSON.stringify(found), JSON.stringify(expected)];
  if (is === should) return;
  if (!Array.isArray(found) || !Array.isArray(expected)) throw new Error(`${what}: found ${is}, expected ${should}`);
  let index = 0;
  while (JSON.stringify(found[index]) === JSON.stringify(expected[index])) index += 1;
  const at = (list: readonly unknown[]): string => (index < list.length ? JSON.stringify(list[index]) : 'nothing');
  throw new Error(
    `${what}: found ${at(found)}, expected ${at(expected)}, as number ${index + 1} of ${found.length} and ${expected.length}`,
  );
}
