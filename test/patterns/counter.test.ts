/** Counters over gateways that share a store. */
import { AppError } from '../../src/core/errors';
import { counterShardsRange, keyspace } from '../../src/core/keyspace';
import { counterCursor } from '../../src/patterns/counter';
import type { Counter, CreateCounter, IncrementOutcome } from '../../src/patterns/counter';
import { atOnce, failure, turn, World } from './support/world';
import type { Gateway } from './support/world';

const integerMax = Number.MAX_SAFE_INTEGER;

let world: World;
let gateway: Gateway;
let other: Gateway;

beforeEach(() => {
  world = new World();
  gateway = world.gateway();
  other = world.gateway();
});
afterEach(() => world.close());

const create = (name: string, over: Partial<CreateCounter> = {}, by: Gateway = gateway) =>
  by.counters.create({ name, initialValue: 0, shards: 1, ...over });
const add = (
  name: string,
  by: number,
  idempotencyKey?: string,
  through: Gateway = gateway,
): Promise<IncrementOutcome> => through.counters.increment({ name, by, idempotencyKey });
const valueOf = async (name: string): Promise<number | undefined> => (await gateway.counters.get(name))?.value;
const changed = (value?: number): IncrementOutcome => ({ kind: 'changed', value });

describe('creating', () => {
  it('makes the counter and answers it as it was made', async () => {
    const outcome = await create('a', { initialValue: 5, min: 0, max: 10 });
    const atMs = world.clock.nowMs();
    const counter = { name: 'a', value: 5, shards: 1, min: 0, max: 10, createdAtMs: atMs, updatedAtMs: atMs };
    expect(outcome).toEqual({ kind: 'created', counter });
    expect(await gateway.counters.get('a')).toEqual(counter);
  });

  it('leaves alone what exists', async () => {
    await add('a', 3);
    expect(await create('a', { initialValue: 100, shards: 4 })).toEqual({ kind: 'exists' });
    expect(await gateway.counters.get('a')).toMatchObject({ value: 3, shards: 1 });
  });

  it('of several callers at once is one creation', async () => {
    const outcomes = await Promise.all([gateway, other, gateway, other].map((each) => create('a', {}, each)));
    expect(outcomes.filter(({ kind }) => kind === 'created')).toHaveLength(1);
  });

  it('again with its key gives the first answer, whatever the counter is now', async () => {
    const first = await create('a', { initialValue: 5, idempotencyKey: 'k' });
    await add('a', 1);
    world.clock.advance(1_000);
    expect(await create('a', { initialValue: 5, idempotencyKey: 'k' }, other)).toEqual(first);
    await gateway.counters.delete('a');
    expect(await create('a', { initialValue: 5, idempotencyKey: 'k' })).toEqual(first);
    expect(await valueOf('a')).toBeUndefined();
    await expect(create('a', { initialValue: 6, idempotencyKey: 'k' })).rejects.toEqual(
      failure('IDEMPOTENCY_KEY_REUSED'),
    );
  });

  it('that was refused is refused again with its key, though the way is free now', async () => {
    await create('a');
    expect(await create('a', { idempotencyKey: 'k' })).toEqual({ kind: 'exists' });
    await gateway.counters.delete('a');
    expect(await create('a', { idempotencyKey: 'k' })).toEqual({ kind: 'exists' });
  });

  it.each<[Partial<CreateCounter>, string]>([
    [{ name: '' }, 'input.name'],
    [{ name: 'x'.repeat(257) }, 'input.name'],
    [{ name: 'a\ud800' }, 'input.name'],
    [{ shards: 0 }, 'input.shards'],
    [{ shards: 65 }, 'input.shards'],
    [{ shards: 1.5 }, 'input.shards'],
    [{ initialValue: Number.NaN }, 'input.initialValue'],
    [{ initialValue: 2 ** 53 }, 'input.initialValue'],
    [{ min: 5, max: 4, initialValue: 5 }, 'input.min'],
    [{ min: 1 }, 'input.initialValue'],
    [{ max: -1 }, 'input.initialValue'],
    [{ min: -Infinity }, 'input.min'],
    [{ shards: 2, min: 0 }, 'input.shards'],
    [{ idempotencyKey: '' }, 'input.idempotencyKey'],
    [{ idempotencyKey: 'k'.repeat(257) }, 'input.idempotencyKey'],
  ])('refuses %j, and writes nothing', async (over, field) => {
    const refused = create('a', over);
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
    expect((await world.base.status()).revision).toBe(0);
  });
});

