/** Which life of a tenant is open: the one record of tenants that storage reads too, for a backup of one of them. */
import { decodeRecord, encodeRecord } from './codec';

/**
 * Written by a deletion, by the creation that follows it, and by an import, and by nothing else, since every commit of the tenant
 * checks it. Absent: the first life is open, and was never deleted.
 */
export interface TenantGate {
  readonly incarnation: number;
  readonly isOpen: boolean;
}

/** The gate of a tenant that was never deleted. */
export const firstGate: TenantGate = { incarnation: 1, isOpen: true };

/** Of all records about tenants. */
export const tenantRecordFormat = 1;

export const encodeGate = (gate: TenantGate): Buffer => encodeRecord(tenantRecordFormat, gate);
export const decodeGate = (value: Buffer): TenantGate => decodeRecord<TenantGate>(tenantRecordFormat, value);
