/**
 * A backup as a file, read and written as a stream:
 *
 *     "norigate backup" | format (1)
 *     blocks   kind (1) | records (4) | length (4) | bytes | digest (16)
 *
 * The first block is the head (JSON), the last the trailer (JSON: totals), between them blocks of records. A digest is the beginning of
 * SHA-256 over the digest before it and the block, the first one over the beginning of the file: a byte that is changed, a block that is
 * cut out, doubled or moved, and an end that is missing are all found, with their place.
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../../src/core/errors';
import type { BackupHead, BackupPart } from './backup-parts';
import { readBlock } from './backup-parts';

export const backupFormat = 1;
const magic = Buffer.from('norigate backup');
const opening = Buffer.concat([magic, Buffer.of(backupFormat)]);
const digestBytes = 16;
const blockHeadBytes = 9;
/** More than the largest block that is written: a row more than a full one. */
const blockBytesMax = 4_194_304;
const kinds = { head: 1, records: 2, trailer: 3 } as const;

/** What a backup holds, as its trailer says. */
export interface BackupTotals {
  readonly blocks: number;
  readonly records: number;
  /** Of records, encoded. */
  readonly bytes: number;
}

const digestOf = (...parts: readonly Buffer[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest().subarray(0, digestBytes);
};

/**
 * Writes a backup under a name of its own and gives it its name when all of it is on the disk. Throws INVALID_ARGUMENT where the name is
 * taken, and what the parts throw; then nothing is left. `onProgress`: records so far.
 */
export async function writeBackup(
  path: string,
  parts: AsyncIterable<BackupPart>,
  onProgress: (records: number, head: BackupHead) => void = () => undefined,
): Promise<BackupTotals> {
  const aside = `${path}.part`;
  const file = await openNew(path, aside);
  try {
    const totals = await writeParts(file, parts, onProgress);
    await file.sync();
    await file.close();
    await rename(aside, path);
    const folder = await open(dirname(path), 'r');
    await folder.sync();
    await folder.close();
    return totals;
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(aside, { force: true });
    throw error;
  }
}

async function openNew(path: string, aside: string): Promise<FileHandle> {
  const taken = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw cannot('look at', path, error);
  });
  await taken?.close();
  if (taken) throw new AppError('INVALID_ARGUMENT', `${path} exists already: choose another name`);
  // It holds everything that the store does: for its owner alone.
  return open(aside, 'w', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw cannot('write', aside, error);
  });
}

function cannot(what: string, path: string, error: NodeJS.ErrnoException): AppError {
  return new AppError('UNAVAILABLE', `cannot ${what} ${path}: ${error.message}`, { cause: error });
}

async function writeParts(
  file: FileHandle,
  parts: AsyncIterable<BackupPart>,
  onProgress: (records: number, head: BackupHead) => void,
): Promise<BackupTotals> {
  let digest = digestOf(opening);
  let head: BackupHead | undefined;
  let totals = { blocks: 0, records: 0, bytes: 0 };
  const write = async (kind: number, count: number, bytes: Buffer): Promise<void> => {
    const blockHead = encodeBlockHead(kind, count, bytes.length);
    digest = digestOf(digest, blockHead, bytes);
    await file.writev([blockHead, bytes, digest]);
  };
  await file.write(opening);
  for await (const part of parts) {
    if (part.kind === 'head') {
      ({ head } = part);
      await write(kinds.head, 0, Buffer.from(JSON.stringify(head)));
    } else if (part.kind === 'block') {
      const { count, bytes } = part.block;
      await write(kinds.records, count, bytes);
      totals = { blocks: totals.blocks + 1, records: totals.records + count, bytes: totals.bytes + bytes.length };
      onProgress(totals.records, head!);
    } else {
      await write(kinds.trailer, 0, Buffer.from(JSON.stringify(totals)));
      return totals;
    }
  }
  throw new AppError('UNAVAILABLE', 'the export was cut off before its end: nothing was written');
}

function encodeBlockHead(kind: number, count: number, length: number): Buffer {
  const head = Buffer.alloc(blockHeadBytes);
  head[0] = kind;
  head.writeUInt32BE(count, 1);
  head.writeUInt32BE(length, 5);
  return head;
}

/**
 * The parts of a backup. Each block is checked before it is given, the totals before the end is. Throws INVALID_ARGUMENT that says what is
 * wrong and at which byte.
 */
export async function* readBackup(path: string): AsyncGenerator<BackupPart, void, void> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw new AppError('INVALID_ARGUMENT', `cannot read ${path}: ${error.message}`, { cause: error });
  });
  try {
    yield* readBackupBytes(path, file);
  } finally {
    await file.close();
  }
}

