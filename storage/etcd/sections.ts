/**
 * How the members of a batch stand in its physical transaction: in sections, nested transactions beside the batch row. Those of a shared
 * section have one fate: all their compares stand before all their writes, and where one does not hold nothing of the section is written. That
 * is a good deal less for etcd and for the wire than a nested transaction for each. Those that stand apart have a fate of their
 * own, and bring what stands where they are refused. etcd allows 128 operations along each path into a transaction, which the batch row and its
 * sections, a section and its members have between them. Pure.
 */
import type { Compare, RequestOp, TxnResponse } from './messages';
import { nested, operationsMax } from './plan';
import type { Plan } from './plan';

/** Beside each other, with the batch row. */
const outerMax = 24;
/** Of one shared section, in compares and in writes. */
const sharedWidthMax = operationsMax - outerMax;
/** Members of one section of those that stand apart. */
const apartMax = 64;
const apartWidthMax = operationsMax - outerMax - apartMax;

/** What a member takes. */
export interface Shape {
  readonly compares: number;
  readonly writes: number;
  readonly reads: number;
  /** It has a fate of its own. */
  readonly isApart: boolean;
}

export interface Section<Item> {
  readonly isShared: boolean;
  readonly items: readonly Item[];
}

export function shapeOf(plan: Plan, isApart: boolean): Shape {
  const { compare, writes, witness } = plan;
  const reads = plan.reads ?? compare;
  // What writes no row of its own is given one.
  const isGivenWitness = writes.length > 0 && witness === undefined;
  return { compares: compare.length, writes: writes.length + Number(isGivenWitness), reads: reads.length, isApart };
}

interface OpenSection<Item> extends Section<Item> {
  readonly items: Item[];
  compares: number;
  writes: number;
}

/** Puts members into sections as they come: the same ones in the same order stand the same way. */
export class Sections<Item> {
  readonly #all: OpenSection<Item>[] = [];
  #shared: OpenSection<Item> | undefined;
  #apart: OpenSection<Item> | undefined;

  get all(): readonly Section<Item>[] {
    return this.#all;
  }

  /** Whether it fits; if not, nothing has changed. */
  add(item: Item, { compares, writes, reads, isApart }: Shape): boolean {
    if (isApart) {
      if (Math.max(compares, writes, reads) > apartWidthMax) return false;
      if (!this.#apart || this.#apart.items.length === apartMax) {
        const section = this.#open(false);
        if (!section) return false;
        this.#apart = section;
      }
      this.#apart.items.push(item);
      return true;
    }
    if (Math.max(compares, writes) > sharedWidthMax) return false;
    const open = this.#shared;
    if (!open || open.compares + compares > sharedWidthMax || open.writes + writes > sharedWidthMax) {
      const section = this.#open(true);
      if (!section) return false;
      this.#shared = section;
    }
    const section = this.#shared!;
    section.items.push(item);
    section.compares += compares;
    section.writes += writes;
    return true;
  }

  #open(isShared: boolean): OpenSection<Item> | undefined {
    if (this.#all.length === outerMax - 1) return undefined;
    const section = { isShared, items: [], compares: 0, writes: 0 };
    this.#all.push(section);
    return section;
  }
}

/** As it is sent. */
export function sectionOp({ isShared }: Section<unknown>, plans: readonly Plan[]): RequestOp {
  if (!isShared) return { requestTxn: { compare: [], success: plans.map(nested), failure: [] } };
  // One by itself shares with nobody, and brings what stands where it is refused.
  if (plans.length === 1) return nested(plans[0]!);
  const compare: Compare[] = [];
  const success: RequestOp[] = [];
  for (const plan of plans) {
    for (const each of plan.compare) compare.push(each);
    for (const each of plan.writes) success.push(each);
  }
  return { requestTxn: { compare, success, failure: [] } };
}

/** The answers to its members; undefined: it broke, and says of none why. */
export function sectionAnswers(
  { isShared, items }: Section<unknown>,
  answer: TxnResponse,
): readonly TxnResponse[] | undefined {
  if (!isShared) return answer.responses.map(({ responseTxn }) => responseTxn!);
  if (items.length === 1 || answer.succeeded) return items.map(() => answer);
  return undefined;
}
