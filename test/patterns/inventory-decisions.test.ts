import { keyspace } from '../../src/core/keyspace';
import {
  decideAdjust,
  decideExtend,
  decideReserve,
  decideSettle,
  decisionTime,
  foldDue,
  keepForMs,
  mayHaveDue,
  newItem,
  statusAt,
  sumLines,
} from '../../src/patterns/inventory-decisions';
import type { DueHolds, Found, ReserveCommand } from '../../src/patterns/inventory-decisions';
import { nextExpiryOf, reservedOf, withMovement } from '../../src/patterns/inventory-item';
import {
  decodeItem,
  decodeReservation,
  encodeItem,
  encodeReservation,
  recentMovements,
  splitMovements,
  toMovements,
} from '../../src/patterns/inventory-records';
import type { ItemHold, ItemRecord, MovementRecord, ReservationRecord } from '../../src/patterns/inventory-records';

const max = Number.MAX_SAFE_INTEGER;
/** All that is held has rows. */
const item = (over: Partial<ItemRecord> = {}): ItemRecord => ({
  quantity: 10,
  held: [],
  reservedInRows: 4,
  createdAtMs: 1,
  updatedAtMs: 50,
  expiredThroughMs: 20,
  nextExpiryMs: 100,
  movements: 3,
  movementsInRows: 3,
  recent: Buffer.alloc(0),
  sweeps: 0,
  ...over,
});
const hold = (reservationId: string, expiresAtMs: number, quantity = 1): ItemHold => ({
  reservationId,
  expiresAtMs,
  quantity,
});
/** Nothing that is held has a row. */
const holding = (...held: ItemHold[]): ItemRecord => item({ held, reservedInRows: 0, nextExpiryMs: undefined });
const moved = (quantity: number, more: Partial<MovementRecord>): MovementRecord => ({
  type: 'reserved',
  quantity,
  atMs: 60,
  reservationId: 'r',
  ...more,
});
const reservation = (over: Partial<ReservationRecord> = {}): ReservationRecord => ({
  status: 'held',
  lines: [{ sku: 'a', quantity: 3 }],
  createdAtMs: 10,
  expiresAtMs: 100,
  ...over,
});
const held = (over: Partial<ReservationRecord> = {}): Found => ({
  id: 'r',
  items: [item()],
  reservation: reservation(over),
});

describe('reserving', () => {
  const command = (quantities: number[], more: Partial<ReserveCommand> = {}): ReserveCommand => ({
    id: 'r',
    lines: quantities.map((quantity) => ({ quantity })),
    holdMs: 30,
    holdsOfItemMax: 0,
    ...more,
  });

  it('takes all that is available, and no more', () => {
    const { outcome, next } = decideReserve([item()], command([6]), 60);
    expect(outcome).toEqual({ kind: 'reserved', createdAtMs: 60, expiresAtMs: 90 });
    const held = item({ reservedInRows: 10, updatedAtMs: 60, nextExpiryMs: 90 });
    expect(next).toEqual([withMovement(held, moved(6, {}))]);
    const refused = decideReserve([item()], command([7]), 60);
    expect(refused).toEqual({ outcome: { kind: 'insufficient', shortages: [{ line: 0, available: 6 }] } });
  });

  it.each([
    { nextExpiryMs: undefined, holdMs: 10, comes: 70 },
    { nextExpiryMs: 65, holdMs: 10, comes: 65 },
    { nextExpiryMs: 75, holdMs: 10, comes: 70 },
  ])('next ends at $comes a hold of $holdMs where $nextExpiryMs was next', ({ nextExpiryMs, holdMs, comes }) => {
    const { next } = decideReserve([item({ nextExpiryMs })], command([1], { holdMs }), 60);
    expect(next![0]!.nextExpiryMs).toBe(comes);
  });

  it('is all or nothing, and says every line that is short', () => {
    const items = [item(), item({ reservedInRows: 10 }), item({ quantity: 5 })];
    expect(decideReserve(items, command([1, 1, 2]), 60)).toEqual({
      outcome: {
        kind: 'insufficient',
        shortages: [
          { line: 1, available: 0 },
          { line: 2, available: 1 },
        ],
      },
    });
  });

  it('of an unknown item is notFound, whatever the others are', () => {
    const items = [item({ reservedInRows: 10 }), undefined, item()];
    expect(decideReserve(items, command([5, 1, 1]), 60)).toEqual({
      outcome: { kind: 'notFound', lines: [1] },
    });
  });

  it.each([
    { nowMs: 99, kind: 'insufficient' },
    { nowMs: 100, kind: 'dueUnknown' },
    { nowMs: 101, kind: 'dueUnknown' },
  ])('at $nowMs, where a hold may end at 100, comes to $kind', ({ nowMs, kind }) => {
    expect(decideReserve([item()], command([7]), nowMs).outcome.kind).toBe(kind);
    expect(decideReserve([item()], command([6]), nowMs).outcome.kind).toBe('reserved');
  });

  it('of what is short elsewhere too needs to know only what is short', () => {
    const items = [item({ nextExpiryMs: 60 }), item({ reservedInRows: 10, nextExpiryMs: 200 })];
    expect(decideReserve(items, command([1, 1]), 60).outcome.kind).toBe('insufficient');
  });

  it('adds up the lines of a sku, in the order in which they came', () => {
    const given = [
      { sku: 'b', quantity: 1 },
      { sku: 'a', quantity: 2 },
      { sku: 'b', quantity: 3 },
    ];
    expect(sumLines(given)).toEqual([
      { sku: 'b', quantity: 4 },
      { sku: 'a', quantity: 2 },
    ]);
    expect(() =>
      sumLines([
        { sku: 'a', quantity: max },
        { sku: 'a', quantity: 1 },
      ]),
    ).toThrow('input.lines[1].quantity makes');
  });
});

