/**
 * An index on disk, so that a restart need not build it anew: never the only copy of anything, and believed only where it is whole. Two
 * files: the graph, as the library writes it, and the members, which name the graph's file with its length and hash:
 *
 *     magic (8 bytes) | bytes of the head (4) | head (JSON) | members (JSON lines) | flat vectors | SHA-256 of all before (32 bytes)
 *
 * The members' file is written last and put in place by a rename. All is verified before the library sees its file: over a damaged one it
 * ends the process. What is not whole, of another store, or of another version of the library is as good as nothing.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IndexSettings } from './indexes';

/** Where a snapshot lies, and what it must be of. */
export interface SnapshotPlace {
  /** A folder that exists. */
  readonly directory: string;
  /** The beginning of its files' names. */
  readonly name: string;
  readonly storeId: string;
  /** The namespace's rows: hex of the first key and of the one behind the last. */
  readonly rows: readonly [start: string, end: string];
}

export interface GraphFile {
  readonly file: string;
  readonly bytes: number;
  /** SHA-256, hex. */
  readonly hash: string;
  /** Places of the graph that are or were in use. */
  readonly places: number;
}

export interface SnapshotHead {
  readonly format: 1;
  readonly graphFormat: string;
  readonly storeId: string;
  readonly rows: readonly [start: string, end: string];
  readonly settings: Omit<IndexSettings, 'graphFrom'>;
  readonly graph: GraphFile | undefined;
  readonly membersBytes: number;
  readonly lengthMax: number;
}

export interface Snapshot {
  readonly head: SnapshotHead;
  /** JSON lines. */
  readonly members: Buffer;
  readonly flat: Buffer;
}

/** The library and its version: another one may lay its files out otherwise. */
export const graphFormat = 'usearch-2.25.3';

const magic = Buffer.from('NORIVEC1', 'latin1');
const hashBytes = 32;
const headLengthAt = magic.length;
const headAt = headLengthAt + 4;
/** No head is nearly as long. */
const headBytesMax = 65_536;

export const membersFile = (name: string): string => `${name}.members`;

export async function writeMembers(place: SnapshotPlace, { head, members, flat }: Snapshot): Promise<void> {
  const headBytes = Buffer.from(JSON.stringify(head), 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(headBytes.length);
  const parts = [magic, length, headBytes, members, flat];
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  const path = join(place.directory, membersFile(place.name));
  try {
    await writeFile(`${path}.new`, [...parts, hash.digest()], { mode: 0o600 });
    await rename(`${path}.new`, path);
  } catch (error) {
    await rm(`${path}.new`, { force: true });
    throw error;
  }
}

/** The snapshot, whole and verified, the graph's file too; undefined: there is none, or none that can be believed. */
export async function readSnapshot(
  place: SnapshotPlace,
  settings: SnapshotHead['settings'],
): Promise<Snapshot | undefined> {
  try {
    const bytes = await readFile(join(place.directory, membersFile(place.name)));
    const head = headOf(bytes);
    if (!head || !isOf(head, place, settings)) return undefined;
    const end = bytes.length - hashBytes;
    if (end < 0 || !createHash('sha256').update(bytes.subarray(0, end)).digest().equals(bytes.subarray(end)))
      return undefined;
    const membersAt = headAt + bytes.readUInt32BE(headLengthAt);
    const flatAt = membersAt + head.membersBytes;
    if (head.graph && !(await isWhole(place.directory, head.graph))) return undefined;
    return { head, members: bytes.subarray(membersAt, flatAt), flat: bytes.subarray(flatAt, end) };
  } catch {
    // Not there, or not to be read: the rows are.
    return undefined;
  }
}

/** The head of a members' file, unverified; undefined where there is none to be read. */
export async function readHead(path: string): Promise<SnapshotHead | undefined> {
  try {
    const file = await open(path);
    try {
      const bytes = Buffer.alloc(headAt + headBytesMax);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
      return headOf(bytes.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

/** A name that no graph's file of this snapshot has yet. */
export async function freshGraphFile({ directory, name }: SnapshotPlace): Promise<string> {
  const taken = new Set(await readdir(directory));
  let number = 1;
  while (taken.has(`${name}-${number}.graph`)) number += 1;
  return `${name}-${number}.graph`;
}

/** What describes a graph's file that has just been written. */
export async function describeGraph(directory: string, file: string, places: number): Promise<GraphFile> {
  const path = join(directory, file);
  const { size: bytes } = await stat(path);
  return { file, bytes, hash: await hashOf(path), places };
}

/** Removes the snapshot's files, but for one graph. */
export async function removeSnapshot({ directory, name }: SnapshotPlace, keep?: GraphFile): Promise<void> {
  for (const file of await readdir(directory).catch(() => [])) {
    if (!file.startsWith(`${name}-`) && !file.startsWith(`${name}.`)) continue;
    if (keep && (file === keep.file || file === membersFile(name))) continue;
    await rm(join(directory, file), { force: true, recursive: true });
  }
}

function headOf(bytes: Buffer): SnapshotHead | undefined {
  if (bytes.length < headAt || !bytes.subarray(0, magic.length).equals(magic)) return undefined;
  const length = bytes.readUInt32BE(headLengthAt);
  if (length > headBytesMax || headAt + length > bytes.length) return undefined;
  try {
    const head = JSON.parse(bytes.toString('utf8', headAt, headAt + length)) as SnapshotHead;
    return head.format === 1 ? head : undefined;
  } catch {
    return undefined;
  }
}

function isOf(head: SnapshotHead, place: SnapshotPlace, settings: SnapshotHead['settings']): boolean {
  const { dimensions, distance, isExact } = settings;
  return (
    head.graphFormat === graphFormat &&
    head.storeId === place.storeId &&
    head.rows[0] === place.rows[0] &&
    head.rows[1] === place.rows[1] &&
    head.settings.dimensions === dimensions &&
    head.settings.distance === distance &&
    head.settings.isExact === isExact
  );
}

async function isWhole(directory: string, { file, bytes, hash }: GraphFile): Promise<boolean> {
  // A name of ours: none that leads elsewhere.
  if (!/^[0-9a-z]+-\d+\.graph$/.test(file)) return false;
  const path = join(directory, file);
  const { size } = await stat(path);
  return size === bytes && (await hashOf(path)) === hash;
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
