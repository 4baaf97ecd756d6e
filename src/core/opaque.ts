/**
 * Cursors and global ids: opaque to callers, valid across restarts. Both are base64url of
 *
 *     format (1 byte, now 1) | kind (1 byte) | payload
 *
 * so that one of another kind, or of a later format, is refused and never misread. They hold no tenant: whatever they
 * name is looked up in the caller's own scope.
 */
import { invalidArgument } from './errors';

const format = 1;

/** What an opaque string is for. Numbers are never used again. */
export const opaqueKinds = {
  kvScan: 1,
  kvChange: 2,
  counters: 3,
  counterNode: 16,
  sessions: 32,
  sessionNode: 33,
  electionNode: 56,
  inventoryItems: 40,
  inventoryItemNode: 41,
  reservationNode: 42,
  itemReservations: 43,
  stockMovements: 44,
  documentNode: 144,
  productNode: 145,
  tenants: 96,
  tenantNode: 97,
  eventStreams: 128,
  eventStreamNode: 129,
  eventNode: 130,
  streamEvents: 131,
  allEvents: 132,
} as const;

export type OpaqueKind = keyof typeof opaqueKinds;

export function encodeOpaque(kind: OpaqueKind, payload: Buffer): string {
  const bytes = Buffer.allocUnsafe(2 + payload.length);
  bytes[0] = format;
  bytes[1] = opaqueKinds[kind];
  bytes.set(payload, 2);
  return bytes.toString('base64url');
}

/** The payload, or undefined where the text is not an opaque string of that kind. */
export function tryDecodeOpaque(kind: OpaqueKind, text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  const isOurs = bytes[0] === format && bytes[1] === opaqueKinds[kind] && bytes.toString('base64url') === text;
  return isOurs ? bytes.subarray(2) : undefined;
}

/** The payload of a cursor. Throws INVALID_ARGUMENT where it is not one that this field gave. */
export function requireCursor(field: string, kind: OpaqueKind, text: string): Buffer {
  const payload = tryDecodeOpaque(kind, text);
  if (!payload) throw invalidArgument(field, `"${text.slice(0, 60)}" is not a cursor of this field`);
  return payload;
}