describe('adjusting', () => {
  it.each([
    { delta: -6, quantity: 4 },
    { delta: 5, quantity: 15 },
    { delta: max - 10, quantity: max },
  ])('by $delta comes to $quantity', ({ delta, quantity }) => {
    const movement = { type: 'adjusted', quantity: delta, atMs: 60, reason: 'why' } as const;
    expect(decideAdjust(item(), { delta, reason: 'why', exactAtMs: 60 }, 60)).toEqual({
      outcome: { kind: 'adjusted', item: { quantity, reserved: 4, updatedAtMs: 60 } },
      next: withMovement(item({ quantity, updatedAtMs: 60 }), movement),
    });
  });

  it('never goes below what is reserved', () => {
    expect(decideAdjust(item(), { delta: -7, exactAtMs: 60 }, 60)).toEqual({
      outcome: { kind: 'insufficient', shortages: [{ line: 0, available: 6 }] },
    });
  });

  it('refuses what an integer cannot hold', () => {
    expect(() => decideAdjust(item(), { delta: max - 9, exactAtMs: 60 }, 60)).toThrow('input.delta is');
  });

  it('of a missing item is notFound', () => {
    expect(decideAdjust(undefined, { delta: 1, exactAtMs: 60 }, 60)).toEqual({ outcome: { kind: 'notFound' } });
  });

  it.each([
    { delta: 1, exactAtMs: 100, kind: 'dueUnknown' },
    { delta: 1, exactAtMs: 99, kind: 'adjusted' },
    { delta: -7, exactAtMs: 99, kind: 'dueUnknown' },
  ])('by $delta, exact at $exactAtMs, comes to $kind at 120, when a hold has ended', ({ delta, exactAtMs, kind }) => {
    expect(decideAdjust(item(), { delta, exactAtMs }, 120).outcome.kind).toBe(kind);
  });
});