describe('incrementing', () => {
  it('makes a missing counter at 0 first', async () => {
    expect(await add('a', 5)).toEqual(changed(5));
    expect(await gateway.counters.get('a')).toMatchObject({ value: 5, shards: 1, min: undefined, max: undefined });
  });

  it('hundreds at once on two gateways loses and doubles nothing; each is told the value right after it', async () => {
    const outcomes = await world.until(
      atOnce(400, (index) => add('a', 1, undefined, index % 2 === 0 ? gateway : other)),
    );
    const values = outcomes.map((outcome) => outcome.value as number).sort((a, b) => a - b);
    expect(values).toEqual(Array.from({ length: 400 }, (_, index) => index + 1));
    expect(await valueOf('a')).toBe(400);
  });

  it.each([
    { by: 6, min: 0, max: 10, value: 10 },
    { by: 7, min: 0, max: 10, value: undefined },
    { by: -4, min: 0, max: 10, value: 0 },
    { by: -5, min: 0, max: 10, value: undefined },
    { by: integerMax - 4, value: integerMax },
    { by: integerMax - 3, value: undefined },
    { by: -integerMax, value: -integerMax + 4 },
  ])('by $by from 4 within $min and $max comes to $value', async ({ by, min, max, value }) => {
    await create('a', { initialValue: 4, min, max });
    const refused = { kind: 'outOfBounds', value: 4, min, max };
    expect(await add('a', by)).toEqual(value === undefined ? refused : changed(value));
    expect(await valueOf('a')).toBe(value ?? 4);
  });

  it('never passes a bound, not even between gateways that do not know of each other', async () => {
    await create('a', { max: 10 });
    const outcomes = await world.until(
      atOnce(40, (index) => add('a', 1, undefined, index % 2 === 0 ? gateway : other)),
    );
    expect(outcomes.filter(({ kind }) => kind === 'changed')).toHaveLength(10);
    expect(await valueOf('a')).toBe(10);
  });

  it('is refused by the present state alone: another gateway may have made room', async () => {
    await create('a', { initialValue: 10, max: 10 });
    await add('a', -5, undefined, other);
    expect(await add('a', 1)).toEqual(changed(6));
  });

  it('with a key happens once, on whatever gateway, and answers as the first time', async () => {
    expect(await add('a', 2, 'k')).toEqual(changed(2));
    await add('a', 1);
    expect(await add('a', 2, 'k', other)).toEqual(changed(2));
    expect(await atOnce(5, () => add('a', 2, 'k'))).toEqual(Array(5).fill(changed(2)));
    expect(await valueOf('a')).toBe(3);
    await expect(add('a', 3, 'k')).rejects.toEqual(failure('IDEMPOTENCY_KEY_REUSED'));
    await expect(add('b', 2, 'k')).rejects.toEqual(failure('IDEMPOTENCY_KEY_REUSED'));
  });

  it('takes a default that is written out for one that is left out', async () => {
    await gateway.counters.increment({ name: 'a', by: 1, idempotencyKey: 'k' });
    expect(await gateway.counters.increment({ idempotencyKey: 'k', by: 1, name: 'a' })).toEqual(changed(1));
  });

  it('keeps the keys of mutations apart', async () => {
    await add('a', 2, 'k');
    expect(await gateway.counters.set({ name: 'a', value: 2, idempotencyKey: 'k' })).toEqual(changed(2));
  });

  it('replays a refusal with the values of the first time', async () => {
    await create('a', { initialValue: 10, max: 10 });
    const refused = await add('a', 1, 'k');
    await add('a', -5);
    expect(await add('a', 1, 'k')).toEqual(refused);
  });

  it.each(['afterCommit', 'beforeCommit'] as const)(
    'whose answer was lost %s counts once when it is sent again',
    async (hook) => {
      await add('a', 1);
      gateway.store[hook] = () => {
        gateway.store[hook] = undefined;
        throw new AppError('OUTCOME_UNKNOWN', 'lost');
      };
      await expect(add('a', 2, 'k')).rejects.toEqual(failure('OUTCOME_UNKNOWN'));
      expect(await add('a', 2, 'k', other)).toEqual(changed(3));
      expect(await add('a', 2, 'k')).toEqual(changed(3));
      expect(await valueOf('a')).toBe(3);
    },
  );

  it.each([0, Number.NaN, Infinity, 1.5, 2 ** 53, -(2 ** 53)])('by %d is refused, and writes nothing', async (by) => {
    await expect(add('a', by)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'input.by' } });
    expect((await world.base.status()).revision).toBe(0);
  });

  it('moves updatedAt and leaves createdAt', async () => {
    const createdAtMs = world.clock.nowMs();
    await add('a', 1);
    world.clock.advance(50);
    await add('a', 1);
    expect(await gateway.counters.get('a')).toMatchObject({ createdAtMs, updatedAtMs: createdAtMs + 50 });
  });
});

