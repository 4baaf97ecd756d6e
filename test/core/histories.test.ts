/** The checkers of histories see what is broken, and call nothing broken that is not: they are worth what these tests are. */
import { makeSeededIds } from '../../src/core/ids';
import { counterFaults } from '../faults/history/counters';
import type { CounterHistory } from '../faults/history/counters';
import { keptFaults } from '../faults/history/kept';
import { moneyFaults } from '../faults/history/money';
import { registerFaults } from '../faults/history/registers';
import type { RegisterCall } from '../faults/history/registers';
import { reignFaults } from '../faults/history/reigns';
import type { FencedWrite, Reign } from '../faults/history/reigns';
import { makeCount } from '../faults/history/span';
import { stockFaults } from '../faults/history/stock';
import type { StockHistory } from '../faults/history/stock';
import { streamFaults } from '../faults/history/streams';
import type { PlacedEvent, StreamHistory } from '../faults/history/streams';

const never = Infinity;

describe('a register', () => {
  const write = (leaves: string, calledAt: number, answeredAt: number): RegisterCall => ({
    leaves,
    calledAt,
    answeredAt,
  });
  const read = (finds: string | null, calledAt: number, answeredAt: number): RegisterCall => ({
    finds,
    calledAt,
    answeredAt,
  });
  const swap = (finds: string, leaves: string, calledAt: number, answeredAt: number): RegisterCall => ({
    finds,
    leaves,
    calledAt,
    answeredAt,
  });

  it.each<[string, readonly RegisterCall[]]>([
    ['nothing at all', []],
    [
      'one after the other',
      [read(null, 1, 2), write('a', 3, 4), read('a', 5, 6), swap('a', 'b', 7, 8), read('b', 9, 10)],
    ],
    [
      'reads beside a write that see it and do not',
      [write('a', 1, 9), read('a', 2, 4), read('a', 6, 8), read(null, 3, 5)],
    ],
    ['two writes at once, either order', [write('a', 1, 4), write('b', 2, 3), read('a', 5, 6)]],
    ['a write that was never answered and never seen', [write('a', 1, never), read(null, 2, 3), read(null, 4, 5)]],
    ['one that is seen late', [write('a', 1, 2), write('b', 3, never), read('a', 4, 5), read('b', 6, 7)]],
    ['one that comes after a later write', [write('b', 1, never), write('a', 2, 3), read('a', 4, 5), read('b', 6, 7)]],
    [
      'an exchange that was never answered',
      [write('a', 1, 2), swap('a', 'b', 3, never), swap('b', 'c', 4, 5), read('c', 6, 7)],
    ],
  ])('is sound: %s', (_, calls) => {
    expect(registerFaults({ calls, refused: [] })).toEqual([]);
  });

  it.each<[string, readonly RegisterCall[]]>([
    ['a stale read', [write('a', 1, 2), write('b', 3, 4), read('a', 5, 6)]],
    ['a lost write', [write('a', 1, 2), read(null, 3, 4)]],
    ['a value from nowhere', [read('x', 1, 2)]],
    ['reads that go back', [write('a', 1, 9), read('a', 2, 3), read(null, 4, 5)]],
    ['two exchanges of one value', [write('a', 1, 2), swap('a', 'b', 3, 5), swap('a', 'c', 4, 6)]],
    [
      'a write applied twice',
      [write('a', 1, never), read('a', 2, 3), write('b', 4, 5), read('b', 6, 7), read('a', 8, 9)],
    ],
    ['a read before its write was called', [read('a', 1, 2), write('a', 3, 4)]],
    ['an unknown write before it was called', [read('a', 1, 2), write('a', 3, never)]],
  ])('is broken: %s', (_, calls) => {
    expect(registerFaults({ calls, refused: [] })).toEqual([expect.stringContaining('no order explains')]);
  });

  it('is broken where a value is found whose write was refused', () => {
    const calls = [write('a', 1, never), read('a', 2, 3)];
    expect(registerFaults({ calls, refused: ['a'] })).toEqual(['a was refused, and was found']);
  });

  /** Calls of several callers on a register that is sound; some answers are lost. */
  const makeCalls = (seed: number): RegisterCall[] => {
    const ids = makeSeededIds(seed);
    const below = (bound: number): number => Math.floor(ids.fraction() * bound);
    const count = makeCount();
    const calls: RegisterCall[] = [];
    let value: string | null = null;
    type Running = { calledAt: number; leaves?: string; isWrite: boolean; done?: RegisterCall };
    const callers: (Running | undefined)[] = Array.from({ length: 6 }, () => undefined);
    for (let step = 0; step < 3_000; step += 1) {
      const at = below(callers.length);
      const running = callers[at];
      if (!running) callers[at] = { calledAt: count(), isWrite: below(2) === 0, leaves: `v${step}` };
      else if (!running.done) {
        const { calledAt, leaves } = running;
        running.done = running.isWrite
          ? { calledAt, answeredAt: 0, leaves: leaves! }
          : { calledAt, answeredAt: 0, finds: value };
        if (running.isWrite) value = leaves!;
      } else {
        const isLost = running.isWrite && below(20) === 0;
        calls.push({ ...running.done, answeredAt: isLost ? never : count() });
        callers[at] = undefined;
      }
    }
    return calls;
  };

  it.each([1, 2, 3])(
    'is sound with hundreds of calls at once (seed %d), and broken where one read is exchanged for an old one',
    (seed) => {
      const calls = makeCalls(seed);
      expect(registerFaults({ calls, refused: [] })).toEqual([]);
      const last = calls.findLastIndex(({ finds }) => typeof finds === 'string');
      const early = calls.find(({ leaves, answeredAt }) => leaves !== undefined && answeredAt !== never)!;
      const broken = calls.with(last, { ...calls[last]!, finds: early.leaves! });
      expect(registerFaults({ calls: broken, refused: [] })).toHaveLength(1);
    },
  );
});

