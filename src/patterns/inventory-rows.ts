/** Rows of the inventory, read and written through the view of a decision. */
import { assertInvariant } from '../core/errors';
import { holdsDueValue } from '../core/holds-due';
import { families, keyspace } from '../core/keyspace';
import type { View } from '../store/transact';
import { decisionTime, foldDue } from './inventory-decisions';
import type { DueHolds } from './inventory-decisions';
import {
  decodeItem,
  decodeReservation,
  encodeHold,
  encodeItem,
  encodeMovement,
  encodeReservation,
} from './inventory-records';
import type { ItemRecord, MovementRecord, ReservationRecord } from './inventory-records';

/** What was read of holds that have ended, by sku. */
export type DueBySku = ReadonlyMap<string, DueHolds | undefined>;

/** What a decision is shown of its items. */
export interface ShownItems {
  /** In the order of the skus, folded as far as what was read allows. */
  readonly items: readonly (ItemRecord | undefined)[];
  readonly nowMs: number;
}

/** The items, and the time that a decision on them has. */
export function readItemRows(view: View, skus: readonly string[], due: DueBySku = new Map()): ShownItems {
  const items = skus.map((sku) => {
    const row = view.get(keyspace.inventoryItem(sku));
    if (!row) return undefined;
    const stored = decodeItem(row.value);
    return foldDue(stored, row.revision, due.get(sku)) ?? stored;
  });
  return { items, nowMs: decisionTime(view.nowMs, items) };
}

/** The outcome rests on what is reserved now: it does not stand when the next hold ends. */
export function relyOnItems(view: View, items: readonly (ItemRecord | undefined)[]): void {
  for (const item of items) if (item?.nextExpiryMs !== undefined) view.relyUntil(item.nextExpiryMs);
}

/** Items that exist as long as a reservation does. */
export function requireItems({ items }: ShownItems): readonly ItemRecord[] {
  assertInvariant(!items.includes(undefined), 'a reservation is of items that exist');
  return items as readonly ItemRecord[];
}

export function readReservationRow(view: View, id: string): ReservationRecord | undefined {
  const row = view.get(keyspace.reservation(id));
  return row && decodeReservation(row.value);
}

/** Writes the item together with what moved it, and where that is needed when to look at it; as it was written. */
export function putItem(
  view: View,
  sku: string,
  item: ItemRecord,
  movements: readonly MovementRecord[] = [],
): ItemRecord {
  for (const [index, movement] of movements.entries()) {
    const key = keyspace.stockMovement(sku, item.movements + 1 + index);
    view.putSideRow(key, encodeMovement(movement), { history: families.stockMovement.history });
  }
  const dueAtMs = keepDue(view, sku, item);
  const written = { ...item, movements: item.movements + movements.length, dueAtMs };
  view.put(keyspace.inventoryItem(sku), encodeItem(written), { history: families.inventoryItem.history });
  return written;
}

/**
 * When the item is to be looked at: never after a hold may end. One row for each item, which mostly stands already, since a hold
 * that is made later mostly ends later too.
 */
function keepDue(view: View, sku: string, { nextExpiryMs, dueAtMs }: ItemRecord): number | undefined {
  if (nextExpiryMs === undefined || (dueAtMs !== undefined && dueAtMs <= nextExpiryMs)) return dueAtMs;
  if (dueAtMs !== undefined) deleteDue(view, sku, dueAtMs);
  const { history } = families.holdsDue;
  view.putSideRow(keyspace.holdsDue(nextExpiryMs, sku), holdsDueValue, { history });
  return nextExpiryMs;
}

export function deleteDue(view: View, sku: string, dueAtMs: number): void {
  view.deleteSideRow(keyspace.holdsDue(dueAtMs, sku), families.holdsDue.history);
}

export interface ReservationRow {
  readonly id: string;
  readonly reservation: ReservationRecord;
  /** It is readable for so long. */
  readonly ttlMs: number;
}

export function putReservation(view: View, { id, reservation, ttlMs }: ReservationRow): void {
  const value = encodeReservation(reservation);
  view.put(keyspace.reservation(id), value, { ttlMs, history: families.reservation.history });
}

/** Writes, or removes, the holds of a reservation: one for each line. */
export function putHolds(view: View, id: string, { lines, expiresAtMs }: ReservationRecord): void {
  for (const { sku, quantity } of lines)
    view.putSideRow(keyspace.hold(sku, expiresAtMs, id), encodeHold(quantity), { history: families.hold.history });
}

export function deleteHolds(view: View, id: string, { lines, expiresAtMs }: ReservationRecord): void {
  for (const { sku } of lines) view.deleteSideRow(keyspace.hold(sku, expiresAtMs, id), families.hold.history);
}
