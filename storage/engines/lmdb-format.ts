/**
 * How the LMDB engine writes things down. Every value begins with a format byte; numbers are big endian, so that keys that
 * begin with one are in its order.
 *
 *     rows   key                               -> format | flags | revision | [expires at | due row's time] | value
 *     due    time | key                        -> (empty): when to look at a row that expires
 *     log    last revision in it               -> format | time | commits (see `LogWriter`)
 *     attempts  see `lmdb-attempts.ts`
 *     marks  generation | key                  -> format | revision | time | value
 *     meta   1                                 -> format | revision | clock | oldest revision | bytes of the log
 *            2                                 -> format | JSON of the owner: { pid, epoch }
 *            3                                 -> format | generation of marks | its beginning
 *            4 | generation | scope            -> format | marks of the scope in the generation
 *            6                                 -> format: what is stored for tenants is counted in rows of its own
 */
import type { Change, ChangeKind, Revision } from '../../proto/store';
import { AppError } from '../../src/core/errors';
import type { History } from '../../src/core/keyspace';
import { readUint64, uint32, uint64 } from '../../src/core/tuple';
import type { CommitChanges } from '../engine';
import type { RowHead } from '../judge';

export const formatByte = 1;

/** Refuses bytes of another format: damage, or a later program's. */
export function requireFormat(bytes: Uint8Array, what: string): void {
  if (bytes[0] !== formatByte)
    throw new AppError('INTERNAL', `${what} has the format ${bytes[0]}, ${formatByte} was expected`);
}

// --- memory ------------------------------------------------------------------------------------------------------

const reusedBytesLeast = 65_536;

/**
 * Memory for what LMDB copies at once, written over again and again; it grows to what a group of transactions may have. Values of some kilobytes, each
 * encoded into a buffer of its own, made V8 collect the whole heap several times a second, which everyone waited for.
 */
class ReusedBytes {
  #bytes = Buffer.allocUnsafeSlow(reusedBytesLeast);

  /** A part of it; what stands before the part stays. */
  part(start: number, end: number): Buffer {
    if (end > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(end)));
      this.#bytes.copy(grown, 0, 0, start);
      this.#bytes = grown;
    }
    return this.#bytes.subarray(start, end);
  }
}

// --- rows --------------------------------------------------------------------------------------------------------

/** A row's head, with the time of its due row; 0: there is none. */
export interface StoredHead extends RowHead {
  readonly dueMs: number;
}

const rowMemory = new ReusedBytes();
const histories: readonly History[] = ['none', 'key', 'value'];
const mortalFlag = 4;
const headBytes = 10;
const mortalHeadBytes = 26;

/** Where the value begins. */
export function valueOffset(row: Uint8Array): number {
  return (row[1]! & mortalFlag) === 0 ? headBytes : mortalHeadBytes;
}

/** The bytes are good until the next call. */
export function encodeRow(
  { revision, expiresAtMs, dueMs, history }: Omit<StoredHead, 'valueBytes'>,
  value: Buffer,
): Buffer {
  const isMortal = expiresAtMs !== 0;
  const offset = isMortal ? mortalHeadBytes : headBytes;
  const row = rowMemory.part(0, offset + value.length);
  row[0] = formatByte;
  row[1] = histories.indexOf(history) | (isMortal ? mortalFlag : 0);
  writeUint64(row, revision, 2);
  if (isMortal) {
    writeUint64(row, expiresAtMs, 10);
    writeUint64(row, dueMs, 18);
  }
  value.copy(row, offset);
  return row;
}

export function decodeHead(row: Buffer): StoredHead {
  requireFormat(row, 'a row');
  const flags = row[1]!;
  const isMortal = (flags & mortalFlag) !== 0;
  return {
    revision: readUint64(row, 2),
    history: histories[flags & 3]!,
    expiresAtMs: isMortal ? readUint64(row, 10) : 0,
    dueMs: isMortal ? readUint64(row, 18) : 0,
    valueBytes: row.length - (isMortal ? mortalHeadBytes : headBytes),
  };
}

export function dueKey(dueMs: number, key: Buffer): Buffer {
  return Buffer.concat([uint64(dueMs), key]);
}

export function decodeDueKey(stored: Buffer): { dueMs: number; key: Buffer } {
  return { dueMs: readUint64(stored), key: stored.subarray(8) };
}

function writeUint64(target: Buffer, value: number, at: number): void {
  target.writeUInt32BE(Math.floor(value / 4294967296), at);
  target.writeUInt32BE(value >>> 0, at + 4);
}

// --- the log -----------------------------------------------------------------------------------------------------

const changeKinds: readonly ChangeKind[] = ['put', 'delete', 'expire'];
const valueFlag = 4;
const logHeadBytes = 9;
const commitHeadBytes = 12;
/** A log row is closed when it has this many bytes: what is larger does not share a page with others. */
const logRowBytes = 1_900;

export interface LogRow {
  readonly lastRevision: Revision;
  readonly bytes: Buffer;
}

/**
 * Collects the commits of one group into log rows:
 *
 *     commit   revision (8) | number of changes (4) | changes
 *     change   kind and flags (1) | key length (2) | key | [expires at (8), of a put] | [value length (4) | value]
 *
 * All in memory that the next group writes over.
 */
export class LogWriter {
  readonly #memory = new ReusedBytes();
  #nowMs = 0;
  /** Rows that are closed, and where they stand. */
  #closed: { readonly lastRevision: Revision; readonly start: number; readonly end: number }[] = [];
  #start = 0;
  #end = 0;
  #lastRevision: Revision = 0;

  /** Begins with a group; rows of the one before are written over. */
  begin(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#closed = [];
    this.#start = 0;
    this.#end = 0;
  }