describe('setting', () => {
  it('makes a missing counter', async () => {
    expect(await gateway.counters.set({ name: 'a', value: -7 })).toEqual(changed(-7));
    expect(await add('a', 1)).toEqual(changed(-6));
  });

  it('stays within the bounds, and says them', async () => {
    await create('a', { min: 0, max: 10 });
    expect(await gateway.counters.set({ name: 'a', value: 11 })).toEqual({
      kind: 'outOfBounds',
      value: 0,
      min: 0,
      max: 10,
    });
    expect(await gateway.counters.set({ name: 'a', value: 10 })).toEqual(changed(10));
  });

  it.each([2 ** 53, Number.NaN, 0.5])('to %d is refused', async (value) => {
    await expect(gateway.counters.set({ name: 'a', value })).rejects.toEqual(failure('INVALID_ARGUMENT'));
  });

  it('with a key happens once', async () => {
    await gateway.counters.set({ name: 'a', value: 5, idempotencyKey: 'k' });
    await add('a', 1);
    expect(await gateway.counters.set({ name: 'a', value: 5, idempotencyKey: 'k' })).toEqual(changed(5));
    expect(await valueOf('a')).toBe(6);
  });
});

describe('deleting', () => {
  it('says whether there was a counter', async () => {
    await add('a', 1);
    expect([await gateway.counters.delete('a'), await gateway.counters.delete('a')]).toEqual([true, false]);
    expect(await gateway.counters.get('a')).toBeUndefined();
    expect(await add('a', 2)).toEqual(changed(2));
  });

  it('by several at once is one deletion', async () => {
    await add('a', 1);
    const outcomes = await world.until(atOnce(10, (index) => (index % 2 === 0 ? gateway : other).counters.delete('a')));
    expect(outcomes.filter(Boolean)).toHaveLength(1);
  });

  it('leaves no row behind, of a sharded counter either', async () => {
    await create('a', { shards: 8 });
    await world.until(atOnce(64, (index) => add('a', 1, `k${index}`)));
    await gateway.counters.delete('a');
    const { results } = await gateway.store.read([{ start: keyspace.counter('a') }, counterShardsRange('a')]);
    expect(results.map(({ entries }) => entries.length)).toEqual([0, 0]);
  });
});

