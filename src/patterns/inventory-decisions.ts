/**
 * The rules of the inventory, pure: a state and a command at a time give an outcome and the records to write, what moved the
 * stock among them.
 *
 * Holds that stand in an item end with every decision on it. Those with rows count as reserved until they are *folded*: then the
 * sum of all that have ended is taken off `reservedInRows` and `expiredThroughMs` moves past them, in one put. `nextExpiryMs` says from
 * when on there may be something to fold; before it the record alone is exact. Where an outcome needs the exact state and the
 * record is not, the decision says 'dueUnknown'.
 */
import { limits } from '../../proto/limits';
import { assertInvariant, invalidArgument } from '../core/errors';
import { endHolds, holdIn, reservedOf, withMovement } from './inventory-item';
import type { ItemHold, ItemRecord, Line, ReservationRecord } from './inventory-records';

/** What was read of a sku's holds that have ended and are not folded, with the state of the item that it belongs to. */
export interface DueHolds {
  /** The item's `expiredThroughMs`: the sums are over holds that end after it. */
  readonly fromMs: number;
  /** Of the item's row. */
  readonly revision: number;
  /** The item's `updatedAtMs`: no later decision makes or ends a hold up to here, so that this sum stays true. */
  readonly closedMs: number;
  readonly closedQuantity: number;
  /** When it was read: this sum is true for the item at that revision alone. */
  readonly throughMs: number;
  readonly quantity: number;
  /** The first hold behind `throughMs`. */
  readonly nextExpiryMs: number | undefined;
}

/** Outcomes name lines by their place, so that a mark of 32 long skus stays small. */
export interface Insufficient {
  readonly kind: 'insufficient';
  readonly shortages: readonly { readonly line: number; readonly available: number }[];
}

/** The item may have holds that have ended: what was read of them is missing, or of another state. */
export interface DueUnknown {
  readonly kind: 'dueUnknown';
}

export type ReserveOutcome =
  | { readonly kind: 'reserved'; readonly createdAtMs: number; readonly expiresAtMs: number }
  | Insufficient
  | { readonly kind: 'notFound'; readonly lines: readonly number[] };

/** What is shown of an item. */
export interface ItemFigures {
  readonly quantity: number;
  readonly reserved: number;
  readonly updatedAtMs: number;
}

export type AdjustOutcome =
  { readonly kind: 'adjusted'; readonly item: ItemFigures } | Insufficient | { readonly kind: 'notFound' };

export type ReservationStatus = ReservationRecord['status'] | 'expired';

/** The items of a reservation, one for each line, and the reservation. */
export interface Settlement {
  readonly items: readonly ItemRecord[];
  readonly reservation: ReservationRecord;
}

/** A reservation as it was found. */
export interface Found extends Settlement {
  readonly id: string;
}

const integerMax = Number.MAX_SAFE_INTEGER;
const noMovements = Buffer.alloc(0);

/** Whether holds with rows that have ended may still count as reserved. */
export function mayHaveDue({ nextExpiryMs }: ItemRecord, nowMs: number): boolean {
  return nextExpiryMs !== undefined && nextExpiryMs <= nowMs;
}

/** The time of a decision: never before an earlier one on one of its items. */
export function decisionTime(nowMs: number, items: readonly (ItemRecord | undefined)[]): number {
  return items.reduce((latest, item) => Math.max(latest, item?.updatedAtMs ?? 0), nowMs);
}

/** Takes off what has ended, as far as what was read of it is true of this item; undefined: it says nothing about it. */
export function foldDue(item: ItemRecord, revision: number, due: DueHolds | undefined): ItemRecord | undefined {
  if (!due || item.expiredThroughMs !== due.fromMs) return undefined;
  if (revision === due.revision) return fold(item, due.throughMs, due.quantity, due.nextExpiryMs);
  if (due.closedMs <= due.fromMs) return undefined;
  // Holds may have been made since: all that is known of the next expiry is that it is later.
  return fold(item, due.closedMs, due.closedQuantity, due.closedMs + 1);
}

