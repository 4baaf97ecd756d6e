/**
 * Stock that is neither sold twice nor lost: items, reservations that hold stock for a while, and what moved it. Here are the
 * items, `inventory-reservations.ts` has the reservations.
 *
 * Promises: for every sku, at every instant and in every read, 0 <= reserved <= quantity, and reserved is the sum of its
 * held, unexpired reservations; quantity is what it was created with + adjusted - committed. A hold that ends gives its stock back
 * at that millisecond, to the very next caller. A reservation goes from held to exactly one of committed, released, expired.
 *
 * Stores one small record an item, with its newest movements and a few holds in it (`inventory-item.ts`), a row for each further hold in
 * the order of its end, a record for each reservation, a row for every eight movements. Every writer of a sku's holds writes its item
 * in the same commit, so that the item guards them. Costs one commit for each command, shared by all that wait for the same items,
 * whatever the number of live holds; no range is read before the earliest hold with a row may have ended. Ended ones that nobody has
 * folded yet are summed where an exact figure is needed: in reads, and before a command is refused (one or two reads more).
 * Fails with INVALID_ARGUMENT, IDEMPOTENCY_KEY_REUSED, CONTENTION and the store's own failures.
 */
import { limits } from '../../proto/limits';
import type { Store } from '../../proto/store';
import type { Clock } from '../core/clock';
import { invalidArgument } from '../core/errors';
import { requireCount, requireInteger, requireText } from '../core/input';
import { keyspace } from '../core/keyspace';
import { mergeSources } from '../core/merge-sources';
import { LatestState } from '../store/latest-state';
import type { StateRead } from '../store/latest-state';
import { rememberAsJson } from '../store/remember';
import type { Transact } from '../store/transact';
import { decideAdjust, figuresOf, findShortages, newItem } from './inventory-decisions';
import type { AdjustOutcome, ItemFigures } from './inventory-decisions';
import { readItems } from './inventory-due';
import type { ItemState } from './inventory-due';
import { runExactly, unlessDueUnknown } from './inventory-exact';
import type { InventoryExpiry } from './inventory-expiry';
import { readItemPage, readMovementPage } from './inventory-pages';
import type { Page, PageOf } from './inventory-pages';
import { mayHaveEnded, nextExpiryOf } from './inventory-item';
import type { Movement, Shortage } from './inventory-records';
import { itemRef, putItem, readItemRows, relyOnItems } from './inventory-rows';

/** An item as it is read: what has ended is not reserved. */
export interface InventoryItem extends ItemFigures {
  readonly sku: string;
  readonly revision: number;
}

export interface CreateItem {
  readonly sku: string;
  readonly quantity: number;
  readonly idempotencyKey?: string | undefined;
}

export interface AdjustItem {
  readonly sku: string;
  readonly delta: number;
  readonly reason?: string | undefined;
  readonly idempotencyKey?: string | undefined;
}

export type CreateItemOutcome =
  { readonly kind: 'created'; readonly item: InventoryItem } | { readonly kind: 'exists' };
export type AdjustItemOutcome =
  | { readonly kind: 'adjusted'; readonly item: InventoryItem }
  | { readonly kind: 'insufficient'; readonly shortages: readonly Shortage[] }
  | { readonly kind: 'notFound' };

export interface InventoryDependencies {
  readonly store: Store;
  readonly transact: Transact;
  readonly clock: Clock;
  readonly expiry: InventoryExpiry;
}

const integerMax = Number.MAX_SAFE_INTEGER;
/** A subscriber is sent at most one state of a sku in this time: about 20 a second. */
const changedEveryMs = 50;

export class Inventory {
  readonly #store: Store;
  readonly #transact: Transact;
  readonly #expiry: InventoryExpiry;
  readonly #latest: LatestState<InventoryItem>;