describe('a counter of several shards', () => {
  beforeEach(() => create('s', { initialValue: 100, shards: 8 }));

  it('sums its shards; an increment does not know the sum', async () => {
    expect(await add('s', 5)).toEqual(changed());
    await world.until(atOnce(50, (index) => add('s', 1, `k${index}`, index % 2 === 0 ? gateway : other)));
    expect(await gateway.counters.get('s')).toMatchObject({ value: 155, shards: 8 });
  });

  it('lets the writers of different gateways pass each other', async () => {
    await Promise.all([add('s', 1), add('s', 1, undefined, other)]);
    gateway.reports.length = other.reports.length = 0;
    await Promise.all(Array.from({ length: 20 }, () => [add('s', 1), add('s', 1, undefined, other)]).flat());
    expect([...gateway.reports, ...other.reports].reduce((sum, { conflicts }) => sum + conflicts, 0)).toBe(0);
  });

  it('gives the same key the same shard on every gateway, and counts it once', async () => {
    await world.until(Promise.all([add('s', 1, 'k'), add('s', 1, 'k', other), add('s', 1, 'k')]));
    expect(await valueOf('s')).toBe(101);
  });

  it('that was made anew with other shards between the tries counts a key once', async () => {
    for (const shards of [1, 3, 64, 8]) {
      await add('s', 1, 'k');
      await gateway.counters.delete('s');
      await create('s', { initialValue: 100, shards }, other);
      expect(await add('s', 1, 'k', other)).toEqual(changed());
      expect(await valueOf('s')).toBe(100);
    }
  });

  it('is found by a gateway that knew it with other shards, or as missing', async () => {
    await add('s', 1, undefined, other);
    await gateway.counters.delete('s');
    expect(await add('s', 1, undefined, other)).toEqual(changed(1));
    await gateway.counters.delete('s');
    await create('s', { shards: 2 });
    expect(await add('s', 1, undefined, other)).toEqual(changed());
    expect(await valueOf('s')).toBe(1);
  });

  it('set begins anew from the value, without its old shards', async () => {
    await add('s', 5);
    expect(await gateway.counters.set({ name: 's', value: 1_000 })).toEqual(changed());
    await add('s', 5, undefined, other);
    expect(await gateway.counters.get('s')).toMatchObject({ value: 1_005, shards: 8 });
  });

  it('set by one gateway while another increments ends what came before, and keeps what comes after', async () => {
    await add('s', 5, undefined, other);
    other.store.beforeCommit = async () => {
      other.store.beforeCommit = undefined;
      await gateway.counters.set({ name: 's', value: 0 });
    };
    // Decided on the old base, committed on the new one.
    await add('s', 7, undefined, other);
    expect(await valueOf('s')).toBe(7);
  });

  it('deleted while another gateway increments is made anew by that increment', async () => {
    await add('s', 5, undefined, other);
    other.store.beforeCommit = async () => {
      other.store.beforeCommit = undefined;
      await gateway.counters.delete('s');
    };
    expect(await add('s', 7, undefined, other)).toEqual(changed(7));
    expect(await gateway.counters.get('s')).toMatchObject({ value: 7, shards: 1 });
  });

  it('is never CONTENTION because of callers of the same gateway, whoever sets and increments', async () => {
    gateway.store.afterCommit = turn;
    const running = Array.from({ length: 40 }, async (_, index) => {
      for (let round = 0; round < 5; round += 1) {
        if (index % 4 === 0) await gateway.counters.set({ name: 's', value: 0 });
        else await add('s', 1, `${index}-${round}`);
      }
    });
    await world.until(Promise.all(running));
    expect(Math.max(...gateway.reports.map(({ conflicts }) => conflicts))).toBeLessThanOrEqual(2);
  });

  it('is held to what an integer can hold; the refusal says the sum, the same at a replay', async () => {
    const most = Math.floor((integerMax - 100) / 8);
    await add('s', 3);
    await add('s', 4, undefined, other);
    const refused = { kind: 'outOfBounds', value: 107, min: undefined, max: undefined };
    expect(await add('s', most + 1, 'k')).toEqual(refused);
    await add('s', 10, undefined, other);
    expect(await add('s', most + 1, 'k', other)).toEqual(refused);
    expect(await add('s', integerMax)).toEqual({ ...refused, value: 117 });
    expect(await add('s', most - 3)).toEqual(changed());
    expect(await add('s', 1)).toMatchObject({ kind: 'outOfBounds', value: 100 + most + 14 });
  });

  it('set near what an integer can hold still sums to an integer', async () => {
    await gateway.counters.set({ name: 's', value: integerMax - 8 });
    expect(await world.until(atOnce(64, (index) => add('s', 1, `k${index}`)))).toContainEqual(changed());
    const value = (await valueOf('s'))!;
    expect(Number.isSafeInteger(value)).toBe(true);
    expect(await add('s', 1, 'full')).toMatchObject({ kind: 'outOfBounds' });
  });
});