function fold(item: ItemRecord, throughMs: number, quantity: number, nextExpiryMs: number | undefined): ItemRecord {
  return {
    ...withoutRows(item, quantity),
    updatedAtMs: Math.max(item.updatedAtMs, throughMs),
    expiredThroughMs: throughMs,
    nextExpiryMs: item.reservedInRows === quantity ? undefined : nextExpiryMs,
  };
}

/** The item without so much of what is held by rows. */
function withoutRows(item: ItemRecord, quantity: number): ItemRecord {
  const reservedInRows = item.reservedInRows - quantity;
  assertInvariant(reservedInRows >= 0, `what ends was reserved: ${quantity} of ${item.reservedInRows}`);
  return { ...item, reservedInRows, nextExpiryMs: reservedInRows === 0 ? undefined : item.nextExpiryMs };
}

export function figuresOf(item: ItemRecord): ItemFigures {
  return { quantity: item.quantity, reserved: reservedOf(item), updatedAtMs: item.updatedAtMs };
}

/** An item that is made. */
export function newItem(quantity: number, nowMs: number): ItemRecord {
  const item: ItemRecord = {
    quantity,
    held: [],
    reservedInRows: 0,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    expiredThroughMs: 0,
    movements: 0,
    movementsInRows: 0,
    recent: noMovements,
    sweeps: 0,
  };
  return withMovement(item, { type: 'created', quantity, atMs: nowMs });
}

/** The lines of one sku as one, in the order in which the skus came. Throws INVALID_ARGUMENT where a sum is no integer. */
export function sumLines(lines: readonly Line[]): Line[] {
  const summed = new Map<string, number>();
  for (const [index, { sku, quantity }] of lines.entries()) {
    const sum = (summed.get(sku) ?? 0) + quantity;
    if (sum > integerMax)
      throw invalidArgument(`input.lines[${index}].quantity`, `makes ${sum} of "${sku}": it must stay below 2^53`);
    summed.set(sku, sum);
  }
  return Array.from(summed, ([sku, quantity]) => ({ sku, quantity }));
}

/** What is too little for the lines; undefined: nothing. The items are as they are at `nowMs`. */
export function findShortages(
  items: readonly ItemRecord[],
  lines: readonly Pick<Line, 'quantity'>[],
): Insufficient | undefined {
  const shortages = items
    .map((item, line) => ({ line, available: item.quantity - reservedOf(item) }))
    .filter(({ line, available }) => lines[line]!.quantity > available);
  return shortages.length > 0 ? { kind: 'insufficient', shortages } : undefined;
}

export interface ReserveCommand {
  readonly id: string;
  readonly lines: readonly Pick<Line, 'quantity'>[];
  readonly holdMs: number;
  /** Holds that stand in an item at once; further ones have rows. */
  readonly holdsOfItemMax: number;
}

/** Holds every line or none. The items: one for each line, which are of different skus. */
export function decideReserve(
  items: readonly (ItemRecord | undefined)[],
  { id, lines, holdMs, holdsOfItemMax }: ReserveCommand,
  nowMs: number,
): { outcome: ReserveOutcome | DueUnknown; next?: readonly ItemRecord[] } {
  const missing = items.flatMap((item, line) => (item ? [] : [line]));
  if (missing.length > 0) return { outcome: { kind: 'notFound', lines: missing } };
  const present = (items as readonly ItemRecord[]).map((item) => endHolds(item, nowMs));
  const short = findShortages(present, lines);
  if (short) {
    const isExact = short.shortages.every(({ line }) => !mayHaveDue(present[line]!, nowMs));
    return { outcome: isExact ? short : { kind: 'dueUnknown' } };
  }
  const expiresAtMs = nowMs + holdMs;
  const next = present.map((item, line) => {
    const { quantity } = lines[line]!;
    const hold = { reservationId: id, expiresAtMs, quantity };
    const holding = item.held.length < holdsOfItemMax ? { ...item, held: [...item.held, hold] } : withRow(item, hold);
    return withMovement(
      { ...holding, updatedAtMs: nowMs },
      { type: 'reserved', quantity, atMs: nowMs, reservationId: id },
    );
  });
  return { outcome: { kind: 'reserved', createdAtMs: nowMs, expiresAtMs }, next };
}

