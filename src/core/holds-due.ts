/**
 * Rows that say when a hold of a sku may end, of all tenants side by side in the order of that time: one range read finds what is due,
 * whoever made the holds. A pattern writes such a row under a key of its own scope, in the commit of the item that it is about;
 * `src/store/scoped-store.ts` stores it in the reserved scope, with the tenant's scope behind the time. A backup of one
 * tenant has no part of the reserved scope: an import makes the rows again out of the items.
 */
import { families, reservedScope, tenantScopeLength } from './keyspace';
import { readEscaped, readUint64, uint64 } from './tuple';
import { readVarint } from './varint';

const { code } = families.holdsDue;
const timeEnd = 1 + 8;

/** Of the records of inventory items. */
export const itemFormat = 2;

/** All that such a row holds, beside its key. */
export const holdsDueValue: Buffer = Buffer.of(1);

/** Whether a key, as a pattern has it, is one of these rows. */
export function isHoldsDue(key: Buffer): boolean {
  return key[0] === code && key.length > timeEnd;
}

/** Where such a row of a tenant is stored. */
export function storedHoldsDue(tenantScope: Buffer, key: Buffer): Buffer {
  return Buffer.concat([reservedScope, key.subarray(0, timeEnd), tenantScope.subarray(1), key.subarray(timeEnd)]);
}

/** What a key says, read in the reserved scope. */
export interface HoldsDue {
  readonly atMs: number;
  readonly tenantId: string;
  readonly incarnation: number;
  readonly sku: string;
}

export function readHoldsDueKey(key: Buffer): HoldsDue {
  const { part, next } = readEscaped(key, timeEnd);
  return {
    atMs: readUint64(key, 1),
    tenantId: part.toString('utf8'),
    incarnation: key.readUInt32BE(next),
    sku: key.toString('utf8', next + 4),
  };
}

/** Rows of the reserved scope whose time is at most `throughMs`. */
export function holdsDueRange(throughMs: number): { start: Buffer; end: Buffer } {
  return { start: Buffer.of(code), end: Buffer.concat([Buffer.of(code), uint64(throughMs + 1)]) };
}

/**
 * The key of the row that belongs to an item, as both are stored; undefined: the key is of no item, or the item has no such row,
 * or cannot be read, which whoever uses it will be told.
 */
export function holdsDueOfItem(storedKey: Buffer, value: Buffer): Buffer | undefined {
  const at = tenantScopeLength(storedKey);
  if (at === 0 || storedKey[at] !== families.inventoryItem.code) return undefined;
  const dueAtMs = dueAtMsOf(value);
  if (dueAtMs === undefined) return undefined;
  const key = Buffer.concat([Buffer.of(code), uint64(dueAtMs), storedKey.subarray(at + 1)]);
  return storedHoldsDue(storedKey.subarray(0, at), key);
}

/** An item's record begins with its format, then when it is due; 0: it is not. */
function dueAtMsOf(item: Buffer): number | undefined {
  if (item[0] !== itemFormat) return undefined;
  try {
    const dueAtMs = readVarint({ bytes: item, next: 1 });
    return dueAtMs > 0 && Number.isSafeInteger(dueAtMs) ? dueAtMs : undefined;
  } catch {
    return undefined;
  }
}
