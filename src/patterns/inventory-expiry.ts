/**
 * What is done when holds end, so that the record of their sku says so: they are taken off it, their EXPIRED movements are recorded,
 * dated at their expiry, and rows of theirs removed. Nothing that is right waits for it: reads and decisions count what has ended
 * by themselves. It makes the change feed show an expiry, keeps later reads short, and completes the list of movements.
 *
 * This process does it for the skus on which it has made holds, seen something to do, or has subscribers, within a quarter of a second
 * of the expiry, while storage answers; what is left, whoever made it, any process finds by the row that says when a sku is due
 * (`inventory-due-rows.ts`). Several processes race without harm. One commit records at most 100 holds of a sku.
 */
import type { KeyRange, Store } from '../../proto/store';
import type { CancelTimer, Clock } from '../core/clock';
import { isAppError } from '../core/errors';
import { families, holdsRange, keyspace } from '../core/keyspace';
import type { Transact, View } from '../store/transact';
import { decisionTime, foldDue } from './inventory-decisions';
import { readItems } from './inventory-due';
import type { ItemState } from './inventory-due';
import { endHolds, mayHaveEnded, nextExpiryOf, toExpired, withMovement } from './inventory-item';
import { decodeItem, toHold } from './inventory-records';
import type { Hold, ItemRecord } from './inventory-records';
import { deleteDue, itemRef, putItem } from './inventory-rows';

export interface ExpiryDependencies {
  readonly store: Store;
  readonly transact: Transact;
  readonly clock: Pick<Clock, 'after' | 'monotonicMs'>;
}

/** A step: whether more is left, and when the next hold ends, from the storage clock's now on. */
interface Step {
  readonly isMore: boolean;
  readonly nextInMs: number | undefined;
  /** When the item is to be looked at next, as far as a row says so; undefined: none does. */
  readonly dueAtMs: number | undefined;
}

/** What was read of an item for a step. */
export interface Ended {
  readonly state: ItemState;
  /** The first of those that had ended, of which the rows are still there. */
  readonly holds: readonly Hold[];
  /** Through when they were looked for. */
  readonly throughMs: number;
}

/** Each takes a write of a transaction, and an eighth for its movement. */
const holdsAStepMax = 100;
const stepsAtOnceMax = 200;
/** One sku is looked at no more often, so that holds that end one by one are recorded together. */
const everyMs = 250;
const retryMs = 1_000;
/** Timers are not set further ahead: it looks again then. (Those of Node end at 25 days.) */
const aheadMsMax = 3_600_000;
/** As long as subscriptions wait for a storage that is away. */
const retriesMax = 60;
/** Past it, a sku is looked at when it is used again. */
const skusMax = 100_000;
/** Skus whose last look is remembered. */
const lookedMax = 10_000;

interface Planned {
  readonly atMs: number;
  readonly cancel: CancelTimer;
}

export class InventoryExpiry {
  readonly #dependencies: ExpiryDependencies;
  readonly #planned = new Map<string, Planned>();
  readonly #running = new Map<string, Promise<Step>>();
  /** When the last look at a sku ended. */
  readonly #looked = new Map<string, number>();

  constructor(dependencies: ExpiryDependencies) {
    this.#dependencies = dependencies;
  }

