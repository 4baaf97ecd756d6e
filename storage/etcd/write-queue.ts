/**
 * What waits to be written, in order of arrival, and which of it travels together: from the front, everything that touches nothing of
 * what goes before it; of one call nothing overtakes what came before it in that call.
 */
import type { CommitOutcome, Transaction } from '../../proto/store';
import { AppError } from '../../src/core/errors';
import { CommitCall } from '../commit-call';
import type { UsageChange } from '../usage';
import { transactionBytes } from '../validate';
import type { Footprint, Plan, RowNames } from './plan';
import { Footprints, batchBytesMax, footprintOf, noneExpired, rowNamesOf } from './plan';
import { Sections } from './sections';
import type { Shape } from './sections';

/** What a transaction adds to the usage of its scope. */
export interface Billing {
  readonly changes: readonly UsageChange[];
  readonly isExact: boolean;
}

/** A transaction that waits. */
export interface WaitingTransaction {
  readonly kind: 'transaction';
  readonly transaction: Transaction;
  readonly names: RowNames;
  readonly footprint: Footprint;
  readonly bytes: number;
  readonly call: object;
  /** When it came, in monotonic milliseconds. */
  readonly sinceMs: number;
  /** Rows that stand expired in its way, by etcd's keys: learnt from a try that failed. */
  expired: ReadonlyMap<string, number>;
  tries: number;
  /** Whether what has to be known to judge it was looked up. */
  isLearnt: boolean;
  /** What it comes to for its scope, at the most, or exactly where that was looked up; undefined: it has no quota. */
  billing: Billing | undefined;
  /** Why it must not be written, though its checks hold. */
  refusal: AppError | undefined;
  /** It has its outcome, though what became of it may still have to be found out. */
  isSettled: boolean;
  /** It shares its fate with nobody: it did, and nothing was written. */
  isApart: boolean;
  readonly settle: (outcome: CommitOutcome) => void;
}

/** Something of our own, already in etcd's terms. */
export interface WaitingPlan {
  readonly kind: 'plan';
  readonly plan: Plan;
  readonly footprint: Footprint;
  readonly bytes: number;
  readonly call: object;
  readonly sinceMs: number;
  /** Whether it was applied; undefined: it was not, for a reason that is not its own. */
  readonly settle: (isApplied: boolean | undefined) => void;
}

export type Waiting = WaitingTransaction | WaitingPlan;

/** What is to become of something that waits, now. */
export type Verdict<Taken> =
  { readonly kind: 'join'; readonly shape: Shape; readonly taken: Taken } | { readonly kind: 'done' | 'wait' };

/** What is on its way: nothing that touches it may be sent before its fate is known, and of one call nothing overtakes. */
export interface Passage {
  readonly footprints: Footprints;
  readonly calls: ReadonlySet<object>;
}

/** What may wait; past it OVERLOADED. */
const waitingMax = 65_536;
const waitingBytesMax = 134_217_728;
/** How far behind the front it looks for what may travel along. */
const lookAheadMax = 2_048;

export class WriteQueue {
  #waiting: Waiting[] = [];
  #bytes = 0;

  get size(): number {
    return this.#waiting.length;
  }

