/**
 * One tenant into a store that others use. It arrives in a life of its own, which is shut until everything of it stands: before the
 * first row its gate is shut, with the last commit it opens. A tenant that was deleted comes back in the life after, once what it
 * had is gone: the removal would take its API keys, which keep their ids, a second time.
 */
import type { Entry, Store, Write } from '../../proto/store';
import { AppError } from '../../src/core/errors';
import { decodeRecord, encodeRecord } from '../../src/core/codec';
import { families, keyspace, reservedScope, tenantRemovalsPrefix, tenantScope } from '../../src/core/keyspace';
import { holdsDueOfItem, holdsDueValue } from '../../src/core/holds-due';
import { decodeGate, encodeGate, tenantRecordFormat } from '../../src/core/tenant-gate';
import type { Portable, PortableRow } from '../portable';
import type { BackupHead, BackupTenant } from './backup-parts';
import { spanOf } from './export-data';
import { commitOne, decodeImport, encodeImport, floorOf, importHistory, importKey, requireSame } from './import-steps';
import type { ImportTarget } from './import-steps';

const reserved = (key: Buffer): Buffer => Buffer.concat([reservedScope, key]);
const apiKeyIdBytes = 16;

interface Standing {
  readonly record: Entry | undefined;
  readonly gate: Entry | undefined;
  readonly begun: Entry | undefined;
  readonly hasRows: boolean;
  readonly isBeingRemoved: boolean;
}

/** Shuts the tenant and makes ready. Throws INVALID_ARGUMENT where it is there already; then nothing was changed. */
export async function openTenantImport(
  store: Store & Portable,
  head: BackupHead,
  tenant: BackupTenant,
): Promise<ImportTarget> {
  const { id } = tenant;
  const gateKey = reserved(keyspace.tenantGate(id));
  const standing = await look(store, id);
  const incarnation = lifeFor(standing, head, tenant);
  await store.load({ rows: [], marks: [], floor: await floorOf(store, head, { clockMs: undefined, isAll: false }) });
  const gateRevision = await commitOne(store, {
    checks: checksOf(id, standing),
    writes: [
      put(gateKey, encodeGate({ incarnation, isOpen: false }), 'tenantGate'),
      {
        kind: 'put',
        key: importKey(id),
        value: encodeImport({ backupId: head.id, incarnation }),
        history: importHistory,
      },
    ],
  });
  await refuseLateRows(store, { id, incarnation, gateRevision, isResumed: standing.begun !== undefined });
  const move = moveRow(tenant, incarnation);
  return {
    rows: (row) => withDue(move(row)),
    mark: (mark) => ({ ...mark, key: moved(mark.key, tenant, incarnation) }),
    finish: () =>
      commitOne(store, {
        checks: [
          { key: gateKey, revision: gateRevision },
          { key: reserved(keyspace.tenant(id)), revision: 0 },
        ],
        writes: [
          put(gateKey, encodeGate({ incarnation, isOpen: true }), 'tenantGate'),
          ...(tenant.record === undefined
            ? []
            : [put(reserved(keyspace.tenant(id)), Buffer.from(tenant.record, 'base64'), 'tenant')]),
          { kind: 'delete', key: importKey(id), history: importHistory },
        ],
      }),
  };
}

async function look(store: Store, id: string): Promise<Standing> {
  const keys = [reserved(keyspace.tenant(id)), reserved(keyspace.tenantGate(id)), importKey(id)];
  const rows = { ...spanOf(tenantScope(id, 1)), limit: 1, keysOnly: true };
  const removals = spanOf(reserved(tenantRemovalsPrefix(id)));
  const { results } = await store.read([...keys.map((start) => ({ start })), rows, removals]);
  const [record, gate, begun, some] = results.map(({ entries }) => entries[0]);
  const isBeingRemoved = results[4]!.entries.some(
    ({ value }) => !decodeRecord<{ isDone: boolean }>(tenantRecordFormat, value).isDone,
  );
  return { record, gate, begun, hasRows: some !== undefined, isBeingRemoved };
}

