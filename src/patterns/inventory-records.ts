/** What the inventory stores, and how it is read back out of rows: bytes, not JSON, since every command reads and writes some. */
import type { Entry } from '../../proto/store';
import { assertInvariant } from '../core/errors';
import { itemFormat } from '../core/holds-due';
import { keyspace, readHoldKey, readStockMovementKey } from '../core/keyspace';
import { readUint64, uint64 } from '../core/tuple';
import { readingOf, readText, readVarint, varintBytes, writeText, writeVarint } from '../core/varint';
import type { Reading } from '../core/varint';

/** An item's record: small and bounded, whatever the number of its holds. `inventory-item.ts` says what it comes to. */
export interface ItemRecord {
  readonly quantity: number;
  /** A few holds stand here; no row of theirs is to be written, read or removed. */
  readonly held: readonly ItemHold[];
  /** Held by the others, which have rows, as far as these are not folded: those whose expiry is above `expiredThroughMs`. */
  readonly reservedInRows: number;
  readonly createdAtMs: number;
  /** Of the last decision that wrote it: no later one decides for an earlier time. */
  readonly updatedAtMs: number;
  /** Holds with rows that end at or before it have given their stock back. */
  readonly expiredThroughMs: number;
  /** No unfolded hold with a row ends before it; left out: there is none. */
  readonly nextExpiryMs?: number | undefined;
  /**
   * A row says that there is something to look at from then on (`holdsDue`): never after any hold of it whose end is not recorded.
   * Left out: there is no such row, and no such hold.
   */
  readonly dueAtMs?: number | undefined;
  /** Movements recorded so far. */
  readonly movements: number;
  /** The first of them, so many, stand in rows. */
  readonly movementsInRows: number;
  /** The others, as they are written, one behind the other. */
  readonly recent: Buffer;
  /** Rises whenever rows of folded holds are removed. */
  readonly sweeps: number;
}

/** A hold that stands in its item. */
export interface ItemHold {
  readonly reservationId: string;
  readonly expiresAtMs: number;
  readonly quantity: number;
}

/** One line of a reservation. */
export interface Line {
  readonly sku: string;
  readonly quantity: number;
}

/** Less in stock than was asked for. */
export interface Shortage {
  readonly sku: string;
  readonly requested: number;
  readonly available: number;
}

/** In the order of the numbers that they have on disk. */
const reservationStatuses = ['held', 'committed', 'released'] as const;

/** A reservation's record. That it has expired is not written: its expiry says so. */
export interface ReservationRecord {
  readonly status: (typeof reservationStatuses)[number];
  readonly lines: readonly Line[];
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly settledAtMs?: number | undefined;
}

/** A hold, wherever it stands; the key: of the row that it has, or would have. */
export interface Hold extends ItemHold {
  readonly key: Buffer;
}

/** In the order of the numbers that they have on disk. */
const movementTypes = ['created', 'adjusted', 'reserved', 'committed', 'released', 'expired'] as const;

export type MovementType = (typeof movementTypes)[number];

/** A movement's record. The quantity is positive, but in 'adjusted', where it is the signed delta. */
export interface MovementRecord {
  readonly type: MovementType;
  readonly quantity: number;
  readonly atMs: number;
  readonly reservationId?: string | undefined;
  readonly reason?: string | undefined;
}

export interface Movement extends MovementRecord {
  readonly sku: string;
  /** Counts the movements of its sku from 1, in the order of recording. */
  readonly number: number;
}

const holdFormat = 1;
const movementsFormat = 2;
const reservationFormat = 2;

/** `src/core/holds-due.ts` reads the beginning of it too. */
export function encodeItem(item: ItemRecord): Buffer {
  const { held, recent } = item;
  const heldBytes = held.reduce((sum, { reservationId }) => sum + 3 * (varintBytes + reservationId.length), 0);
  const bytes = Buffer.allocUnsafe(1 + 11 * varintBytes + heldBytes + recent.length);
  let at = bytes.writeUInt8(itemFormat, 0);
  for (const number of [
    item.dueAtMs ?? 0,
    item.quantity,
    item.reservedInRows,
    item.createdAtMs,
    item.updatedAtMs,
    item.expiredThroughMs,
    item.nextExpiryMs ?? 0,
    item.movements,
    item.movementsInRows,
    item.sweeps,
    held.length,
  ])
    at = writeVarint(bytes, at, number);
  for (const { reservationId, expiresAtMs, quantity } of held) {
    at = writeText(bytes, at, reservationId);
    at = writeVarint(bytes, at, expiresAtMs);
    at = writeVarint(bytes, at, quantity);
  }
  at += recent.copy(bytes, at);
  return bytes.subarray(0, at);
}

export function decodeItem(value: Buffer): ItemRecord {
  const reading = readingOf(value, itemFormat, 'an item');
  const dueAtMs = readVarint(reading);
  const quantity = readVarint(reading);
  const reservedInRows = readVarint(reading);
  const createdAtMs = readVarint(reading);
  const updatedAtMs = readVarint(reading);
  const expiredThroughMs = readVarint(reading);
  const nextExpiryMs = readVarint(reading);
  const movements = readVarint(reading);
  const movementsInRows = readVarint(reading);
  const sweeps = readVarint(reading);
  const held = Array.from({ length: readVarint(reading) }, () => ({
    reservationId: readText(reading),
    expiresAtMs: readVarint(reading),
    quantity: readVarint(reading),
  }));
  return {
    quantity,
    held,
    reservedInRows,
    createdAtMs,
    updatedAtMs,
    expiredThroughMs,
    nextExpiryMs: nextExpiryMs === 0 ? undefined : nextExpiryMs,
    dueAtMs: dueAtMs === 0 ? undefined : dueAtMs,
    movements,
    movementsInRows,
    recent: value.subarray(reading.next),
    sweeps,
  };
}