function withRow(item: ItemRecord, { quantity, expiresAtMs }: ItemHold): ItemRecord {
  const nextExpiryMs = Math.min(item.nextExpiryMs ?? Infinity, expiresAtMs);
  return { ...item, reservedInRows: item.reservedInRows + quantity, nextExpiryMs };
}

export interface AdjustCommand {
  readonly delta: number;
  readonly reason?: string | undefined;
  readonly exactAtMs: number;
}

/**
 * Adds to the quantity, or takes from what is available. The item of the answer is exact at `exactAtMs`: a moment of the
 * call, which may be a little before `nowMs` where holds end faster than they can be read.
 */
export function decideAdjust(
  item: ItemRecord | undefined,
  { delta, reason, exactAtMs }: AdjustCommand,
  nowMs: number,
): { outcome: AdjustOutcome | DueUnknown; next?: ItemRecord } {
  if (!item) return { outcome: { kind: 'notFound' } };
  const short = findShortages([endHolds(item, nowMs)], [{ quantity: -delta }]);
  if (mayHaveDue(item, short ? nowMs : exactAtMs)) return { outcome: { kind: 'dueUnknown' } };
  if (short) return { outcome: short };
  const quantity = item.quantity + delta;
  if (quantity > integerMax)
    throw invalidArgument('input.delta', `is ${delta}: with the ${item.quantity} on hand it passes 2^53-1`);
  const adjusted = { ...endHolds(item, exactAtMs), quantity, updatedAtMs: nowMs };
  const next = withMovement(adjusted, { type: 'adjusted', quantity: delta, atMs: nowMs, reason });
  return { outcome: { kind: 'adjusted', item: figuresOf(next) }, next };
}

/** What a reservation is at `nowMs`, which is not before any decision on its items. */
export function statusAt({ status, expiresAtMs }: ReservationRecord, nowMs: number): ReservationStatus {
  return status === 'held' && expiresAtMs <= nowMs ? 'expired' : status;
}

/** What becomes of a settle or an extend; `next` is left out where all stays as it is. */
export interface SettleDecision {
  readonly kind: 'settled' | 'notHeld';
  readonly next?: Settlement;
}

/** Commits or releases. The same again is settled already. */
export function decideSettle(
  { id, reservation, items }: Found,
  to: 'committed' | 'released',
  nowMs: number,
): SettleDecision {
  const status = statusAt(reservation, nowMs);
  if (status === to) return { kind: 'settled' };
  if (status !== 'held') return { kind: 'notHeld' };
  const next = items.map((item, index) => {
    const { quantity } = reservation.lines[index]!;
    const left = to === 'committed' ? item.quantity - quantity : item.quantity;
    const settled = { ...withoutHold(endHolds(item, nowMs), id, quantity), quantity: left, updatedAtMs: nowMs };
    return withMovement(settled, { type: to, quantity, atMs: nowMs, reservationId: id });
  });
  return { kind: 'settled', next: { items: next, reservation: { ...reservation, status: to, settledAtMs: nowMs } } };
}

function withoutHold(item: ItemRecord, id: string, quantity: number): ItemRecord {
  const hold = holdIn(item, id);
  if (!hold) return withoutRows(item, quantity);
  return { ...item, held: item.held.filter((each) => each !== hold) };
}

/** Moves the expiry to the later of what it is and now + holdMs. */
export function decideExtend({ id, reservation, items }: Found, holdMs: number, nowMs: number): SettleDecision {
  if (statusAt(reservation, nowMs) !== 'held') return { kind: 'notHeld' };
  const expiresAtMs = Math.max(reservation.expiresAtMs, nowMs + holdMs);
  if (expiresAtMs === reservation.expiresAtMs) return { kind: 'settled' };
  const next = items.map((item) => {
    const ended = endHolds(item, nowMs);
    const held = ended.held.map((hold) => (hold.reservationId === id ? { ...hold, expiresAtMs } : hold));
    return { ...ended, held, updatedAtMs: nowMs };
  });
  return { kind: 'settled', next: { items: next, reservation: { ...reservation, expiresAtMs } } };
}

/** How long a reservation's record is kept from `nowMs` on: until its end, and 24 hours more. */
export function keepForMs(endsAtMs: number, nowMs: number): number {
  return Math.max(endsAtMs - nowMs, 0) + limits.reservationKeepMs;
}