describe('settling', () => {
  it('commits: the stock leaves, and is reserved no more', () => {
    expect(decideSettle(held(), 'committed', 99)).toEqual({
      kind: 'settled',
      next: {
        items: [
          withMovement(
            item({ quantity: 7, reservedInRows: 1, updatedAtMs: 99 }),
            moved(3, { type: 'committed', atMs: 99 }),
          ),
        ],
        reservation: reservation({ status: 'committed', settledAtMs: 99 }),
      },
    });
  });

  it('releases: the stock stays, and is reserved no more', () => {
    expect(decideSettle(held(), 'released', 99)).toEqual({
      kind: 'settled',
      next: {
        items: [withMovement(item({ reservedInRows: 1, updatedAtMs: 99 }), moved(3, { type: 'released', atMs: 99 }))],
        reservation: reservation({ status: 'released', settledAtMs: 99 }),
      },
    });
  });

  it('leaves nothing to end where nothing is reserved any more', () => {
    const { next } = decideSettle({ ...held(), items: [item({ reservedInRows: 3 })] }, 'released', 99);
    expect(next!.items[0]).toMatchObject({ reservedInRows: 0, nextExpiryMs: undefined });
  });

  it.each([
    { status: 'held', nowMs: 99, to: 'committed', kind: 'settled', writes: true },
    { status: 'held', nowMs: 100, to: 'committed', kind: 'notHeld', writes: false },
    { status: 'held', nowMs: 100, to: 'released', kind: 'notHeld', writes: false },
    { status: 'committed', nowMs: 99, to: 'committed', kind: 'settled', writes: false },
    { status: 'committed', nowMs: 500, to: 'committed', kind: 'settled', writes: false },
    { status: 'committed', nowMs: 99, to: 'released', kind: 'notHeld', writes: false },
    { status: 'released', nowMs: 99, to: 'released', kind: 'settled', writes: false },
    { status: 'released', nowMs: 99, to: 'committed', kind: 'notHeld', writes: false },
  ] as const)('from $status to $to at $nowMs is $kind', ({ status, nowMs, to, kind, writes }) => {
    const decision = decideSettle(held({ status }), to, nowMs);
    expect([decision.kind, decision.next !== undefined]).toEqual([kind, writes]);
  });

  it.each([
    { status: 'held', nowMs: 99, is: 'held' },
    { status: 'held', nowMs: 100, is: 'expired' },
    { status: 'committed', nowMs: 100, is: 'committed' },
    { status: 'released', nowMs: 100, is: 'released' },
  ] as const)('a $status one is $is at $nowMs', ({ status, nowMs, is }) => {
    expect(statusAt(reservation({ status }), nowMs)).toBe(is);
  });
});

describe('extending', () => {
  it.each([
    { nowMs: 60, holdMs: 41, expiresAtMs: 101 },
    { nowMs: 60, holdMs: 40, expiresAtMs: 100 },
    { nowMs: 60, holdMs: 1, expiresAtMs: 100 },
    { nowMs: 99, holdMs: 500, expiresAtMs: 599 },
  ])('by $holdMs at $nowMs ends at $expiresAtMs: never earlier than before', ({ nowMs, holdMs, expiresAtMs }) => {
    const { kind, next } = decideExtend(held(), holdMs, nowMs);
    expect(kind).toBe('settled');
    if (expiresAtMs === 100) expect(next).toBeUndefined();
    else {
      expect(next!.reservation).toEqual(reservation({ expiresAtMs }));
      // The earliest end stays a lower bound.
      expect(next!.items).toEqual([item({ updatedAtMs: nowMs })]);
    }
  });

  it.each(['committed', 'released'] as const)('what is %s is refused', (status) => {
    expect(decideExtend(held({ status }), 500, 60)).toEqual({ kind: 'notHeld' });
  });

  it('what has expired is refused', () => {
    expect(decideExtend(held(), 500, 100)).toEqual({ kind: 'notHeld' });
  });
});

describe('folding what has ended', () => {
  const due: DueHolds = {
    fromMs: 20,
    revision: 7,
    closedMs: 50,
    closedQuantity: 1,
    throughMs: 110,
    quantity: 3,
    nextExpiryMs: 130,
  };

  it('takes off all that was read, where the item is as it was then', () => {
    expect(foldDue(item(), 7, due)).toEqual(
      item({ reservedInRows: 1, expiredThroughMs: 110, updatedAtMs: 110, nextExpiryMs: 130 }),
    );
  });

  it('takes off what no later decision can have touched, where the item has changed', () => {
    expect(foldDue(item({ updatedAtMs: 90 }), 8, due)).toEqual(
      item({ reservedInRows: 3, expiredThroughMs: 50, updatedAtMs: 90, nextExpiryMs: 51 }),
    );
    expect(foldDue(item(), 0, due)).toMatchObject({ reservedInRows: 3, expiredThroughMs: 50 });
  });

  it('takes off nothing twice', () => {
    expect(foldDue(item({ expiredThroughMs: 50 }), 8, due)).toBeUndefined();
    expect(foldDue(item({ expiredThroughMs: 110 }), 7, due)).toBeUndefined();
  });

  it('says nothing where nothing was read, or nothing of it is certain any more', () => {
    expect(foldDue(item(), 7, undefined)).toBeUndefined();
    expect(foldDue(item(), 8, { ...due, closedMs: 20 })).toBeUndefined();
  });

  it('leaves nothing to end where nothing is reserved any more', () => {
    expect(foldDue(item({ reservedInRows: 3 }), 7, due)).toMatchObject({ reservedInRows: 0, nextExpiryMs: undefined });
  });

  it('of more than is reserved is a broken invariant', () => {
    expect(() => foldDue(item({ reservedInRows: 2 }), 7, due)).toThrow('broken invariant');
  });
});

