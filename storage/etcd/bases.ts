/**
 * What is shown of etcd's revisions. They cannot be set, so an import that has to go on above the revisions of another store adds a base to those
 * that come from then on: shown = etcd's own + base. Those of before keep the base they had, so nothing that was shown is ever
 * shown otherwise. All steps stand in one row; a step holds from the revision at which its row was written. Every write compares that row, every
 * snapshot brings it, so no process shows a revision by what was true before. Pure, but for what it remembers of the row.
 */
import type { Revision } from '../../proto/store';
import { decodeRecord, encodeRecord } from '../../src/core/codec';
import { AppError, assertInvariant } from '../../src/core/errors';
import { formatByte } from './layout';
import type { Layout } from './layout';
import type { Compare, KeyValue } from './messages';
import { isAbsent, isAtRevision } from './messages';

interface Step {
  /** The first of etcd's revisions that it is for. */
  readonly from: number;
  readonly base: number;
}

interface BasesRecord {
  /** Those of before, in order. */
  readonly steps: readonly Step[];
  /** From the revision of the row on. */
  readonly base: number;
  /** Rises when everything is imported anew: a process that served what was there before has to end. */
  readonly life: number;
}

/** Imports that went above everything, each of the one before. */
const stepsMax = 1_000;
const nothing: BasesRecord = { steps: [], base: 0, life: 0 };

export class RevisionBases {
  readonly #key: Buffer;
  #record: BasesRecord = nothing;
  #modRevision = 0;
  #through = 0;
  #life: number | undefined;

  constructor(layout: Layout) {
    this.#key = layout.bases;
  }

  /** Whether everything was imported anew since this process began, by another one. */
  get isAnotherLife(): boolean {
    return this.#life !== undefined && this.#record.life > this.#life;
  }

  /** What is known now is what this process serves. */
  begin(): void {
    this.#life = this.#record.life;
  }

  /** This process is about to import everything anew. */
  expectNewLife(): void {
    this.#life = this.#record.life + 1;
  }

  /** Whether nothing was imported: all revisions are shown as they are. Marks of another store come with an import only. */
  get isPlain(): boolean {
    return this.#modRevision === 0;
  }

  /** Everything through this revision of etcd's is shown by what is known. */
  get through(): number {
    return this.#through;
  }

  /** The row as it stands at a revision of etcd's, or was written at it; undefined: there is none, or it was not written. */
  note(row: KeyValue | undefined, revision: number): void {
    if (row && row.modRevision > this.#modRevision) {
      this.#record = decodeRecord<BasesRecord>(formatByte, row.value);
      this.#modRevision = row.modRevision;
    }
    this.#through = Math.max(this.#through, revision);
  }

  /** Holds while the row is the one that is known. */
  guard(): Compare {
    return this.#modRevision === 0 ? isAbsent(this.#key) : isAtRevision(this.#key, this.#modRevision);
  }

  /** Whether it is the one that is known. */
  isKnown(row: KeyValue | undefined): boolean {
    return (row?.modRevision ?? 0) === this.#modRevision;
  }

  /** What is shown of a revision of etcd's. One that is negative was shown by another store, and is shown as it was. */
  shown(revision: Revision): Revision {
    if (revision <= 0) return Math.abs(revision);
    if (revision >= this.#modRevision) return revision + this.#record.base;
    return revision + (this.#record.steps.findLast(({ from }) => from <= revision)?.base ?? 0);
  }

  /** The revision of etcd's that is shown so; undefined: none is. */
  own(shown: Revision): Revision | undefined {
    const { steps, base } = this.#record;
    const last = shown - base;
    if (last >= this.#modRevision) return last;
    const before = [{ from: 0, base: 0 }, ...steps].map((each) => shown - each.base);
    return before.findLast((each) => each > 0 && each < this.#modRevision && this.shown(each) === shown);
  }

  /** As shown: no watch can begin before it, since callers may hold what another store has shown. */
  get floor(): Revision {
    return this.#modRevision === 0 ? 0 : this.shown(this.#modRevision);
  }

  /** The row that shows every revision after `revision` above `floor`. */
  raised({ floor, revision, isAll }: { floor: Revision; revision: number; isAll: boolean }): {
    readonly value: Buffer;
    readonly base: number;
  } {
    const { steps: before, base: now, life } = this.#record;
    const base = Math.max(now, floor - revision);
    assertInvariant(Number.isSafeInteger(base), 'a base below 2^53');
    const isNew = now !== (before.at(-1)?.base ?? 0);
    const steps = isNew ? [...before, { from: this.#modRevision, base: now }] : before;
    if (steps.length > stepsMax)
      throw new AppError('INVALID_ARGUMENT', `${stepsMax} imports went above all that was shown: no more can`);
    const next: BasesRecord = { steps, base, life: isAll ? life + 1 : life };
    return { value: encodeRecord(formatByte, next), base };
  }
}
