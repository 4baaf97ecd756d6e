/** The inventory as the SDL shows it. */
import { ErrorCode } from '../schema/common';
import type { NotFound } from '../schema/common';
import { ReservationStatus, StockMovementType } from '../schema/inventory';
import type {
  AdjustInventoryResult,
  CreateInventoryItemResult,
  InsufficientStock,
  InventoryItem,
  Reservation,
  ReserveInventoryResult,
  SettleReservationResult,
  StockMovement,
} from '../schema/inventory';
import { encodeOpaque } from '../src/core/opaque';
import type { AdjustItemOutcome, CreateItemOutcome, InventoryItem as Item } from '../src/patterns/inventory';
import type { Movement, Shortage } from '../src/patterns/inventory-records';
import type { Reservation as Held, ReserveResult, SettleResult } from '../src/patterns/inventory-reservations';

const statuses = {
  held: ReservationStatus.HELD,
  committed: ReservationStatus.COMMITTED,
  released: ReservationStatus.RELEASED,
  expired: ReservationStatus.EXPIRED,
} as const;

const movementTypes = {
  created: StockMovementType.CREATED,
  adjusted: StockMovementType.ADJUSTED,
  reserved: StockMovementType.RESERVED,
  committed: StockMovementType.COMMITTED,
  released: StockMovementType.RELEASED,
  expired: StockMovementType.EXPIRED,
} as const;

export function toItem({ sku, quantity, reserved, updatedAtMs, revision }: Item): InventoryItem {
  return {
    kind: 'InventoryItem',
    id: encodeOpaque('inventoryItemNode', Buffer.from(sku, 'utf8')),
    sku,
    quantity,
    reserved,
    available: quantity - reserved,
    updatedAt: updatedAtMs,
    version: String(revision),
  };
}

export function toReservation({ id, status, lines, createdAtMs, expiresAtMs, settledAtMs }: Held): Reservation {
  return {
    kind: 'Reservation',
    id: encodeOpaque('reservationNode', Buffer.from(id, 'utf8')),
    reservationId: id,
    status: statuses[status],
    lines: lines.map(({ sku, quantity }) => ({ sku, quantity })),
    createdAt: createdAtMs,
    expiresAt: expiresAtMs,
    settledAt: settledAtMs ?? null,
  };
}

export function toMovement({ type, sku, number, quantity, reservationId, reason, atMs }: Movement): StockMovement {
  return {
    number,
    type: movementTypes[type],
    sku,
    quantity,
    reservationId: reservationId ?? null,
    reason: reason ?? null,
    at: atMs,
  };
}

export function toCreated(sku: string, outcome: CreateItemOutcome): CreateInventoryItemResult {
  if (outcome.kind === 'created') return toItem(outcome.item);
  return {
    kind: 'AlreadyExists',
    code: ErrorCode.ALREADY_EXISTS,
    message: `item "${sku}" exists already: it was left alone`,
    retryable: false,
  };
}

export function toAdjusted(sku: string, outcome: AdjustItemOutcome): AdjustInventoryResult {
  if (outcome.kind === 'adjusted') return toItem(outcome.item);
  return outcome.kind === 'insufficient' ? toInsufficient(outcome.shortages) : noSuchItem([sku]);
}

export function toReserved(outcome: ReserveResult): ReserveInventoryResult {
  if (outcome.kind === 'reserved') return toReservation(outcome.reservation);
  return outcome.kind === 'insufficient' ? toInsufficient(outcome.shortages) : noSuchItem(outcome.skus);
}

export function toSettled(id: string, outcome: SettleResult): SettleReservationResult {
  if (outcome.kind === 'notFound') return notFound(`there is no reservation "${id}"`);
  const reservation = toReservation(outcome.reservation);
  if (outcome.kind === 'settled') return reservation;
  return {
    kind: 'ReservationNotHeld',
    code: ErrorCode.RESERVATION_NOT_HELD,
    message: `reservation "${id}" is not held any more, it is ${reservation.status}: nothing was changed`,
    retryable: false,
    reservation,
  };
}

function toInsufficient(shortages: readonly Shortage[]): InsufficientStock {
  const short = shortages.map(
    ({ sku, requested, available }) => `${requested} of "${sku}" with ${available} available`,
  );
  return {
    kind: 'InsufficientStock',
    code: ErrorCode.INSUFFICIENT_STOCK,
    message: `there is less than was asked for: ${short.join(', ')}`,
    retryable: false,
    shortages: shortages.map(({ sku, requested, available }) => ({ sku, requested, available })),
  };
}

function noSuchItem(skus: readonly string[]): NotFound {
  return notFound(`there is no item ${skus.map((sku) => `"${sku}"`).join(', ')}`);
}

function notFound(message: string): NotFound {
  return { kind: 'NotFound', code: ErrorCode.NOT_FOUND, message, retryable: false };
}
