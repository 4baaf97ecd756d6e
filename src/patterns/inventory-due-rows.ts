/**
 * Sees to it that the end of every hold is recorded within about a second, as long as any gateway runs, whoever made the hold: every
 * item with holds has a row that says when the first of them may end, in one order of time over all tenants (`src/core/holds-due.ts`).
 * Each gateway looks at what is due and has not been done for a moment; whoever made the holds has mostly done it by then.
 * So a gateway finds at its start what came to its end while none ran.
 *
 * Several gateways need not agree: each begins elsewhere in what is due, and the item's record lets only one record an end. A row
 * goes in the commit that records; one whose tenant is over, or that its item knows nothing of, is removed here.
 * Costs a read of what is mostly an empty range, about three times a second; where something is due, one more for the tenants.
 */
import type { Entry, Store } from '../../proto/store';
import { BoundedMap } from '../core/bounded-map';
import type { Clock } from '../core/clock';
import { isAppError } from '../core/errors';
import { holdsDueRange, readHoldsDueKey } from '../core/holds-due';
import type { HoldsDue } from '../core/holds-due';
import type { Ids } from '../core/ids';
import { families, keyspace } from '../core/keyspace';
import { keyAfter } from '../core/tuple';
import { decodeGate, firstGate } from '../core/tenant-gate';
import type { InventoryExpiry } from './inventory-expiry';

export interface DueRowsDependencies {
  /** On the reserved scope. */
  readonly store: Store;
  readonly clock: Pick<Clock, 'sleep' | 'monotonicMs'>;
  readonly ids: Pick<Ids, 'fraction'>;
  /** Of the tenant's present life. */
  readonly expiryOf: (tenantId: string) => Pick<InventoryExpiry, 'catchUpDue'>;
}

/** Whether the life of a tenant is one whose stock is to be looked after. */
type LifeState = 'open' | 'shut' | 'over';

const lookEveryMs = 300;
/** Whoever made the holds goes first. */
const othersWaitMs = 250;
const rowsOfPage = 250;
const pagesOfLook = 40;
const skusAtOnce = 16;
/** A row that could not be done is let alone for so long, so that it is in nobody's way. */
const restMs = 10_000;
const restingMax = 10_000;

export class DueRows {
  readonly #dependencies: DueRowsDependencies;
  /** Until when rows are let alone. */
  readonly #resting = new BoundedMap<string, number>({ entriesMax: restingMax });
  /** How far the storage clock is ahead of the monotonic one here; undefined: not known yet. */
  #aheadMs: number | undefined;

  constructor(dependencies: DueRowsDependencies) {
    this.#dependencies = dependencies;
  }

  /** Goes on until the signal aborts. Failures of the store are waited out. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, ids } = this.#dependencies;
    while (!signal.aborted) {
      try {
        await this.look(signal);
      } catch (error) {
        // Storage is away.
        if (!isAppError(error)) throw error;
      }
      // Gateways that start together do not look together.
      await clock.sleep(lookEveryMs * (0.75 + ids.fraction() / 2), signal);
    }
  }

  /** Sees to all that is due now, 10,000 skus at most. Rejects where it cannot be read. */
  async look(signal: AbortSignal): Promise<void> {
    const throughMs = (await this.#nowMs()) - othersWaitMs;
    const { start: first, end } = holdsDueRange(throughMs);
    let start = first;
    for (let pages = 1; pages <= pagesOfLook && !signal.aborted; pages += 1) {
      const { entries, more } = await this.#read({ start, end });
      await this.#seeTo(entries, signal);
      if (!more) return;
      start = keyAfter(entries.at(-1)!.key);
    }
  }

  async #nowMs(): Promise<number> {
    if (this.#aheadMs === undefined) await this.#read(holdsDueRange(0));
    return this.#aheadMs! + this.#dependencies.clock.monotonicMs();
  }

  async #read(range: { start: Buffer; end: Buffer }): Promise<{ entries: readonly Entry[]; more: boolean }> {
    const { store, clock } = this.#dependencies;
    const { results, nowMs } = await store.read([{ ...range, limit: rowsOfPage, keysOnly: true }]);
    this.#aheadMs = nowMs - clock.monotonicMs();
    return results[0]!;
  }

