/** The folder of the snapshots, cleaned at each start: of what has no namespace any more, is of another store, or was left half done. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeySpan, Store } from '../../proto/store';
import type { IndexSettings } from './indexes';
import { readHead } from './snapshot-file';
import type { SnapshotHead, SnapshotPlace } from './snapshot-file';

export interface SnapshotDirectory {
  readonly directory: string;
  readonly storeId: string;
}

/** Makes the folder where there is none, and removes from it what nobody will read. */
export async function openSnapshotDirectory(directory: string, store: Store): Promise<SnapshotDirectory> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { storeId } = await store.status();
  const files = await readdir(directory);
  const kept = new Set<string>();
  for (const file of files) {
    const head = file.endsWith('.members') ? await readHead(join(directory, file)) : undefined;
    if (!head || head.storeId !== storeId || !(await hasRows(store, head))) continue;
    kept.add(file);
    if (head.graph) kept.add(head.graph.file);
  }
  for (const file of files)
    if (isOurs(file) && !kept.has(file)) await rm(join(directory, file), { force: true, recursive: true });
  return { directory, storeId };
}

/** Where the snapshot of an index lies. */
export function placeOf(
  { directory, storeId }: SnapshotDirectory,
  rows: KeySpan,
  { dimensions, distance, isExact }: Omit<IndexSettings, 'graphFrom'>,
): SnapshotPlace {
  const span = [rows.start.toString('hex'), rows.end.toString('hex')] as const;
  const named = JSON.stringify([span, dimensions, distance, isExact]);
  const name = createHash('sha256').update(named).digest('hex').slice(0, 32);
  return { directory, name, storeId, rows: span };
}

async function hasRows(store: Store, { rows }: SnapshotHead): Promise<boolean> {
  const [start, end] = rows.map((each) => Buffer.from(each, 'hex')) as [Buffer, Buffer];
  if (start.length === 0) return false;
  const { results } = await store.read([{ start, end, limit: 1, keysOnly: true }]);
  return results[0]!.entries.length > 0;
}

function isOurs(file: string): boolean {
  return /^[0-9a-f]{32}(-\d+\.graph|\.members(\.new)?)$/.test(file);
}
