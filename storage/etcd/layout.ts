/**
 * Where everything lies under the prefix of a store in etcd. A key is the prefix, one byte for what it is, and its parts:
 *
 *     01 meta        format and epoch; read at the start
 *     02 control     batches (a row for each physical transaction), processes, the lock, how far history reaches
 *     03 rows        the rows of the store, under their own keys
 *     04 due         when a row is to be looked at by the sweeper: time, key
 *     05 marks       idempotency marks: generation, scope, key
 *
 * Control and rows lie side by side, so that one watch of etcd brings both, in order. A row's value begins with a format byte, its expiry
 * and its history; etcd's own mod_revision is its revision.
 */
import type { Entry, MarkEntry } from '../../proto/store';
import { AppError } from '../../src/core/errors';
import type { History } from '../../src/core/keyspace';
import { escaped, escapedEnd, prefixEnd, readUint64, uint32, uint48, uint64 } from '../../src/core/tuple';
import type { RowHead } from '../judge';
import type { KeyValue } from './messages';

const area = { meta: 1, control: 2, rows: 3, due: 4, marks: 5 } as const;
const control = {
  batch: 1,
  process: 2,
  lock: 3,
  history: 4,
  time: 5,
  billed: 6,
  bases: 7,
  hold: 8,
  recounted: 9,
} as const;

export const formatByte = 1;
const histories: readonly History[] = ['none', 'key', 'value'];
const foreignMarkFormat = 2;
const rowHeaderBytes = 10;

/** A range of keys of etcd. */
export interface Span {
  readonly start: Buffer;
  readonly end: Buffer;
}

/** The keys of one store. */
export class Layout {
  readonly #prefix: Buffer;
  readonly #rowsPrefix: Buffer;
  readonly #batchPrefix: Buffer;
  readonly #processPrefix: Buffer;
  readonly meta: Buffer;
  readonly lock: Buffer;
  /** How far back the history reaches. */
  readonly history: Buffer;
  /** The storage time at which a process last ended. */
  readonly time: Buffer;
  /** Through which revision rows are counted in the usage of accounts. */
  readonly billed: Buffer;
  /** The revision at which the usage of all accounts was last counted anew. */
  readonly recounted: Buffer;
  /** What is added to etcd's revisions where they are shown. */
  readonly bases: Buffer;
  /** What the watch is of: control and rows. */
  readonly watched: Span;
  readonly control: Span;
  readonly processes: Span;
  /** Rows of those who read at an old revision. */
  readonly holds: Span;
  readonly rows: Span;
  readonly marks: Span;

