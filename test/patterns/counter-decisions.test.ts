import {
  type CounterHead,
  decideCreate,
  decideIncrement,
  decideSet,
  decideShardIncrement,
} from '../../src/patterns/counter';

const max = Number.MAX_SAFE_INTEGER;
const head = (over: Partial<CounterHead> = {}): CounterHead => ({
  value: 10,
  shards: 1,
  createdAtMs: 1,
  updatedAtMs: 5,
  generation: 0,
  ...over,
});

describe('an increment', () => {
  it('makes a missing counter at 0 first', () => {
    const { outcome, next } = decideIncrement(undefined, 3, 100);
    expect(outcome).toEqual({ kind: 'changed', value: 3 });
    expect(next).toEqual({ value: 3, shards: 1, createdAtMs: 100, updatedAtMs: 100, generation: 0 });
  });

  it.each([
    { state: head(), by: 5, value: 15 },
    { state: head(), by: -25, value: -15 },
    { state: head({ min: 0, max: 11 }), by: 1, value: 11 },
    { state: head({ min: 0 }), by: -10, value: 0 },
    { state: head({ value: max - 1 }), by: 1, value: max },
    { state: head({ value: -max + 1 }), by: -1, value: -max },
  ])('of $by on $state.value comes to $value', ({ state, by, value }) => {
    expect(decideIncrement(state, by, 9)).toEqual({
      outcome: { kind: 'changed', value },
      next: { ...state, value, updatedAtMs: 9 },
    });
  });

  it.each([
    { state: head({ max: 11 }), by: 2 },
    { state: head({ min: 0 }), by: -11 },
    { state: head({ value: max }), by: 1 },
    { state: head({ value: max }), by: max },
    { state: head({ value: -max }), by: -1 },
  ])('of $by on $state.value is refused with value and bounds, and changes nothing', ({ state, by }) => {
    const refused = { kind: 'outOfBounds', value: state.value, min: state.min, max: state.max };
    expect(decideIncrement(state, by, 9)).toEqual({ outcome: refused });
  });

  it('never moves updatedAt back', () => {
    expect(decideIncrement(head({ updatedAtMs: 50 }), 1, 9).next?.updatedAtMs).toBe(50);
  });
});

describe('creating', () => {
  const command = { initialValue: 4, shards: 8, min: undefined, max: undefined, generation: 77 };

  it('leaves alone what exists', () => {
    expect(decideCreate(head(), command, 9)).toEqual({ outcome: { kind: 'exists' } });
  });

  it('makes the head', () => {
    const next = {
      value: 4,
      shards: 8,
      min: undefined,
      max: undefined,
      createdAtMs: 9,
      updatedAtMs: 9,
      generation: 77,
    };
    expect(decideCreate(undefined, command, 9)).toEqual({ outcome: { kind: 'created', createdAtMs: 9 }, next });
  });
});

describe('setting', () => {
  it('gives a sharded counter a new base and generation, which ends its old shard rows', () => {
    const { outcome, next } = decideSet(head({ shards: 4, generation: 1 }), { value: 40, generation: 2 }, 9);
    expect(outcome).toEqual({ kind: 'changed', value: undefined });
    expect(next).toMatchObject({ value: 40, shards: 4, generation: 2 });
  });

  it('stays within the bounds', () => {
    expect(decideSet(head({ max: 39 }), { value: 40, generation: 2 }, 9).outcome.kind).toBe('outOfBounds');
  });
});

describe('an increment of a shard', () => {
  const sharded = head({ value: 0, shards: 4, generation: 3 });
  const total = (): number => 77;

  it('begins at 0 where the row is missing or of an earlier generation', () => {
    for (const shard of [undefined, { generation: 2, sum: 100, updatedAtMs: 1 }]) {
      const { next } = decideShardIncrement({ head: sharded, shard, by: 5, total }, 9);
      expect(next).toEqual({ generation: 3, sum: 5, updatedAtMs: 9 });
    }
  });

  it('adds to the row of its generation', () => {
    const shard = { generation: 3, sum: 2, updatedAtMs: 20 };
    const { next } = decideShardIncrement({ head: sharded, shard, by: 5, total }, 9);
    expect(next).toEqual({ generation: 3, sum: 7, updatedAtMs: 20 });
  });

  const base = 1_000;
  const most = Math.floor((max - base) / 4);
  it.each([
    { sum: most, by: 1, isRefused: true },
    { sum: most - 1, by: 1, isRefused: false },
    { sum: 0, by: -most - 1, isRefused: true },
    { sum: 0, by: -most, isRefused: false },
    { sum: most, by: -1, isRefused: false },
  ])(
    'of $by at $sum is refused: $isRefused, so that all shards with the base stay a SafeInt',
    ({ sum, by, isRefused }) => {
      const state = head({ value: -base, shards: 4, generation: 3 });
      const shard = { generation: 3, sum, updatedAtMs: 1 };
      const { outcome, next } = decideShardIncrement({ head: state, shard, by, total }, 9);
      expect(Number.isSafeInteger(base + 4 * most)).toBe(true);
      if (isRefused) expect([outcome, next]).toEqual([{ kind: 'outOfBounds', value: 77 }, undefined]);
      else expect([outcome, next?.sum]).toEqual([{ kind: 'changed', value: undefined }, sum + by]);
    },
  );
});