describe('time', () => {
  it('of a decision is never before an earlier one on its items', () => {
    expect(decisionTime(40, [item(), undefined, item({ updatedAtMs: 70 })])).toBe(70);
    expect(decisionTime(80, [item()])).toBe(80);
  });

  it.each([
    { nextExpiryMs: undefined, may: false },
    { nextExpiryMs: 101, may: false },
    { nextExpiryMs: 100, may: true },
  ])('something may have ended at 100 where the next is at $nextExpiryMs: $may', ({ nextExpiryMs, may }) => {
    expect(mayHaveDue(item({ nextExpiryMs }), 100)).toBe(may);
  });

  it('keeps a reservation until 24 hours after its end', () => {
    expect(keepForMs(100, 60)).toBe(40 + 86_400_000);
    expect(keepForMs(100, 160)).toBe(86_400_000);
  });
});

describe('holds that stand in the item', () => {
  const reserve = (given: ItemRecord, quantity: number, nowMs: number, holdsOfItemMax = 2) => {
    const command = { id: 'r', lines: [{ quantity }], holdMs: 30, holdsOfItemMax };
    return decideReserve([given], command, nowMs);
  };
  const found = (given: ItemRecord, quantity = 1): Found => ({
    id: 'r',
    items: [given],
    reservation: reservation({ lines: [{ sku: 'a', quantity }] }),
  });

  it('are those that find room there; further ones have rows, which stay where they are', () => {
    const [second] = reserve(holding(hold('a', 100)), 2, 60).next!;
    expect(second).toMatchObject({ held: [hold('a', 100), hold('r', 90, 2)], reservedInRows: 0 });
    expect(second!.nextExpiryMs).toBeUndefined();
    const [third] = reserve(holding(hold('a', 100), hold('b', 100)), 2, 60).next!;
    expect(third).toMatchObject({ held: [hold('a', 100), hold('b', 100)], reservedInRows: 2, nextExpiryMs: 90 });
  });

  it('count as reserved, beside those of rows', () => {
    const given = item({ held: [hold('a', 100, 5)] });
    expect([reservedOf(given), nextExpiryOf(given)]).toEqual([9, 100]);
    expect(reserve(given, 2, 60).outcome).toEqual({ kind: 'insufficient', shortages: [{ line: 0, available: 1 }] });
    expect(nextExpiryOf(item({ held: [hold('a', 70), hold('b', 65)] }))).toBe(65);
    expect(nextExpiryOf(item({ nextExpiryMs: undefined }))).toBeUndefined();
  });

  it.each([
    { nowMs: 99, outcome: 'insufficient' },
    { nowMs: 100, outcome: 'reserved' },
  ])('end by themselves: all is $outcome at $nowMs of what is held until 100', ({ nowMs, outcome }) => {
    expect(reserve(holding(hold('a', 100, 10)), 10, nowMs).outcome.kind).toBe(outcome);
  });

  it('that have ended are recorded with the next command, dated at their ends, in the order of these', () => {
    const given = holding(hold('late', 59, 2), hold('early', 55, 3), hold('live', 61, 4));
    const [next] = reserve(given, 1, 60, 8).next!;
    const expired = (reservationId: string, quantity: number, atMs: number): MovementRecord =>
      moved(quantity, { type: 'expired', reservationId, atMs });
    const noted = [expired('early', 3, 55), expired('late', 2, 59), moved(1, {})].reduce(withMovement, given);
    expect(next).toEqual({ ...noted, held: [hold('live', 61, 4), hold('r', 90)], updatedAtMs: 60 });
  });

  it('make room when they end, are settled, or go on for longer', () => {
    expect(reserve(holding(hold('a', 60), hold('b', 99)), 1, 60).next![0]!.held).toEqual([
      hold('b', 99),
      hold('r', 90),
    ]);
    const given = holding(hold('a', 100, 4), hold('r', 100, 3));
    for (const to of ['committed', 'released'] as const) {
      const [settled] = decideSettle(found(given, 3), to, 80).next!.items;
      expect(settled).toMatchObject({ held: [hold('a', 100, 4)], quantity: to === 'committed' ? 7 : 10 });
      expect(reservedOf(settled!)).toBe(4);
    }
    const extended = decideExtend(found(given, 3), 50, 80).next!;
    expect(extended.items[0]!.held).toEqual([hold('a', 100, 4), hold('r', 130, 3)]);
    expect(extended.items[0]!.movements).toBe(given.movements);
  });

  it('are settled there, and what has rows is left alone; the other way round too', () => {
    const both = item({ held: [hold('r', 100, 3)] });
    expect(decideSettle(found(both, 3), 'released', 80).next!.items[0]).toMatchObject({ held: [], reservedInRows: 4 });
    const other = item({ held: [hold('a', 100, 3)] });
    expect(decideSettle(found(other, 3), 'released', 80).next!.items[0]).toMatchObject({
      held: [hold('a', 100, 3)],
      reservedInRows: 1,
    });
  });

  it('and those with rows are shown as of one moment by an adjustment that is exact a little before', () => {
    const given = item({ held: [hold('a', 100, 2)], nextExpiryMs: 101 });
    const { outcome } = decideAdjust(given, { delta: 1, exactAtMs: 99 }, 105);
    expect(outcome).toMatchObject({ item: { reserved: 6 } });
    expect(decideAdjust(given, { delta: -7, exactAtMs: 99 }, 100).outcome).toEqual({
      kind: 'insufficient',
      shortages: [{ line: 0, available: 6 }],
    });
  });
});

