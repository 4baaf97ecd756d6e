/**
 * What is stored for a tenant: records that callers made, and their bytes. Every row says by its key whether it is billed
 * and to whom, so that rows, sweeper and quotas cannot disagree. Usage stands in one row for each life of a tenant, in
 * the reserved scope, written by the storage tier alone, in the commit that changes it.
 */
import { requireFormat } from './codec';
import { billedFamilies, families, reservedScope, tenantScopeLength } from './keyspace';
import { prefixEnd, readUint64, uint64 } from './tuple';

export interface Usage {
  readonly keys: number;
  /** Of keys, without scope and family, and of values as they are stored. */
  readonly bytes: number;
}

/** What an account may hold; left out: any amount. */
export interface Quota {
  readonly keysMax?: number | undefined;
  readonly bytesMax?: number | undefined;
}

export const noUsage: Usage = { keys: 0, bytes: 0 };

const format = 1;

/** The scope that a stored key is billed to: its first bytes, so many; 0: it is billed to nobody. */
export function billedScopeLength(key: Buffer): number {
  const length = tenantScopeLength(key);
  return length > 0 && length < key.length && billedFamilies.has(key[length]!) ? length : 0;
}

/**
 * What the record of an inventory item comes to, whatever stands in it: holds and movements that we keep there come and go, and
 * no reservation is to fail, in a tenant that is full, for the room that its end takes.
 */
const itemBytes = 100;

/** What one billed row comes to. */
export function billedBytes(key: Buffer, scopeLength: number, valueBytes: number): number {
  const isItem = key[scopeLength] === families.inventoryItem.code;
  return key.length - scopeLength - 1 + (isItem ? itemBytes : valueBytes);
}

const usagePrefix = Buffer.concat([reservedScope, Buffer.of(families.tenantUsage.code)]);

/** Where the usage of all tenants stands. */
export const usageSpan = { start: usagePrefix, end: prefixEnd(usagePrefix)! } as const;

/** Where the usage of a tenant's scope stands: in the order of scopes. */
export function usageKey(scope: Buffer): Buffer {
  return Buffer.concat([usagePrefix, scope.subarray(1)]);
}

export function encodeUsage({ keys, bytes }: Usage): Buffer {
  return Buffer.concat([Buffer.of(format), uint64(keys), uint64(bytes)]);
}

/** Throws INTERNAL where the bytes are of another format. */
export function decodeUsage(row: Buffer): Usage {
  requireFormat(row, format, 'a usage');
  return { keys: readUint64(row, 1), bytes: readUint64(row, 9) };
}
