/** What imports of a whole store and of one tenant have in common: the row that says that one is not done, and the floor of revisions. */
import type { Store, Transaction } from '../../proto/store';
import { AppError } from '../../src/core/errors';
import { decodeRecord, encodeRecord } from '../../src/core/codec';
import { families, keyspace, reservedScope } from '../../src/core/keyspace';
import type { LoadFloor, PortableMark, PortableRow } from '../portable';
import type { BackupHead } from './backup-parts';

/** What an import does with a backup of its kind. */
export interface ImportTarget {
  /** The row as it is there, with others that the backup leaves to be made again. */
  rows(row: PortableRow): readonly PortableRow[];
  mark(mark: PortableMark): PortableMark;
  /** Opens what was imported. The revision of that commit. */
  finish(): Promise<number>;
}

/** What says that an import has not come to its end. */
export interface ImportRecord {
  readonly backupId: string;
  /** Of a tenant: the life that it is imported into. */
  readonly incarnation: number;
}

const format = 1;
/**
 * What the other store may have given out since the backup: at 20,000 commits a second, more than a year. Below 2^53 there is
 * room for thousands of imports, each of the one before.
 */
export const revisionsSkipped = 1_000_000_000_000;

export const encodeImport = (record: ImportRecord): Buffer => encodeRecord(format, record);
export const decodeImport = (value: Buffer): ImportRecord => decodeRecord<ImportRecord>(format, value);
export const importKey = (tenantId: string): Buffer => Buffer.concat([reservedScope, keyspace.dataImport(tenantId)]);
export const { history: importHistory } = families.dataImport;

/** Throws INVALID_ARGUMENT where an import of another backup was cut off there. */
export function requireSame(value: Buffer, head: BackupHead): void {
  if (decodeImport(value).backupId === head.id) return;
  const rule = 'an import of another backup was cut off here: import that one again, or begin with an empty store';
  throw new AppError('INVALID_ARGUMENT', rule);
}

/** Above all that either store has ever given. Once there, an import that is done again need not go higher. */
export async function floorOf(
  store: Store,
  { revision }: BackupHead,
  { clockMs, isAll }: Pick<LoadFloor, 'clockMs' | 'isAll'>,
): Promise<LoadFloor> {
  const { revision: own } = await store.status();
  const least = revision + revisionsSkipped;
  const floor = own > least ? own : Math.max(own, revision) + revisionsSkipped;
  if (floor > Number.MAX_SAFE_INTEGER / 2)
    throw new AppError('INVALID_ARGUMENT', `the backup's revision ${revision} leaves no room for those to come`);
  return { revision: floor, clockMs, isAll };
}

/** Commits; anything but a commit is a failure. */
export async function commitOne(store: Store, transaction: Transaction): Promise<number> {
  const [outcome] = await store.commit([transaction]);
  if (outcome!.kind === 'failed') throw outcome!.error;
  if (outcome!.kind === 'conflict')
    throw new AppError('CONTENTION', 'the tenant was written by somebody else at the same time: import it again');
  return outcome!.revision;
}
