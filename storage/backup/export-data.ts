/**
 * Everything that a store holds, or everything of one tenant, from one snapshot: rows with their expiry and what the change log
 * keeps of them, and idempotency marks with the revision and time of the first answer. Left out: what an import counts anew (usage), the
 * change log, and what has expired. Costs the reader's pace and a bounded buffer, however large the store is.
 */
import type { Store } from '../../proto/store';
import { AppError } from '../../src/core/errors';
import type { Ids } from '../../src/core/ids';
import { apiKeysOfTenantRange, families, keyspace, reservedScope, tenantScope } from '../../src/core/keyspace';
import { decodeGate, firstGate } from '../../src/core/tenant-gate';
import { keyAfter, prefixEnd } from '../../src/core/tuple';
import { everyKey } from '../portable';
import type { DataSnapshot, KeySpan, Portable, PortableRow } from '../portable';
import { BlockWriter } from './backup-parts';
import type { BackupPart, BackupTenant } from './backup-parts';

export interface ExportRequest {
  /** Left out: the whole store. */
  readonly tenantId?: string | undefined;
}

const apiKeyIdBytes = 16;

/** Throws NOT_FOUND where there is no such tenant, and the store's own failures. Leaving the loop early lets the snapshot go. */
export async function* exportData(
  store: Store & Portable,
  { tenantId }: ExportRequest,
  ids: Ids,
): AsyncGenerator<BackupPart, void, void> {
  const { storeId, engine } = await store.status();
  const snapshot = await store.snapshot();
  try {
    const tenant = tenantId === undefined ? undefined : await tenantOf(snapshot, tenantId);
    const { revision, nowMs: clockMs } = snapshot;
    const rowsAbout = tenant ? 0 : snapshot.rowsAbout;
    yield { kind: 'head', head: { id: ids.uuid(), storeId, engine, revision, clockMs, rowsAbout, tenant } };
    const spans = tenant ? await spansOfTenant(snapshot, tenant) : [everyKey];
    const marksOf = tenant ? spanOf(tenantScope(tenant.id, tenant.incarnation)) : everyKey;
    yield* blocks(snapshot, spans, marksOf);
    yield { kind: 'end' };
  } finally {
    snapshot.release();
  }
}

async function* blocks(
  snapshot: DataSnapshot,
  spans: readonly KeySpan[],
  marksOf: KeySpan,
): AsyncGenerator<BackupPart, void, void> {
  const writer = new BlockWriter();
  const taken = function* (): Generator<BackupPart, void, void> {
    const block = writer.take();
    if (block) yield { kind: 'block', block };
  };
  for (const span of spans) {
    for await (const page of snapshot.rows(span)) {
      for (const row of page) {
        if (isLeftOut(row)) continue;
        writer.row(row);
        if (writer.isFull) yield* taken();
      }
    }
  }
  for await (const page of snapshot.marks(marksOf)) {
    for (const mark of page) {
      writer.mark(mark);
      if (writer.isFull) yield* taken();
    }
  }
  yield* taken();
}

const leftOut: ReadonlySet<number> = new Set([families.tenantUsage.code, families.dataImport.code]);

/** Usage is counted by whoever writes the rows; an import that is not done is of this store alone. */
function isLeftOut({ key }: PortableRow): boolean {
  return key[0] === reservedScope[0] && leftOut.has(key[1]!);
}

/** All keys that begin so. A scope never ends with FF alone, so there is a key behind them. */
export function spanOf(start: Buffer): KeySpan {
  return { start, end: prefixEnd(start) ?? everyKey.end };
}

const reserved = (key: Buffer): Buffer => Buffer.concat([reservedScope, key]);
const pointOf = (key: Buffer): KeySpan => ({ start: key, end: keyAfter(key) });

async function firstRow(snapshot: DataSnapshot, span: KeySpan): Promise<PortableRow | undefined> {
  for await (const page of snapshot.rows(span)) if (page[0]) return page[0];
  return undefined;
}

async function tenantOf(snapshot: DataSnapshot, id: string): Promise<BackupTenant> {
  const record = await firstRow(snapshot, pointOf(reserved(keyspace.tenant(id))));
  const gateRow = await firstRow(snapshot, pointOf(reserved(keyspace.tenantGate(id))));
  const { incarnation, isOpen } = gateRow ? decodeGate(gateRow.value) : firstGate;
  if (!isOpen) throw new AppError('NOT_FOUND', `the tenant "${id}" was deleted: there is nothing to export`);
  if (!record && !(await firstRow(snapshot, spanOf(tenantScope(id, incarnation)))))
    throw new AppError('NOT_FOUND', `there is no tenant "${id}"`);
  return { id, incarnation, record: record?.value.toString('base64') };
}

/** Its own rows, and what is kept about its API keys. */
async function spansOfTenant(snapshot: DataSnapshot, { id, incarnation }: BackupTenant): Promise<readonly KeySpan[]> {
  const { start, end } = apiKeysOfTenantRange(id, incarnation);
  const ofKeys = { start: reserved(start), end: reserved(end) };
  const spans: KeySpan[] = [
    spanOf(tenantScope(id, incarnation)),
    ofKeys,
    pointOf(reserved(keyspace.apiKeyHead(id, incarnation))),
  ];
  for await (const page of snapshot.rows(ofKeys)) {
    for (const { key } of page) {
      const keyId = key.subarray(key.length - apiKeyIdBytes);
      spans.push(pointOf(reserved(keyspace.apiKey(keyId))), pointOf(reserved(keyspace.apiKeyUse(keyId))));
    }
  }
  return spans;
}
