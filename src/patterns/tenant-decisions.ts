/** The rules of tenants and their keys: what is stored of them, and pure decisions on it. */
import { limits } from '../../proto/limits';
import { decodeRecord, encodeRecord } from '../core/codec';
import { firstGate, tenantRecordFormat } from '../core/tenant-gate';
import type { TenantGate } from '../core/tenant-gate';
import type { Quota } from '../core/usage';

export { firstGate };
export type { TenantGate };

export type TenantPlan = 'FREE' | 'PRO' | 'ENTERPRISE';

/** A megabyte is 1,000,000 bytes. */
export const bytesOfMb = 1_000_000;

/** What each plan lets a tenant store. */
export const quotaOfPlan: Readonly<Record<TenantPlan, Quota>> = {
  FREE: { keysMax: 1_000, bytesMax: 10 * bytesOfMb },
  PRO: { keysMax: 100_000, bytesMax: 1_000 * bytesOfMb },
  ENTERPRISE: {},
};

/** What a credential allows, each what those before it allow too. */
export const tenantRoles = ['READER', 'WRITER', 'ADMIN'] as const;
export type TenantRole = (typeof tenantRoles)[number];

/** A tenant's record. */
export interface TenantRecord {
  readonly name: string;
  readonly plan: TenantPlan;
  readonly createdAtMs: number;
}

/** How far the removal of one life's data has come. */
export interface TenantRemoval {
  readonly startedAtMs: number;
  /** Records of callers that it held when it was shut; undefined until they are counted. */
  readonly keysHeld?: number | undefined;
  /** Rows that are gone, our own among them. */
  readonly rowsRemoved: number;
  readonly isDone: boolean;
}

/** An API key as it is stored: its secret is not in it. */
export interface ApiKeyRecord {
  readonly tenantId: string;
  readonly incarnation: number;
  readonly name: string;
  readonly role: TenantRole;
  readonly createdAtMs: number;
  /** SHA-256 of the secret, in base64. */
  readonly secretHash: string;
}

/** How many API keys one life of a tenant has. */
export interface ApiKeyHead {
  readonly count: number;
}

export interface ApiKeyUse {
  readonly minuteMs: number;
}

export const encode = (
  record: TenantRecord | TenantGate | TenantRemoval | ApiKeyRecord | ApiKeyHead | ApiKeyUse,
): Buffer => encodeRecord(tenantRecordFormat, record);

export const decode = <T extends TenantRecord | TenantGate | TenantRemoval | ApiKeyRecord | ApiKeyHead | ApiKeyUse>(
  value: Buffer,
): T => decodeRecord<T>(tenantRecordFormat, value);

/** What stands of a tenant. */
export interface TenantState {
  readonly record: TenantRecord | undefined;
  readonly gate: TenantGate | undefined;
}

export type CreateOutcome = { readonly kind: 'created'; readonly createdAtMs: number } | { readonly kind: 'exists' };

/** Makes a tenant; one that is there is left alone. After a deletion a new life begins. */
export function decideCreate(
  { record, gate }: TenantState,
  { name, plan }: Pick<TenantRecord, 'name' | 'plan'>,
  nowMs: number,
): { outcome: CreateOutcome; next?: TenantRecord; nextGate?: TenantGate } {
  if (record) return { outcome: { kind: 'exists' } };
  const next = { name, plan, createdAtMs: nowMs };
  const outcome: CreateOutcome = { kind: 'created', createdAtMs: nowMs };
  if (!gate || gate.isOpen) return { outcome, next };
  return { outcome, next, nextGate: { incarnation: gate.incarnation + 1, isOpen: true } };
}

/** The record with what is given changed; undefined where there is none. */
export function decideUpdate(
  record: TenantRecord | undefined,
  { name, plan }: { readonly name?: string | undefined; readonly plan?: TenantPlan | undefined },
): TenantRecord | undefined {
  return record && { ...record, name: name ?? record.name, plan: plan ?? record.plan };
}

export type DeleteOutcome =
  /** `incarnation`: the life that has ended. */
  { readonly kind: 'deleted' | 'wasDeleted'; readonly incarnation: number } | { readonly kind: 'unknown' };

/** Shuts the present life. A tenant that was never created is there only where unknown ones simply exist. */
export function decideDelete(
  { record, gate }: TenantState,
  unknownExists: boolean,
): { outcome: DeleteOutcome; nextGate?: TenantGate } {
  const { incarnation, isOpen } = gate ?? firstGate;
  if (!isOpen) return { outcome: { kind: 'wasDeleted', incarnation } };
  if (!record && !unknownExists) return { outcome: { kind: 'unknown' } };
  return { outcome: { kind: 'deleted', incarnation }, nextGate: { incarnation, isOpen: false } };
}

export type MakeKeyVerdict = 'made' | 'noTenant' | 'otherLife' | 'full';

/** Whether a key may be made in a life of a tenant. */
export function decideMakeKey(
  { record, gate }: TenantState,
  { incarnation, count, unknownExists }: { incarnation: number; count: number; unknownExists: boolean },
): MakeKeyVerdict {
  const present = gate ?? firstGate;
  if (!present.isOpen || (!record && !unknownExists)) return 'noTenant';
  if (present.incarnation !== incarnation) return 'otherLife';
  return count >= limits.apiKeysOfTenantMax ? 'full' : 'made';
}

/** Whether the holder of a role may do what needs another. */
export function isRoleEnough(role: TenantRole, needed: TenantRole): boolean {
  return tenantRoles.indexOf(role) >= tenantRoles.indexOf(needed);
}
