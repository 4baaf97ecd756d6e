/** Lanes over a toy pattern: registers that hold a number. */
import { batchTriesMax } from '../../src/store/batch';
import { AppError } from '../../src/core/errors';
import type { Idempotency, Remembered } from '../../src/store/marks';
import { Transact } from '../../src/store/transact';
import type { Command, Settled, View } from '../../src/store/transact';
import { LaneMemory } from '../../src/store/lane-memory';
import { makeSeededIds } from '../../src/core/ids';
import { keyspace } from '../../src/core/keyspace';
import type { Store, Transaction } from '../../proto/store';
import { atOnce, failure, turn, World } from './support/world';
import type { Gateway } from './support/world';

let world: World;
let gateway: Gateway;

beforeEach(() => {
  world = new World();
  gateway = world.gateway();
});
afterEach(() => world.close());

const keyOf = (name: string): Buffer => Buffer.from(`r${name}`);
const numberAt = (view: View, name: string): number | undefined => {
  const row = view.get(keyOf(name));
  return row && Number(row.value.toString());
};
const putNumber = (view: View, name: string, value: number, ttlMs?: number): void =>
  view.put(keyOf(name), Buffer.from(String(value)), { ttlMs, history: 'value' });

function remember<O>(key: string | undefined, input: Idempotency['input']): Remembered<O> | undefined {
  if (key === undefined) return undefined;
  return {
    idempotency: { mutation: 'add', key, input },
    encode: (outcome) => Buffer.from(JSON.stringify(outcome)),
    decode: (bytes) => JSON.parse(bytes.toString()) as O,
  };
}

interface AddOptions {
  readonly max?: number;
  readonly key?: string;
  readonly isSolo?: boolean;
}

/** Adds, where that stays within `max`: the sum, or 'refused'. */
function add(
  name: string,
  by: number,
  { max = Infinity, key, isSolo = false }: AddOptions = {},
): Command<number | string> {
  return {
    records: [keyOf(name)],
    isSolo,
    decide: (view) => {
      const sum = (numberAt(view, name) ?? 0) + by;
      if (sum > max) return 'refused';
      putNumber(view, name, sum);
      return sum;
    },
    remembered: remember(key, { name, by }),
  };
}

/** Moves one from a register to another. */
function move(from: string, to: string): Command<void> {
  return {
    records: [keyOf(from), keyOf(to)],
    decide: (view) => {
      putNumber(view, from, (numberAt(view, from) ?? 0) - 1);
      putNumber(view, to, (numberAt(view, to) ?? 0) + 1);
    },
  };
}

const outcomeOf = async <O>(settled: Promise<Settled<O>>): Promise<O> => (await settled).outcome;
const valueOf = async (name: string): Promise<string | undefined> => {
  const { results } = await gateway.store.read([{ start: keyOf(name) }]);
  return results[0]!.entries[0]?.value.toString();
};
/** Another gateway's write, between this one's decision and its commit. */
const otherWrites = (name: string, value: number): Promise<unknown> =>
  world.gateway().transact.run({ records: [keyOf(name)], decide: (view) => putNumber(view, name, value) });