describe('listing', () => {
  const names = async (prefix: string, first: number, after?: string): Promise<[string[], boolean]> => {
    const { counters, hasMore } = await gateway.counters.list(prefix, first, after);
    return [counters.map(({ name }) => name), hasMore];
  };

  beforeEach(async () => {
    for (const name of ['b', 'a', 'ab', 'a\u0000', 'é', 'ac']) await add(name, 1);
    await create('ab2', { initialValue: 10, shards: 4 });
    await add('ab2', 5);
  });

  it('is in byte order, in pages that go on behind the cursor', async () => {
    expect(await names('', 100)).toEqual([['a', 'a\u0000', 'ab', 'ab2', 'ac', 'b', 'é'], false]);
    expect(await names('a', 2)).toEqual([['a', 'a\u0000'], true]);
    expect(await names('a', 2, counterCursor('a\u0000'))).toEqual([['ab', 'ab2'], true]);
    expect(await names('a', 2, counterCursor('ab2'))).toEqual([['ac'], false]);
    expect(await names('a', 2, counterCursor('b'))).toEqual([[], false]);
    expect(await names('b', 2, counterCursor('a'))).toEqual([['b'], false]);
    expect(await names('zz', 2)).toEqual([[], false]);
  });

  it('goes on behind a counter that was deleted meanwhile', async () => {
    await gateway.counters.delete('ab');
    expect(await names('a', 1, counterCursor('ab'))).toEqual([['ab2'], true]);
  });

  it('sums sharded counters', async () => {
    const { counters } = await gateway.counters.list('ab', 10, undefined);
    expect(counters.map(({ value }) => value)).toEqual([1, 15]);
  });

  it('skips a page whose counters were deleted while it was read', async () => {
    gateway.store.afterRead = async () => {
      gateway.store.afterRead = undefined;
      await other.counters.delete('ab2');
    };
    expect(await names('ab2', 1)).toEqual([[], false]);
    await create('ab2', { shards: 4 });
    gateway.store.afterRead = async () => {
      gateway.store.afterRead = undefined;
      await other.counters.delete('ab2');
    };
    expect(await names('a', 1, counterCursor('ab'))).toEqual([['ac'], false]);
  });

  it.each([
    ['first 0', ['', 0, undefined], 'first'],
    ['first 1,001', ['', 1_001, undefined], 'first'],
    ['a cursor of something else', ['', 1, 'abc'], 'after'],
    ['a prefix that is too long', ['x'.repeat(257), 1, undefined], 'prefix'],
  ] as const)('refuses %s', async (_, [prefix, first, after], field) => {
    const refused = gateway.counters.list(prefix, first, after);
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
  });
});

