/** Inventory over gateways that share a store. */
import { holdsRange, keyspace, stockMovementsRange } from '../../src/core/keyspace';
import type { InventoryItem } from '../../src/patterns/inventory';
import { heldCursor, itemCursor, movementCursor } from '../../src/patterns/inventory-pages';
import { decodeItem } from '../../src/patterns/inventory-records';
import type { Reservation, ReserveResult, SettleResult } from '../../src/patterns/inventory-reservations';
import { AppError } from '../../src/core/errors';
import { TenancyWorld } from './support/tenancy-world';
import { atOnce, failure, turn, World } from './support/world';
import type { Gateway } from './support/world';

const hour = 3_600_000;

let world: World;
let gateway: Gateway;
let other: Gateway;

const begin = (holdsOfItemMax: number): void => {
  world = new World();
  gateway = world.gateway({ holdsOfItemMax });
  other = world.gateway({ holdsOfItemMax });
};
afterEach(() => world.close());

const create = (sku: string, quantity: number, idempotencyKey?: string, by = gateway) =>
  by.inventory.create({ sku, quantity, idempotencyKey });
const adjust = (sku: string, delta: number, over: { reason?: string; idempotencyKey?: string } = {}, by = gateway) =>
  by.inventory.adjust({ sku, delta, ...over });
const reserve = (
  lines: Record<string, number>,
  { holdMs = 1_000, by = gateway, key }: { holdMs?: number; by?: Gateway; key?: string } = {},
): Promise<ReserveResult> =>
  by.reservations.reserve({
    lines: Object.entries(lines).map(([sku, quantity]) => ({ sku, quantity })),
    holdMs,
    idempotencyKey: key,
  });
const held = async (...args: Parameters<typeof reserve>): Promise<Reservation> => {
  const outcome = await reserve(...args);
  if (outcome.kind !== 'reserved') throw new Error(`refused: ${JSON.stringify(outcome)}`);
  return outcome.reservation;
};
const settle = (
  what: 'commit' | 'release',
  reservationId: string,
  { by = gateway, key }: { by?: Gateway; key?: string } = {},
): Promise<SettleResult> => by.reservations[what]({ reservationId, idempotencyKey: key });
const extend = (reservationId: string, holdMs: number, by = gateway): Promise<SettleResult> =>
  by.reservations.extend({ reservationId, holdMs });
const stock = async (sku: string, by = gateway): Promise<[number, number]> => {
  const item = (await by.inventory.get(sku))!;
  return [item.quantity, item.reserved];
};
const insufficient = (...shortages: [string, number, number][]): unknown => ({
  kind: 'insufficient',
  shortages: shortages.map(([sku, requested, available]) => ({ sku, requested, available })),
});
const movementsOf = async (sku: string, by = gateway): Promise<[string, number][]> =>
  (await by.inventory.movements(sku, { first: 100 })).nodes.map(({ type, quantity }) => [type, quantity]);
/** Holds that the store still has, in rows and in the item. */
const holdsLeft = async (sku: string): Promise<number> => {
  const { results } = await gateway.store.read([holdsRange(sku, 0), { start: keyspace.inventoryItem(sku) }]);
  return results[0]!.entries.length + decodeItem(results[1]!.entries[0]!.value).held.length;
};
/** Lets what was planned run. */
const settled = async (ms: number): Promise<void> => {
  world.clock.advance(ms);
  for (let turns = 0; turns < 20; turns += 1) await turn();
};

