import {
  decideAdjust,
  decideExtend,
  decideReserve,
  decideSettle,
  decisionTime,
  foldDue,
  keepForMs,
  mayHaveDue,
  statusAt,
  sumLines,
} from '../../src/patterns/inventory-decisions';
import type { DueHolds, Settlement } from '../../src/patterns/inventory-decisions';
import type { ItemRecord, ReservationRecord } from '../../src/patterns/inventory-records';

const max = Number.MAX_SAFE_INTEGER;
const item = (over: Partial<ItemRecord> = {}): ItemRecord => ({
  quantity: 10,
  reserved: 4,
  createdAtMs: 1,
  updatedAtMs: 50,
  expiredThroughMs: 20,
  nextExpiryMs: 100,
  movements: 3,
  sweeps: 0,
  ...over,
});
const reservation = (over: Partial<ReservationRecord> = {}): ReservationRecord => ({
  status: 'held',
  lines: [{ sku: 'a', quantity: 3 }],
  createdAtMs: 10,
  expiresAtMs: 100,
  ...over,
});
const held = (over: Partial<ReservationRecord> = {}): Settlement => ({
  items: [item()],
  reservation: reservation(over),
});

describe('reserving', () => {
  const lines = (...quantities: number[]): { quantity: number }[] => quantities.map((quantity) => ({ quantity }));

  it('takes all that is available, and no more', () => {
    const { outcome, next } = decideReserve([item()], { lines: lines(6), holdMs: 30 }, 60);
    expect(outcome).toEqual({ kind: 'reserved', createdAtMs: 60, expiresAtMs: 90 });
    expect(next).toEqual([item({ reserved: 10, updatedAtMs: 60, nextExpiryMs: 90 })]);
    const refused = decideReserve([item()], { lines: lines(7), holdMs: 30 }, 60);
    expect(refused).toEqual({ outcome: { kind: 'insufficient', shortages: [{ line: 0, available: 6 }] } });
  });

  it.each([
    { nextExpiryMs: undefined, holdMs: 10, comes: 70 },
    { nextExpiryMs: 65, holdMs: 10, comes: 65 },
    { nextExpiryMs: 75, holdMs: 10, comes: 70 },
  ])('next ends at $comes a hold of $holdMs where $nextExpiryMs was next', ({ nextExpiryMs, holdMs, comes }) => {
    const { next } = decideReserve([item({ nextExpiryMs })], { lines: lines(1), holdMs }, 60);
    expect(next![0]!.nextExpiryMs).toBe(comes);
  });

  it('is all or nothing, and says every line that is short', () => {
    const items = [item(), item({ reserved: 10 }), item({ quantity: 5 })];
    expect(decideReserve(items, { lines: lines(1, 1, 2), holdMs: 1 }, 60)).toEqual({
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
    const items = [item({ reserved: 10 }), undefined, item()];
    expect(decideReserve(items, { lines: lines(5, 1, 1), holdMs: 1 }, 60)).toEqual({
      outcome: { kind: 'notFound', lines: [1] },
    });
  });

  it.each([
    { nowMs: 99, kind: 'insufficient' },
    { nowMs: 100, kind: 'dueUnknown' },
    { nowMs: 101, kind: 'dueUnknown' },
  ])('at $nowMs, where a hold may end at 100, comes to $kind', ({ nowMs, kind }) => {
    expect(decideReserve([item()], { lines: lines(7), holdMs: 1 }, nowMs).outcome.kind).toBe(kind);
    expect(decideReserve([item()], { lines: lines(6), holdMs: 1 }, nowMs).outcome.kind).toBe('reserved');
  });

  it('of what is short elsewhere too needs to know only what is short', () => {
    const items = [item({ nextExpiryMs: 60 }), item({ reserved: 10, nextExpiryMs: 200 })];
    expect(decideReserve(items, { lines: lines(1, 1), holdMs: 1 }, 60).outcome.kind).toBe('insufficient');
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
    const next = item({ quantity, updatedAtMs: 60 });
    expect(decideAdjust(item(), { delta, exactAtMs: 60 }, 60)).toEqual({
      outcome: { kind: 'adjusted', item: next },
      next,
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
        items: [item({ quantity: 7, reserved: 1, updatedAtMs: 99 })],
        reservation: reservation({ status: 'committed', settledAtMs: 99 }),
      },
    });
  });

  it('releases: the stock stays, and is reserved no more', () => {
    expect(decideSettle(held(), 'released', 99)).toEqual({
      kind: 'settled',
      next: {
        items: [item({ reserved: 1, updatedAtMs: 99 })],
        reservation: reservation({ status: 'released', settledAtMs: 99 }),
      },
    });
  });

  it('leaves nothing to end where nothing is reserved any more', () => {
    const { next } = decideSettle({ ...held(), items: [item({ reserved: 3 })] }, 'released', 99);
    expect(next!.items[0]).toMatchObject({ reserved: 0, nextExpiryMs: undefined });
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
      item({ reserved: 1, expiredThroughMs: 110, updatedAtMs: 110, nextExpiryMs: 130 }),
    );
  });

  it('takes off what no later decision can have touched, where the item has changed', () => {
    expect(foldDue(item({ updatedAtMs: 90 }), 8, due)).toEqual(
      item({ reserved: 3, expiredThroughMs: 50, updatedAtMs: 90, nextExpiryMs: 51 }),
    );
    expect(foldDue(item(), 0, due)).toMatchObject({ reserved: 3, expiredThroughMs: 50 });
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
    expect(foldDue(item({ reserved: 3 }), 7, due)).toMatchObject({ reserved: 0, nextExpiryMs: undefined });
  });

  it('of more than is reserved is a broken invariant', () => {
    expect(() => foldDue(item({ reserved: 2 }), 7, due)).toThrow('broken invariant');
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