describe('combining', () => {
  it('decides what came together in order, with one read and one commit', async () => {
    const sums = await atOnce(100, () => outcomeOf(gateway.transact.run(add('a', 1))));
    expect(sums).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect([gateway.store.reads.length, gateway.store.commits.length]).toEqual([1, 1]);
    expect(gateway.reports).toEqual([{ commands: 100, conflicts: 0 }]);
  });

  it('reads nothing where the last state is kept', async () => {
    await gateway.transact.run(add('a', 1));
    gateway.store.reset();
    expect(await outcomeOf(gateway.transact.run(add('a', 1)))).toBe(2);
    expect([gateway.store.reads.length, gateway.store.commits.length]).toEqual([0, 1]);
  });

  it('keeps nothing of a row that was written for the last time, unless a later command of the batch writes on', async () => {
    const end: Command<number | string> = {
      records: [keyOf('a')],
      decide: (view) => {
        view.put(keyOf('a'), Buffer.from('7'), { history: 'value', isFinal: true });
        return 7;
      },
    };
    for (const [commands, reads] of [
      [[end], 1],
      [[add('a', 1), end], 1],
      [[end, add('a', 1)], 0],
    ] as const) {
      await gateway.transact.run(add('a', 1));
      await Promise.all(commands.map((command) => gateway.transact.run(command)));
      gateway.store.reset();
      const last = commands.at(-1) === end ? 7 : 8;
      expect(await outcomeOf(gateway.transact.run(add('a', 1)))).toBe(last + 1);
      expect(gateway.store.reads).toHaveLength(reads);
    }
  });

  it('gathers what comes while a commit is in flight', async () => {
    const first = gateway.transact.run(add('a', 1));
    const later: Promise<unknown>[] = [];
    gateway.store.beforeCommit = () => {
      if (later.length === 0) for (let index = 0; index < 50; index += 1) later.push(gateway.transact.run(add('a', 1)));
    };
    await first;
    await Promise.all(later);
    expect(gateway.store.commits).toHaveLength(2);
    expect(await valueOf('a')).toBe('51');
  });

  it('keeps lanes apart: records that share nothing do not wait for each other', async () => {
    let release: () => void = () => undefined;
    gateway.store.beforeCommit = () => {
      gateway.store.beforeCommit = undefined;
      return new Promise((resolve) => (release = resolve));
    };
    const slow = gateway.transact.run(add('a', 1));
    await turn();
    await turn();
    expect(await outcomeOf(gateway.transact.run(add('b', 1)))).toBe(1);
    release();
    expect(await outcomeOf(slow)).toBe(1);
  });

  it('commits what is solo by itself, in its turn', async () => {
    const sums = await atOnce(9, (index) => outcomeOf(gateway.transact.run(add('a', 1, { isSolo: index % 3 === 1 }))));
    expect(sums).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // 0 | 1 | 2 3 | 4 | 5 6 | 7 | 8
    expect(gateway.reports.map(({ commands }) => commands)).toEqual([1, 1, 2, 1, 2, 1, 1]);
  });

  it('gives each outcome the revision and time of its commit', async () => {
    const settled = await gateway.transact.run(add('a', 1));
    const { revision, nowMs } = await world.base.status();
    expect(settled).toEqual({ outcome: 1, revision, nowMs, isReplay: false });
  });
});

describe('several records', () => {
  it('join their lanes into one batch, without locks', async () => {
    const names = ['a', 'b', 'c', 'd'];
    await atOnce(200, (index) => gateway.transact.run(move(names[index % 4]!, names[(index + 1 + (index % 2)) % 4]!)));
    expect(gateway.store.commits).toHaveLength(1);
    const values = await Promise.all(names.map(async (name) => Number(await valueOf(name))));
    expect(values.reduce((sum, value) => sum + value, 0)).toBe(0);
  });

  it('are decided in order of arrival in each lane, whatever is busy meanwhile', async () => {
    const order: string[] = [];
    const note = (name: string, records: string[]): Promise<unknown> =>
      gateway.transact.run({
        records: records.map(keyOf),
        decide: (view) => {
          if (order.at(-1) !== name) order.push(name);
          for (const record of records) putNumber(view, record, 1);
        },
      });
    let release: () => void = () => undefined;
    gateway.store.beforeCommit = () => {
      gateway.store.beforeCommit = undefined;
      return new Promise((resolve) => (release = resolve));
    };
    const all = [note('on b', ['b'])];
    await turn();
    await turn();
    // a is free and b is busy: what waits for both is not overtaken in a.
    all.push(note('on a and b', ['a', 'b']), note('on a', ['a']), note('on c', ['c']));
    await turn();
    await turn();
    expect(order).toEqual(['on b', 'on c']);
    release();
    await Promise.all(all);
    expect(order).toEqual(['on b', 'on c', 'on a and b', 'on a']);
  });

  it('all end, however they are entangled', async () => {
    const ids = makeSeededIds(7);
    const pick = (): string => String(Math.floor(ids.fraction() * 12));
    await Promise.all(
      Array.from({ length: 40 }, async () => {
        for (let round = 0; round < 10; round += 1) {
          const [from, to] = [pick(), pick()];
          if (from !== to) await gateway.transact.run(move(from, to));
          else await gateway.transact.run(add(from, 0, { isSolo: round % 2 === 0 }));
        }
      }),
    );
    expect(gateway.transact.depth).toBe(0);
    const values = await atOnce(12, async (index) => Number((await valueOf(String(index))) ?? 0));
    expect(values.reduce((sum, value) => sum + value, 0)).toBe(0);
  });
});