describe.each([
  [0, 'rows alone'],
  [2, 'items and rows'],
  [8, 'items'],
])('%d holds of an item stand in it: in %s:', (holdsOfItemMax) => {
  beforeEach(() => begin(holdsOfItemMax));

  describe('items', () => {
    it('are made with a quantity, and answered as they were made', async () => {
      const outcome = await create('a', 5);
      const item = { sku: 'a', quantity: 5, reserved: 0, updatedAtMs: world.clock.nowMs(), revision: 1 };
      expect(outcome).toEqual({ kind: 'created', item });
      expect(await gateway.inventory.get('a')).toEqual(item);
      expect(await other.inventory.get('b')).toBeUndefined();
    });

    it('that exist are left alone; of several callers at once one creates', async () => {
      const outcomes = await Promise.all([gateway, other, gateway].map((by) => create('a', 5, undefined, by)));
      expect(outcomes.filter(({ kind }) => kind === 'created')).toHaveLength(1);
      expect(await create('a', 9)).toEqual({ kind: 'exists' });
      expect(await stock('a')).toEqual([5, 0]);
    });

    it('created again with the key are answered as the first time, version included', async () => {
      const first = await create('a', 5, 'k');
      await adjust('a', 3);
      expect(await create('a', 5, 'k', other)).toEqual(first);
      await expect(create('a', 6, 'k')).rejects.toEqual(failure('IDEMPOTENCY_KEY_REUSED'));
    });

    it.each([
      [{ sku: '', quantity: 1 }, 'input.sku'],
      [{ sku: 'x'.repeat(257), quantity: 1 }, 'input.sku'],
      [{ sku: 'a\ud800', quantity: 1 }, 'input.sku'],
      [{ sku: 'a', quantity: -1 }, 'input.quantity'],
      [{ sku: 'a', quantity: 1.5 }, 'input.quantity'],
      [{ sku: 'a', quantity: Number.NaN }, 'input.quantity'],
    ])('refuse %j, and nothing is written', async (input, field) => {
      await expect(gateway.inventory.create(input)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { field },
      });
      expect((await world.base.status()).revision).toBe(0);
    });

    it('are listed by sku, page by page, each exact', async () => {
      for (const sku of ['b', 'a2', 'a1', 'a\0', 'c']) await create(sku, 3);
      await held({ a1: 2 }, { holdMs: 10 });
      world.clock.advance(10);
      const first = await gateway.inventory.list('a', { first: 2 });
      expect(first).toMatchObject({ nodes: [{ sku: 'a\0' }, { sku: 'a1', reserved: 0 }], hasMore: true });
      const rest = await gateway.inventory.list('a', { first: 2, after: itemCursor('a1') });
      expect(rest).toMatchObject({ nodes: [{ sku: 'a2' }], hasMore: false });
      expect((await gateway.inventory.list('x', { first: 2 })).nodes).toEqual([]);
      expect((await gateway.inventory.list('a', { first: 2, after: itemCursor('b') })).nodes).toEqual([]);
      await expect(gateway.inventory.list('', { first: 2, after: 'x' })).rejects.toEqual(failure('INVALID_ARGUMENT'));
      await expect(gateway.inventory.list('', { first: 0 })).rejects.toEqual(failure('INVALID_ARGUMENT'));
    });
  });

  describe('adjusting', () => {
    it('adds and takes, never below what is reserved', async () => {
      await create('a', 5);
      await held({ a: 3 });
      expect(await adjust('a', 4)).toMatchObject({ kind: 'adjusted', item: { quantity: 9, reserved: 3 } });
      expect(await adjust('a', -7)).toEqual(insufficient(['a', 7, 6]));
      expect(await adjust('a', -6)).toMatchObject({ kind: 'adjusted', item: { quantity: 3, reserved: 3 } });
    });

    it('of what is unknown is notFound', async () => {
      expect(await adjust('a', 4)).toEqual({ kind: 'notFound' });
    });

    it('happens once with its key, refusals too', async () => {
      await create('a', 5);
      const first = await adjust('a', 4, { idempotencyKey: 'k' });
      const refused = await adjust('a', -20, { idempotencyKey: 'r' });
      await adjust('a', 100);
      expect(await adjust('a', 4, { idempotencyKey: 'k' }, other)).toEqual(first);
      expect(await adjust('a', -20, { idempotencyKey: 'r' }, other)).toEqual(refused);
      expect(await stock('a')).toEqual([109, 0]);
    });

    it('answers what is reserved at that moment, and takes what a hold has just given back', async () => {
      await create('a', 5);
      await held({ a: 4 }, { holdMs: 100 });
      world.clock.advance(99);
      expect(await adjust('a', -2)).toEqual(insufficient(['a', 2, 1]));
      world.clock.advance(1);
      expect(await adjust('a', 1)).toMatchObject({ item: { quantity: 6, reserved: 0 } });
      expect(await adjust('a', -6, {}, other)).toMatchObject({ item: { quantity: 0, reserved: 0 } });
    });

    it.each([0, 1.5, Number.NaN, Infinity, 2 ** 53])('by %d is refused', async (delta) => {
      await create('a', 5);
      await expect(adjust('a', delta)).rejects.toMatchObject({ details: { field: 'input.delta' } });
    });

    it('past 2^53-1 is refused, and so is a reason that is too long', async () => {
      await create('a', 5);
      await expect(adjust('a', Number.MAX_SAFE_INTEGER - 4)).rejects.toMatchObject({
        details: { field: 'input.delta' },
      });
      await expect(adjust('a', 1, { reason: 'x'.repeat(1_025) })).rejects.toMatchObject({
        details: { field: 'input.reason' },
      });
    });
  });

  describe('reserving', () => {
    beforeEach(async () => {
      await create('a', 5);
      await create('b', 2);
    });

    it('holds every line for the time asked for', async () => {
      const nowMs = world.clock.nowMs();
      const reservation = await held({ a: 2, b: 1 });
      expect(reservation).toEqual({
        id: expect.any(String),
        status: 'held',
        lines: [
          { sku: 'a', quantity: 2 },
          { sku: 'b', quantity: 1 },
        ],
        createdAtMs: nowMs,
        expiresAtMs: nowMs + 1_000,
        settledAtMs: undefined,
      });
      expect([await stock('a'), await stock('b')]).toEqual([
        [5, 2],
        [2, 1],
      ]);
      expect(await other.reservations.get(reservation.id)).toEqual(reservation);
    });

    it('holds none where one is short, and says every one that is', async () => {
      await create('c', 9);
      expect(await reserve({ a: 6, b: 3, c: 1 })).toEqual(insufficient(['a', 6, 5], ['b', 3, 2]));
      expect([await stock('a'), await stock('c')]).toEqual([
        [5, 0],
        [9, 0],
      ]);
    });

    it('adds up lines of one sku', async () => {
      const lines = [
        { sku: 'a', quantity: 3 },
        { sku: 'b', quantity: 1 },
        { sku: 'a', quantity: 3 },
      ];
      expect(await gateway.reservations.reserve({ lines, holdMs: 1 })).toEqual(insufficient(['a', 6, 5]));
      const fits = await gateway.reservations.reserve({ lines: lines.slice(0, 2), holdMs: 9 });
      expect(fits).toMatchObject({ reservation: { lines: [{ sku: 'a', quantity: 3 }, { sku: 'b' }] } });
    });

    it('of an unknown item is notFound, whatever the others are', async () => {
      expect(await reserve({ x: 1, a: 99, y: 1 })).toEqual({ kind: 'notFound', skus: ['x', 'y'] });
    });

    it('of hundreds of callers at once on two gateways sells what there is, and no more', async () => {
      await create('hot', 100);
      const outcomes = await world.until(
        atOnce(250, (index) => reserve({ hot: 1 }, { holdMs: hour, by: index % 2 === 0 ? gateway : other })),
      );
      expect(outcomes.filter(({ kind }) => kind === 'reserved')).toHaveLength(100);
      expect(await stock('hot')).toEqual([100, 100]);
    });

    it('with a key happens once, on whatever gateway, and answers as the first time', async () => {
      const first = await reserve({ a: 2 }, { key: 'k' });
      world.clock.advance(10);
      expect(await reserve({ a: 2 }, { key: 'k', by: other })).toEqual(first);
      expect(await atOnce(3, () => reserve({ a: 2 }, { key: 'k' }))).toEqual(Array(3).fill(first));
      expect(await stock('a')).toEqual([5, 2]);
      await expect(reserve({ a: 1 }, { key: 'k' })).rejects.toEqual(failure('IDEMPOTENCY_KEY_REUSED'));
    });

    it('replays refusals, also of many long names', async () => {
      const lines = Object.fromEntries(Array.from({ length: 31 }, (_, index) => [`${'x'.repeat(254)}${index}`, 2]));
      const missing = await reserve(lines, { key: 'm' });
      expect(missing).toMatchObject({ kind: 'notFound' });
      for (const sku of Object.keys(lines)) await create(sku, 1);
      expect(await reserve(lines, { key: 'm', by: other })).toEqual(missing);
      const refused = await reserve(lines, { key: 'r' });
      expect(refused).toEqual(
        insufficient(...Object.keys(lines).map((sku) => [sku, 2, 1] as [string, number, number])),
      );
      await adjust(Object.keys(lines)[0]!, 5);
      expect(await reserve(lines, { key: 'r', by: other })).toEqual(refused);
    });

    it('takes 32 lines of long names in one commit, and settles them in one', async () => {
      const skus = Array.from({ length: 32 }, (_, index) => `${'\0'.repeat(254)}${String(index).padStart(2, '0')}`);
      for (const sku of skus) await create(sku, 3);
      const reservation = await held(Object.fromEntries(skus.map((sku) => [sku, 1])), { key: 'k' });
      expect(await extend(reservation.id, 5_000)).toMatchObject({ kind: 'settled' });
      expect(await settle('commit', reservation.id, { key: 'c', by: other })).toMatchObject({ kind: 'settled' });
      expect(await settle('commit', reservation.id, { key: 'c' })).toMatchObject({
        reservation: {
          status: 'committed',
          lines: expect.arrayContaining([{ sku: skus[31], quantity: 1 }]) as unknown,
        },
      });
      expect(await stock(skus[31]!)).toEqual([2, 0]);
    });

    it.each([
      [{ lines: [], holdMs: 1 }, 'input.lines'],
      [{ lines: Array.from({ length: 33 }, () => ({ sku: 'a', quantity: 1 })), holdMs: 1 }, 'input.lines'],
      [{ lines: [{ sku: '', quantity: 1 }], holdMs: 1 }, 'input.lines[0].sku'],
      [{ lines: [{ sku: 'a', quantity: 0 }], holdMs: 1 }, 'input.lines[0].quantity'],
      [{ lines: [{ sku: 'a', quantity: -1 }], holdMs: 1 }, 'input.lines[0].quantity'],
      [{ lines: [{ sku: 'a', quantity: 1 }], holdMs: 0 }, 'input.holdMs'],
      [{ lines: [{ sku: 'a', quantity: 1 }], holdMs: 31_536_000_001 }, 'input.holdMs'],
      [{ lines: [{ sku: 'a', quantity: 1 }], holdMs: Number.NaN }, 'input.holdMs'],
    ])('refuses %j', async (input, field) => {
      await expect(gateway.reservations.reserve(input)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { field },
      });
    });

    it('costs one commit and no read where the items are known, whatever the number of holds', async () => {
      await create('hot', 10_000);
      for (let index = 0; index < 50; index += 1) await held({ hot: 1 }, { holdMs: hour });
      gateway.store.reset();
      const { id } = await held({ hot: 1 }, { holdMs: hour });
      expect([gateway.store.reads.length, gateway.store.commits.length]).toEqual([0, 1]);
      await settle('commit', id);
      expect([gateway.store.reads.length, gateway.store.commits.length]).toEqual([0, 2]);
      await atOnce(20, () => reserve({ hot: 1 }));
      expect([gateway.store.reads.length, gateway.store.commits.length]).toEqual([0, 3]);
    });
  });

  describe('a hold', () => {
    beforeEach(() => create('a', 5));

    it('ends at its millisecond, and its stock is there for the very next caller', async () => {
      await held({ a: 5 }, { holdMs: 100 });
      world.clock.advance(99);
      expect(await stock('a')).toEqual([5, 5]);
      expect(await reserve({ a: 1 }, { by: other })).toEqual(insufficient(['a', 1, 0]));
      expect(await reserve({ a: 1 })).toEqual(insufficient(['a', 1, 0]));
      world.clock.advance(1);
      expect(await stock('a', other)).toEqual([5, 0]);
      expect((await reserve({ a: 5 })).kind).toBe('reserved');
      expect(await reserve({ a: 1 }, { by: other })).toEqual(insufficient(['a', 1, 0]));
    });

    it('that has ended is EXPIRED, and can be neither committed, released nor extended', async () => {
      const { id, expiresAtMs } = await held({ a: 2 }, { holdMs: 100 });
      world.clock.advance(100);
      const expired = { kind: 'notHeld', reservation: { id, status: 'expired', settledAtMs: expiresAtMs } };
      for (const by of [gateway, other]) {
        expect(await settle('commit', id, { by })).toMatchObject(expired);
        expect(await settle('release', id, { by })).toMatchObject(expired);
        expect(await extend(id, 1_000, by)).toMatchObject(expired);
        expect(await by.reservations.get(id)).toMatchObject(expired.reservation);
      }
      expect(await stock('a')).toEqual([5, 0]);
    });

    it('is committed in its last millisecond', async () => {
      const { id } = await held({ a: 2 }, { holdMs: 100 });
      world.clock.advance(99);
      expect(await settle('commit', id, { by: other })).toMatchObject({ reservation: { status: 'committed' } });
      world.clock.advance(1);
      expect(await stock('a')).toEqual([3, 0]);
    });

    it('that ends between the decision and the commit is not committed', async () => {
      const { id } = await held({ a: 2 }, { holdMs: 100 });
      world.clock.advance(99);
      gateway.store.beforeCommit = () => {
        gateway.store.beforeCommit = undefined;
        world.clock.advance(1);
      };
      expect(await settle('commit', id)).toMatchObject({ kind: 'notHeld', reservation: { status: 'expired' } });
      expect(await stock('a')).toEqual([5, 0]);
    });

    it('that ends between the decision and the confirmation of a refusal is there after all', async () => {
      await held({ a: 5 }, { holdMs: 100 });
      world.clock.advance(99);
      gateway.store.beforeCommit = () => {
        gateway.store.beforeCommit = undefined;
        world.clock.advance(1);
      };
      expect((await reserve({ a: 5 })).kind).toBe('reserved');
    });

    it('lasts as long as it was extended to, and not a millisecond longer', async () => {
      const { id, expiresAtMs } = await held({ a: 5 }, { holdMs: 100 });
      expect(await extend(id, 50)).toMatchObject({ kind: 'settled', reservation: { status: 'held', expiresAtMs } });
      world.clock.advance(99);
      expect(await extend(id, 200, other)).toMatchObject({ reservation: { expiresAtMs: expiresAtMs + 199 } });
      world.clock.advance(199);
      expect(await reserve({ a: 1 })).toEqual(insufficient(['a', 1, 0]));
      expect(await stock('a')).toEqual([5, 5]);
      world.clock.advance(1);
      expect((await reserve({ a: 5 })).kind).toBe('reserved');
    });

    it.each([10, 600])('of %d that end at once gives all back, and each is recorded once', async (count) => {
      await adjust('a', count - 5);
      await Promise.all(Array.from({ length: count }, () => held({ a: 1 }, { holdMs: 100 })));
      world.clock.advance(100);
      expect(await stock('a', other)).toEqual([count, 0]);
      expect((await reserve({ a: count }, { holdMs: hour, by: other })).kind).toBe('reserved');
      const all = (await gateway.inventory.movements('a', { first: 1_000 })).nodes;
      expect(all.filter(({ type }) => type === 'expired')).toHaveLength(count);
      expect(await holdsLeft('a')).toBe(1);
      expect(await stock('a')).toEqual([count, count]);
    });

    it('gives back its stock to one of two gateways that both see it end', async () => {
      await held({ a: 5 }, { holdMs: 100 });
      world.clock.advance(100);
      const outcomes = await world.until(
        atOnce(20, (index) => reserve({ a: 1 }, { holdMs: hour, by: index % 2 === 0 ? gateway : other })),
      );
      expect(outcomes.filter(({ kind }) => kind === 'reserved')).toHaveLength(5);
      expect(await stock('a')).toEqual([5, 5]);
    });

    it('that ends is seen in the stock while others of the sku come and go', async () => {
      await adjust('a', 95);
      await held({ a: 90 }, { holdMs: 100 });
      const stays = await held({ a: 5 }, { holdMs: hour });
      world.clock.advance(100);
      await settle('commit', stays.id, { by: other });
      const outcomes = await world.until(
        atOnce(30, (index) =>
          reserve({ a: index < 15 ? 1 : 3 }, { holdMs: hour, by: index % 2 === 0 ? gateway : other }),
        ),
      );
      expect(outcomes.filter(({ kind }) => kind === 'reserved')).toHaveLength(30);
      expect(await stock('a')).toEqual([95, 60]);
    });
  });

  describe('settling', () => {
    let id: string;
    beforeEach(async () => {
      await create('a', 5);
      await create('b', 5);
      ({ id } = await held({ a: 2, b: 1 }));
    });

    it('by commit takes the stock; the same again answers it again, another is refused with what it is', async () => {
      const atMs = world.clock.nowMs();
      const committed = { kind: 'settled', reservation: { id, status: 'committed', settledAtMs: atMs } };
      expect(await settle('commit', id)).toMatchObject(committed);
      world.clock.advance(2_000);
      expect(await settle('commit', id, { by: other })).toMatchObject(committed);
      for (const by of [gateway, other]) {
        const refused = { kind: 'notHeld', reservation: { status: 'committed', settledAtMs: atMs } };
        expect(await settle('release', id, { by })).toMatchObject(refused);
        expect(await extend(id, 1_000, by)).toMatchObject(refused);
      }
      expect([await stock('a'), await stock('b')]).toEqual([
        [3, 0],
        [4, 0],
      ]);
    });

    it('by release gives it back', async () => {
      expect(await settle('release', id, { by: other })).toMatchObject({ reservation: { status: 'released' } });
      expect(await settle('release', id)).toMatchObject({ kind: 'settled' });
      expect(await settle('commit', id)).toMatchObject({ kind: 'notHeld', reservation: { status: 'released' } });
      expect([await stock('a'), await stock('b')]).toEqual([
        [5, 0],
        [5, 0],
      ]);
    });

    it('of commit and release at once has one winner, and the stock moves once', async () => {
      const outcomes = await world.until(
        atOnce(20, (index) =>
          settle(index % 2 === 0 ? 'commit' : 'release', id, { by: index % 3 === 0 ? gateway : other }),
        ),
      );
      const statuses = new Set(outcomes.map((outcome) => outcome.kind !== 'notFound' && outcome.reservation.status));
      expect(statuses.size).toBe(1);
      expect(outcomes.filter(({ kind }) => kind === 'settled')).toHaveLength(10);
      expect(await stock('a')).toEqual(statuses.has('committed') ? [3, 0] : [5, 0]);
    });

    it('with a key answers as the first time, refusals too', async () => {
      const refused = await settle('commit', id, { key: 'k' });
      const first = await settle('release', id, { key: 'r' });
      expect(await settle('commit', id, { key: 'k', by: other })).toEqual(refused);
      expect(await settle('release', id, { key: 'r', by: other })).toEqual(first);
      await expect(settle('commit', 'other', { key: 'k' })).rejects.toEqual(failure('IDEMPOTENCY_KEY_REUSED'));
    });

    it('of what is unknown is notFound', async () => {
      expect(await settle('commit', 'nothing', { key: 'k' })).toEqual({ kind: 'notFound' });
      expect(await settle('commit', 'nothing', { key: 'k' })).toEqual({ kind: 'notFound' });
      expect(await extend('nothing', 5)).toEqual({ kind: 'notFound' });
      await expect(settle('commit', '')).rejects.toMatchObject({ details: { field: 'input.reservationId' } });
      await expect(extend('nothing', 0)).rejects.toMatchObject({ details: { field: 'input.holdMs' } });
    });

    it.each(['afterCommit', 'beforeCommit'] as const)('whose answer was lost %s happens once', async (hook) => {
      gateway.store[hook] = () => {
        gateway.store[hook] = undefined;
        throw new AppError('OUTCOME_UNKNOWN', 'lost');
      };
      await expect(settle('commit', id, { key: 'k' })).rejects.toEqual(failure('OUTCOME_UNKNOWN'));
      expect(await settle('commit', id, { key: 'k', by: other })).toMatchObject({
        reservation: { status: 'committed' },
      });
      expect(await settle('commit', id)).toMatchObject({ kind: 'settled' });
      expect(await stock('a')).toEqual([3, 0]);
    });

    it('leaves the reservation readable for 24 hours', async () => {
      await settle('commit', id);
      const expiring = await held({ a: 1 }, { holdMs: 1_000 });
      world.clock.advance(24 * hour + 1_000 - 1);
      expect(await other.reservations.get(id)).toMatchObject({ status: 'committed' });
      expect(await other.reservations.get(expiring.id)).toMatchObject({ status: 'expired' });
      world.clock.advance(1);
      expect(await other.reservations.get(expiring.id)).toBeUndefined();
      // One that is settled is kept as if it had come to its end, and a second longer.
      expect(await other.reservations.get(id)).toMatchObject({ status: 'committed' });
      world.clock.advance(1_000);
      expect(await other.reservations.get(id)).toBeUndefined();
      expect(await settle('commit', id)).toEqual({ kind: 'notFound' });
      expect(await stock('a')).toEqual([3, 0]);
    });
  });

  describe('movements', () => {
    it('are one for every change, the newest first, and add up to the item', async () => {
      await create('a', 5);
      await adjust('a', 3, { reason: 'delivery' });
      const committed = await held({ a: 2 });
      await settle('commit', committed.id);
      const released = await held({ a: 1 });
      await extend(released.id, 5_000);
      await settle('release', released.id);
      const expired = await held({ a: 4 }, { holdMs: 100 });
      await settled(150);
      await adjust('a', -1);
      const { nodes } = await other.inventory.movements('a', { first: 100 });
      expect(nodes.map(({ type, quantity }) => [type, quantity])).toEqual([
        ['adjusted', -1],
        ['expired', 4],
        ['reserved', 4],
        ['released', 1],
        ['reserved', 1],
        ['committed', 2],
        ['reserved', 2],
        ['adjusted', 3],
        ['created', 5],
      ]);
      expect(nodes[1]).toMatchObject({ sku: 'a', reservationId: expired.id, atMs: expired.expiresAtMs, number: 8 });
      expect(nodes[7]).toMatchObject({ reason: 'delivery' });
      expect(await stock('a')).toEqual([5, 0]);
    });

    it('of refusals and of what was done already are none', async () => {
      await create('a', 1);
      const { id } = await held({ a: 1 });
      await reserve({ a: 1 });
      await adjust('a', -1);
      await settle('commit', id);
      await settle('commit', id);
      await settle('release', id);
      expect(await movementsOf('a')).toEqual([
        ['committed', 1],
        ['reserved', 1],
        ['created', 1],
      ]);
    });

    it('come page by page', async () => {
      await create('a', 0);
      for (let delta = 1; delta <= 4; delta += 1) await adjust('a', delta);
      const first = await gateway.inventory.movements('a', { first: 2 });
      expect(first).toMatchObject({ nodes: [{ quantity: 4 }, { quantity: 3 }], hasMore: true });
      await adjust('a', 50);
      const after = movementCursor(first.nodes[1]!);
      const second = await gateway.inventory.movements('a', { first: 3, after });
      expect(second).toMatchObject({ nodes: [{ quantity: 2 }, { quantity: 1 }, { quantity: 0 }], hasMore: false });
      await expect(gateway.inventory.movements('a', { first: 2, after: itemCursor('a') })).rejects.toEqual(
        failure('INVALID_ARGUMENT'),
      );
      expect((await gateway.inventory.movements('b', { first: 2 })).nodes).toEqual([]);
    });

    it('of a hold that ends are recorded by the gateway that made it, though nobody asks', async () => {
      await create('a', 5);
      await held({ a: 2 }, { holdMs: 100 });
      await held({ a: 1 }, { holdMs: 900 });
      await settled(99);
      expect(await holdsLeft('a')).toBe(2);
      await settled(1);
      expect(await holdsLeft('a')).toBe(1);
      const before = gateway.store.reads.length;
      await settled(800);
      expect(await holdsLeft('a')).toBe(0);
      expect(gateway.store.reads.length - before).toBeLessThan(10);
      expect((await movementsOf('a')).slice(0, 2)).toEqual([
        ['expired', 1],
        ['expired', 2],
      ]);
    });

    it('of a hold of hours cost a look each hour until its end', async () => {
      await create('a', 5);
      await held({ a: 2 }, { holdMs: 2.5 * hour });
      gateway.store.reset();
      for (let hours = 0; hours < 2; hours += 1) await settled(hour);
      expect(gateway.store.reads.length).toBeGreaterThanOrEqual(2);
      expect(gateway.store.reads.length).toBeLessThanOrEqual(6);
      expect(gateway.store.commits).toEqual([]);
      await settled(hour / 2);
      expect(await holdsLeft('a')).toBe(0);
    });

    it('of two gateways that both record an end are one', async () => {
      await create('a', 50);
      await world.until(atOnce(40, (index) => held({ a: 1 }, { holdMs: 100, by: index % 2 === 0 ? gateway : other })));
      for (let passed = 0; passed < 20; passed += 1) await settled(50);
      const { nodes } = await gateway.inventory.movements('a', { first: 1_000 });
      expect(nodes.filter(({ type }) => type === 'expired')).toHaveLength(40);
      expect(new Set(nodes.map(({ number }) => number)).size).toBe(nodes.length);
      expect(await stock('a')).toEqual([50, 0]);
    });

    it('are recorded when storage is back', async () => {
      await create('a', 5);
      await held({ a: 2 }, { holdMs: 100 });
      gateway.store.beforeRead = () => {
        throw new AppError('UNAVAILABLE', 'away');
      };
      await settled(100);
      await settled(1_000);
      gateway.store.beforeRead = undefined;
      expect(await holdsLeft('a')).toBe(1);
      await settled(1_000);
      expect(await holdsLeft('a')).toBe(0);
    });
  });

  describe('reservations of an item', () => {
    it('are the held ones, in the order of their end', async () => {
      await create('a', 9);
      await create('b', 9);
      const late = await held({ a: 1, b: 2 }, { holdMs: 300 });
      const early = await held({ a: 2 }, { holdMs: 100 });
      const middle = await held({ a: 3 }, { holdMs: 200 });
      const gone = await held({ a: 1 }, { holdMs: 150 });
      await settle('release', gone.id);
      const page = await other.reservations.heldOf('a', { first: 2 });
      expect(page).toEqual({ nodes: [early, middle], hasMore: true });
      const after = heldCursor(middle.id, middle.expiresAtMs);
      expect(await other.reservations.heldOf('a', { first: 2, after })).toEqual({ nodes: [late], hasMore: false });
      world.clock.advance(200);
      expect(await other.reservations.heldOf('a', { first: 1 })).toEqual({ nodes: [late], hasMore: false });
      await expect(other.reservations.heldOf('a', { first: 1, after: 'x' })).rejects.toEqual(
        failure('INVALID_ARGUMENT'),
      );
    });
  });

  describe('inventoryChanged', () => {
    function subscribe(skus: string[], by = gateway) {
      const leaving = new AbortController();
      const seen: InventoryItem[] = [];
      const ended = (async () => {
        for await (const item of by.inventory.changed(skus, leaving.signal)) seen.push(item);
      })();
      return {
        seen,
        ended,
        leave: () => leaving.abort(),
        last: (sku: string) => seen.findLast((each) => each.sku === sku),
      };
    }
    const pass = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 10) await settled(10);
    };

    it('shows each item at once, then the newest after every change of any of them', async () => {
      await create('a', 5);
      await create('b', 6);
      const subscriber = subscribe(['a', 'b', 'a', 'c']);
      await pass(10);
      expect(subscriber.seen.map(({ sku, quantity }) => [sku, quantity])).toEqual([
        ['a', 5],
        ['b', 6],
      ]);
      await held({ a: 2 }, { by: other, holdMs: hour });
      await create('c', 7, undefined, other);
      await pass(100);
      expect(subscriber.seen.slice(2).map(({ sku, reserved }) => [sku, reserved])).toEqual(
        expect.arrayContaining([
          ['a', 2],
          ['c', 0],
        ]),
      );
      subscriber.leave();
      await subscriber.ended;
    });

    it('shows the end of a hold within a second, whoever made it', async () => {
      await create('a', 5);
      await held({ a: 3 }, { by: other, holdMs: 400 });
      const third = world.gateway();
      const subscriber = subscribe(['a'], third);
      await pass(390);
      expect(subscriber.last('a')).toMatchObject({ reserved: 3 });
      await pass(300);
      expect(subscriber.last('a')).toMatchObject({ reserved: 0 });
      subscriber.leave();
      await subscriber.ended;
    });

    it('ends at once when it is left, and refuses what is no sku', async () => {
      const subscriber = subscribe(['a', 'b']);
      await pass(10);
      subscriber.leave();
      await subscriber.ended;
      const { signal } = new AbortController();
      for (const [skus, field] of [
        [[], 'skus'],
        [Array.from({ length: 101 }, (_, index) => `s${index}`), 'skus'],
        [['a', ''], 'skus[1]'],
      ] as const) {
        expect(() => gateway.inventory.changed(skus, signal)).toThrow(expect.objectContaining({ details: { field } }));
      }
    });
  });
});