  constructor(prefix: string) {
    this.#prefix = Buffer.from(prefix, 'utf8');
    this.#rowsPrefix = this.#key(Buffer.of(area.rows));
    this.#batchPrefix = this.#key(Buffer.of(area.control, control.batch));
    this.#processPrefix = this.#key(Buffer.of(area.control, control.process));
    this.meta = this.#key(Buffer.of(area.meta));
    this.lock = this.#key(Buffer.of(area.control, control.lock));
    this.history = this.#key(Buffer.of(area.control, control.history));
    this.time = this.#key(Buffer.of(area.control, control.time));
    this.billed = this.#key(Buffer.of(area.control, control.billed));
    this.recounted = this.#key(Buffer.of(area.control, control.recounted));
    this.bases = this.#key(Buffer.of(area.control, control.bases));
    this.watched = { start: this.#key(Buffer.of(area.control)), end: this.#key(Buffer.of(area.due)) };
    this.control = spanOf(this.#key(Buffer.of(area.control)));
    this.processes = spanOf(this.#processPrefix);
    this.holds = spanOf(this.#key(Buffer.of(area.control, control.hold)));
    this.rows = spanOf(this.#rowsPrefix);
    this.marks = spanOf(this.#key(Buffer.of(area.marks)));
  }

  /** The row of a key of the store. */
  row(key: Buffer): Buffer {
    const prefix = this.#rowsPrefix;
    const row = Buffer.allocUnsafe(prefix.length + key.length);
    row.set(prefix);
    row.set(key, prefix.length);
    return row;
  }

  /** The end of a range: bounds may be longer than any key. */
  rowEnd(end: Buffer): Buffer {
    return this.row(end);
  }

  isRow(key: Buffer): boolean {
    return key[this.#prefix.length] === area.rows;
  }

  /** The key of the store whose row this is. */
  keyOfRow(key: Buffer): Buffer {
    return key.subarray(this.#rowsPrefix.length);
  }

  /** Batches lie by the time in which they were made, so that old ones go by range. */
  batch(bucket: number, processId: Buffer, number: number): Buffer {
    return Buffer.concat([this.#batchPrefix, uint32(bucket), processId, uint48(number)]);
  }

  processIdOf(key: Buffer): Buffer {
    return key.subarray(this.#processPrefix.length);
  }

  /** The process that made a batch. */
  batchProcess(key: Buffer): Buffer {
    return key.subarray(this.#batchPrefix.length + 4, this.#batchPrefix.length + 12);
  }

  isBatch(key: Buffer): boolean {
    return key.subarray(0, this.#batchPrefix.length).equals(this.#batchPrefix);
  }

  /** A row of a batch's own, which says that its transaction was applied, where that writes nothing else. */
  witness(batch: Buffer, index: number): Buffer {
    return Buffer.concat([batch, uint32(index)]);
  }

  isWitness(key: Buffer): boolean {
    return key.length > this.#batchPrefix.length + 18;
  }

  /** Batches of buckets before this one. */
  batchesBefore(bucket: number): Span {
    return { start: this.#batchPrefix, end: Buffer.concat([this.#batchPrefix, uint32(Math.max(bucket, 0))]) };
  }

  batchesFrom(bucket: number): Span {
    return { start: this.batchesBefore(bucket).end, end: spanOf(this.#batchPrefix).end };
  }

  process(processId: Buffer): Buffer {
    return Buffer.concat([this.#processPrefix, processId]);
  }

  isProcess(key: Buffer): boolean {
    return key.subarray(0, this.#processPrefix.length).equals(this.#processPrefix);
  }

  due(expiresAtMs: number, key: Buffer): Buffer {
    return Buffer.concat([this.#key(Buffer.of(area.due)), uint64(expiresAtMs), key]);
  }

  /** What is to be looked at by `nowMs`. */
  dueThrough(nowMs: number): Span {
    const start = this.#key(Buffer.of(area.due));
    return { start, end: Buffer.concat([start, uint64(nowMs + 1)]) };
  }

  readDue(key: Buffer): { readonly atMs: number; readonly key: Buffer } {
    const at = this.#prefix.length + 1;
    return { atMs: readUint64(key, at), key: key.subarray(at + 8) };
  }

  mark(generation: number, scope: Buffer, key: Buffer): Buffer {
    return Buffer.concat([this.#marksOf(generation), escaped(scope), key]);
  }

  marksOfScope(generation: number, scope: Buffer): Span {
    return spanOf(Buffer.concat([this.#marksOf(generation), escaped(scope)]));
  }

  /** Marks of this generation and of those after it. */
  marksFrom(generation: number): Span {
    return { start: this.marksBefore(generation).end, end: this.marks.end };
  }

  hold(id: Buffer): Buffer {
    return Buffer.concat([this.holds.start, id]);
  }

  /** The key under which a mark was made, from the one under which it stands. */
  keyOfMark(key: Buffer): Buffer {
    return key.subarray(escapedEnd(key, this.marks.start.length + 4));
  }

  /** Marks of generations before this one. */
  marksBefore(generation: number): Span {
    return { start: this.#key(Buffer.of(area.marks)), end: this.#marksOf(Math.max(generation, 0)) };
  }

  #marksOf(generation: number): Buffer {
    return this.#key(Buffer.concat([Buffer.of(area.marks), uint32(generation)]));
  }

  #key(rest: Buffer): Buffer {
    return Buffer.concat([this.#prefix, rest]);
  }
}

function spanOf(prefix: Buffer): Span {
  return { start: prefix, end: prefixEnd(prefix)! };
}

// --- values ----------------------------------------------------------------------------------------------------------

export function encodeRow(value: Buffer, { expiresAtMs, history }: { expiresAtMs: number; history: History }): Buffer {
  const out = Buffer.allocUnsafe(rowHeaderBytes + value.length);
  out[0] = formatByte;
  if (expiresAtMs === 0) out.fill(0, 1, 9);
  else uint64(expiresAtMs).copy(out, 1);
  out[9] = histories.indexOf(history);
  value.copy(out, rowHeaderBytes);
  return out;
}

/** What stands beside the value. Throws INTERNAL for a format that this program does not know. */
export function rowHead({ value, modRevision }: KeyValue): RowHead {
  requireFormat(value);
  const valueBytes = value.length - rowHeaderBytes;
  return { revision: modRevision, expiresAtMs: readUint64(value, 1), history: histories[value[9]!]!, valueBytes };
}

export function rowValue({ value }: KeyValue): Buffer {
  return value.subarray(rowHeaderBytes);
}

export function toEntry(key: Buffer, row: KeyValue): Entry {
  const { revision, expiresAtMs } = rowHead(row);
  return { key, value: rowValue(row), revision, expiresAtMs };
}

export function encodeMark(value: Buffer, committedAtMs: number): Buffer {
  return Buffer.concat([Buffer.of(formatByte), uint64(committedAtMs), value]);
}

/** A mark that another store has made: it keeps the revision that was shown there. */
export function encodeForeignMark({ value, committedAtMs, revision }: Omit<MarkEntry, 'key'>): Buffer {
  return Buffer.concat([Buffer.of(foreignMarkFormat), uint64(committedAtMs), uint64(revision), value]);
}

/** Of a mark of another store the revision is negative: it is to be shown as it is (`bases.ts`). */
export function toMark(key: Buffer, { value, modRevision }: KeyValue): MarkEntry {
  if (value[0] === foreignMarkFormat)
    return { key, value: value.subarray(17), revision: -readUint64(value, 9), committedAtMs: readUint64(value, 1) };
  requireFormat(value);
  return { key, value: value.subarray(9), revision: modRevision, committedAtMs: readUint64(value, 1) };
}

/** What a batch remembers: when it was judged, its attempts, and which of those of batches before were applied. */
export interface BatchRow {
  readonly nowMs: number;
  /** A random one for each try to write it, so that a process knows its own. */
  readonly nonce: Buffer;
  /** Undefined: that transaction has none. */
  readonly attempts: readonly BatchAttempt[];
  /** Of previous batches of the same process. */
  readonly tellings: readonly BatchTelling[];
}

/** A batch that stands at this revision, and those of its attempts that were applied. */
export interface BatchTelling {
  readonly revision: number;
  readonly nowMs: number;
  readonly applied: readonly Buffer[];
}

export interface BatchAttempt {
  readonly attemptId: Buffer;
  /** A key that the transaction writes: where it stands at the batch's revision, the transaction was applied. */
  readonly witness: Buffer;
}

export function encodeBatch({ nowMs, nonce, attempts, tellings }: BatchRow): Buffer {
  const [first = noTelling, ...others] = tellings;
  const parts: Buffer[] = [Buffer.of(formatByte), uint64(nowMs), nonce, ...tellingParts(first)];
  parts.push(uint32(attempts.length));
  let last = noWitness;
  for (const { attemptId, witness } of attempts) {
    // No length: the same witness as the attempt before it.
    if (witness.equals(last)) parts.push(attemptId, uint32(0));
    else parts.push(attemptId, uint32(witness.length), witness);
    last = witness;
  }
  // Behind everything else, where a program that knows of one telling only does not look.
  if (others.length > 0) parts.push(uint32(others.length), ...others.flatMap(tellingParts));
  return Buffer.concat(parts);
}

const noTelling: BatchTelling = { revision: 0, nowMs: 0, applied: [] };
const noWitness: Buffer = Buffer.alloc(0);

function tellingParts({ revision, nowMs, applied }: BatchTelling): Buffer[] {
  return [uint64(revision), uint64(nowMs), uint32(applied.length), ...applied];
}

export const nonceBytes = 8;

/** The time alone: all that a watch needs. */
export function batchTimeMs(value: Buffer): number {
  requireFormat(value);
  return readUint64(value, 1);
}

export function batchNonce(value: Buffer): Buffer {
  return value.subarray(9, 9 + nonceBytes);
}

export function decodeBatch(value: Buffer): BatchRow {
  requireFormat(value);
  let at = 9;
  const take = (bytes: number): Buffer => value.subarray(at, (at += bytes));
  const takeMany = <Item>(one: () => Item): Item[] => Array.from({ length: take(4).readUInt32BE() }, one);
  const takeTelling = (): BatchTelling => ({
    revision: readUint64(take(8)),
    nowMs: readUint64(take(8)),
    applied: takeMany(() => take(16)),
  });
  const nonce = take(nonceBytes);
  const first = takeTelling();
  let witness = noWitness;
  const attempts = takeMany(() => {
    const attemptId = take(16);
    const bytes = take(4).readUInt32BE();
    if (bytes > 0) witness = take(bytes);
    return { attemptId, witness };
  });
  const others = at < value.length ? takeMany(takeTelling) : [];
  return { nowMs: readUint64(value, 1), nonce, attempts, tellings: [first, ...others] };
}

/** What a process says of itself. */
export interface ProcessRow {
  /** Another one for each start. */
  readonly incarnation: Buffer;
  readonly storageMs: number;
  /** By the clock of its machine. */
  readonly wallMs: number;
  readonly name: string;
}

export function encodeProcess({ incarnation, storageMs, wallMs, name }: ProcessRow): Buffer {
  return Buffer.concat([Buffer.of(formatByte), incarnation, uint64(storageMs), uint64(wallMs), Buffer.from(name)]);
}

export function decodeProcess(value: Buffer): ProcessRow {
  requireFormat(value);
  const at = 1 + processIdBytes;
  return {
    incarnation: value.subarray(1, at),
    storageMs: readUint64(value, at),
    wallMs: readUint64(value, at + 8),
    name: value.toString('utf8', at + 16),
  };
}

export const processIdBytes = 8;

export function encodeNumber(value: number): Buffer {
  return Buffer.concat([Buffer.of(formatByte), uint64(value)]);
}

export function decodeNumber(value: Buffer): number {
  requireFormat(value);
  return readUint64(value, 1);
}

function requireFormat(value: Buffer): void {
  if (value[0] === formatByte) return;
  throw new AppError('INTERNAL', `a row in etcd of format ${value[0]}, where ${formatByte} was expected`);
}