describe('other gateways', () => {
  it('are conflicts, decided again from what the conflict brought, without a read', async () => {
    await gateway.transact.run(add('a', 1));
    await otherWrites('a', 10);
    gateway.store.reset();
    expect(await outcomeOf(gateway.transact.run(add('a', 1)))).toBe(11);
    expect([gateway.store.reads.length, gateway.store.commits.length]).toEqual([0, 2]);
    expect(gateway.reports.at(-1)).toEqual({ commands: 1, conflicts: 1 });
  });

  it('that win every time make CONTENTION after a bounded number of tries, with nothing written', async () => {
    let value = 100;
    gateway.store.beforeCommit = async () => void (await otherWrites('a', (value += 1)));
    const running = gateway.transact.run(add('a', 1));
    await expect(world.until(running)).rejects.toEqual(failure('CONTENTION'));
    expect(gateway.store.commits).toHaveLength(batchTriesMax);
    expect(await valueOf('a')).toBe(String(value));
    gateway.store.beforeCommit = undefined;
    expect(await outcomeOf(gateway.transact.run(add('a', 1)))).toBe(value + 1);
  });

  it('that win several times in a row meet a batch that gets smaller, and is sooner ready; nothing is lost of it', async () => {
    let wins = 8;
    gateway.store.beforeCommit = async () => {
      if ((wins -= 1) >= 0) await otherWrites('a', 0);
    };
    const sums = await world.until(
      atOnce(16, (index) => outcomeOf(gateway.transact.run(add('a', 1, { key: `k${index}` })))),
    );
    expect(sums).toEqual(Array.from({ length: 16 }, (_, index) => index + 1));
    expect(gateway.store.commits.map(({ marks }) => marks!.length)).toEqual([16, 16, 16, 16, 8, 4, 2, 1, 1, 15]);
  });

  it('that win every time make CONTENTION of the whole of a batch', async () => {
    gateway.store.beforeCommit = () => otherWrites('a', 0).then(() => undefined);
    const failed = await world.until(
      atOnce(16, () => gateway.transact.run(add('a', 1)).catch((error: unknown) => error)),
    );
    for (const error of failed) expect(error).toEqual(failure('CONTENTION'));
    expect(gateway.store.commits).toHaveLength(batchTriesMax);
  });

  it('never make a refusal wait: what they wrote is the newest state', async () => {
    let value = 100;
    gateway.store.beforeCommit = async () => void (await otherWrites('a', (value += 1)));
    expect(await outcomeOf(gateway.transact.run(add('a', 1, { max: 50 })))).toBe('refused');
    // With an idempotency key as well: the refusal's mark rests on no check.
    expect(await outcomeOf(gateway.transact.run(add('a', 1, { max: 50, key: 'k' })))).toBe('refused');
    gateway.store.beforeCommit = undefined;
    await otherWrites('a', 0);
    expect(await outcomeOf(gateway.transact.run(add('a', 1, { max: 50, key: 'k' })))).toBe('refused');
  });
});

describe('what writes nothing', () => {
  it('is not answered from a kept state: the refusal is gone where another gateway made room', async () => {
    await gateway.transact.run(add('a', 5));
    await otherWrites('a', 0);
    expect(await outcomeOf(gateway.transact.run(add('a', 1, { max: 5 })))).toBe(1);
  });

  it('is confirmed with one read where nothing is kept, and with one commit of checks where it is', async () => {
    await otherWrites('a', 5);
    expect(await outcomeOf(gateway.transact.run(add('a', 1, { max: 5 })))).toBe('refused');
    expect([gateway.store.reads.length, gateway.store.commits.length]).toEqual([1, 0]);
    gateway.store.reset();
    expect(await outcomeOf(gateway.transact.run(add('a', 1, { max: 5 })))).toBe('refused');
    expect([gateway.store.reads.length, gateway.store.commits.length]).toEqual([0, 1]);
    expect(gateway.store.commits[0]!.writes).toEqual([]);
  });

  it('rests on the state as it is when its batch begins, not when it was queued', async () => {
    await otherWrites('a', 5);
    let refused: Promise<number | string> | undefined;
    gateway.store.afterRead = async () => {
      gateway.store.afterRead = undefined;
      // Comes while the batch already has its snapshot; and behind that snapshot there is room.
      await otherWrites('a', 0);
      refused = outcomeOf(gateway.transact.run(add('a', 1, { max: 5 })));
    };
    expect(await outcomeOf(gateway.transact.run(add('a', 1, { max: 5 })))).toBe('refused');
    expect(await refused).toBe(1);
  });

  it('that was decided behind a write of its batch is confirmed by the whole batch', async () => {
    await gateway.transact.run(add('a', 4));
    await otherWrites('a', 0);
    const [first, second] = await atOnce(2, () => outcomeOf(gateway.transact.run(add('a', 1, { max: 5 }))));
    expect([first, second]).toEqual([1, 2]);
  });
});