describe('a counter', () => {
  const sound: CounterHistory = {
    acknowledged: [
      { by: 2, value: 2, calledAt: 1, answeredAt: 2 },
      { by: 1, value: 6, calledAt: 3, answeredAt: 6 },
      { by: 3, value: 5, calledAt: 4, answeredAt: 5 },
    ],
    unknown: [4],
    end: 6,
  };
  const none = { acknowledged: [], unknown: [], end: 0 };

  it('is sound', () => {
    expect(counterFaults(sound)).toEqual([]);
    expect(counterFaults({ ...sound, end: 10 })).toEqual([]);
    const filled = { by: 1, value: 7, calledAt: 7, answeredAt: 8 };
    expect(counterFaults({ acknowledged: [...sound.acknowledged, filled], unknown: [4], end: 7 })).toEqual([]);
    expect(counterFaults(none)).toEqual([]);
  });

  it.each<[string, CounterHistory, string]>([
    ['lost', { ...sound, end: 5 }, 'it stands at 5'],
    ['doubled', { ...sound, end: 9 }, 'do not explain'],
    ['half of an unknown one', { ...sound, end: 8 }, 'do not explain'],
    [
      'two at one place',
      { ...none, acknowledged: [2, 2].map((value) => ({ by: 1, value, calledAt: 1, answeredAt: 5 })), end: 2 },
      'overlaps',
    ],
    [
      'out of order',
      {
        ...none,
        acknowledged: [
          { by: 1, value: 2, calledAt: 1, answeredAt: 2 },
          { by: 1, value: 1, calledAt: 3, answeredAt: 4 },
        ],
        end: 2,
      },
      'comes before it',
    ],
  ])('is broken: %s', (_, history, words) => {
    expect(counterFaults(history)).toContainEqual(expect.stringContaining(words));
  });
});

describe('money', () => {
  const sound = {
    opening: { a: 10, b: 10 },
    acknowledged: [{ from: 'a', to: 'b', amount: 3 }],
    looks: [
      { a: 10, b: 10 },
      { a: 7, b: 13 },
    ],
    closing: { a: 7, b: 13 },
  };

  it('is sound', () => {
    expect(moneyFaults(sound)).toEqual([]);
  });

  it.each([
    ['half a transfer was seen', { ...sound, looks: [{ a: 7, b: 10 }] }, 'adds up to 17'],
    ['an account was overdrawn', { ...sound, looks: [{ a: -1, b: 21 }] }, 'less than nothing'],
    ['a transfer was lost', { ...sound, closing: { a: 10, b: 10 } }, 'a ends with 10'],
    ['a transfer was made twice', { ...sound, closing: { a: 4, b: 16 } }, 'b ends with 16'],
  ])('is broken: %s', (_, history, words) => {
    expect(moneyFaults(history)).toContainEqual(expect.stringContaining(words));
  });
});

describe('stock', () => {
  const sound: StockHistory = {
    created: 10,
    adjusted: [5],
    carts: [
      { reservationId: 'r1', quantity: 3, told: 'COMMITTED', status: 'COMMITTED' },
      { reservationId: 'r2', quantity: 2, told: 'HELD', status: 'EXPIRED' },
    ],
    looks: [
      { quantity: 10, reserved: 5 },
      { quantity: 10, reserved: 10 },
    ],
    end: { quantity: 12, reserved: 0 },
    movements: [
      { type: 'CREATED', quantity: 10 },
      { type: 'ADJUSTED', quantity: 5 },
      { type: 'RESERVED', quantity: 3 },
      { type: 'RESERVED', quantity: 2 },
      { type: 'COMMITTED', quantity: 3 },
      { type: 'EXPIRED', quantity: 2 },
    ],
  };

  it('is sound', () => {
    expect(stockFaults(sound)).toEqual([]);
  });

  it.each<[string, StockHistory, string]>([
    ['oversold', { ...sound, looks: [{ quantity: 3, reserved: 4 }] }, '4 of 3 were reserved'],
    ['sold twice', { ...sound, end: { quantity: 9, reserved: 0 } }, '9 are left'],
    ['a hold that stays', { ...sound, end: { quantity: 12, reserved: 2 } }, '2 are reserved'],
    ['told otherwise', { ...sound, carts: [{ ...sound.carts[0]!, status: 'EXPIRED' }] }, 'was said to be COMMITTED'],
    [
      'a movement too many',
      { ...sound, movements: [...sound.movements, { type: 'COMMITTED', quantity: 1 }] },
      'come to 11',
    ],
    ['a movement that is missing', { ...sound, movements: sound.movements.slice(0, -1) }, 'leave 2 reserved'],
  ])('is broken: %s', (_, history, words) => {
    expect(stockFaults(history)).toContainEqual(expect.stringContaining(words));
  });
});

