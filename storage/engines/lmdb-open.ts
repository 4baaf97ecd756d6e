/** Opens LMDB on a data directory: its files, and this process as their owner. */
import { chmodSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Database, RootDatabase } from 'lmdb';
import { open } from 'lmdb';
import { AppError } from '../../src/core/errors';
import type { Ids } from '../../src/core/ids';
import { completeDirectory, isOtherProcess, makeDirectory, ownOwner, prepareDirectory } from './lmdb-directory';
import type { Owner } from './lmdb-directory';
import { formatByte, metaKeys, requireFormat } from './lmdb-format';
import { dataInUse, showPresence } from './lmdb-presence';
import type { Presence } from './lmdb-presence';

export type Rows = Database<Buffer, Buffer>;

/** The data, opened. */
export interface OpenData {
  readonly path: string;
  readonly storeId: string;
  readonly epoch: number;
  readonly presence: Presence;
  readonly environment: RootDatabase<Buffer, Buffer>;
  readonly rows: Rows;
  readonly due: Rows;
  readonly log: Rows;
  readonly attempts: Rows;
  readonly marks: Rows;
  readonly meta: Rows;
}

/** Address space for the map, which is neither memory nor disk. */
export const mapBytes = 274_877_906_944;
export const pageBytes = 4_096;

/** What LMDB makes; it would let everybody read them. */
const lmdbFiles = ['data.mdb', 'lock.mdb'] as const;

const openPaths = new Set<string>();

/** Throws UNAVAILABLE where another process has it open, INTERNAL where it is not ours or not sound. */
export async function openData(directory: string, ids: Ids): Promise<OpenData> {
  const path = resolve(directory);
  if (openPaths.has(path)) throw dataInUse(path, 'this process');
  openPaths.add(path);
  let environment: RootDatabase<Buffer, Buffer> | undefined;
  let presence: Presence | undefined;
  try {
    makeDirectory(path);
    presence = await showPresence(path, ids);
    const mark = prepareDirectory(path, ids);
    environment = openEnvironment(path);
    for (const name of lmdbFiles) chmodSync(join(path, name), 0o600);
    const file = (name: string): Rows =>
      environment!.openDB<Buffer, Buffer>({ name, keyEncoding: 'binary', encoding: 'binary' });
    const names = ['rows', 'due', 'log', 'attempts', 'marks', 'meta'] as const;
    const files = Object.fromEntries(names.map((name) => [name, file(name)])) as Record<(typeof names)[number], Rows>;
    const epoch = claim(environment, files.meta, path);
    if (!mark.isComplete) completeDirectory(path, mark);
    return { path, storeId: mark.storeId, epoch, presence, environment, ...files };
  } catch (error) {
    openPaths.delete(path);
    await environment?.close();
    await presence?.leave();
    if (error instanceof AppError) throw error;
    const message = `the data in ${path} cannot be opened: ${(error as Error).message}`;
    throw new AppError('INTERNAL', message, { cause: error });
  }
}

/** Gives the data free, and closes it. */
export async function closeData({ path, environment, meta, epoch, presence }: OpenData): Promise<void> {
  try {
    meta.putSync(metaKeys.owner, encodeOwner({ pid: 0, startTicks: undefined, epoch }));
  } catch {
    // Without room for that, the next start finds this process gone.
  }
  openPaths.delete(path);
  await environment.close();
  await presence.leave();
}

function openEnvironment(path: string): RootDatabase<Buffer, Buffer> {
  return open<Buffer, Buffer>({
    path,
    noSubdir: false,
    pageSize: pageBytes,
    mapSize: mapBytes,
    maxDbs: 12,
    // Else an answer would come before its flush.
    overlappingSync: false,
    eventTurnBatching: false,
    commitDelay: 0,
  });
}

/** Makes this process the owner of the data, and begins its next epoch. */
function claim(environment: RootDatabase<Buffer, Buffer>, meta: Rows, path: string): number {
  // Once before the writer's lock: a process that stands still may hold it.
  refuseOther(meta, path);
  return environment.transactionSync(() => {
    const epoch = refuseOther(meta, path) + 1;
    meta.putSync(metaKeys.owner, encodeOwner({ ...ownOwner(), epoch }));
    return epoch;
  });
}

interface OwnerInEpoch extends Owner {
  readonly epoch: number;
}

/** The epoch of the last owner. Throws UNAVAILABLE where that one lives. */
function refuseOther(meta: Rows, path: string): number {
  const row = meta.getBinary(metaKeys.owner);
  if (!row) return 0;
  requireFormat(row, 'the row of the owner');
  const owner = JSON.parse(row.toString('utf8', 1)) as OwnerInEpoch;
  if (owner.pid !== 0 && isOtherProcess(owner)) throw dataInUse(path, `process ${owner.pid}`);
  return owner.epoch;
}

function encodeOwner(owner: OwnerInEpoch): Buffer {
  return Buffer.concat([Buffer.of(formatByte), Buffer.from(JSON.stringify(owner))]);
}