export function encodeReservation({ status, lines, ...times }: ReservationRecord): Buffer {
  const { createdAtMs, expiresAtMs, settledAtMs = 0 } = times;
  const lineBytes = lines.reduce((sum, { sku }) => sum + 2 * varintBytes + 3 * sku.length, 0);
  const bytes = Buffer.allocUnsafe(2 + 4 * varintBytes + lineBytes);
  let at = bytes.writeUInt8(reservationFormat, 0);
  at = bytes.writeUInt8(reservationStatuses.indexOf(status), at);
  for (const number of [createdAtMs, expiresAtMs, settledAtMs, lines.length]) at = writeVarint(bytes, at, number);
  for (const { sku, quantity } of lines) at = writeVarint(bytes, writeText(bytes, at, sku), quantity);
  return bytes.subarray(0, at);
}

export function decodeReservation(value: Buffer): ReservationRecord {
  const reading = readingOf(value, reservationFormat, 'a reservation');
  const status = reservationStatuses[readVarint(reading)];
  assertInvariant(status !== undefined, 'a reservation of a known status');
  const createdAtMs = readVarint(reading);
  const expiresAtMs = readVarint(reading);
  const settledAtMs = readVarint(reading);
  const lines = Array.from({ length: readVarint(reading) }, () => ({
    sku: readText(reading),
    quantity: readVarint(reading),
  }));
  return { status, lines, createdAtMs, expiresAtMs, settledAtMs: settledAtMs === 0 ? undefined : settledAtMs };
}

/** Of one length: a hundred thousand of them may be added up at once. */
export function encodeHold(quantity: number): Buffer {
  return Buffer.concat([Buffer.of(holdFormat), uint64(quantity)]);
}

export function readHoldQuantity(value: Buffer): number {
  return readUint64(value, readingOf(value, holdFormat, 'a hold').next);
}

export function toHold({ key, value }: Entry): Hold {
  return { key, quantity: readHoldQuantity(value), ...readHoldKey(key) };
}

// --- movements -----------------------------------------------------------------------------------------------------

const isNegative = 0x10;
const hasReservation = 0x20;
const hasReason = 0x40;
const typeMask = 0x0f;

/** Movements as they are written, with one more behind them. */
export function appendMovement(movements: Buffer, movement: MovementRecord): Buffer {
  const { type, quantity, atMs, reservationId, reason } = movement;
  const textBytes = 3 * ((reservationId?.length ?? 0) + (reason?.length ?? 0));
  const bytes = Buffer.allocUnsafe(movements.length + 1 + 4 * varintBytes + textBytes);
  const flags =
    (quantity < 0 ? isNegative : 0) |
    (reservationId === undefined ? 0 : hasReservation) |
    (reason === undefined ? 0 : hasReason);
  let at = movements.copy(bytes);
  at = bytes.writeUInt8(movementTypes.indexOf(type) | flags, at);
  at = writeVarint(bytes, at, Math.abs(quantity));
  at = writeVarint(bytes, at, atMs);
  if (reservationId !== undefined) at = writeText(bytes, at, reservationId);
  if (reason !== undefined) at = writeText(bytes, at, reason);
  return bytes.subarray(0, at);
}

function readMovement(reading: Reading): MovementRecord {
  const flags = readVarint(reading);
  const type = movementTypes[flags & typeMask];
  assertInvariant(type !== undefined, 'a movement of a known type');
  const quantity = readVarint(reading) * ((flags & isNegative) === 0 ? 1 : -1);
  const atMs = readVarint(reading);
  const reservationId = (flags & hasReservation) === 0 ? undefined : readText(reading);
  const reason = (flags & hasReason) === 0 ? undefined : readText(reading);
  return { type, quantity, atMs, reservationId, reason };
}

/** The first `count` movements as a row, and the bytes of the others. */
export function splitMovements(movements: Buffer, count: number): { row: Buffer; rest: Buffer } {
  const reading = { bytes: movements, next: 0 };
  for (let read = 0; read < count; read += 1) readMovement(reading);
  const row = Buffer.concat([Buffer.of(movementsFormat), movements.subarray(0, reading.next)]);
  return { row, rest: movements.subarray(reading.next) };
}

/** The movements of a row, the newest first. */
export function toMovements(sku: string, { key, value }: Pick<Entry, 'key' | 'value'>): Movement[] {
  return numbered(sku, readStockMovementKey(key), readingOf(value, movementsFormat, 'a row of movements'));
}

/** Those that have no row yet, the newest first. */
export function recentMovements(sku: string, { movements, recent }: ItemRecord): Movement[] {
  return numbered(sku, movements, { bytes: recent, next: 0 });
}

function numbered(sku: string, lastNumber: number, reading: Reading): Movement[] {
  const movements: MovementRecord[] = [];
  while (reading.next < reading.bytes.length) movements.push(readMovement(reading));
  return movements.reverse().map((movement, index) => ({ ...movement, sku, number: lastNumber - index }));
}

/** The sku in the key of an item. */
export function skuOf(itemKey: Buffer): string {
  return keyspace.lastText(itemKey);
}
