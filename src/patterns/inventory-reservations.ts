/**
 * Reservations: several skus held together for a while, then committed (the stock leaves), released, or expired. What they promise
 * is said in `inventory.ts`. A reserve costs one commit; a settle or an extend too, after one read where this process
 * has not seen the reservation lately. Whether a reservation is still held is decided on the storage clock, in the commit itself.
 */
import { limits } from '../../proto/limits';
import type { Store } from '../../proto/store';
import { AppError, isAppError } from '../core/errors';
import type { Clock } from '../core/clock';
import { stampUuid } from '../core/ids';
import type { Ids } from '../core/ids';
import { requireCount, requireInteger, requireText } from '../core/input';
import { keyspace } from '../core/keyspace';
import { rememberAsJson } from '../store/remember';
import type { Remembered, Settled, Transact, View } from '../store/transact';
import {
  decideExtend,
  decideReserve,
  decideSettle,
  decisionTime,
  findShortages,
  keepForMs,
  statusAt,
  sumLines,
} from './inventory-decisions';
import type { Found, ReservationStatus, ReserveOutcome, SettleDecision } from './inventory-decisions';
import { runExactly, unlessDueUnknown } from './inventory-exact';
import type { InventoryExpiry } from './inventory-expiry';
import { readHeldPage } from './inventory-pages';
import type { Page, PageOf } from './inventory-pages';
import { RecentSkus } from './inventory-recent';
import { decodeItem, decodeReservation } from './inventory-records';
import type { Line, ReservationRecord, Shortage } from './inventory-records';
import {
  deleteHolds,
  putHolds,
  putItem,
  itemRef,
  putReservation,
  readItemRows,
  readReservationRow,
  relyOnItems,
  requireItems,
} from './inventory-rows';
import type { ItemRef } from './inventory-rows';

/** A reservation at one moment. */
export interface Reservation {
  readonly id: string;
  readonly status: ReservationStatus;
  /** One for each sku. */
  readonly lines: readonly Line[];
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** When it was committed, released, or expired. */
  readonly settledAtMs: number | undefined;
}

export interface Reserve {
  readonly lines: readonly Line[];
  readonly holdMs: number;
  readonly idempotencyKey?: string | undefined;
}

export interface Settle {
  readonly reservationId: string;
  readonly idempotencyKey?: string | undefined;
}

export interface Extend extends Settle {
  readonly holdMs: number;
}

export type ReserveResult =
  | { readonly kind: 'reserved'; readonly reservation: Reservation }
  | { readonly kind: 'insufficient'; readonly shortages: readonly Shortage[] }
  | { readonly kind: 'notFound'; readonly skus: readonly string[] };

export type SettleResult =
  { readonly kind: 'settled' | 'notHeld'; readonly reservation: Reservation } | { readonly kind: 'notFound' };

/** As it goes into a mark, which has no room for the lines. */
type Marked<O> = O extends { readonly reservation: Reservation }
  ? Omit<O, 'reservation'> & { readonly reservation: Omit<Reservation, 'lines'> & { readonly lines?: readonly Line[] } }
  : O;

interface SettleCommand<I> {
  readonly mutation: 'commitReservation' | 'releaseReservation' | 'extendReservation';
  readonly input: I;
  readonly decide: (found: Found, nowMs: number) => SettleDecision;
}

export interface ReservationsDependencies {
  readonly store: Store;
  readonly transact: Transact;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly ids: Ids;
  readonly expiry: InventoryExpiry;
  readonly holdsOfItemMax: number;
}

/** The reservation appeared between the read and the command: a signal between decision and method. */
class Appeared extends Error {
  constructor() {
    super('there is such a reservation now');
  }
}

const appearedTriesMax = 3;

export class Reservations {
  readonly #store: Store;
  readonly #transact: Transact;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #ids: Ids;
  readonly #expiry: InventoryExpiry;
  readonly #holdsOfItemMax: number;
  readonly #recent = new RecentSkus();

  constructor({ store, transact, clock, ids, expiry, holdsOfItemMax }: ReservationsDependencies) {
    this.#store = store;
    this.#transact = transact;
    this.#clock = clock;
    this.#ids = ids;
    this.#expiry = expiry;
    this.#holdsOfItemMax = holdsOfItemMax;
  }

  /** The reservation now; undefined where there is none, or where it ended more than 24 hours ago. */
  async get(id: string): Promise<Reservation | undefined> {
    requireId('id', id);
    const range = { start: keyspace.reservation(id) };
    const { results, nowMs } = await this.#store.read([range]);
    const entry = results[0]!.entries[0];
    if (!entry) return undefined;
    const record = decodeReservation(entry.value);
    if (statusAt(record, nowMs) !== 'held') return toReservation(id, record, nowMs);
    // Its items may have decided for a later time than this read has.
    const items = record.lines.map(({ sku }) => ({ start: keyspace.inventoryItem(sku) }));
    const again = await this.#store.read([range, ...items]);
    const [row, ...itemRows] = again.results.map(({ entries }) => entries[0]);
    const atMs = decisionTime(
      again.nowMs,
      itemRows.map((each) => each && decodeItem(each.value)),
    );
    return row && toReservation(id, decodeReservation(row.value), atMs);
  }