describe('records', () => {
  it.each([
    item(),
    newItem(0, 1),
    item({ dueAtMs: 5, quantity: max, reservedInRows: max, updatedAtMs: max, movements: max, sweeps: 7 }),
    holding(hold('0190-ü', 1_900_000_000_000, 3), hold('x'.repeat(256), max, max)),
    [moved(1, {}), moved(-max, { type: 'adjusted', reservationId: undefined, reason: 'größer' })].reduce(
      withMovement,
      item(),
    ),
  ])('of an item are read as they were written %#', (record) => {
    expect(decodeItem(encodeItem(record))).toEqual({ nextExpiryMs: undefined, dueAtMs: undefined, ...record });
  });

  it.each([
    reservation(),
    reservation({ status: 'committed', settledAtMs: max }),
    reservation({ status: 'released', lines: [], createdAtMs: max, expiresAtMs: max, settledAtMs: 1 }),
    reservation({ lines: Array.from({ length: 32 }, (_, index) => ({ sku: 'ü'.repeat(128 - index), quantity: max })) }),
  ])('of a reservation are read as they were written %#', (record) => {
    expect(decodeReservation(encodeReservation(record))).toEqual({ settledAtMs: undefined, ...record });
  });

  it('of movements are read with their numbers, the newest first', () => {
    const movements: MovementRecord[] = [
      moved(5, { type: 'created', reservationId: undefined }),
      moved(-3, { type: 'adjusted', reservationId: undefined, reason: '' }),
      ...(['reserved', 'committed', 'released', 'expired'] as const).map((type) => moved(2, { type })),
    ];
    const record = movements.reduce(withMovement, item({ movements: 0, movementsInRows: 0 }));
    const expected = movements.map((each, index) => ({ reason: undefined, ...each, sku: 's', number: index + 1 }));
    expect(recentMovements('s', record)).toEqual([...expected].reverse());
    const { row, rest } = splitMovements(record.recent, 4);
    expect(toMovements('s', { key: keyspace.stockMovement('s', 4), value: row })).toEqual(
      expected.slice(0, 4).reverse(),
    );
    expect(recentMovements('s', { ...record, recent: rest })).toEqual(expected.slice(4).reverse());
  });

  it('of another format, or that are damaged, are refused', () => {
    const whole = encodeItem(holding(hold('a', 100)));
    expect(() => decodeItem(Buffer.concat([Buffer.of(1), whole.subarray(1)]))).toThrow('an item of format 1 where 2');
    for (let length = 1; length < whole.length; length += 1)
      expect(() => decodeItem(whole.subarray(0, length))).toThrow('broken invariant');
  });
});
