/**
 * The data directory and its files: whether they are ours, sound, and nobody else's, before LMDB maps them (a truncated file
 * that is mapped ends the process with a signal), and room on the disk ahead of what is written. `norigate.json` says { format,
 * storeId }; `data.mdb` and `lock.mdb` are LMDB's.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  renameSync,
  statSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../../src/core/errors';
import type { Ids } from '../../src/core/ids';

/** Of the directory as a whole. A later one is refused; an earlier one is brought up to date here, once there is one. */
export const directoryFormat = 1;

export interface DirectoryMark {
  readonly format: number;
  readonly storeId: string;
  /** False while the first start has not finished: then what lies there may be made anew. */
  readonly isComplete: boolean;
}

/** What a new directory needs on its disk. */
const freshBytesMin = 5_242_880;
const markFile = 'norigate.json';
const dataFile = 'data.mdb';
/** The server secret, which an engine that keeps nothing may have left here; with what a start that was cut off left beside it. */
const secretFile = /^secret(\..*)?$/;

export const dataFileOf = (directory: string): string => join(directory, dataFile);

/** Makes the directory where there is none. Throws INTERNAL where that cannot be. */
export function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new AppError('INTERNAL', `the data directory ${directory} cannot be made: ${(error as Error).message}`);
  }
}

/** Reads (or begins) the mark of a directory that is there. Throws INTERNAL for what is not ours or not sound. */
export function prepareDirectory(directory: string, ids: Ids): DirectoryMark {
  const mark = readMark(directory);
  if (!mark?.isComplete) requireRoom(directory);
  if (!mark) {
    refuseForeign(directory);
    const fresh = { format: directoryFormat, storeId: ids.uuid(), isComplete: false };
    writeMark(directory, fresh);
    return fresh;
  }
  if (mark.isComplete) checkDataFile(directory);
  return mark;
}

/** The first start has finished. */
export function completeDirectory(directory: string, mark: DirectoryMark): void {
  writeMark(directory, { ...mark, isComplete: true });
}

function readMark(directory: string): DirectoryMark | undefined {
  const path = join(directory, markFile);
  if (!existsSync(path)) return undefined;
  let mark: Partial<DirectoryMark>;
  try {
    mark = JSON.parse(readFileSync(path, 'utf8')) as Partial<DirectoryMark>;
  } catch (error) {
    throw damaged(path, `it cannot be read: ${(error as Error).message}`);
  }
  const { format, storeId, isComplete } = mark;
  if (typeof format !== 'number' || typeof storeId !== 'string' || typeof isComplete !== 'boolean') {
    throw damaged(path, 'it does not say format, storeId and isComplete');
  }
  if (format > directoryFormat) {
    const rule = `has the format ${format}; this program knows formats up to ${directoryFormat}. Start it with the version that wrote it, or a later one`;
    throw new AppError('INTERNAL', `the data directory ${directory} ${rule}`);
  }
  return { format, storeId, isComplete };
}