  add({ revision, changes }: CommitChanges): void {
    if (this.#end === this.#start) this.#beginRow();
    const head = this.#more(commitHeadBytes);
    writeUint64(head, revision, 0);
    head.writeUInt32BE(changes.length, 8);
    for (const change of changes) writeChange(change, this.#more(changeBytes(change)));
    this.#lastRevision = revision;
    if (this.#end - this.#start >= logRowBytes) this.#closeRow();
  }

  /** The rows, good until the next group begins. */
  finish(): readonly LogRow[] {
    if (this.#end > this.#start) this.#closeRow();
    return this.#closed.map(({ lastRevision, start, end }) => ({ lastRevision, bytes: this.#memory.part(start, end) }));
  }

  #beginRow(): void {
    const head = this.#more(logHeadBytes);
    head[0] = formatByte;
    writeUint64(head, this.#nowMs, 1);
  }

  #closeRow(): void {
    this.#closed.push({ lastRevision: this.#lastRevision, start: this.#start, end: this.#end });
    this.#start = this.#end;
  }

  #more(length: number): Buffer {
    const start = this.#end;
    this.#end += length;
    return this.#memory.part(start, this.#end);
  }
}

function changeBytes({ kind, key, value }: Change): number {
  return 3 + key.length + (kind === 'put' ? 8 : 0) + (value ? 4 + value.length : 0);
}

function writeChange({ kind, key, value, expiresAtMs }: Change, bytes: Buffer): void {
  bytes[0] = changeKinds.indexOf(kind) | (value ? valueFlag : 0);
  bytes.writeUInt16BE(key.length, 1);
  key.copy(bytes, 3);
  let at = 3 + key.length;
  if (kind === 'put') {
    writeUint64(bytes, expiresAtMs, at);
    at += 8;
  }
  if (value) {
    bytes.writeUInt32BE(value.length, at);
    value.copy(bytes, at + 4);
  }
}

/** When a log row was written. */
export function logRowTime(row: Buffer): number {
  requireFormat(row, 'a row of the log');
  return readUint64(row, 1);
}

/** The commits of a log row, in order. Keys and values are views of `row`. */
export function decodeLogRow(row: Buffer): readonly CommitChanges[] {
  requireFormat(row, 'a row of the log');
  const commits: CommitChanges[] = [];
  let at = logHeadBytes;
  while (at < row.length) {
    const revision = readUint64(row, at);
    const count = row.readUInt32BE(at + 8);
    at += 12;
    const changes: Change[] = [];
    for (let index = 0; index < count; index += 1) {
      const kind = changeKinds[row[at]! & 3]!;
      const hasValue = (row[at]! & valueFlag) !== 0;
      const keyEnd = at + 3 + row.readUInt16BE(at + 1);
      const key = row.subarray(at + 3, keyEnd);
      at = keyEnd;
      const expiresAtMs = kind === 'put' ? readUint64(row, at) : 0;
      if (kind === 'put') at += 8;
      let value: Buffer | undefined;
      if (hasValue) {
        const valueEnd = at + 4 + row.readUInt32BE(at);
        value = row.subarray(at + 4, valueEnd);
        at = valueEnd;
      }
      changes.push({ kind, key, revision, value, expiresAtMs });
    }
    commits.push({ revision, changes });
  }
  return commits;
}

// --- marks -------------------------------------------------------------------------------------------------------

export interface StoredMark {
  readonly revision: Revision;
  readonly committedAtMs: number;
  readonly value: Buffer;
}

export function markKey(generation: number, key: Buffer): Buffer {
  return Buffer.concat([uint32(generation), key]);
}

export function encodeMarkRow({ revision, committedAtMs, value }: StoredMark): Buffer {
  return Buffer.concat([Buffer.of(formatByte), uint64(revision), uint64(committedAtMs), value]);
}

export function decodeMarkRow(row: Buffer): StoredMark {
  requireFormat(row, 'a mark');
  return { revision: readUint64(row, 1), committedAtMs: readUint64(row, 9), value: row.subarray(17) };
}

// --- meta --------------------------------------------------------------------------------------------------------

export interface StoreMeta {
  readonly revision: Revision;
  readonly clockMs: number;
  readonly oldestRevision: Revision;
  readonly logBytes: number;
}

export const metaKeys = {
  state: Buffer.of(1),
  owner: Buffer.of(2),
  markGeneration: Buffer.of(3),
  markCount: (generation: number, scope: Buffer): Buffer => Buffer.concat([Buffer.of(4), uint32(generation), scope]),
  /** All counts of marks. */
  markCounts: { start: Buffer.of(4), end: Buffer.of(5) },
  /** There since usage is counted: data of a program before that is counted once, at the start. */
  usage: Buffer.of(6),
} as const;

/** Numbers behind a format byte: what most rows of `meta` are. */
export function encodeNumbers(...numbers: readonly number[]): Buffer {
  return Buffer.concat([Buffer.of(formatByte), ...numbers.map(uint64)]);
}

export function decodeNumbers(row: Buffer): readonly number[] {
  requireFormat(row, 'a row of the store itself');
  return Array.from({ length: (row.length - 1) / 8 }, (_, index) => readUint64(row, 1 + 8 * index));
}

export function encodeMeta({ revision, clockMs, oldestRevision, logBytes }: StoreMeta): Buffer {
  return encodeNumbers(revision, clockMs, oldestRevision, logBytes);
}

export function decodeMeta(row: Buffer): StoreMeta {
  const [revision, clockMs, oldestRevision, logBytes] = decodeNumbers(row);
  return { revision: revision!, clockMs: clockMs!, oldestRevision: oldestRevision!, logBytes: logBytes! };
}