describe('movements in rows of several', () => {
  beforeEach(() => begin(8));

  it('come in pages of any size, from any of them on, as they were recorded', async () => {
    await create('a', 0);
    // Some of them say so much that they get a row sooner.
    for (let delta = 1; delta <= 60; delta += 1)
      await adjust('a', delta, delta % 7 === 0 ? { reason: 'x'.repeat(1_000) } : {});
    const expected = Array.from({ length: 61 }, (_, index) => 60 - index);
    for (const first of [1, 2, 7, 8, 9, 16, 60, 61, 100]) {
      const seen: number[] = [];
      let after: string | undefined;
      for (let hasMore = true; hasMore;) {
        const page = await gateway.inventory.movements('a', { first, after });
        expect(page.nodes.length).toBe(Math.min(first, 61 - seen.length));
        seen.push(...page.nodes.map(({ quantity }) => quantity));
        after = movementCursor(page.nodes.at(-1)!);
        ({ hasMore } = page);
      }
      expect(seen).toEqual(expected);
    }
    for (const number of [0, 1, Number.MAX_SAFE_INTEGER])
      await gateway.inventory.movements('a', { first: 5, after: movementCursor({ number }) });
    expect((await gateway.inventory.movements('a', { first: 5, after: movementCursor({ number: 1 }) })).nodes).toEqual(
      [],
    );
  });

  it('leave no more in the item than it may have, also where many are recorded at once', async () => {
    await create('a', 500);
    await Promise.all(Array.from({ length: 150 }, () => held({ a: 1 }, { holdMs: 100 })));
    await settled(100);
    await settled(1_000);
    const { results } = await gateway.store.read([{ start: keyspace.inventoryItem('a') }, stockMovementsRange('a')]);
    const item = decodeItem(results[0]!.entries[0]!.value);
    expect(item.movements - item.movementsInRows).toBeLessThan(8);
    expect(results[1]!.entries.length).toBe(Math.floor(301 / 8));
    expect((await gateway.inventory.movements('a', { first: 1_000 })).nodes.map(({ number }) => number)).toEqual(
      Array.from({ length: 301 }, (_, index) => 301 - index),
    );
  });
});