  async #seeTo(entries: readonly Entry[], signal: AbortSignal): Promise<void> {
    if (entries.length === 0) return;
    const rows = entries.map((entry) => ({ entry, due: readHoldsDueKey(entry.key) }));
    const lives = await this.#livesOf(rows.map(({ due }) => due));
    const first = Math.floor(this.#dependencies.ids.fraction() * rows.length);
    const queue = [...rows.slice(first), ...rows.slice(0, first)];
    const heeded: Entry[] = [];
    const work = async (): Promise<void> => {
      for (let next = queue.pop(); next && !signal.aborted; next = queue.pop())
        if (await this.#heed(next.entry, next.due, lives.get(lifeName(next.due))!)) heeded.push(next.entry);
    };
    await Promise.all(Array.from({ length: skusAtOnce }, work));
    await this.#removeLeft(heeded);
  }

  /** How the lives of these rows stand, from one snapshot. */
  async #livesOf(rows: readonly HoldsDue[]): Promise<ReadonlyMap<string, LifeState>> {
    const tenantIds = [...new Set(rows.map(({ tenantId }) => tenantId))];
    const ranges = tenantIds.flatMap((id) => [
      { start: keyspace.tenantGate(id) },
      { start: keyspace.dataImport(id), keysOnly: true },
    ]);
    const { results } = await this.#dependencies.store.read(ranges);
    const found = new Map(
      tenantIds.map((id, index) => {
        const [gate] = results[2 * index]!.entries;
        const isImported = results[2 * index + 1]!.entries.length > 0;
        return [id, { ...(gate ? decodeGate(gate.value) : firstGate), isImported }];
      }),
    );
    return new Map(rows.map((row) => [lifeName(row), stateOf(row, found.get(row.tenantId)!)]));
  }

  /** Records what has ended; whether nothing is left that this row is needed for. */
  async #heed(entry: Entry, { tenantId, sku, atMs }: HoldsDue, life: LifeState): Promise<boolean> {
    const { clock, expiryOf } = this.#dependencies;
    const name = entry.key.toString('latin1');
    if ((this.#resting.peek(name) ?? 0) > clock.monotonicMs()) return false;
    if (life === 'over') return true;
    try {
      if (life === 'open') return !(await expiryOf(tenantId).catchUpDue(sku, atMs));
    } catch {
      // Whatever it is, another sku is not to wait for it.
    }
    this.#rest(name);
    return false;
  }

  #rest(name: string): void {
    this.#resting.set(name, this.#dependencies.clock.monotonicMs() + restMs);
  }

  /** Mostly none: the commit that records an end removes the row. One that was written again meanwhile stays. */
  async #removeLeft(rows: readonly Entry[]): Promise<void> {
    if (rows.length === 0) return;
    const { store } = this.#dependencies;
    const { results } = await store.read(rows.map(({ key }) => ({ start: key, keysOnly: true })));
    const left = rows.filter(({ revision }, index) => results[index]!.entries[0]?.revision === revision);
    if (left.length === 0) return;
    const { history } = families.holdsDue;
    const outcomes = await store.commit(
      left.map(({ key, revision }) => ({
        checks: [{ key, revision }],
        writes: [{ kind: 'delete' as const, key, history }],
      })),
    );
    for (const outcome of outcomes) if (outcome.kind === 'failed') throw outcome.error;
  }
}

function lifeName({ tenantId, incarnation }: HoldsDue): string {
  return `${incarnation} ${tenantId}`;
}

/** A life that is shut while it is imported will be open; any other that is shut, or of before, is over for ever. */
function stateOf(
  { incarnation }: HoldsDue,
  gate: { readonly incarnation: number; readonly isOpen: boolean; readonly isImported: boolean },
): LifeState {
  if (gate.incarnation === incarnation) {
    if (gate.isOpen) return 'open';
    return gate.isImported ? 'shut' : 'over';
  }
  return gate.incarnation > incarnation ? 'over' : 'shut';
}