/** The life that it is imported into. */
function lifeFor(
  { record, gate, begun, hasRows, isBeingRemoved }: Standing,
  head: BackupHead,
  of: BackupTenant,
): number {
  const { id } = of;
  const isThere = (): AppError =>
    new AppError('INVALID_ARGUMENT', `the tenant "${id}" is in this store already: delete it first`);
  if (!gate) {
    if (record || hasRows) throw isThere();
    return of.incarnation;
  }
  const present = decodeGate(gate.value);
  if (present.isOpen) throw isThere();
  if (begun) {
    requireSame(begun.value, head);
    return decodeImport(begun.value).incarnation;
  }
  if (isBeingRemoved) {
    const rule = 'was deleted, and what it had is still being removed: import it when that is done';
    throw new AppError('INVALID_ARGUMENT', `the tenant "${id}" ${rule}`);
  }
  return present.incarnation + 1;
}

function checksOf(id: string, { record, gate, begun }: Standing): { key: Buffer; revision: number }[] {
  return [
    { key: reserved(keyspace.tenant(id)), revision: record?.revision ?? 0 },
    { key: reserved(keyspace.tenantGate(id)), revision: gate?.revision ?? 0 },
    { key: importKey(id), revision: begun?.revision ?? 0 },
  ];
}

/** A tenant that nobody had created may have been written to until its gate was shut: it is opened again, and nothing was imported. */
async function refuseLateRows(
  store: Store,
  {
    id,
    incarnation,
    gateRevision,
    isResumed,
  }: { id: string; incarnation: number; gateRevision: number; isResumed: boolean },
): Promise<void> {
  if (isResumed) return;
  const { results } = await store.read([{ ...spanOf(tenantScope(id, incarnation)), limit: 1 }]);
  if (results[0]!.entries.length === 0) return;
  const key = reserved(keyspace.tenantGate(id));
  await commitOne(store, {
    checks: [{ key, revision: gateRevision }],
    writes: [
      { kind: 'delete', key, history: families.tenantGate.history },
      { kind: 'delete', key: importKey(id), history: importHistory },
    ],
  });
  throw new AppError('INVALID_ARGUMENT', `the tenant "${id}" was written to at that moment: delete it first`);
}

/** A row of the backup's life as one of the new life. */
function moveRow(tenant: BackupTenant, incarnation: number): (row: PortableRow) => PortableRow {
  const { id } = tenant;
  return (row) => {
    if (row.key[0] !== reservedScope[0]) return { ...row, key: moved(row.key, tenant, incarnation) };
    const keyId = row.key.subarray(row.key.length - apiKeyIdBytes);
    switch (row.key[1]) {
      case families.apiKeyOfTenant.code:
        return { ...row, key: reserved(keyspace.apiKeyOfTenant(id, incarnation, keyId)) };
      case families.apiKeyHead.code:
        return { ...row, key: reserved(keyspace.apiKeyHead(id, incarnation)) };
      case families.apiKey.code:
        return { ...row, value: ofLife(row, incarnation) };
      case families.apiKeyUse.code:
        return row;
      default:
        throw new AppError('INVALID_ARGUMENT', `the backup of the tenant "${id}" has rows of others: it is not taken`);
    }
  };
}

/** With the row that says when the holds of an item end, which lies outside of the tenant's scope. */
function withDue(row: PortableRow): readonly PortableRow[] {
  const key = holdsDueOfItem(row.key, row.value);
  const { history } = families.holdsDue;
  return key === undefined ? [row] : [row, { key, value: holdsDueValue, expiresAtMs: 0, history }];
}

/** An API key's record says which life it opens. */
function ofLife({ value }: PortableRow, incarnation: number): Buffer {
  return encodeRecord(tenantRecordFormat, { ...decodeRecord<object>(tenantRecordFormat, value), incarnation });
}

function moved(key: Buffer, { id, incarnation: from }: BackupTenant, to: number): Buffer {
  const scope = tenantScope(id, from);
  if (!key.subarray(0, scope.length).equals(scope))
    throw new AppError('INVALID_ARGUMENT', `the backup of the tenant "${id}" has rows of others: it is not taken`);
  return Buffer.concat([tenantScope(id, to), key.subarray(scope.length)]);
}

function put(key: Buffer, value: Buffer, family: 'tenant' | 'tenantGate'): Write {
  return { kind: 'put', key, value, history: families[family].history };
}
