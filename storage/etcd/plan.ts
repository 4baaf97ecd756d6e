/**
 * Transactions of the store as transactions of etcd. Independent ones travel in one physical one, sharing one revision. All
 * compares, nested ones too, see the state before the whole: so only those travel together whose writes touch nothing that another reads or
 * writes. How they stand side by side, `sections.ts` says; a transaction that is too large for company goes alone. Pure.
 */
import type { Check, Transaction, Write } from '../../proto/store';
import type { Layout } from './layout';
import { encodeMark, encodeRow } from './layout';
import type { Compare, RequestOp } from './messages';
import { deleteOp, getOp, isAbsent, isAtRevision, putOp } from './messages';

/** etcd's default of --max-txn-ops. */
export const operationsMax = 128;
/** What one physical transaction carries, so that no member waits long for it; a larger member goes alone. */
export const batchBytesMax = 524_288;
/** Compares that guard every physical transaction: its batch row, its process, the lock, the bases. */
export const guardsOfBatch = 4;

/** What a transaction relies on, by the names of etcd's keys. */
export interface PlanContext {
  readonly layout: Layout;
  readonly nowMs: number;
  /** Generations in which a mark may stand; the first is that of now. */
  readonly generations: readonly number[];
  /** Whether a due row surely stands that is early enough for this expiry. */
  readonly hasDue: (key: Buffer, expiresAtMs: number) => boolean;
}

/** One transaction in etcd's terms. */
export interface Plan {
  readonly compare: readonly Compare[];
  readonly writes: readonly RequestOp[];
  /** Rows that a conflict needs; undefined: those that it compares, in their order: checked rows, then marks in each generation. */
  readonly reads: readonly Buffer[] | undefined;
  /** A key that stands at the revision of the batch where this was applied; undefined: it puts none. */
  readonly witness: Buffer | undefined;
  /** Due rows that it files. */
  readonly dues: readonly { readonly key: Buffer; readonly atMs: number }[];
}

/** Of a transaction without one. */
export const noScope = Buffer.alloc(0);
const noMarks: NonNullable<Transaction['marks']> = [];
const noDues: Plan['dues'] = [];
/** Of what has learnt of none. */
export const noneExpired: ReadonlyMap<string, number> = new Map();

export function nameOf(key: Buffer): string {
  return key.toString('latin1');
}

/** `expired`: rows that have expired and stand still, with their revisions: they count as absent. */
export function planTransaction(
  transaction: Transaction,
  context: PlanContext,
  expired: ReadonlyMap<string, number> = noneExpired,
): Plan {
  const { layout, nowMs, generations } = context;
  const { checks, writes, marks = noMarks, scope = noScope } = transaction;
  const compare: Compare[] = [];
  const standingOf = (row: Buffer): number | undefined => (expired.size === 0 ? undefined : expired.get(nameOf(row)));
  for (const { key, revision } of checks) {
    const row = layout.row(key);
    const standing = revision > 0 ? revision : standingOf(row);
    compare.push(standing === undefined ? isAbsent(row) : isAtRevision(row, standing));
  }
  const puts: RequestOp[] = [];
  const deletes: RequestOp[] = [];
  let dues: { key: Buffer; atMs: number }[] | undefined;
  let witness: Buffer | undefined;
  for (const [index, write] of writes.entries()) {
    // What is written is mostly what was checked, in the same order.
    const row = isCheckedBy(checks[index], write) ? compare[index]!.key : layout.row(write.key);
    if (write.kind === 'delete') {
      deletes.push(deleteOp(row));
      continue;
    }
    const expiresAtMs = write.ttlMs === undefined ? 0 : nowMs + write.ttlMs;
    witness ??= row;
    puts.push(putOp(row, encodeRow(write.value, { expiresAtMs, history: write.history })));
    if (expiresAtMs === 0 || context.hasDue(write.key, expiresAtMs)) continue;
    puts.push(putOp(layout.due(expiresAtMs, write.key), Buffer.alloc(0)));
    (dues ??= []).push({ key: write.key, atMs: expiresAtMs });
  }
  for (const { key, value } of marks) {
    for (const generation of generations) {
      const row = layout.mark(generation, scope, key);
      const standing = standingOf(row);
      compare.push(standing === undefined ? isAbsent(row) : isAtRevision(row, standing));
    }
    const own = layout.mark(generations[0]!, scope, key);
    witness ??= own;
    puts.push(putOp(own, encodeMark(value, nowMs)));
  }
  const all = deletes.length === 0 ? puts : [...puts, ...deletes];
  return { compare, writes: all, reads: undefined, witness, dues: dues ?? noDues };
}