function writeMark(directory: string, mark: DirectoryMark): void {
  const path = join(directory, markFile);
  const file = openSync(`${path}.new`, 'w', 0o600);
  try {
    writeSync(file, `${JSON.stringify(mark)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
  const folder = openSync(directory, 'r');
  fsyncSync(folder);
  closeSync(folder);
}

/** LMDB maps new files before it has room for them: without any, the process would end with a signal. */
function requireRoom(directory: string): void {
  const { bavail, bsize } = statfsSync(directory);
  const freeBytes = bavail * bsize;
  if (freeBytes >= freshBytesMin) return;
  const rule = `has ${freeBytes} bytes free, at least ${freshBytesMin} are needed to begin`;
  throw new AppError('UNAVAILABLE', `the disk of the data directory ${directory} ${rule}`);
}

/** A directory without our mark must hold nothing but sockets, hidden files and a server secret. */
function refuseForeign(directory: string): void {
  const foreign = readdirSync(directory, { withFileTypes: true }).find(
    (entry) =>
      !entry.isSocket() &&
      !entry.name.startsWith('.') &&
      entry.name !== 'lost+found' &&
      !secretFile.test(entry.name) &&
      entry.name !== `${markFile}.new`,
  );
  if (!foreign) return;
  const rule = `holds ${foreign.name} but no ${markFile}: it belongs to another program. Choose an empty directory, or one that does not exist`;
  throw new AppError('INTERNAL', `the data directory ${directory} ${rule}`);
}

function damaged(path: string, reason: string): AppError {
  return new AppError('INTERNAL', `${path} is damaged: ${reason}. Nothing was changed; restore it from a backup`);
}

// --- LMDB's file -------------------------------------------------------------------------------------------------

/** Of a page: number (8), transaction (8), padding (2), flags (2), bounds (4); then, on the first two, the meta record. */
const pageFlagsAt = 18;
const metaFlag = 0x08;
const metaAt = 24;
const magic = 0xbeefc0de;
const dataVersion = 2;
const metaBytes = 160;

interface MetaPage {
  readonly pageBytes: number;
  readonly lastPage: number;
  readonly transaction: number;
}

/** Holds the file against what its own first pages say. Throws INTERNAL with the file and the reason. */
export function checkDataFile(directory: string): void {
  const path = dataFileOf(directory);
  if (!existsSync(path)) throw damaged(path, 'it is missing');
  const { size } = statSync(path);
  const file = openSync(path, 'r');
  try {
    const first = readMeta(file, 0, path);
    const second = readMeta(file, first.pageBytes, path);
    const { lastPage, pageBytes } = first.transaction > second.transaction ? first : second;
    const least = (lastPage + 1) * pageBytes;
    if (size < least) throw damaged(path, `it has ${size} bytes, at least ${least} are in use; it was cut off`);
  } finally {
    closeSync(file);
  }
}

function readMeta(file: number, at: number, path: string): MetaPage {
  const page = Buffer.alloc(metaBytes);
  if (readSync(file, page, 0, metaBytes, at) < metaBytes) throw damaged(path, 'it is too short to hold anything');
  const pageBytes = page.readUInt32LE(metaAt + 24);
  const isMeta =
    (page.readUInt16LE(pageFlagsAt) & metaFlag) !== 0 &&
    page.readUInt32LE(metaAt) === magic &&
    page.readUInt32LE(metaAt + 4) === dataVersion &&
    pageBytes >= 512 &&
    pageBytes <= 65_536;
  if (!isMeta) throw damaged(path, `there is no LMDB header at byte ${at}`);
  return {
    pageBytes,
    lastPage: Number(page.readBigUInt64LE(metaAt + 120)),
    transaction: Number(page.readBigUInt64LE(metaAt + 128)),
  };
}

// --- room on the disk --------------------------------------------------------------------------------------------

/** Room that stands behind what is in use: what one physical commit may need. */
export const reserveBytes = 4_194_304;
const zeros = Buffer.alloc(1_048_576);

/**
 * Keeps the file longer than what is in use by some written room, so that a full disk is met here, before anything of
 * a commit is written, and what frees room can still be written. (It also spares most commits the allocation of blocks.)
 */
export class DiskReserve {
  readonly #file: number;
  #size: number;

  constructor(directory: string) {
    this.#file = openSync(dataFileOf(directory), 'r+');
    this.#size = fstatSync(this.#file).size;
  }

  /** Makes room behind `usedBytes`, within `bytesMax`; answers why it cannot. */
  ensure(usedBytes: number, bytesMax: number): Error | undefined {
    if (usedBytes + reserveBytes > bytesMax) return new Error(`the data may not grow past ${bytesMax} bytes`);
    if (this.#size >= usedBytes + reserveBytes) return undefined;
    // LMDB may have written past what we knew.
    this.#size = Math.max(this.#size, fstatSync(this.#file).size);
    const wanted = Math.min(usedBytes + 2 * reserveBytes, bytesMax);
    try {
      while (this.#size < wanted) {
        const step = Math.min(zeros.length, wanted - this.#size);
        this.#size += writeSync(this.#file, zeros, 0, step, this.#size);
      }
      return undefined;
    } catch (error) {
      return this.#size >= usedBytes + reserveBytes ? undefined : (error as Error);
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

// --- owner -------------------------------------------------------------------------------------------------------

/** The process that has the data open. */
export interface Owner {
  readonly pid: number;
  /** Of the process, in the kernel's ticks; tells it from a later one with the same number. Undefined where it is not told. */
  readonly startTicks: string | undefined;
}

export function ownOwner(): Owner {
  return { pid: process.pid, startTicks: processOf(process.pid)?.startTicks };
}

/** Whether that process still lives, and is another one than this. */
export function isOtherProcess(owner: Owner): boolean {
  const found = processOf(owner.pid);
  if (found) {
    if (found.state === 'Z' || (owner.startTicks !== undefined && owner.startTicks !== found.startTicks)) return false;
    return owner.pid !== process.pid;
  }
  if (existsSync('/proc/self/stat') || owner.pid === process.pid) return false;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function processOf(pid: number): { readonly state: string; readonly startTicks: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name, which is in parentheses and may hold anything: state is field 3, start time field 22.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0]!, startTicks: fields[19]! };
  } catch {
    return undefined;
  }
}