describe('a decision that throws', () => {
  const throwing = (name: string): Command<void> => ({
    records: [keyOf(name)],
    decide: (view) => {
      putNumber(view, name, -1);
      throw new AppError('INVALID_ARGUMENT', `refused at ${numberAt(view, name)}`);
    },
  });

  it('fails its command alone, and nothing of what it wrote stays', async () => {
    const outcomes = await Promise.allSettled([
      gateway.transact.run(add('a', 1)),
      gateway.transact.run(throwing('a')),
      gateway.transact.run(add('a', 1)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await valueOf('a')).toBe('2');
    expect(gateway.store.commits).toHaveLength(1);
  });

  it('is confirmed like any refusal: what it saw was the truth', async () => {
    await gateway.transact.run(add('a', 1));
    await otherWrites('a', 7);
    const command: Command<number> = {
      records: [keyOf('a')],
      decide: (view) => {
        const value = numberAt(view, 'a')!;
        if (value < 5) throw new AppError('INVALID_ARGUMENT', `is ${value}`);
        return value;
      },
    };
    expect(await outcomeOf(gateway.transact.run(command))).toBe(7);
  });

  it('is INTERNAL where it is a bug, and names the rows that it may see', async () => {
    const bug: Command<void> = { records: [keyOf('a')], decide: (view) => void view.get(keyOf('b')) };
    await expect(gateway.transact.run(bug)).rejects.toEqual(failure('INTERNAL'));
  });

  it('does not make its batch too large, however much it read', async () => {
    const guards = Array.from({ length: 70 }, (_, index) => keyOf(`g${index}`));
    const reading = (offset: number): Command<void> => ({
      records: [keyOf('a')],
      guards: guards.map((key) => Buffer.concat([key, Buffer.of(offset)])),
      decide: (view) => {
        for (const key of guards) view.get(Buffer.concat([key, Buffer.of(offset)]));
        throw new AppError('INVALID_ARGUMENT', 'refused');
      },
    });
    const outcomes = await Promise.allSettled([
      ...Array.from({ length: 10 }, (_, index) => gateway.transact.run(reading(index))),
      gateway.transact.run(add('a', 1)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([...Array<string>(10).fill('rejected'), 'fulfilled']);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toEqual(failure('INVALID_ARGUMENT'));
  });
});

describe('time', () => {
  const putFor = (name: string, ttlMs: number): Command<void> => ({
    records: [keyOf(name)],
    decide: (view) => putNumber(view, name, 1, ttlMs),
  });
  const isThere = (name: string, other = 'other'): Command<boolean> => ({
    records: [keyOf(name), keyOf(other)],
    decide: (view) => {
      const isPresent = view.get(keyOf(name)) !== undefined;
      putNumber(view, other, isPresent ? 1 : 0);
      return isPresent;
    },
  });

  it.each([
    [9, true],
    [10, false],
    [11, false],
  ])('after %d ms of a life of 10 the row is there: %s', async (afterMs, isPresent) => {
    await gateway.transact.run(putFor('a', 10));
    world.clock.advance(afterMs);
    expect(await outcomeOf(gateway.transact.run(isThere('a')))).toBe(isPresent);
    expect(await outcomeOf(world.gateway().transact.run(isThere('a')))).toBe(isPresent);
  });

  it('is judged at the commit: what expired between decision and commit is decided again', async () => {
    await gateway.transact.run(putFor('a', 10));
    world.clock.advance(9);
    gateway.store.beforeCommit = () => {
      gateway.store.beforeCommit = undefined;
      world.clock.advance(1);
    };
    expect(await outcomeOf(gateway.transact.run(isThere('a')))).toBe(false);
    expect(gateway.store.commits.at(-2)!.validUntilMs).toBe(world.clock.nowMs());
  });

  it('of a refusal is that of the snapshot that it rests on: later somebody may have prolonged the row', async () => {
    await gateway.transact.run(putFor('a', 10));
    const fresh = world.gateway();
    world.clock.advance(9);
    fresh.store.afterRead = async () => {
      fresh.store.afterRead = undefined;
      await gateway.transact.run(putFor('a', 1_000));
      world.clock.advance(5);
      // Another reply tells this gateway how late it is.
      await fresh.transact.run(add('b', 1));
    };
    const isPresent = fresh.transact.run({
      records: [keyOf('a')],
      decide: (view) => view.get(keyOf('a')) !== undefined,
    });
    expect(await outcomeOf(isPresent)).toBe(true);
  });

  it('that a decision names itself is held to as well', async () => {
    const untilMs = world.clock.nowMs() + 10;
    const command: Command<number> = {
      records: [keyOf('a')],
      decide: (view) => {
        if (view.nowMs < untilMs) view.relyUntil(untilMs);
        putNumber(view, 'a', view.nowMs);
        return view.nowMs;
      },
    };
    expect(await outcomeOf(gateway.transact.run(command))).toBe(untilMs - 10);
    gateway.store.beforeCommit = () => {
      gateway.store.beforeCommit = undefined;
      world.clock.advance(10);
    };
    expect(await outcomeOf(gateway.transact.run(command))).toBe(untilMs);
  });

  it('never runs ahead of the storage clock, though the wall clock is set back', async () => {
    await gateway.transact.run(add('a', 1));
    world.clock.setWallMs(world.clock.nowMs() - 3_600_000);
    world.clock.advance(5);
    const seen = await outcomeOf(gateway.transact.run({ records: [keyOf('a')], decide: (view) => view.nowMs }));
    const { nowMs } = await world.base.status();
    expect(seen).toBeLessThanOrEqual(nowMs);
  });
});

describe('an idempotency key', () => {
  it('gives a later run the first answer, and writes nothing', async () => {
    const first = await gateway.transact.run(add('a', 3, { key: 'k' }));
    await gateway.transact.run(add('a', 1));
    const again = await gateway.transact.run(add('a', 3, { key: 'k' }));
    expect(again).toEqual({ ...first, isReplay: true });
    expect(await world.gateway().transact.run(add('a', 3, { key: 'k' }))).toEqual(again);
    expect(await valueOf('a')).toBe('4');
  });

  it('twice in one batch is one effect and one answer', async () => {
    const settled = await atOnce(5, () => gateway.transact.run(add('a', 3, { key: 'k' })));
    expect(settled.map(({ outcome }) => outcome)).toEqual([3, 3, 3, 3, 3]);
    expect(settled.map(({ isReplay }) => isReplay)).toEqual([false, true, true, true, true]);
    expect(await valueOf('a')).toBe('3');
  });

  it('at the same time on two gateways is one effect and one answer', async () => {
    const gateways = [gateway, world.gateway(), world.gateway()];
    const settled = await Promise.all(gateways.map(({ transact }) => transact.run(add('a', 3, { key: 'k' }))));
    expect(settled.map(({ outcome }) => outcome)).toEqual([3, 3, 3]);
    expect(await valueOf('a')).toBe('3');
  });

  it.each([
    ['the same record', 'a'],
    ['another record, and so another lane', 'b'],
  ])('with another input is refused: %s', async (_, other) => {
    const outcomes = await Promise.allSettled([
      gateway.transact.run(add('a', 3, { key: 'k' })),
      gateway.transact.run(add(other, 4, { key: 'k' })),
      gateway.transact.run(add('a', 3, { key: 'k' })),
    ]);
    expect(outcomes.map((each) => (each.status === 'fulfilled' ? each.value.outcome : each.reason))).toEqual([
      3,
      failure('IDEMPOTENCY_KEY_REUSED'),
      3,
    ]);
    expect([await valueOf('a'), await valueOf('b')]).toEqual(['3', undefined]);
  });

  it('replays refusals too, and leaves failures free to be tried again', async () => {
    await gateway.transact.run(add('a', 5));
    expect(await outcomeOf(gateway.transact.run(add('a', 1, { key: 'k', max: 5 })))).toBe('refused');
    await gateway.transact.run(add('a', -5));
    expect(await outcomeOf(gateway.transact.run(add('a', 1, { key: 'k', max: 5 })))).toBe('refused');

    let isBroken = true;
    const failing: Command<number> = {
      ...(add('a', 2, { key: 'f' }) as Command<number>),
      decide: (view) => {
        if (isBroken) throw new AppError('INVALID_ARGUMENT', 'not now');
        putNumber(view, 'a', 2);
        return 2;
      },
    };
    await expect(gateway.transact.run(failing)).rejects.toEqual(failure('INVALID_ARGUMENT'));
    isBroken = false;
    expect(await outcomeOf(gateway.transact.run(failing))).toBe(2);
  });

  it('after a throw in the same batch belongs to the next one with it', async () => {
    const failing: Command<number | string> = {
      ...add('a', 2, { key: 'k' }),
      decide: () => {
        throw new AppError('INVALID_ARGUMENT', 'no');
      },
    };
    const outcomes = await Promise.allSettled([
      gateway.transact.run(failing),
      gateway.transact.run(add('a', 2, { key: 'k' })),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(gateway.store.commits).toHaveLength(1);
  });

  it('is what a conflict over marks alone is settled by, while the others of the batch go on', async () => {
    await world.gateway().transact.run(add('b', 3, { key: 'k' }));
    const settled = await Promise.allSettled([
      gateway.transact.run(add('a', 1)),
      gateway.transact.run(add('a', 3, { key: 'k' })),
      gateway.transact.run(add('a', 1, { key: 'other' })),
    ]);
    expect(settled.map((each) => (each.status === 'fulfilled' ? each.value.outcome : each.reason))).toEqual([
      1,
      failure('IDEMPOTENCY_KEY_REUSED'),
      2,
    ]);
  });

  it('fails its commands alone where a scope is full of marks', async () => {
    await world.close();
    world = new World({ marksPerScopeMax: 2 });
    gateway = world.gateway();
    await gateway.transact.run(add('a', 1, { key: 'one' }));
    await gateway.transact.run(add('a', 1, { key: 'two' }));
    const outcomes = await Promise.allSettled([
      gateway.transact.run(add('a', 1)),
      gateway.transact.run(add('a', 1, { key: 'three' })),
      gateway.transact.run(add('a', 1)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'OVERLOADED' } });
    expect(await valueOf('a')).toBe('4');
  });
});

describe('past a quota', () => {
  const limited = (keysMax: number): Transact => {
    const { store } = gateway;
    const withQuota: Store = Object.assign(Object.create(store) as Store, {
      commit: (transactions: readonly Transaction[]) =>
        store.commit(transactions.map((each) => ({ ...each, quota: { keysMax } }))),
      read: store.read.bind(store),
    });
    const { clock } = world;
    return new Transact({ store: withQuota, memory: new LaneMemory(), memoryScope: '', clock, ids: makeSeededIds(9) });
  };
  /** Counts in a shared record, and puts some keys of a caller beside it. */
  const putKeys = (...names: readonly string[]): Command<string> => ({
    records: [keyOf('shared')],
    rows: names.map((name) => keyspace.kv(name)),
    decide: (view) => {
      putNumber(view, 'shared', (numberAt(view, 'shared') ?? 0) + 1);
      for (const name of names) view.put(keyspace.kv(name), Buffer.from(name), { history: 'value' });
      return names.join();
    },
  });

  it('the commands of a batch that fit are done, and the others fail alone', async () => {
    const transact = limited(10);
    const sizes = Array.from({ length: 40 }, (_, index) => (index === 5 ? 11 : 1));
    const outcomes = await Promise.allSettled(
      sizes.map((size, index) => transact.run(putKeys(...Array.from({ length: size }, (_, at) => `${index} ${at}`)))),
    );
    const done = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
    expect(done).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9, 10]);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toEqual(failure('QUOTA_EXCEEDED'));
    expect(await valueOf('shared')).toBe('10');
  });

  it('commands that add nothing are done in the same batch', async () => {
    const transact = limited(1);
    const [first, second, third] = await Promise.allSettled([
      transact.run(putKeys('a')),
      transact.run(putKeys('b')),
      transact.run(putKeys('a')),
    ]);
    expect([first.status, second.status, third.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });
});

describe('an answer that was lost', () => {
  const lose = (): never => {
    gateway.store.beforeCommit = gateway.store.afterCommit = undefined;
    throw new AppError('OUTCOME_UNKNOWN', 'the answer was lost');
  };

  it.each([
    ['after it was applied', 'afterCommit', '4'],
    ['before it was applied', 'beforeCommit', '4'],
  ] as const)('%s: the same key finds out', async (_, hook, value) => {
    await gateway.transact.run(add('a', 1));
    gateway.store[hook] = lose;
    await expect(gateway.transact.run(add('a', 3, { key: 'k' }))).rejects.toEqual(failure('OUTCOME_UNKNOWN'));
    expect(await outcomeOf(gateway.transact.run(add('a', 3, { key: 'k' })))).toBe(4);
    expect(await valueOf('a')).toBe(value);
  });

  it('makes its whole batch unknown, and nothing that was not sent with it', async () => {
    gateway.store.afterCommit = lose;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 300 }, (_, index) => gateway.transact.run(add('a', 1, { key: `k${index}` }))),
    );
    const unknown = outcomes.filter(({ status }) => status === 'rejected').length;
    expect(unknown).toBe(gateway.store.commits[0]!.marks!.length);
    expect(await valueOf('a')).toBe('300');
    // Sent again, each finds its own mark.
    const again = await atOnce(300, (index) => outcomeOf(gateway.transact.run(add('a', 1, { key: `k${index}` }))));
    expect(new Set(again).size).toBe(300);
    expect(await valueOf('a')).toBe('300');
  });

  it('is not believed: the next decision reads anew', async () => {
    await gateway.transact.run(add('a', 1));
    gateway.store.afterCommit = lose;
    await expect(gateway.transact.run(add('a', 1))).rejects.toEqual(failure('OUTCOME_UNKNOWN'));
    gateway.store.reset();
    expect(await outcomeOf(gateway.transact.run(add('a', 1)))).toBe(3);
    expect(gateway.store.reads).toHaveLength(1);
  });
});

describe('limits', () => {
  it('a queue that is full answers OVERLOADED, and takes commands again when it has drained', async () => {
    const { clock } = world;
    const store = gateway.store;
    const transact = new Transact({
      store,
      memory: new LaneMemory(),
      memoryScope: '',
      clock,
      ids: makeSeededIds(1),
      queuedMax: 10,
    });
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => transact.run(add('a', 1))));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    expect(outcomes[11]).toMatchObject({ reason: { code: 'OVERLOADED' } });
    expect(transact.depth).toBe(0);
    expect(await outcomeOf(transact.run(add('a', 1)))).toBe(11);
  });

  it.each([
    ['without keys', false],
    ['with keys', true],
  ])('thousands of commands on one record, %s, take as few commits as fit', async (_, isKeyed) => {
    const sums = await atOnce(2_000, (index) =>
      outcomeOf(gateway.transact.run(add('a', 1, isKeyed ? { key: `k${index}` } : {}))),
    );
    expect(sums).toEqual(Array.from({ length: 2_000 }, (__, index) => index + 1));
    expect(gateway.store.commits.length).toBeLessThanOrEqual(isKeyed ? 9 : 4);
    for (const { checks, writes, marks } of gateway.store.commits) {
      expect(checks.length + writes.length + marks!.length).toBeLessThanOrEqual(240);
    }
  });

  it('values that do not fit one commit together are spread over several', async () => {
    const rows = Array.from({ length: 20 }, (_, index) => Buffer.from(`row${index}`));
    const value = Buffer.alloc(200_000, 1);
    await atOnce(20, (index) =>
      gateway.transact.run({
        records: [keyOf('a')],
        rows: [rows[index]!],
        decide: (view) => {
          putNumber(view, 'a', (numberAt(view, 'a') ?? 0) + 1);
          view.put(rows[index]!, value, { history: 'none' });
        },
      }),
    );
    expect(await valueOf('a')).toBe('20');
    expect(gateway.store.commits.length).toBeGreaterThanOrEqual(4);
    expect(gateway.store.commits.length).toBeLessThanOrEqual(5);
  });

  it('a command that fits no commit fails alone, with its reason', async () => {
    const large: Command<void> = {
      records: [keyOf('a')],
      rows: ['x', 'y'].map(keyOf),
      decide: (view) => {
        for (const name of ['x', 'y']) view.put(keyOf(name), Buffer.alloc(1_000_000), { history: 'none' });
      },
    };
    const outcomes = await Promise.allSettled([
      gateway.transact.run(add('a', 1)),
      gateway.transact.run(large),
      gateway.transact.run(add('a', 1)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'INVALID_ARGUMENT' } });
    expect(await valueOf('a')).toBe('2');
  });

  it('checks and marks count towards the size of a commit as well', async () => {
    const guards = (index: number): Buffer[] =>
      Array.from({ length: 100 }, (_, guard) => Buffer.from(`${guard}-${index}`.padStart(1_025, 'g')));
    await atOnce(6, (index) =>
      gateway.transact.run({
        records: [keyOf('a')],
        guards: guards(index),
        rows: [keyOf(`row${index}`)],
        decide: (view) => {
          for (const key of guards(index)) view.get(key);
          putNumber(view, 'a', (numberAt(view, 'a') ?? 0) + 1);
          view.put(keyOf(`row${index}`), Buffer.alloc(600_000), { history: 'none' });
        },
      }),
    );
    expect(await valueOf('a')).toBe('6');
  });

  it('batches never read more than one call may', async () => {
    await atOnce(300, (index) =>
      gateway.transact.run({
        records: [keyOf('a')],
        rows: Array.from({ length: 20 }, (_, row) => keyOf(`${index}-${row}`)),
        decide: (view) => putNumber(view, 'a', (numberAt(view, 'a') ?? 0) + 1),
      }),
    );
    expect(await valueOf('a')).toBe('300');
    expect(Math.max(...gateway.store.reads.map((ranges) => ranges.length))).toBeLessThanOrEqual(2_048);
  });
});

describe('storage that is away', () => {
  const isAway = (): never => {
    throw new AppError('UNAVAILABLE', 'storage could not be reached');
  };

  it('fails what waits behind the batch that found out, and tries what comes later', async () => {
    gateway.store.beforeRead = gateway.store.beforeCommit = isAway;
    const outcomes = await Promise.allSettled(Array.from({ length: 2_000 }, () => gateway.transact.run(add('a', 1))));
    expect(outcomes.every((each) => each.status === 'rejected')).toBe(true);
    expect(outcomes[1_999]).toMatchObject({ reason: { code: 'UNAVAILABLE' } });
    expect(gateway.store.reads).toHaveLength(1);
    expect(gateway.transact.depth).toBe(0);
    gateway.store.beforeRead = gateway.store.beforeCommit = undefined;
    expect(await outcomeOf(gateway.transact.run(add('a', 1)))).toBe(1);
  });

  it('fails thousands of solo commands as well', async () => {
    gateway.store.beforeRead = isAway;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20_000 }, () => gateway.transact.run(add('a', 1, { isSolo: true }))),
    );
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    expect(gateway.transact.depth).toBe(0);
  });

  it('lets lanes that are joined with the failed one go on', async () => {
    await gateway.transact.run(add('b', 1));
    gateway.store.beforeRead = isAway;
    const failed = gateway.transact.run(add('a', 1));
    const joined = gateway.transact.run(move('a', 'b'));
    const free = gateway.transact.run(add('b', 1));
    const outcomes = await Promise.allSettled([failed, joined, free]);
    expect(outcomes[0]!.status).toBe('rejected');
    expect(gateway.transact.depth).toBe(0);
  });
});