  /** Looks at the sku when a hold may end in `inMs`, and not sooner after the last look; what was planned earlier stays. */
  plan(sku: string, inMs: number, tries = 1): void {
    const { clock } = this.#dependencies;
    const nowMs = clock.monotonicMs();
    const atMs = Math.max(nowMs + Math.min(inMs, aheadMsMax), nowMs, (this.#looked.get(sku) ?? -everyMs) + everyMs);
    const planned = this.#planned.get(sku);
    if (planned && planned.atMs <= atMs) return;
    if (!planned && this.#planned.size >= skusMax) return;
    planned?.cancel();
    const cancel = clock.after(atMs - nowMs, () => {
      this.#planned.delete(sku);
      void this.#runPlanned(sku, tries);
    });
    this.#planned.set(sku, { atMs, cancel });
  }

  /** Records all that has ended of a sku, at most 20,000 holds; then plans for what comes. Rejects with the store's failures. */
  async catchUp(sku: string): Promise<void> {
    const { isMore, nextInMs } = await this.#recordAll(sku);
    if (isMore) this.plan(sku, 0);
    else if (nextInMs !== undefined) this.plan(sku, nextInMs);
  }

  /**
   * Records likewise, and plans nothing: a row says when the sku is due again. Whether that is still the one that says `atMs`, so
   * that there is more to do.
   */
  async catchUpDue(sku: string, atMs: number): Promise<boolean> {
    return (await this.#recordAll(sku)).dueAtMs === atMs;
  }

  async #recordAll(sku: string): Promise<Step> {
    // What runs already may have read before the caller came.
    await this.#running.get(sku)?.catch(() => undefined);
    let running = this.#running.get(sku);
    if (!running) {
      running = this.#runSteps(sku).finally(() => this.#ran(sku));
      this.#running.set(sku, running);
    }
    return running;
  }

  #ran(sku: string): void {
    this.#running.delete(sku);
    this.#looked.delete(sku);
    this.#looked.set(sku, this.#dependencies.clock.monotonicMs());
    if (this.#looked.size > lookedMax) this.#looked.delete(this.#looked.keys().next().value!);
  }

  async #runPlanned(sku: string, tries: number): Promise<void> {
    try {
      await this.catchUp(sku);
    } catch (error) {
      // A failure that does not pass by itself is of no use to repeat; the next to use the sku meets it.
      const mayPass = isAppError(error) && error.code !== 'INTERNAL';
      if (mayPass && tries < retriesMax) this.plan(sku, retryMs, tries + 1);
    }
  }

  async #runSteps(sku: string): Promise<Step> {
    for (let steps = 1; ; steps += 1) {
      const step = await this.#step(sku);
      if (!step.isMore || steps === stepsAtOnceMax) return step;
    }
  }

  async #step(sku: string): Promise<Step> {
    const { store, transact } = this.#dependencies;
    const { states, nowMs } = await readItems(store, [sku]);
    const state = states[0];
    if (!state) return { isMore: false, nextInMs: undefined, dueAtMs: undefined };
    const holds = await this.#endedHolds(sku, nowMs);
    const nextExpiryMs = nextExpiryOf(state.item);
    const nextInMs = nextExpiryMs && nextExpiryMs - nowMs;
    const { stored } = state;
    if (holds.length === 0 && !mayHaveEnded(stored, nowMs) && !isDue(stored, nowMs))
      return { isMore: false, nextInMs, dueAtMs: stored.dueAtMs };
    const { outcome } = await transact.run({
      records: [keyspace.inventoryItem(sku)],
      decide: (view) => recordEnded(view, { state, holds, throughMs: nowMs }),
    });
    const { isAll, dueAtMs } = outcome;
    return { isMore: !isAll || holds.length === holdsAStepMax, nextInMs, dueAtMs };
  }

  /** The first of those whose rows are still there. */
  async #endedHolds(sku: string, nowMs: number): Promise<Hold[]> {
    const range: KeyRange = { ...holdsRange(sku, 0, nowMs), limit: holdsAStepMax };
    const { results } = await this.#dependencies.store.read([range]);
    return results[0]!.entries.map(toHold);
  }
}

/** What came of a step. */
interface Recorded {
  /** What was read was true of the item, and all of it is recorded. */
  readonly isAll: boolean;
  readonly dueAtMs: number | undefined;
}

function isDue({ dueAtMs }: ItemRecord, nowMs: number): boolean {
  return dueAtMs !== undefined && dueAtMs <= nowMs;
}

/** Folds, records and removes, as far as what was read is still true of the item; then says when it is due again. */
export function recordEnded(view: View, { state, holds, throughMs }: Ended): Recorded {
  const { sku, stored, due } = state;
  const ref = itemRef(sku);
  const row = view.get(ref.key);
  const current = row && decodeItem(row.value);
  // Where others have removed rows, these may be among them.
  if (!current || current.sweeps !== stored.sweeps) return { isAll: false, dueAtMs: current?.dueAtMs };
  const folded = foldDue(current, row.revision, due);
  // Rows up to here have stayed as they were read.
  const { expiredThroughMs } = folded ?? stored;
  const recorded = holds.filter(({ expiresAtMs }) => expiresAtMs <= expiredThroughMs);
  const unended = folded ?? current;
  const atMs = Math.max(decisionTime(view.nowMs, [unended]), throughMs);
  const item = endHolds(unended, atMs);
  // Then every hold whose end is not recorded is one that is not folded either: none ends before the item's next expiry.
  const isClear = item.expiredThroughMs === expiredThroughMs && recorded.length < holdsAStepMax;
  const isOver = isClear && isDue(current, throughMs);
  // To say when it is due again is no change of the item.
  const isChanged = item !== current || recorded.length > 0;
  if (!isChanged && !isOver) return { isAll: due === undefined, dueAtMs: current.dueAtMs };
  for (const { key } of recorded) view.deleteSideRow(key, families.hold.history);
  if (isOver) deleteDue(view, sku, current.dueAtMs!);
  const sweeps = recorded.length > 0 ? item.sweeps + 1 : item.sweeps;
  const updatedAtMs = isChanged ? atMs : item.updatedAtMs;
  const dueAtMs = isOver ? undefined : item.dueAtMs;
  const noted = recorded.map(toExpired).reduce(withMovement, item);
  const written = putItem(view, ref, { ...noted, sweeps, updatedAtMs, dueAtMs });
  return { isAll: recorded.length === holds.length, dueAtMs: written.dueAtMs };
}