/** Where the bytes of a backup come from, such as a file. */
export type ByteSource = Pick<FileHandle, 'read'>;

/** As `readBackup`; `name`: what a fault calls it. */
export async function* readBackupBytes(name: string, source: ByteSource): AsyncGenerator<BackupPart, void, void> {
  yield* readParts(new BackupReader(name, source));
}

async function* readParts(reader: BackupReader): AsyncGenerator<BackupPart, void, void> {
  await reader.opening();
  const totals = { blocks: 0, records: 0, bytes: 0 };
  for (let isFirst = true; ; isFirst = false) {
    const { kind, count, bytes } = await reader.block();
    if (isFirst !== (kind === kinds.head))
      throw reader.damaged(isFirst ? 'it does not begin with its head' : 'a second head');
    if (kind === kinds.head) yield { kind: 'head', head: JSON.parse(bytes.toString('utf8')) as BackupHead };
    else if (kind === kinds.records) {
      totals.blocks += 1;
      totals.records += count;
      totals.bytes += bytes.length;
      yield { kind: 'block', block: { count, bytes } };
    } else if (kind === kinds.trailer) {
      const said = JSON.parse(bytes.toString('utf8')) as BackupTotals;
      const isWhole = said.blocks === totals.blocks && said.records === totals.records && said.bytes === totals.bytes;
      if (!isWhole) throw reader.damaged('its totals are not what it holds');
      await reader.end();
      yield { kind: 'end' };
      return;
    } else throw reader.damaged(`a block of the kind ${kind}, which this program does not know`);
  }
}

class BackupReader {
  readonly #path: string;
  readonly #file: ByteSource;
  #at = 0;
  #blockAt = 0;
  #digest = digestOf(opening);

  constructor(path: string, file: ByteSource) {
    this.#path = path;
    this.#file = file;
  }

  async opening(): Promise<void> {
    const start = await this.#read(opening.length);
    if (!start.subarray(0, magic.length).equals(magic))
      throw new AppError('INVALID_ARGUMENT', `${this.#path} is not a backup of norigate: it does not begin like one`);
    const format = start[magic.length]!;
    if (format !== backupFormat) {
      const rule = `has the format ${format}, this program knows ${backupFormat}: import it with the version that wrote it, or a later one`;
      throw new AppError('INVALID_ARGUMENT', `${this.#path} ${rule}`);
    }
  }

  async block(): Promise<{ kind: number; count: number; bytes: Buffer }> {
    this.#blockAt = this.#at;
    const head = await this.#read(blockHeadBytes);
    const length = head.readUInt32BE(5);
    if (length > blockBytesMax)
      throw this.damaged(`a block that says it has ${length} bytes, at most ${blockBytesMax} are written`);
    const bytes = await this.#read(length);
    const digest = await this.#read(digestBytes);
    this.#digest = digestOf(this.#digest, head, bytes);
    if (!digest.equals(this.#digest)) throw this.damaged('a block whose bytes are not those that were written');
    return { kind: head[0]!, count: head.readUInt32BE(1), bytes };
  }

  /** Throws where something follows. */
  async end(): Promise<void> {
    const { bytesRead } = await this.#file.read(Buffer.alloc(1), 0, 1, this.#at);
    this.#blockAt = this.#at;
    if (bytesRead > 0) throw this.damaged('there is more behind its end');
  }

  damaged(what: string): AppError {
    return new AppError(
      'INVALID_ARGUMENT',
      `${this.#path} is damaged at byte ${this.#blockAt}: ${what}; nothing was imported`,
    );
  }

  async #read(length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    let got = 0;
    while (got < length) {
      const { bytesRead } = await this.#file.read(bytes, got, length - got, this.#at + got);
      if (bytesRead === 0) throw this.damaged('it was cut off there');
      got += bytesRead;
    }
    this.#at += length;
    return bytes;
  }
}

/** Reads all of it, so that an import need not find a fault halfway. Throws as `readBackup`. */
export async function verifyBackup(
  parts: AsyncIterable<BackupPart>,
): Promise<{ head: BackupHead; totals: BackupTotals }> {
  let head: BackupHead | undefined;
  const totals = { blocks: 0, records: 0, bytes: 0 };
  for await (const part of parts) {
    if (part.kind === 'head') ({ head } = part);
    if (part.kind !== 'block') continue;
    readBlock(part.block);
    totals.blocks += 1;
    totals.records += part.block.count;
    totals.bytes += part.block.bytes.length;
  }
  return { head: head!, totals };
}
