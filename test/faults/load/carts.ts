/** Carts over two items that are nearly sold out: reserved, committed, released, left to expire, and restocked. */
import type { Cart, Look, Movement, Settled } from '../history/stock';
import { stockFaults } from '../history/stock';
import type { Part, PartContext, Worker } from './part';

const create = `mutation ($sku: String!, $quantity: SafeInt!) {
  createInventoryItem(input: { sku: $sku, quantity: $quantity, idempotencyKey: $sku }) { __typename } }`;
const adjust = `mutation ($sku: String!, $delta: SafeInt!, $key: String!) {
  adjustInventory(input: { sku: $sku, delta: $delta, idempotencyKey: $key }) { __typename } }`;
const reserve = `mutation ($input: ReserveInventoryInput!) {
  reserveInventory(input: $input) { __typename ... on Reservation { reservationId } } }`;
const settle = (field: string): string => `mutation ($input: SettleReservationInput!) {
  ${field}(input: $input) {
    __typename ... on Reservation { status } ... on ReservationNotHeld { reservation { status } } } }`;
const look = 'query ($sku: String!) { inventoryItem(sku: $sku) { quantity reserved } }';
const status = 'query ($id: String!) { reservation(id: $id) { status } }';
const page = `query ($sku: String!, $after: String) { inventoryItem(sku: $sku) {
  movements(first: 1000, after: $after) { nodes { type quantity } pageInfo { hasNextPage endCursor } } } }`;

interface Page {
  readonly inventoryItem: {
    readonly movements: {
      readonly nodes: readonly Movement[];
      readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
    };
  };
}
interface SettleAnswer {
  readonly status?: Settled;
  readonly reservation?: { readonly status: Settled };
}
interface Reserved {
  readonly reservationId: string;
  readonly quantities: Readonly<Record<string, number>>;
  told: Cart['told'];
}

const skus = ['apple', 'pear'];
const created = 40;
/** What is left alone expires soon; some of what is settled is held just as short. */
const shortMs = 300;
/** An EXPIRED movement is there within a second of its expiry; a busy machine is given more. */
const movedMsMax = 5_000;

export function makeCarts({ caller, clock, machines }: PartContext): Part {
  const carts: Reserved[] = [];
  const looks = new Map<string, Look[]>(skus.map((sku) => [sku, []]));
  const adjusted = new Map<string, number[]>(skus.map((sku) => [sku, []]));

  const buy = async (worker: Worker): Promise<void> => {
    const quantities = Object.fromEntries(skus.map((sku) => [sku, worker.below(4)]));
    const lines = skus.map((sku) => ({ sku, quantity: quantities[sku]! })).filter(({ quantity }) => quantity > 0);
    if (lines.length === 0) return;
    const fate = worker.below(10);
    const holdMs = fate < 2 || worker.isLucky(0.3) ? shortMs : 60_000;
    const input = { lines, holdMs, idempotencyKey: worker.fresh() };
    const machine = worker.below(machines.length);
    const { data } = await caller.insist(machine, reserve, { input });
    const { reservationId } = data['reserveInventory'] as { readonly reservationId?: string };
    if (reservationId === undefined) return restock(worker);
    const cart: Reserved = { reservationId, quantities, told: 'HELD' };
    carts.push(cart);
    if (fate < 2) return;
    const field = fate < 6 ? 'commitReservation' : 'releaseReservation';
    const settled = await caller.insist(worker.below(machines.length), settle(field), {
      input: { reservationId, idempotencyKey: worker.fresh() },
    });
    const answer = settled.data[field] as SettleAnswer;
    cart.told = answer.status ?? answer.reservation!.status;
  };

  const restock = async (worker: Worker): Promise<void> => {
    const sku = skus[worker.below(skus.length)]!;
    const delta = 5 + worker.below(10);
    await caller.insist(worker.below(machines.length), adjust, { sku, delta, key: worker.fresh() });
    adjusted.get(sku)!.push(delta);
  };

  const movementsOf = async (sku: string): Promise<readonly Movement[]> => {
    const movements: Movement[] = [];
    for (let after: string | null = null; ;) {
      const data: unknown = (await caller.insist(0, page, { sku, after })).data;
      const { nodes, pageInfo } = (data as Page).inventoryItem.movements;
      movements.push(...nodes);
      if (!pageInfo.hasNextPage) return movements;
      after = pageInfo.endCursor;
    }
  };

  const stateOf = async (sku: string): Promise<Look> =>
    (await caller.insist(1, look, { sku })).data['inventoryItem'] as Look;

  const statusOf = async ({ reservationId }: Reserved): Promise<string> =>
    ((await caller.insist(0, status, { id: reservationId })).data['reservation'] as { readonly status: string }).status;

  /** When nothing is held any more: one that is still held after its time is a fault of its own. */
  const statusesAtTheEnd = async (): Promise<ReadonlyMap<Reserved, string>> => {
    const beganMs = clock.monotonicMs();
    for (;;) {
      const statuses = new Map<Reserved, string>();
      for (const cart of carts) statuses.set(cart, await statusOf(cart));
      if (![...statuses.values()].includes('HELD') || clock.monotonicMs() - beganMs > movedMsMax) return statuses;
    }
  };

  const faultsOf = async (sku: string, statuses: ReadonlyMap<Reserved, string>): Promise<string[]> => {
    const ofItem = carts
      .filter(({ quantities }) => quantities[sku]! > 0)
      .map((cart) => ({ ...cart, quantity: cart.quantities[sku]!, status: statuses.get(cart)! }));
    const beganMs = clock.monotonicMs();
    for (;;) {
      const faults = stockFaults({
        created,
        adjusted: adjusted.get(sku)!,
        carts: ofItem,
        looks: looks.get(sku)!,
        end: await stateOf(sku),
        movements: await movementsOf(sku),
      });
      if (faults.length === 0 || clock.monotonicMs() - beganMs > movedMsMax) return faults;
    }
  };

  return {
    name: 'carts',
    workers: 3,
    async begin() {
      for (const sku of skus) await caller.insist(0, create, { sku, quantity: created });
    },
    async step(worker) {
      if (worker.isLucky(0.7)) return buy(worker);
      const sku = skus[worker.below(skus.length)]!;
      const outcome = await caller.once(worker.below(machines.length), look, { sku });
      if (outcome.kind === 'answered') looks.get(sku)!.push(outcome.data['inventoryItem'] as Look);
    },
    async faults() {
      const statuses = await statusesAtTheEnd();
      const faults: string[] = [];
      for (const sku of skus) faults.push(...(await faultsOf(sku, statuses)).map((fault) => `item ${sku}: ${fault}`));
      return faults;
    },
  };
}
