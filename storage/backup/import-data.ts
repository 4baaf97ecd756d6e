/**
 * Takes an export into a store. A whole one goes into a store that is empty and that nobody serves; one tenant goes into any store in
 * which that tenant is not, or was deleted, while everybody else is served. Nothing that was imported is seen before all of it stands:
 * an import leaves a row that says so until then; a store with such a row is not served, a tenant with one is shut. One that
 * was cut off is done again with the same backup, over what is there already.
 *
 * Revisions go on far above all that the other store has ever given, so that no version and no cursor from there is taken here for
 * one of ours. Costs one commit a block.
 */
import type { Store } from '../../proto/store';
import { AppError, assertInvariant } from '../../src/core/errors';
import { everyKey } from '../portable';
import type { Portable } from '../portable';
import type { BackupHead, BackupPart } from './backup-parts';
import { readBlock } from './backup-parts';
import { commitOne, encodeImport, floorOf, importHistory, importKey, requireSame } from './import-steps';
import type { ImportTarget } from './import-steps';
import { openTenantImport } from './import-tenant';

export interface ImportOptions {
  /** Nobody else has the store open: a whole one can be imported. */
  readonly isAlone: boolean;
  /** The tenant that is meant; a backup of another one is refused. Left out: whatever the backup is of. */
  readonly tenantId?: string | undefined;
}

export interface Imported {
  readonly rows: number;
  readonly marks: number;
  readonly revision: number;
}

/** Throws INVALID_ARGUMENT where the backup cannot go there: then nothing was changed. */
export async function importData(
  store: Store & Portable,
  parts: AsyncIterable<BackupPart>,
  options: ImportOptions,
): Promise<Imported> {
  let target: ImportTarget | undefined;
  let rows = 0;
  let marks = 0;
  for await (const part of parts) {
    if (part.kind === 'head') {
      assertInvariant(!target, 'a backup has one head');
      target = await openImport(store, part.head, options);
      continue;
    }
    if (!target) throw new AppError('INVALID_ARGUMENT', 'a backup begins with its head');
    if (part.kind === 'end') return { rows, marks, revision: await target.finish() };
    const block = readBlock(part.block);
    await store.load({ rows: block.rows.flatMap(target.rows), marks: block.marks.map(target.mark) });
    rows += block.rows.length;
    marks += block.marks.length;
  }
  throw new AppError('UNAVAILABLE', 'the backup was cut off before its end: import the same one again');
}

async function openImport(store: Store & Portable, head: BackupHead, options: ImportOptions): Promise<ImportTarget> {
  const { tenant } = head;
  const { tenantId, isAlone } = options;
  if (tenant && tenantId !== undefined && tenant.id !== tenantId)
    throw new AppError('INVALID_ARGUMENT', `the backup is of the tenant "${tenant.id}", not of "${tenantId}"`);
  if (tenant) return openTenantImport(store, head, tenant);
  if (tenantId !== undefined)
    throw new AppError('INVALID_ARGUMENT', `the backup is of a whole store: export the tenant "${tenantId}" alone`);
  if (!isAlone)
    throw new AppError('INVALID_ARGUMENT', 'a whole store is imported while nobody serves it: stop storage first');
  return openWholeImport(store, head);
}

async function openWholeImport(store: Store & Portable, head: BackupHead): Promise<ImportTarget> {
  const key = importKey('');
  const { results } = await store.read([{ ...everyKey, limit: 1 }, { start: key }]);
  const [some] = results[0]!.entries;
  const [standing] = results[1]!.entries;
  if (some && !standing)
    throw new AppError('INVALID_ARGUMENT', 'the store has data: a whole store is imported into an empty one');
  if (standing) requireSame(standing.value, head);
  // The row and the floor in one commit, before anything else.
  const begun = { backupId: head.id, incarnation: 0 };
  const row = { key, value: encodeImport(begun), expiresAtMs: 0, history: importHistory };
  await store.load({
    rows: [row],
    marks: [],
    floor: await floorOf(store, head, { clockMs: head.clockMs, isAll: true }),
  });
  return {
    rows: (each) => [each],
    mark: (each) => each,
    finish: () => commitOne(store, { checks: [], writes: [{ kind: 'delete', key, history: importHistory }] }),
  };
}

/** Throws INTERNAL where an import of the whole store was cut off: half of it is not to be served. */
export async function refuseHalfImported(store: Store): Promise<void> {
  const { results } = await store.read([{ start: importKey('') }]);
  if (results[0]!.entries.length === 0) return;
  const advice = 'import the same backup again, or remove the data and begin anew';
  throw new AppError(
    'INTERNAL',
    `an import into this store was cut off, and only half of the data is there: ${advice}`,
  );
}
