/**
 * Attempts on disk, so that they are found again over a restart: one small row a commit, by its time, apart from the log
 * with its values, so that a start reads no more than the ids of the last minute.
 *
 *     time (8) | ordinal (4)  ->  format (1) | attempts, each: id (16) | revision (8)
 */
import type { Database } from 'lmdb';
import { readUint64, uint32, uint64 } from '../../src/core/tuple';
import { AttemptTable } from '../attempt-table';
import type { PastAttempt } from '../judge';
import { formatByte, requireFormat } from './lmdb-format';

type Rows = Database<Buffer, Buffer>;

const idBytes = 16;
const attemptBytes = idBytes + 8;
/** Rows that one commit takes out; it adds one. */
const trimRowsMax = 4;

export class LmdbAttempts {
  readonly #rows: Rows;
  readonly #keepMs: number;
  readonly #table: AttemptTable;
  #ordinal = 0;
  #lastMs = 0;
  /** Of the commit that runs, by id. */
  #added = new Map<string, PastAttempt & { readonly id: Buffer }>();

  /** `clockMs`: the last time that the data knows of. */
  constructor(rows: Rows, { keepMs, clockMs }: { readonly keepMs: number; readonly clockMs: number }) {
    this.#rows = rows;
    this.#keepMs = keepMs;
    this.#table = new AttemptTable(keepMs);
    for (const { key, value } of rows.getRange({ start: uint64(Math.max(clockMs - keepMs, 0)) }))
      this.#load(key, value);
  }

  /** Whether the commit that runs has any. */
  get hasAdded(): boolean {
    return this.#added.size > 0;
  }

  find(id: Buffer): PastAttempt | undefined {
    return this.#added.get(id.toString('latin1')) ?? this.#table.find(id);
  }

  /** Begins a commit. */
  begin(): void {
    this.#added = new Map();
  }

  add(id: Buffer, past: PastAttempt): void {
    this.#added.set(id.toString('latin1'), { id, ...past });
  }

  /** Writes what was added, and takes out what is too old. */
  write(nowMs: number): void {
    if (this.#added.size === 0) return;
    this.#ordinal = nowMs === this.#lastMs ? this.#ordinal + 1 : 0;
    this.#lastMs = nowMs;
    const parts = [...this.#added.values()].flatMap(({ id, revision }) => [id, uint64(revision)]);
    const value = Buffer.concat([Buffer.of(formatByte), ...parts], 1 + attemptBytes * this.#added.size);
    this.#rows.putSync(Buffer.concat([uint64(nowMs), uint32(this.#ordinal)]), value);
    const old = [...this.#rows.getKeys({ end: uint64(Math.max(nowMs - this.#keepMs, 0)), limit: trimRowsMax })];
    for (const key of old) this.#rows.removeSync(key);
  }

  /** The commit stands. */
  adopt(): void {
    for (const { id, revision, nowMs } of this.#added.values()) this.#table.add(id, { revision, nowMs });
    this.#added = new Map();
  }

  #load(key: Buffer, row: Buffer): void {
    requireFormat(row, 'a row of attempts');
    const nowMs = readUint64(key);
    this.#lastMs = nowMs;
    this.#ordinal = key.readUInt32BE(8);
    for (let at = 1; at < row.length; at += attemptBytes) {
      this.#table.add(row.subarray(at, at + idBytes), { revision: readUint64(row, at + idBytes), nowMs });
    }
  }
}
