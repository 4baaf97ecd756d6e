/** Rows of the inventory, read and written through the view of a decision. */
import { assertInvariant } from '../core/errors';
import { holdsDueValue } from '../core/holds-due';
import { families, keyspace } from '../core/keyspace';
import type { View } from '../store/transact';
import { decisionTime, foldDue } from './inventory-decisions';
import type { DueHolds } from './inventory-decisions';
import { endHolds, holdIn, nextExpiryOf } from './inventory-item';
import {
  decodeItem,
  decodeReservation,
  encodeHold,
  encodeItem,
  encodeReservation,
  splitMovements,
} from './inventory-records';
import type { ItemRecord, Line, ReservationRecord } from './inventory-records';

/** Movements of a row: so many stand in the item before they get one. */
export const movementsOfRow = 8;
/** Fewer where they say much: every command of the item reads and writes them. */
const recentBytesMax = 1_024;

/** What was read of holds that have ended, by sku. */
export type DueBySku = ReadonlyMap<string, DueHolds | undefined>;

/** A sku with the key of its item, which a command has several times. */
export interface ItemRef {
  readonly sku: string;
  readonly key: Buffer;
}

export function itemRef(sku: string): ItemRef {
  return { sku, key: keyspace.inventoryItem(sku) };
}

/** What a decision is shown of its items. */
export interface ShownItems {
  /** In the order of the refs, holds with rows folded as far as what was read allows. */
  readonly items: readonly (ItemRecord | undefined)[];
  readonly nowMs: number;
}

/** The items, and the time that a decision on them has. */
export function readItemRows(view: View, refs: readonly ItemRef[], due?: DueBySku): ShownItems {
  const items = refs.map(({ sku, key }) => {
    const row = view.get(key);
    if (!row) return undefined;
    const stored = decodeItem(row.value);
    return foldDue(stored, row.revision, due?.get(sku)) ?? stored;
  });
  return { items, nowMs: decisionTime(view.nowMs, items) };
}

/** The outcome rests on what is reserved now: it does not stand when the next hold ends. */
export function relyOnItems(view: View, { items, nowMs }: ShownItems): void {
  for (const item of items) {
    const nextExpiryMs = item && nextExpiryOf(endHolds(item, nowMs));
    if (nextExpiryMs !== undefined) view.relyUntil(nextExpiryMs);
  }
}

/** Items that exist as long as a reservation does. */
export function requireItems({ items }: ShownItems): readonly ItemRecord[] {
  assertInvariant(!items.includes(undefined), 'a reservation is of items that exist');
  return items as readonly ItemRecord[];
}

export function readReservationRow(view: View, key: Buffer): ReservationRecord | undefined {
  const row = view.get(key);
  return row && decodeReservation(row.value);
}

/**
 * Writes the item, rows for movements that have become many, and where that is needed when to look at the item; as it was
 * written.
 */
export function putItem(view: View, { sku, key }: ItemRef, item: ItemRecord): ItemRecord {
  const written = { ...putMovements(view, sku, item), dueAtMs: keepDue(view, sku, item) };
  view.put(key, encodeItem(written), { history: families.inventoryItem.history });
  return written;
}

/** The item with as many movements as may stand in it. */
function putMovements(view: View, sku: string, item: ItemRecord): ItemRecord {
  let { movementsInRows, recent } = item;
  for (;;) {
    const count = Math.min(item.movements - movementsInRows, movementsOfRow);
    if (count < movementsOfRow && recent.length <= recentBytesMax) break;
    const { row, rest } = splitMovements(recent, count);
    movementsInRows += count;
    recent = rest;
    view.putSideRow(keyspace.stockMovement(sku, movementsInRows), row, { history: families.stockMovement.history });
  }
  return movementsInRows === item.movementsInRows ? item : { ...item, movementsInRows, recent };
}

/**
 * When the item is to be looked at: never after a hold may end. One row for each item, which mostly stands already, since a hold
 * that is made later mostly ends later too.
 */
function keepDue(view: View, sku: string, item: ItemRecord): number | undefined {
  const { dueAtMs } = item;
  const nextExpiryMs = nextExpiryOf(item);
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
  readonly key: Buffer;
  readonly reservation: ReservationRecord;
  /** It is readable for so long. */
  readonly ttlMs: number;
}

export function putReservation(view: View, { key, reservation, ttlMs }: ReservationRow): void {
  const value = encodeReservation(reservation);
  const isFinal = reservation.status !== 'held';
  view.put(key, value, { ttlMs, history: families.reservation.history, isFinal });
}

/** A reservation with its id and the items of its lines: those in which its holds stand need no rows. */
export interface HoldsOf {
  readonly id: string;
  readonly items: readonly ItemRecord[];
  readonly reservation: Pick<ReservationRecord, 'lines' | 'expiresAtMs'>;
}

/** Writes the rows of its holds: one for each line whose hold does not stand in the item. */
export function putHolds(view: View, holds: HoldsOf): void {
  for (const { key, quantity } of holdRows(holds))
    view.putSideRow(key, encodeHold(quantity), { history: families.hold.history });
}

export function deleteHolds(view: View, holds: HoldsOf): void {
  for (const { key } of holdRows(holds)) view.deleteSideRow(key, families.hold.history);
}

function holdRows({ id, items, reservation }: HoldsOf): (Pick<Line, 'quantity'> & { readonly key: Buffer })[] {
  const { lines, expiresAtMs } = reservation;
  return lines.flatMap(({ sku, quantity }, index) =>
    holdIn(items[index]!, id) ? [] : [{ key: keyspace.hold(sku, expiresAtMs, id), quantity }],
  );
}
