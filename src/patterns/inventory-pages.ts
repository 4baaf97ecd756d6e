/** Lists of the inventory, a page at a time. */
import { limits } from '../../proto/limits';
import type { Entry, Store } from '../../proto/store';
import { invalidArgument } from '../core/errors';
import type { AppError } from '../core/errors';
import { requireInteger, requireText } from '../core/input';
import { familyRange, holdsRange, keyspace, stockMovementsRange } from '../core/keyspace';
import { encodeOpaque, requireCursor } from '../core/opaque';
import { keyAfter, readUint64, uint64 } from '../core/tuple';
import { decisionTime, statusAt } from './inventory-decisions';
import { readItems } from './inventory-due';
import type { ItemState } from './inventory-due';
import { decodeItem, decodeReservation, recentMovements, skuOf, toHold, toMovements } from './inventory-records';
import type { Hold, ItemRecord, Movement, ReservationRecord } from './inventory-records';
import { movementsOfRow } from './inventory-rows';

export interface Page<T> {
  readonly nodes: readonly T[];
  readonly hasMore: boolean;
}

/** What is asked for of a list. */
export interface PageOf {
  readonly first: number;
  readonly after?: string | undefined;
}

/** A reservation as it is stored. */
export interface StoredReservation {
  readonly id: string;
  readonly reservation: ReservationRecord;
}

/** Items whose sku begins with `prefix`, in byte order. */
export async function readItemPage(store: Store, prefix: string, { first, after }: PageOf): Promise<Page<ItemState>> {
  const prefixBytes = requireText('prefix', prefix, { bytesMin: 0, bytesMax: limits.nameBytesMax });
  requireFirst(first);
  const { start, end } = familyRange('inventoryItem', prefixBytes);
  const behind =
    after === undefined
      ? start
      : keyAfter(keyspace.inventoryItem(requireCursor('after', 'inventoryItems', after).toString('utf8')));
  const from = Buffer.compare(behind, start) > 0 ? behind : start;
  if (Buffer.compare(from, end) >= 0) return { nodes: [], hasMore: false };
  const { results } = await store.read([{ start: from, end, limit: first }]);
  const { entries, more } = results[0]!;
  if (entries.length === 0) return { nodes: [], hasMore: false };
  // Items are never removed, so that each of them is there again.
  const { states } = await readItems(
    store,
    entries.map(({ key }) => skuOf(key)),
  );
  return { nodes: states.filter((state) => state !== undefined), hasMore: more };
}

export interface MovementPage extends Page<Movement> {
  /** Holds have ended whose movements are not recorded yet. */
  readonly isBehind: boolean;
}

/** Movements of a sku, newest first. */
export async function readMovementPage(store: Store, sku: string, { first, after }: PageOf): Promise<MovementPage> {
  requireFirst(first);
  const before = after === undefined ? undefined : movementNumber(requireCursor('after', 'stockMovements', after));
  const itemRange = { start: keyspace.inventoryItem(sku) };
  // A row has mostly as many movements as it may have; where it has fewer, more rows are read.
  const limit = Math.ceil(first / movementsOfRow) + 1;
  // The last movement of a row that has some before this one may be behind it.
  const end = before && Math.min(before + movementsOfRow - 1, Number.MAX_SAFE_INTEGER);
  const range = { ...stockMovementsRange(sku, end), limit };
  const { results, nowMs } = await store.read([itemRange, { ...holdsRange(sku, 0), limit: 1 }, range]);
  const [itemEntry] = results[0]!.entries;
  const [nextHold] = results[1]!.entries;
  const item = itemEntry && decodeItem(itemEntry.value);
  const holds = [...(item?.held ?? []), ...(nextHold ? [toHold(nextHold)] : [])];
  const isBehind = holds.some(({ expiresAtMs }) => expiresAtMs <= nowMs);
  let { entries, more } = results[2]!;
  const found = item ? recentMovements(sku, item) : [];
  const isWanted = ({ number }: Movement): boolean => before === undefined || number < before;
  for (;;) {
    for (const entry of entries) found.push(...toMovements(sku, entry));
    const nodes = found.filter(isWanted);
    if (nodes.length > first || !more) {
      return { nodes: nodes.slice(0, first), hasMore: nodes.length > first, isBehind };
    }
    // Rows of movements are never changed: a later read goes on behind an earlier one.
    const next = { ...range, start: keyAfter(entries.at(-1)!.key) };
    ({ entries, more } = (await store.read([next])).results[0]!);
  }
}

