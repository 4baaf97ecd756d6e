/**
 * Items as they are at this very moment: their records, less the holds that have ended and are not folded yet. Costs one read;
 * one more where holds with rows may have ended; and where more have than a page holds, one for each further 10,000. Writes nothing.
 */
import { storeLimits } from '../../proto/limits';
import type { Entry, KeyRange, Store } from '../../proto/store';
import { AppError } from '../core/errors';
import { holdsRange, keyspace } from '../core/keyspace';
import { keyAfter, readUint64 } from '../core/tuple';
import { decisionTime, foldDue, mayHaveDue } from './inventory-decisions';
import type { DueHolds } from './inventory-decisions';
import { endHolds } from './inventory-item';
import { decodeItem, readHoldQuantity, skuOf } from './inventory-records';
import type { ItemRecord } from './inventory-records';

/** An item at one moment. */
export interface ItemState {
  readonly sku: string;
  /** Exact: what has ended is taken off it. */
  readonly item: ItemRecord;
  /** As it is stored. */
  readonly stored: ItemRecord;
  /** Of its row. */
  readonly revision: number;
  /** Undefined: there was nothing to look for. */
  readonly due: DueHolds | undefined;
}

/** Items from one snapshot, undefined where there is none. */
export interface ItemStates {
  readonly states: readonly (ItemState | undefined)[];
  readonly revision: number;
  readonly nowMs: number;
}

interface Snapshot {
  readonly revision: number;
  readonly nowMs: number;
}

/** Holds that a read of many items looks at together before it goes on item by item. */
const holdsTogetherMax = 8_192;
const holdsOfOneMax = 512;
/** Reads in which folds by others may come between. */
const triesMax = 20;

/** Reads items, each once, all from one snapshot. Throws CONTENTION where folds of others come between again and again. */
export async function readItems(store: Store, skus: readonly string[]): Promise<ItemStates> {
  const { results, revision, nowMs } = await store.read(skus.map((sku) => ({ start: keyspace.inventoryItem(sku) })));
  let found = results.map(({ entries }) => entries[0]);
  let at: Snapshot = { revision, nowMs };
  for (let tries = 1; tries <= triesMax; tries += 1) {
    const rows = found.map((entry) => entry && { entry, stored: decodeItem(entry.value) });
    if (!rows.some((row) => row && mayHaveDue(row.stored, atMsOf(row, at)))) {
      const states = rows.map((row, index) => row && toState(skus[index]!, row, { due: undefined, at }));
      return { states, ...at };
    }
    const next = await readWithDue(store, skus, rows);
    if ('states' in next) return next;
    ({ found, at } = next);
  }
  throw new AppError('CONTENTION', `holds ended faster than they could be read, ${triesMax} times in a row: try again`);
}

interface Row {
  readonly entry: Entry;
  readonly stored: ItemRecord;
}

/** The items again, with the holds that end after what they have folded; or, where one has folded meanwhile, the items alone. */
async function readWithDue(
  store: Store,
  skus: readonly string[],
  before: readonly (Row | undefined)[],
): Promise<ItemStates | { found: (Entry | undefined)[]; at: Snapshot }> {
  const limit = Math.max(16, Math.min(holdsOfOneMax, Math.floor(holdsTogetherMax / skus.length)));
  const ranges = skus.flatMap((sku, index): KeyRange[] => [
    { start: keyspace.inventoryItem(sku) },
    { ...holdsRange(sku, (before[index]?.stored.expiredThroughMs ?? 0) + 1), limit },
  ]);
  const { results, revision, nowMs } = await store.read(ranges);
  const at = { revision, nowMs };
  const found = skus.map((_, index) => results[2 * index]!.entries[0]);
  const states: (ItemState | undefined)[] = [];
  for (const [index, sku] of skus.entries()) {
    const entry = found[index];
    const row = entry && { entry, stored: decodeItem(entry.value) };
    if (row?.stored.expiredThroughMs !== before[index]?.stored.expiredThroughMs) return { found, at };
    if (!row) {
      states.push(undefined);
      continue;
    }
    const sums = new DueSums(row, at);
    const page = results[2 * index + 1]!;
    sums.add(page.entries);
    if (page.more && !sums.isOver && !(await addRest(store, sku, sums))) return { found, at };
    states.push(toState(sku, row, { due: sums.due(), at }));
  }
  return { states, ...at };
}

/** Goes on behind the first page; false where the item has folded meanwhile, so that rows may be gone. */
async function addRest(store: Store, sku: string, sums: DueSums): Promise<boolean> {
  for (let more = true; more && !sums.isOver;) {
    const { results } = await store.read([
      { start: keyspace.inventoryItem(sku) },
      { ...holdsRange(sku, 0), start: keyAfter(sums.lastKey!), limit: storeLimits.rangeEntriesMax },
    ]);
    const entry = results[0]!.entries[0];
    if (!entry || decodeItem(entry.value).expiredThroughMs !== sums.fromMs) return false;
    sums.add(results[1]!.entries);
    more = results[1]!.more;
  }
  return true;
}

/** Adds up holds, which come in the order of their expiry, as they were in one snapshot. */
class DueSums {
  readonly fromMs: number;
  readonly #row: Row;
  readonly #at: Snapshot;
  readonly #throughMs: number;
  readonly #expiryAt: number;
  #closedQuantity = 0;
  #quantity = 0;
  #nextExpiryMs: number | undefined;
  lastKey: Buffer | undefined;

  constructor(row: Row, at: Snapshot) {
    this.fromMs = row.stored.expiredThroughMs;
    this.#row = row;
    this.#at = at;
    this.#throughMs = Math.max(atMsOf(row, at), this.fromMs);
    // All holds of a sku have it at the same place.
    this.#expiryAt = holdsRange(skuOf(row.entry.key), 0).start.length - 8;
  }

  /** A hold that has not ended was seen. */
  get isOver(): boolean {
    return this.#nextExpiryMs !== undefined;
  }

  add(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.lastKey = entry.key;
      // Made after the snapshot: not part of what the item said then.
      if (entry.revision > this.#at.revision) continue;
      const expiresAtMs = readUint64(entry.key, this.#expiryAt);
      if (expiresAtMs > this.#throughMs) {
        this.#nextExpiryMs = expiresAtMs;
        return;
      }
      const quantity = readHoldQuantity(entry.value);
      this.#quantity += quantity;
      if (expiresAtMs <= this.#row.stored.updatedAtMs) this.#closedQuantity += quantity;
    }
  }

  due(): DueHolds {
    return {
      fromMs: this.fromMs,
      revision: this.#row.entry.revision,
      closedMs: this.#row.stored.updatedAtMs,
      closedQuantity: this.#closedQuantity,
      throughMs: this.#throughMs,
      quantity: this.#quantity,
      nextExpiryMs: this.#nextExpiryMs,
    };
  }
}

function toState(
  sku: string,
  row: Row,
  { due, at }: { readonly due: DueHolds | undefined; readonly at: Snapshot },
): ItemState {
  const { stored } = row;
  const { revision } = row.entry;
  const folded = foldDue(stored, revision, due) ?? stored;
  return { sku, stored, revision, due, item: endHolds(folded, atMsOf(row, at)) };
}

/** The time that an item is read for: that of its last decision, where the clock of this storage is behind it. */
function atMsOf({ stored }: Row, { nowMs }: Snapshot): number {
  return decisionTime(nowMs, [stored]);
}