describe('counterChanged', () => {
  /** Collects what a subscriber is sent; it takes everything at once. */
  function subscribe(name: string, through: Gateway = gateway) {
    const leaving = new AbortController();
    const seen: Counter[] = [];
    const ended = (async () => {
      for await (const counter of through.counters.changed(name, leaving.signal)) seen.push(counter);
    })();
    return { seen, ended, values: () => seen.map(({ value }) => value), leave: () => leaving.abort() };
  }
  /** Lets time pass, with all that happens in it. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 1) {
      await turn();
      world.clock.advance(1);
    }
    await turn();
  };

  it('begins with the present value, then shows every change that it has time for', async () => {
    await add('a', 5);
    const subscriber = subscribe('a');
    await pass(60);
    await add('a', 1, undefined, other);
    await pass(60);
    await gateway.counters.set({ name: 'a', value: 1 });
    await pass(60);
    expect(subscriber.values()).toEqual([5, 6, 1]);
    subscriber.leave();
    await subscriber.ended;
  });

  it('waits where there is no such counter yet, and goes on where one is deleted and made again', async () => {
    const subscriber = subscribe('a');
    await pass(10);
    expect(subscriber.values()).toEqual([]);
    await add('a', 5);
    await pass(60);
    await gateway.counters.delete('a');
    await pass(60);
    await create('a', { initialValue: 7, shards: 4 }, other);
    await pass(60);
    await add('a', 1, 'k', other);
    await pass(60);
    expect(subscriber.values()).toEqual([5, 7, 8]);
    subscriber.leave();
    await subscriber.ended;
  });

  it('under a storm sends the newest, about 20 a second, and the last value always', async () => {
    await add('a', 1);
    const subscriber = subscribe('a');
    for (let round = 0; round < 1_000; round += 1) {
      await add('a', 1);
      await pass(1);
    }
    await pass(120);
    const values = subscriber.values();
    expect(values.at(-1)).toBe(1_001);
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(values.length).toBeGreaterThan(10);
    expect(values.length).toBeLessThanOrEqual(23);
    subscriber.leave();
    await subscriber.ended;
  });

  it('shows a state once: changes that were in it already wake nobody', async () => {
    await add('a', 1);
    const subscriber = subscribe('a');
    await pass(5);
    gateway.store.beforeRead = async () => {
      gateway.store.beforeRead = undefined;
      await add('a', 1, undefined, other);
    };
    await add('a', 1, undefined, other);
    await pass(200);
    expect(subscriber.values()).toEqual([1, 3]);
    subscriber.leave();
    await subscriber.ended;
  });

  it('reads once for all subscribers of the same counter, and gives them the same object', async () => {
    await add('a', 1);
    const subscribers = Array.from({ length: 100 }, () => subscribe('a'));
    await pass(60);
    gateway.store.reset();
    await add('a', 1, undefined, other);
    await pass(60);
    expect(gateway.store.reads).toHaveLength(1);
    expect(new Set(subscribers.map(({ seen }) => seen[1])).size).toBe(1);
    for (const each of subscribers) each.leave();
    await Promise.all(subscribers.map(({ ended }) => ended));
  });

  it('waits for a storage that is away, and misses nothing', async () => {
    await add('a', 1);
    const subscriber = subscribe('a');
    await pass(60);
    gateway.store.beforeRead = () => {
      throw new AppError('UNAVAILABLE', 'away');
    };
    await add('a', 1, undefined, other);
    await pass(60);
    gateway.store.beforeRead = undefined;
    // The watch's next sign of life.
    await pass(500);
    expect(subscriber.values()).toEqual([1, 2]);
    subscriber.leave();
    await subscriber.ended;
  });

  it('does not need the history: where it is gone it reads anew', async () => {
    await add('a', 1);
    let isGone = true;
    gateway.store.watchBatches = () => {
      if (!isGone) return undefined;
      isGone = false;
      return {
        [Symbol.asyncIterator]: () => ({
          next: async () => {
            await add('a', 1, undefined, other);
            throw new AppError('HISTORY_GONE', 'gone');
          },
        }),
      };
    };
    const subscriber = subscribe('a');
    await pass(120);
    await add('a', 1, undefined, other);
    await pass(60);
    expect(subscriber.values()).toEqual([1, 2, 3]);
    subscriber.leave();
    await subscriber.ended;
  });

  it('ends with the failure of its watch', async () => {
    gateway.store.watchBatches = () => ({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new AppError('UNAVAILABLE', 'away for too long')) }),
    });
    await expect(subscribe('a').ended).rejects.toEqual(failure('UNAVAILABLE'));
  });

  it('refuses a name that is none before anything is opened', () => {
    expect(() => gateway.counters.changed('', new AbortController().signal)).toThrow(
      failure('INVALID_ARGUMENT') as Error,
    );
  });
});