  /** What is held of a sku now, in the order in which it ends. */
  async heldOf(sku: string, page: PageOf): Promise<Page<Reservation>> {
    const { nodes, hasMore } = await readHeldPage(this.#store, sku, page);
    return { nodes: nodes.map(({ id, reservation }) => toReservation(id, reservation, 0)), hasMore };
  }

  /** Holds every line or none, for `holdMs`. */
  async reserve(input: Reserve): Promise<ReserveResult> {
    requireReserve(input);
    const { holdMs } = input;
    const lines = sumLines(input.lines);
    const skus = lines.map(({ sku }) => sku);
    type Outcome = ReserveOutcome & { readonly id?: string };
    const remembered = rememberAsJson<Outcome>({
      mutation: 'reserveInventory',
      input,
      defaults: { holdMs: defaultHoldMs },
    });
    // In the order of time, so that rows of reservations that are made together lie together: fewer pages are written.
    const id = stampUuid(this.#clock.nowMs(), 7, this.#ids.uuid());
    const key = keyspace.reservation(id);
    const refs = skus.map(itemRef);
    const { outcome, nowMs, isReplay } = await runExactly<Outcome>({
      store: this.#store,
      transact: this.#transact,
      skus,
      run: ({ due }) =>
        this.#transact.run<Outcome>({
          records: refs.map((ref) => ref.key),
          fresh: [key],
          decide: (view) => {
            const shown = readItemRows(view, refs, due);
            const command = { id, lines, holdMs, holdsOfItemMax: this.#holdsOfItemMax };
            const { outcome: decided, next: items } = decideReserve(shown.items, command, shown.nowMs);
            const outcome = unlessDueUnknown(decided);
            if (outcome.kind === 'insufficient') relyOnItems(view, shown);
            if (outcome.kind !== 'reserved') return outcome;
            const reservation: ReservationRecord = { status: 'held', lines, ...timesOf(outcome) };
            putReservation(view, { key, reservation, ttlMs: keepForMs(outcome.expiresAtMs, view.nowMs) });
            putHolds(view, { id, items: items!, reservation });
            for (const [index, ref] of refs.entries()) putItem(view, ref, items![index]!);
            return { ...outcome, id };
          },
          remembered,
        }),
      refuse: (states) =>
        findShortages(
          states.map(({ item }) => item),
          lines,
        ),
      remembered,
      noteBehind: (sku) => this.#expiry.plan(sku, 0),
    });
    if (outcome.kind === 'notFound') return { kind: 'notFound', skus: outcome.lines.map((line) => skus[line]!) };
    if (outcome.kind === 'insufficient') {
      return {
        kind: 'insufficient',
        shortages: outcome.shortages.map(({ line, available }) => {
          const { sku, quantity: requested } = lines[line]!;
          return { sku, requested, available };
        }),
      };
    }
    const reservation = {
      id: outcome.id!,
      status: 'held' as const,
      lines,
      ...timesOf(outcome),
      settledAtMs: undefined,
    };
    this.#recent.add(reservation.id, skus);
    if (!isReplay) for (const sku of skus) this.#expiry.plan(sku, outcome.expiresAtMs - nowMs);
    return { kind: 'reserved', reservation };
  }

  /** Takes what is held out of stock. Committing what is committed answers it again. */
  commit(input: Settle): Promise<SettleResult> {
    const decide = (found: Found, nowMs: number): SettleDecision => decideSettle(found, 'committed', nowMs);
    return this.#settle({ mutation: 'commitReservation', input, decide });
  }

  /** Gives back what is held. Releasing what is released answers it again. */
  release(input: Settle): Promise<SettleResult> {
    const decide = (found: Found, nowMs: number): SettleDecision => decideSettle(found, 'released', nowMs);
    return this.#settle({ mutation: 'releaseReservation', input, decide });
  }

  /** Moves the expiry to the later of what it is and now + `holdMs`. */
  async extend(input: Extend): Promise<SettleResult> {
    requireInteger('input.holdMs', input.holdMs, { min: 1, max: limits.holdMsMax });
    const decide = (found: Found, nowMs: number): SettleDecision => decideExtend(found, input.holdMs, nowMs);
    return this.#settle({ mutation: 'extendReservation', input, decide });
  }

  async #settle<I extends Settle>({ mutation, input, decide }: SettleCommand<I>): Promise<SettleResult> {
    const id = input.reservationId;
    requireId('input.reservationId', id);
    const remembered = rememberAsJson<Marked<SettleResult>>({ mutation, input, keep: withoutLines });
    for (let tries = 1; tries <= appearedTriesMax; tries += 1) {
      const skus = this.#recent.get(id) ?? (await this.#skusOf(id));
      try {
        const { outcome } = await this.#settleOn(id, skus, decide, remembered);
        if (outcome.kind !== 'notFound' && outcome.reservation.status !== 'held') this.#recent.delete(id);
        return hasLines(outcome) ? outcome : await this.#withLines(id, outcome);
      } catch (error) {
        if (!isAppError(error) || !(error.cause instanceof Appeared)) throw error;
      }
    }
    throw new AppError('INTERNAL', `reservation ${id} comes and goes`);
  }