/** What is held of a sku, in the order in which it ends. */
export async function readHeldPage(store: Store, sku: string, page: PageOf): Promise<Page<StoredReservation>> {
  requireFirst(page.first);
  let behind =
    page.after === undefined ? undefined : holdCursor(sku, requireCursor('after', 'itemReservations', page.after));
  for (;;) {
    const { holds, nowMs, more } = await readHolds(store, sku, { behind, first: page.first });
    const nodes = await readStored(store, holds, nowMs);
    // A page on which all was settled meanwhile would have no cursor to go on from.
    if (nodes.length > 0 || !more) return { nodes, hasMore: more };
    behind = holds.at(-1)?.key ?? behind;
  }
}

interface HoldsRead {
  readonly holds: readonly Hold[];
  readonly nowMs: number;
  readonly more: boolean;
}

/** Holds that have not ended. */
async function readHolds(
  store: Store,
  sku: string,
  { behind, first }: { readonly behind: Buffer | undefined; readonly first: number },
): Promise<HoldsRead> {
  const itemRange = { start: keyspace.inventoryItem(sku) };
  let fromMs = 0;
  for (;;) {
    const range = holdsRange(sku, fromMs);
    const start = behind && Buffer.compare(behind, range.start) >= 0 ? keyAfter(behind) : range.start;
    const { results, nowMs } = await store.read([itemRange, { ...range, start, limit: first }]);
    const [itemEntry] = results[0]!.entries;
    const item = itemEntry && decodeItem(itemEntry.value);
    const liveAfterMs = decisionTime(nowMs, [item]);
    const inRows = results[1]!.entries.map(toHold);
    const { more } = results[1]!;
    // Those of the item that come before the last row that was read, or, where there is no further row, all.
    const isInPage = ({ key }: Hold): boolean =>
      Buffer.compare(key, start) >= 0 && (!more || Buffer.compare(key, inRows.at(-1)!.key) < 0);
    const inItem = item ? holdsOfItem(sku, item).filter(isInPage) : [];
    const holds = [...inItem, ...inRows].sort((a, b) => Buffer.compare(a.key, b.key));
    const live = holds.filter(({ expiresAtMs }) => expiresAtMs > liveAfterMs);
    if (live.length > 0 || !more)
      return { holds: live.slice(0, first), nowMs: liveAfterMs, more: more || live.length > first };
    // They have all ended: it goes on where the live ones begin.
    fromMs = liveAfterMs + 1;
  }
}

/** Holds that stand in the item, with the keys that rows of theirs would have. */
function holdsOfItem(sku: string, { held }: ItemRecord): Hold[] {
  return held.map((hold) => ({ ...hold, key: keyspace.hold(sku, hold.expiresAtMs, hold.reservationId) }));
}

/** The reservations of holds, without those that were settled meanwhile; ends early where they are large. */
async function readStored(store: Store, holds: readonly Hold[], liveAtMs: number): Promise<StoredReservation[]> {
  if (holds.length === 0) return [];
  const { results, nowMs } = await store.read(
    holds.map(({ reservationId }) => ({ start: keyspace.reservation(reservationId) })),
  );
  return holds.flatMap(({ reservationId: id }, index) => {
    const entry: Entry | undefined = results[index]!.entries[0];
    const reservation = entry && decodeReservation(entry.value);
    const isHeld = reservation && statusAt(reservation, Math.max(nowMs, liveAtMs)) === 'held';
    return isHeld ? [{ id, reservation }] : [];
  });
}

export function itemCursor(sku: string): string {
  return encodeOpaque('inventoryItems', Buffer.from(sku, 'utf8'));
}

export function movementCursor({ number }: Pick<Movement, 'number'>): string {
  return encodeOpaque('stockMovements', uint64(number));
}

export function heldCursor(id: string, expiresAtMs: number): string {
  return encodeOpaque('itemReservations', Buffer.concat([uint64(expiresAtMs), Buffer.from(id, 'utf8')]));
}

function movementNumber(payload: Buffer): number {
  if (payload.length !== 8) throw notACursor();
  return readNumber(payload);
}

function holdCursor(sku: string, payload: Buffer): Buffer {
  if (payload.length < 9) throw notACursor();
  return keyspace.hold(sku, readNumber(payload), payload.toString('utf8', 8));
}

function readNumber(payload: Buffer): number {
  const number = readUint64(payload);
  if (!Number.isSafeInteger(number)) throw notACursor();
  return number;
}

function notACursor(): AppError {
  return invalidArgument('after', 'is not a cursor of this field');
}

function requireFirst(first: number): void {
  requireInteger('first', first, { min: 1, max: limits.pageEntriesMax });
}