  constructor({ store, transact, clock, expiry }: InventoryDependencies) {
    this.#store = store;
    this.#transact = transact;
    this.#expiry = expiry;
    this.#latest = new LatestState({
      store,
      clock,
      everyMs: changedEveryMs,
      rangesOf: (sku) => [{ start: keyspace.inventoryItem(sku) }],
      read: (sku) => this.#readWatched(sku),
    });
  }

  /** The item now, or undefined where there is none. */
  async get(sku: string): Promise<InventoryItem | undefined> {
    requireSku('sku', sku);
    const { states, nowMs } = await readItems(this.#store, [sku]);
    const state = states[0];
    if (state && mayHaveEnded(state.stored, nowMs)) this.#expiry.plan(sku, 0);
    return state && toItem(state);
  }

  /** A page of the items whose sku begins with `prefix`, in byte order. */
  async list(prefix: string, page: PageOf): Promise<Page<InventoryItem>> {
    const { nodes, hasMore } = await readItemPage(this.#store, prefix, page);
    return { nodes: nodes.map(toItem), hasMore };
  }

  /** What moved the stock of a sku, newest first, every hold that has ended among it. */
  async movements(sku: string, page: PageOf): Promise<Page<Movement>> {
    requireSku('sku', sku);
    const read = await readMovementPage(this.#store, sku, page);
    // Behind a cursor comes nothing new.
    if (!read.isBehind || page.after !== undefined) return read;
    await this.#expiry.catchUp(sku);
    return readMovementPage(this.#store, sku, page);
  }

  /** Makes an item; one that exists is left alone. */
  async create(input: CreateItem): Promise<CreateItemOutcome> {
    const { sku, quantity } = input;
    requireSku('input.sku', sku);
    requireInteger('input.quantity', quantity, { min: 0, max: integerMax });
    const ref = itemRef(sku);
    type Outcome = { readonly kind: 'created'; readonly atMs: number } | { readonly kind: 'exists' };
    const { outcome, revision } = await this.#transact.run<Outcome>({
      records: [ref.key],
      decide: (view) => {
        if (view.get(ref.key)) return { kind: 'exists' };
        const atMs = view.nowMs;
        putItem(view, ref, newItem(quantity, atMs));
        return { kind: 'created', atMs };
      },
      remembered: rememberAsJson({ mutation: 'createInventoryItem', input }),
    });
    if (outcome.kind === 'exists') return outcome;
    return { kind: 'created', item: { sku, quantity, reserved: 0, updatedAtMs: outcome.atMs, revision } };
  }

  /** Adds `delta`, which may be negative, to the quantity; never below what is reserved. */
  async adjust(input: AdjustItem): Promise<AdjustItemOutcome> {
    const { sku, delta, reason } = input;
    requireAdjust(input);
    const ref = itemRef(sku);
    const remembered = rememberAsJson<AdjustOutcome>({ mutation: 'adjustInventory', input });
    const { outcome, revision } = await runExactly<AdjustOutcome>({
      store: this.#store,
      transact: this.#transact,
      skus: [sku],
      run: ({ due, sinceMs }) =>
        this.#transact.run({
          records: [ref.key],
          decide: (view) => {
            const shown = readItemRows(view, [ref], due);
            const { nowMs } = shown;
            const command = { delta, reason, exactAtMs: Math.min(sinceMs ?? nowMs, nowMs) };
            const { outcome: decided, next } = decideAdjust(shown.items[0], command, nowMs);
            const outcome = unlessDueUnknown(decided);
            // Once something was read, the answer may be as of that read.
            if (outcome.kind === 'insufficient' || sinceMs === undefined) relyOnItems(view, shown);
            if (next) putItem(view, ref, next);
            return outcome;
          },
          remembered,
        }),
      refuse: (states) =>
        findShortages(
          states.map(({ item }) => item),
          [{ quantity: -delta }],
        ),
      remembered,
      noteBehind: (each) => this.#expiry.plan(each, 0),
    });
    if (outcome.kind === 'notFound') return outcome;
    if (outcome.kind === 'adjusted') return { kind: 'adjusted', item: { ...outcome.item, sku, revision } };
    const shortages = outcome.shortages.map(({ available }) => ({ sku, requested: -delta, available }));
    return { kind: 'insufficient', shortages };
  }

  /**
   * Each item now, then the newest state whenever it changed, by the end of a hold too; at most about 20 a second of a sku.
   * Waits where there is no such item yet. `after`: an item that was given before, where there is one sku alone: it goes on behind it.
   * Throws INVALID_ARGUMENT at once. Ends when `signal` aborts.
   */
  changed(
    skus: readonly string[],
    signal: AbortSignal,
    after?: InventoryItem,
  ): AsyncGenerator<InventoryItem, void, void> {
    requireCount('skus', skus, { min: 1, max: limits.changedSkusMax });
    for (const [index, sku] of skus.entries()) requireSku(`skus[${index}]`, sku);
    const sources = [...new Set(skus)].map((sku) => (each: AbortSignal) => this.#latest.of(sku, each, after));
    return mergeSources(sources, signal);
  }

  /** For subscribers: when a hold ends, that is written, so that the change feed wakes them. */
  async #readWatched(sku: string): Promise<StateRead<InventoryItem>> {
    const { states, revision, nowMs } = await readItems(this.#store, [sku]);
    const state = states[0];
    const nextExpiryMs = state && nextExpiryOf(state.stored);
    if (nextExpiryMs !== undefined) this.#expiry.plan(sku, nextExpiryMs - nowMs);
    return { state: state && toItem(state), revision };
  }
}

function toItem({ sku, item, stored, revision }: ItemState): InventoryItem {
  return { ...figuresOf(item), updatedAtMs: stored.updatedAtMs, sku, revision };
}

export function requireSku(field: string, sku: string): void {
  requireText(field, sku, { bytesMax: limits.nameBytesMax });
}

function requireAdjust({ sku, delta, reason }: AdjustItem): void {
  requireSku('input.sku', sku);
  requireInteger('input.delta', delta, { min: -integerMax, max: integerMax });
  if (delta === 0) throw invalidArgument('input.delta', 'is 0: an adjustment changes the quantity');
  if (reason !== undefined) requireText('input.reason', reason, { bytesMin: 0, bytesMax: limits.reasonBytesMax });
}