/** The rows that a conflict needs. */
export function readsOf({ reads, compare }: Plan): readonly Buffer[] {
  return reads ?? compare.map(({ key }) => key);
}

/** How a transaction that goes alone is sent. */
export type AloneForm = 'whole' | 'locked';

/** 'locked': its compares are more than one path holds, so nobody else may write while it is judged. */
export function aloneForm({ compare }: Plan): AloneForm {
  return compare.length + guardsOfBatch <= operationsMax - outerRoom ? 'whole' : 'locked';
}

/** Operations that are left for the nested parts of a transaction that goes alone. */
const outerRoom = 16;

/** Writes of a transaction that goes alone: flat where they fit, else spread over nested transactions. */
export function spreadWrites(writes: readonly RequestOp[], compares: number): readonly RequestOp[] {
  if (writes.length + 1 <= operationsMax) return writes;
  for (let parts = 2; parts <= operationsMax / 2; parts += 1) {
    const size = Math.ceil(writes.length / parts);
    if (Math.max(compares, parts + 1) + size > operationsMax) continue;
    return Array.from({ length: parts }, (_, part) => ({
      requestTxn: { compare: [], success: writes.slice(part * size, (part + 1) * size), failure: [] },
    }));
  }
  throw new RangeError(`${writes.length} writes with ${compares} compares fit no transaction of etcd`);
}

/** A member of a batch. */
export function nested(plan: Plan): RequestOp {
  return { requestTxn: { compare: plan.compare, success: plan.writes, failure: readsOf(plan).map(getOp) } };
}

/** Adds a row of the batch's own to what would leave no trace at its revision. */
export function witnessed(plan: Plan, witness: Buffer): Plan {
  if (plan.witness || plan.writes.length === 0) return plan;
  return { ...plan, witness, writes: [putOp(witness, Buffer.alloc(0)), ...plan.writes] };
}

/**
 * Keys that a transaction reads and writes, as names: what decides who may travel together. Rows by their keys; two things that happen to have one name
 * are kept apart for nothing, and that is all.
 */
export interface Footprint {
  /** What is written as well is left out. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
}

/** Names of the rows of a transaction, in the order of its checks and of its writes. */
export interface RowNames {
  readonly checks: readonly string[];
  readonly writes: readonly string[];
}

export function rowNamesOf({ checks, writes }: Transaction): RowNames {
  const names = checks.map(({ key }) => nameOf(key));
  const written = writes.map((write, index) => (isCheckedBy(checks[index], write) ? names[index]! : nameOf(write.key)));
  return { checks: names, writes: written };
}

/** Whether both are of one row: then they mostly have one buffer. */
function isCheckedBy(check: Check | undefined, { key }: Write): boolean {
  return check !== undefined && (check.key === key || check.key.equals(key));
}

export function footprintOf({ marks = noMarks, scope = noScope, attemptId }: Transaction, names: RowNames): Footprint {
  const written = names.writes.length > 8 ? new Set(names.writes) : undefined;
  const reads = names.checks.filter((name) => !(written ? written.has(name) : names.writes.includes(name)));
  if (marks.length === 0 && !attemptId) return { reads, writes: names.writes };
  const writes = [...names.writes];
  for (const { key } of marks) writes.push(`m${scope.length}/${nameOf(scope)}${nameOf(key)}`);
  if (attemptId) writes.push(`a${nameOf(attemptId)}`);
  return { reads, writes };
}

/** The footprints of those that travel together. */
export class Footprints {
  /** Whether it is written. */
  readonly #names = new Map<string, boolean>();

  meets({ reads, writes }: Footprint): boolean {
    if (this.#names.size === 0) return false;
    for (const name of writes) if (this.#names.has(name)) return true;
    for (const name of reads) if (this.#names.get(name)) return true;
    return false;
  }

  add({ reads, writes }: Footprint): void {
    for (const name of reads) if (!this.#names.has(name)) this.#names.set(name, false);
    for (const name of writes) this.#names.set(name, true);
  }
}
