/**
 * What an item's record comes to: the holds that stand in it, those of its rows, and the movements that have no row yet. Pure.
 *
 * A few holds stand in the item itself, as most items have no more at a time: they end by the item's record alone, at their
 * millisecond, with nothing to read. Further ones have rows, of which any number costs nothing until they end.
 */
import type { ItemHold, ItemRecord, MovementRecord } from './inventory-records';
import { appendMovement } from './inventory-records';

/** Every command of the item reads and writes them. */
export const defaultHoldsOfItemMax = 8;

/** What is held, as far as the record knows: by holds that have ended too, until they are folded. */
export function reservedOf({ held, reservedInRows }: ItemRecord): number {
  return held.reduce((sum, { quantity }) => sum + quantity, reservedInRows);
}

/** No hold that counts as reserved ends before it; undefined: there is none. */
export function nextExpiryOf({ held, nextExpiryMs }: ItemRecord): number | undefined {
  const first = held.reduce((earliest, { expiresAtMs }) => Math.min(earliest, expiresAtMs), nextExpiryMs ?? Infinity);
  return first === Infinity ? undefined : first;
}

/** Whether something that counts as reserved may have ended. */
export function mayHaveEnded(item: ItemRecord, nowMs: number): boolean {
  return (nextExpiryOf(item) ?? Infinity) <= nowMs;
}

/** The hold of a reservation, where it stands in the item. */
export function holdIn({ held }: ItemRecord, id: string): ItemHold | undefined {
  return held.find(({ reservationId }) => reservationId === id);
}

export function withMovement(item: ItemRecord, movement: MovementRecord): ItemRecord {
  return { ...item, movements: item.movements + 1, recent: appendMovement(item.recent, movement) };
}

/** Ends the holds of the record that have come to their end: their stock is free, and that they have ended is recorded. */
export function endHolds(item: ItemRecord, nowMs: number): ItemRecord {
  const ended = item.held.filter(({ expiresAtMs }) => expiresAtMs <= nowMs);
  if (ended.length === 0) return item;
  const held = item.held.filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  return ended
    .sort((a, b) => a.expiresAtMs - b.expiresAtMs)
    .map(toExpired)
    .reduce(withMovement, { ...item, held });
}

/** That a hold has ended is dated at its expiry, whenever it is recorded. */
export function toExpired({ quantity, reservationId, expiresAtMs }: ItemHold): MovementRecord {
  return { type: 'expired', quantity, atMs: expiresAtMs, reservationId };
}