it('counts an item the same for its tenant whatever stands in it, so that one that is full settles what it holds', async () => {
  const tenancy = new TenancyWorld();
  const { tenants, patternsOf } = tenancy.tenancy();
  await tenants.create({ tenantId: 'shop', name: 'Shop', plan: 'FREE' });
  const { inventory, reservations } = patternsOf('shop');
  await inventory.create({ sku: 'a', quantity: 9 });
  const usage = await tenants.usage('shop');
  expect(usage).toEqual({ keys: 1, bytes: 1 + 100 });
  for (let round = 0; round < 10; round += 1) {
    const outcome = await reservations.reserve({ lines: [{ sku: 'a', quantity: 1 }], holdMs: hour });
    if (outcome.kind === 'reserved' && round % 2 === 0)
      await reservations.release({ reservationId: outcome.reservation.id });
  }
  expect(await tenants.usage('shop')).toEqual(usage);
  await tenancy.close();
});

it('keeps names that look alike apart', async () => {
  begin(8);
  await create('a', 5);
  await create('a\0', 5);
  await held({ a: 1 });
  await held({ 'a\0': 2 });
  expect([await stock('a'), await stock('a\0')]).toEqual([
    [5, 1],
    [5, 2],
  ]);
  expect((await gateway.reservations.heldOf('a', { first: 10 })).nodes).toHaveLength(1);
  expect(keyspace.hold('a', 1, 'r').compare(keyspace.hold('a\0', 1, 'r'))).not.toBe(0);
});