describe('streams', () => {
  const event = (streamId: string, version: number, position: number): PlacedEvent => ({
    streamId,
    eventId: `${streamId}${version}`,
    version,
    position,
  });
  const stored = [event('a', 1, 1), event('b', 1, 2), event('a', 2, 3)];
  const sound: StreamHistory = {
    acknowledged: [stored[2]!, stored[0]!],
    refused: ['x'],
    readers: { first: stored, second: stored },
    stored,
  };

  it('are sound', () => {
    expect(streamFaults(sound)).toEqual([]);
  });

  it.each<[string, StreamHistory, string]>([
    ['lost', { ...sound, acknowledged: [event('b', 2, 4)] }, 'stored is nothing'],
    ['moved', { ...sound, acknowledged: [{ ...stored[0]!, version: 2 }] }, 'was acknowledged'],
    ['a loser that left a trace', { ...sound, refused: ['a2'] }, 'a2 was refused'],
    ['a gap', { ...sound, readers: { first: [stored[0]!, stored[2]!] } }, 'for b/1'],
    [
      'a double',
      { ...sound, readers: { first: [stored[0]!, stored[0]!, stored[1]!, stored[2]!] } },
      'behind version 1',
    ],
    ['another order', { ...sound, readers: { first: [stored[1]!, stored[0]!, stored[2]!] } }, 'behind position 2'],
    ['cut short', { ...sound, readers: { first: stored.slice(0, 2) } }, 'was given nothing'],
    ['too much', { ...sound, readers: { first: [...stored, event('a', 3, 4)] } }, 'more than is stored'],
    [
      'twice in the store',
      { ...sound, stored: [...stored, { ...stored[0]!, version: 3, position: 4 }] },
      'stored twice',
    ],
    ['a version left out', { ...sound, stored: [event('a', 1, 1), event('a', 3, 2)] }, 'behind version 1'],
  ])('are broken: %s', (_, history, words) => {
    expect(streamFaults(history)).toContainEqual(expect.stringContaining(words));
  });
});

describe('reigns', () => {
  const reign = (token: number, fromMs: number, toMs: number, isResigned = false): Reign => ({
    token,
    candidateId: `c${token}`,
    acquiredAtMs: fromMs,
    leaseExpiresAtMs: toMs,
    isResigned,
    calledAt: 10 * token,
    answeredAt: 10 * token + 5,
  });
  const write = (token: number, calledAt: number, isTaken: boolean, currentToken = 0): FencedWrite => ({
    token,
    calledAt,
    answeredAt: calledAt + 1,
    isTaken,
    currentToken,
  });
  const reigns = [reign(1, 0, 100), reign(2, 100, 250, true), reign(3, 180, 300)];

  it('are sound', () => {
    const writes = [write(1, 24, true), write(1, 26, false, 2), write(3, 40, true), write(2, 34, true)];
    expect(reignFaults({ reigns, writes })).toEqual([]);
  });

  it.each<[string, readonly Reign[], readonly FencedWrite[], string]>([
    ['two at a time', [reign(1, 0, 100), reign(2, 99, 200)], [], '1 ms before the end'],
    ['one token twice', [reign(1, 0, 100), { ...reign(1, 100, 200), candidateId: 'x' }], [], 'the same token'],
    [
      'a later one with a lower token',
      [{ ...reign(2, 0, 9), calledAt: 1, answeredAt: 2 }, reign(1, 9, 20)],
      [],
      'comes before',
    ],
    ['a write of an old reign', reigns, [write(1, 26, true)], 'was taken after'],
    ['a write of the present one refused', reigns, [write(3, 40, false, 3)], 'was refused for token 3'],
  ])('are broken: %s', (_, all, writes, words) => {
    expect(reignFaults({ reigns: all, writes })).toContainEqual(expect.stringContaining(words));
  });
});

test('what was acknowledged is kept, and what was refused is not', () => {
  const kept = { version: '4', text: 'a' };
  const acknowledged = new Map([['k', kept]]);
  expect(keptFaults({ acknowledged, refused: ['x'], stored: new Map([['k', kept]]) })).toEqual([]);
  expect(keptFaults({ acknowledged, refused: [], stored: new Map() })).toEqual([
    'k was acknowledged, and is not there',
  ]);
  const other = new Map([['k', { ...kept, version: '5' }]]);
  expect(keptFaults({ acknowledged, refused: [], stored: other })).toEqual([expect.stringContaining('k is a at 5')]);
  expect(keptFaults({ acknowledged: new Map(), refused: ['k'], stored: other })).toEqual([
    'k was refused, and is there',
  ]);
});