describe('a write without a decision', () => {
  const write = (name: string, value: number, revision?: number): Promise<Settled<string>> =>
    gateway.transact.write(
      {
        checks: revision === undefined ? [] : [{ key: keyOf(name), revision }],
        writes: [{ kind: 'put', key: keyOf(name), value: Buffer.from(String(value)), history: 'value' }],
        done: 'done',
        refuse: (current) => `stands at ${current.get(keyOf(name).toString('latin1'))?.value.toString() ?? 'nothing'}`,
      },
      [keyOf(name)],
    );

  it('is one commit, and refused with what stands', async () => {
    const { revision } = await write('a', 1, 0);
    expect(await outcomeOf(write('a', 2, 0))).toBe('stands at 1');
    expect(await outcomeOf(write('a', 3, revision))).toBe('done');
    expect([gateway.store.reads.length, gateway.store.commits.length]).toEqual([0, 3]);
  });

  it('waits for the commands that came before it, and those behind it do not wait for it', async () => {
    const order: string[] = [];
    const note = (name: string) => (): void => void order.push(name);
    let release: () => void = () => undefined;
    gateway.store.beforeCommit = ([transaction]) => {
      const isDirect = transaction!.writes[0]?.kind === 'put' && transaction!.writes[0].value.toString() === '20';
      return isDirect ? new Promise((resolve) => (release = resolve)) : undefined;
    };
    const lane = gateway.transact.run(add('a', 1)).then(note('lane'));
    const inTurn = write('a', 20).then(note('in turn'));
    await gateway.transact.run(add('a', 1)).then(note('behind'));
    expect(order).toEqual(['lane', 'behind']);
    release();
    await Promise.all([lane, inTurn]);
    expect(await valueOf('a')).toBe('20');
  });

  it('never starves a command: a storm of writes of the same gateway makes no CONTENTION', async () => {
    let isOver = false;
    // A store in memory answers within the turn, and a storm over it would let nothing else run.
    gateway.store.beforeCommit = turn;
    const storm = Array.from({ length: 64 }, async (_, index) => {
      while (!isOver) await write('a', index);
    });
    const running = Array.from({ length: 20 }, async () => {
      for (let round = 0; round < 5; round += 1) await gateway.transact.run(add('a', 1, { isSolo: true }));
    });
    await world.until(Promise.all(running));
    isOver = true;
    await Promise.all(storm);
    expect(Math.max(...gateway.reports.map(({ conflicts }) => conflicts))).toBeLessThanOrEqual(3);
  });
});