  /** Adds the transactions of one call; those with a fault have their outcome already. Resolves when each has one. */
  add(
    transactions: readonly Transaction[],
    faults: readonly (AppError | undefined)[],
    sinceMs: number,
  ): Promise<readonly CommitOutcome[]> {
    if (this.size + transactions.length > waitingMax || (this.#bytes > waitingBytesMax && this.size > 0)) {
      return Promise.reject(
        new AppError('OVERLOADED', `${this.size} transactions wait for etcd already: try again later`),
      );
    }
    return new Promise((resolve) => {
      const call = new CommitCall(transactions.length, resolve);
      transactions.forEach((transaction, index) => {
        const error = faults[index];
        if (error) return call.settle(index, { kind: 'failed', error });
        const names = rowNamesOf(transaction);
        const waiting: WaitingTransaction = {
          kind: 'transaction',
          transaction,
          names,
          footprint: footprintOf(transaction, names),
          bytes: transactionBytes(transaction),
          call,
          sinceMs,
          expired: noneExpired,
          tries: 0,
          isLearnt: false,
          billing: undefined,
          refusal: undefined,
          isSettled: false,
          isApart: false,
          settle: (outcome) => {
            if (waiting.isSettled) return;
            waiting.isSettled = true;
            call.settle(index, outcome);
          },
        };
        this.#push(waiting);
      });
    });
  }

  /** Adds something of our own. Resolves with whether it was applied. */
  addPlan(
    plan: Plan,
    { footprint, bytes, sinceMs }: { footprint: Footprint; bytes: number; sinceMs: number },
  ): Promise<boolean | undefined> {
    return new Promise((settle) => {
      this.#push({ kind: 'plan', plan, footprint, bytes, call: {}, sinceMs, settle });
    });
  }

  /**
   * Takes what travels together and touches nothing of what is on its way. `judge` says of each what is to become of it: it may `join`
   * with a shape, be `done` (it has its outcome), or has to `wait`. One that is too large for company is taken alone.
   */
  take<Taken>(
    judge: (waiting: Waiting) => Verdict<Taken>,
    { passages, membersMax }: { readonly passages: readonly Passage[]; readonly membersMax: number },
  ): { readonly taken: readonly Taken[]; readonly passage: Passage } {
    const taken: Taken[] = [];
    const calls = new Set<object>();
    const left: Waiting[] = [];
    const travelling = new Footprints();
    const held = new Footprints();
    const heldCalls = new Set<object>();
    const sections = new Sections<Taken>();
    let bytes = 0;
    let isFull = false;
    let at = 0;
    for (; at < this.#waiting.length && at < lookAheadMax && !isFull; at += 1) {
      const each = this.#waiting[at]!;
      const { call, footprint } = each;
      const isHeld =
        heldCalls.has(call) ||
        passages.some((passage) => passage.calls.has(call) || passage.footprints.meets(footprint)) ||
        travelling.meets(footprint) ||
        held.meets(footprint);
      const verdict = isHeld ? ({ kind: 'wait' } as const) : judge(each);
      if (verdict.kind === 'done') {
        this.#bytes -= each.bytes;
        continue;
      }
      const isFirst = taken.length === 0;
      const hasRoom = verdict.kind === 'join' && (isFirst || bytes + each.bytes <= batchBytesMax);
      const isPlaced = hasRoom && sections.add(verdict.taken, verdict.shape);
      if (isPlaced || (hasRoom && isFirst)) {
        taken.push(verdict.taken);
        calls.add(call);
        travelling.add(footprint);
        bytes += each.bytes;
        isFull = taken.length >= membersMax || !isPlaced;
      } else {
        left.push(each);
        held.add(each.footprint);
        heldCalls.add(each.call);
      }
    }
    this.#waiting = left.length === 0 && at === this.#waiting.length ? [] : [...left, ...this.#waiting.slice(at)];
    this.#bytes -= bytes;
    return { taken, passage: { footprints: travelling, calls } };
  }

  /** Puts back what was taken and not written, before everything else. */
  putBack(waiting: readonly Waiting[]): void {
    this.#waiting = [...waiting, ...this.#waiting];
    for (const { bytes } of waiting) this.#bytes += bytes;
  }

  /** What may be taken next. */
  front(): readonly Waiting[] {
    return this.#waiting.slice(0, lookAheadMax);
  }

  /** Takes out what is looked for. */
  remove(isLookedFor: (waiting: Waiting) => boolean): readonly Waiting[] {
    const removed = this.#waiting.filter(isLookedFor);
    if (removed.length === 0) return removed;
    this.#waiting = this.#waiting.filter((each) => !isLookedFor(each));
    for (const { bytes } of removed) this.#bytes -= bytes;
    return removed;
  }

  #push(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#bytes += waiting.bytes;
  }
}

/** Gives something of ours, or of a caller's, the failure that kept it from being written. */
export function fail(waiting: Waiting, error: AppError): void {
  if (waiting.kind === 'plan') waiting.settle(undefined);
  else waiting.settle({ kind: 'failed', error });
}
