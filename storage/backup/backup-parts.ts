/**
 * What an export gives and an import takes: a head, blocks of records, an end. A block holds
 *
 *     row    1 | history (1) | key, with its length | expiry | value, with its length
 *     mark   2 | key, with its length | revision | time | value, with its length
 *
 * one after the other, numbers and lengths as varints. Whoever carries the parts need not look into blocks.
 */
import type { History } from '../../src/core/keyspace';
import { AppError } from '../../src/core/errors';
import { readVarint, varintOf } from '../../src/core/varint';
import type { Reading } from '../../src/core/varint';
import type { PortableMark, PortableRow } from '../portable';

/** A tenant by itself. What opens it again comes last, so that half of it is never open. */
export interface BackupTenant {
  readonly id: string;
  /** In which its rows lie. */
  readonly incarnation: number;
  /** Its record as it is stored, in base64; without: it was never created. */
  readonly record: string | undefined;
}

/** What is said of a backup before its records. */
export interface BackupHead {
  /** Of this backup, so that an import that was cut off goes on with the same one. */
  readonly id: string;
  readonly storeId: string;
  readonly engine: string;
  /** The one at which everything in it stood. */
  readonly revision: number;
  /** The storage clock then. */
  readonly clockMs: number;
  /** For a progress bar. */
  readonly rowsAbout: number;
  /** Without: the whole store. */
  readonly tenant: BackupTenant | undefined;
}

/** Records, encoded. */
export interface BackupBlock {
  readonly count: number;
  readonly bytes: Buffer;
}

export type BackupPart =
  | { readonly kind: 'head'; readonly head: BackupHead }
  | { readonly kind: 'block'; readonly block: BackupBlock }
  /** Everything was given: what ends without it was cut off. */
  | { readonly kind: 'end' };

/** A block is closed when it has this many bytes; its last record may be as large as any. */
const blockBytes = 262_144;

const rowTag = 1;
const markTag = 2;
const histories: readonly History[] = ['none', 'key', 'value'];

/** Gathers records into blocks. */
export class BlockWriter {
  #parts: Buffer[] = [];
  #bytes = 0;
  #count = 0;

  row({ key, value, expiresAtMs, history }: PortableRow): void {
    const head = Buffer.of(rowTag, histories.indexOf(history));
    this.#add(head, varintOf(key.length), key, varintOf(expiresAtMs), varintOf(value.length), value);
  }

  mark({ key, value, revision, committedAtMs }: PortableMark): void {
    const numbers = [varintOf(revision), varintOf(committedAtMs)];
    this.#add(Buffer.of(markTag), varintOf(key.length), key, ...numbers, varintOf(value.length), value);
  }

  get isFull(): boolean {
    return this.#bytes >= blockBytes;
  }

  /** What was gathered; undefined: nothing. */
  take(): BackupBlock | undefined {
    if (this.#count === 0) return undefined;
    const block = { count: this.#count, bytes: Buffer.concat(this.#parts, this.#bytes) };
    this.#parts = [];
    this.#bytes = 0;
    this.#count = 0;
    return block;
  }

  #add(...parts: readonly Buffer[]): void {
    for (const part of parts) {
      this.#parts.push(part);
      this.#bytes += part.length;
    }
    this.#count += 1;
  }
}

/** The records of a block. Throws INTERNAL where it is not one of ours, or not whole. */
export function readBlock({ count, bytes }: BackupBlock): { rows: PortableRow[]; marks: PortableMark[] } {
  const rows: PortableRow[] = [];
  const marks: PortableMark[] = [];
  const reading: Reading = { bytes, next: 0 };
  while (reading.next < bytes.length) {
    const tag = bytes[reading.next++];
    if (tag === rowTag) rows.push(readRow(reading));
    else if (tag === markTag) marks.push(readMark(reading));
    else throw new AppError('INTERNAL', `a record of the kind ${tag}, which this program does not know`);
  }
  if (rows.length + marks.length !== count)
    throw new AppError('INTERNAL', `a block of ${rows.length + marks.length} records that says it has ${count}`);
  return { rows, marks };
}

function readRow(reading: Reading): PortableRow {
  const history = histories[reading.bytes[reading.next++] ?? histories.length];
  if (!history) throw new AppError('INTERNAL', 'a row whose history is of no kind that there is');
  const key = readBytes(reading);
  const expiresAtMs = readVarint(reading);
  return { key, value: readBytes(reading), expiresAtMs, history };
}

function readMark(reading: Reading): PortableMark {
  const key = readBytes(reading);
  const revision = readVarint(reading);
  const committedAtMs = readVarint(reading);
  return { key, value: readBytes(reading), revision, committedAtMs };
}

function readBytes(reading: Reading): Buffer {
  const length = readVarint(reading);
  const end = reading.next + length;
  if (end > reading.bytes.length) throw new AppError('INTERNAL', 'a record that is cut off');
  const bytes = reading.bytes.subarray(reading.next, end);
  reading.next = end;
  return bytes;
}
