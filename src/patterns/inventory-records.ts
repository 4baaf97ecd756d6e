/** What the inventory stores, and how it is read back out of rows. */
import type { Entry } from '../../proto/store';
import { decodeRecord, encodeRecord } from '../core/codec';
import { AppError } from '../core/errors';
import { itemFormat } from '../core/holds-due';
import { keyspace, readHoldKey, readStockMovementKey } from '../core/keyspace';
import { readUint64, uint64 } from '../core/tuple';

/** An item's record: small and bounded, whatever the number of its holds. */
export interface ItemRecord {
  readonly quantity: number;
  /** Held by holds that are not folded: those whose expiry is above `expiredThroughMs`. */
  readonly reserved: number;
  readonly createdAtMs: number;
  /** Of the last decision that wrote it: no later one decides for an earlier time. */
  readonly updatedAtMs: number;
  /** Holds that end at or before it have given their stock back. */
  readonly expiredThroughMs: number;
  /** No unfolded hold ends before it; left out: there is none. */
  readonly nextExpiryMs?: number | undefined;
  /**
   * A row says that there is something to look at from then on (`holdsDue`): never after any hold of it whose end is not recorded.
   * Left out: there is no such row, and no such hold.
   */
  readonly dueAtMs?: number | undefined;
  /** Movements recorded so far. */
  readonly movements: number;
  /** Rises whenever rows of folded holds are removed. */
  readonly sweeps: number;
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

/** A reservation's record. That it has expired is not written: its expiry says so. */
export interface ReservationRecord {
  readonly status: 'held' | 'committed' | 'released';
  readonly lines: readonly Line[];
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly settledAtMs?: number | undefined;
}

export interface Hold {
  readonly key: Buffer;
  readonly reservationId: string;
  readonly expiresAtMs: number;
  readonly quantity: number;
}

export type MovementType = 'created' | 'adjusted' | 'reserved' | 'committed' | 'released' | 'expired';

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

const format = 1;

export function encodeItem(item: ItemRecord): Buffer {
  return encodeRecord(itemFormat, item);
}

export function decodeItem(value: Buffer): ItemRecord {
  return decodeRecord<ItemRecord>(itemFormat, value);
}

export function encodeReservation(reservation: ReservationRecord): Buffer {
  return encodeRecord(format, reservation);
}

export function decodeReservation(value: Buffer): ReservationRecord {
  return decodeRecord<ReservationRecord>(format, value);
}

/** Not JSON: a hundred thousand of them may be added up at once. */
export function encodeHold(quantity: number): Buffer {
  return Buffer.concat([Buffer.of(format), uint64(quantity)]);
}

export function readHoldQuantity(value: Buffer): number {
  if (value[0] !== format) throw new AppError('INTERNAL', `a hold of format ${value[0]} where ${format} was expected`);
  return readUint64(value, 1);
}

export function toHold({ key, value }: Entry): Hold {
  return { key, quantity: readHoldQuantity(value), ...readHoldKey(key) };
}

export function encodeMovement(movement: MovementRecord): Buffer {
  return encodeRecord(format, movement);
}

export function toMovement(sku: string, { key, value }: Entry): Movement {
  return { ...decodeRecord<MovementRecord>(format, value), sku, number: readStockMovementKey(key) };
}

/** The sku in the key of an item. */
export function skuOf(itemKey: Buffer): string {
  return keyspace.lastText(itemKey);
}