  #settleOn(
    id: string,
    skus: readonly string[] | undefined,
    decide: (found: Found, nowMs: number) => SettleDecision,
    remembered: Remembered<Marked<SettleResult>> | undefined,
  ): Promise<Settled<Marked<SettleResult>>> {
    const key = keyspace.reservation(id);
    if (!skus) {
      const absent = (view: View): { kind: 'notFound' } => {
        if (view.get(key)) throw new Appeared();
        return { kind: 'notFound' };
      };
      return this.#transact.run({ records: [key], decide: absent, remembered });
    }
    const refs = skus.map(itemRef);
    return this.#transact.run({
      records: refs.map((ref) => ref.key),
      rows: [key],
      decide: (view) => settleRows(view, { id, key, refs, decide }),
      remembered,
    });
  }

  async #skusOf(id: string): Promise<readonly string[] | undefined> {
    const { results } = await this.#store.read([{ start: keyspace.reservation(id) }]);
    const entry = results[0]!.entries[0];
    if (!entry) return undefined;
    const skus = decodeReservation(entry.value).lines.map(({ sku }) => sku);
    this.#recent.add(id, skus);
    return skus;
  }

  /** A replay has the scalars of the first answer; what it refers to is what stands now. */
  async #withLines(
    id: string,
    outcome: Exclude<Marked<SettleResult>, { readonly kind: 'notFound' }>,
  ): Promise<SettleResult> {
    const now = await this.get(id);
    if (!now) throw new AppError('NOT_FOUND', `reservation ${id} is no longer kept: it ended more than 24 hours ago`);
    if (outcome.kind === 'notHeld') return { kind: 'notHeld', reservation: now };
    return { kind: 'settled', reservation: { ...outcome.reservation, lines: now.lines } };
  }
}

const defaultHoldMs = 600_000;
/** More than estimates of the storage clock are apart. */
const laterMs = 1_000;

function settleRows(
  view: View,
  {
    id,
    key,
    refs,
    decide,
  }: {
    readonly id: string;
    readonly key: Buffer;
    readonly refs: readonly ItemRef[];
    readonly decide: (found: Found, nowMs: number) => SettleDecision;
  },
): SettleResult {
  const reservation = readReservationRow(view, key);
  if (!reservation) return { kind: 'notFound' };
  const shown = readItemRows(view, refs);
  const { nowMs } = shown;
  const items = requireItems(shown);
  const { kind, next } = decide({ id, reservation, items }, nowMs);
  if (statusAt(reservation, nowMs) === 'held') view.relyUntil(reservation.expiresAtMs);
  if (next) {
    const { status, expiresAtMs } = next.reservation;
    // A little longer than before, so that storage need not file anew when to look at it.
    const ttlMs = keepForMs(expiresAtMs, view.nowMs) + laterMs;
    putReservation(view, { key, reservation: next.reservation, ttlMs });
    deleteHolds(view, { id, items, reservation });
    if (status === 'held') putHolds(view, { id, ...next });
    for (const [index, ref] of refs.entries()) putItem(view, ref, next.items[index]!);
  }
  return { kind, reservation: toReservation(id, next?.reservation ?? reservation, nowMs) };
}

function hasLines(outcome: Marked<SettleResult>): outcome is SettleResult {
  return outcome.kind === 'notFound' || outcome.reservation.lines !== undefined;
}

function withoutLines(outcome: Marked<SettleResult>): unknown {
  if (outcome.kind === 'notFound') return outcome;
  return { ...outcome, reservation: { ...outcome.reservation, lines: undefined } };
}

function timesOf({ createdAtMs, expiresAtMs }: Pick<Reservation, 'createdAtMs' | 'expiresAtMs'>): {
  createdAtMs: number;
  expiresAtMs: number;
} {
  return { createdAtMs, expiresAtMs };
}

function toReservation(id: string, record: ReservationRecord, nowMs: number): Reservation {
  const { lines, createdAtMs, expiresAtMs } = record;
  const status = statusAt(record, nowMs);
  const settledAtMs = status === 'expired' ? expiresAtMs : record.settledAtMs;
  return { id, status, lines, createdAtMs, expiresAtMs, settledAtMs };
}

function requireId(field: string, id: string): void {
  requireText(field, id, { bytesMax: limits.nameBytesMax });
}

function requireReserve({ lines, holdMs }: Reserve): void {
  requireCount('input.lines', lines, { min: 1, max: limits.reserveLinesMax });
  for (const [index, { sku, quantity }] of lines.entries()) {
    requireText(`input.lines[${index}].sku`, sku, { bytesMax: limits.nameBytesMax });
    requireInteger(`input.lines[${index}].quantity`, quantity, { min: 1, max: Number.MAX_SAFE_INTEGER });
  }
  requireInteger('input.holdMs', holdMs, { min: 1, max: limits.holdMsMax });
}
