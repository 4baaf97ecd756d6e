/** Aggregates over an event store in memory: decided, appended, decided again; replays, snapshots, limits. */
import { Aggregates } from '../../src/aggregate/aggregates';
import type { AggregatesOptions } from '../../src/aggregate/aggregates';
import { ManualClock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import { makeSeededIds } from '../../src/core/ids';
import { bankAccount } from './support/bank-account';
import type { AccountCommand } from './support/bank-account';
import { MemoryEventStore } from './support/memory-event-store';

let store: MemoryEventStore;
let aggregates: Aggregates;
let seeds = 0;
const make = (options: Partial<AggregatesOptions> = {}): Aggregates =>
  new Aggregates({ store, clock: hurried(), ids: makeSeededIds((seeds += 1)), ...options });
beforeEach(() => {
  store = new MemoryEventStore();
  aggregates = make();
});

/** A clock whose sleeps are over at once. */
function hurried(): ManualClock {
  const clock = new ManualClock();
  clock.sleep = () => Promise.resolve();
  return clock;
}

const handle = (command: AccountCommand, commandId?: string, by = aggregates): ReturnType<typeof aggregates.handle> =>
  by.handle(bankAccount, 'a', command, { commandId });
const types = (): string[] => store.eventsOf('a').map(({ type }) => type);

describe('a command', () => {
  it('is decided on the state of the stream, and what it comes to is appended', async () => {
    expect(await handle({ do: 'open', owner: 'Ann' }, 'c1')).toEqual({
      kind: 'decided',
      events: [{ eventId: 'c1:0', type: 'Opened', data: { owner: 'Ann' }, metadata: { commandId: 'c1' }, version: 1 }],
      state: { owner: 'Ann', balance: 0 },
      version: 1,
      isReplay: false,
    });
    expect(await handle({ do: 'deposit', amount: 5 })).toMatchObject({ state: { balance: 5 }, version: 2 });
    expect(await aggregates.load(bankAccount, 'a')).toEqual({ state: { owner: 'Ann', balance: 5 }, version: 2 });
    expect(await aggregates.load(bankAccount, 'b')).toEqual({ state: bankAccount.initialState, version: 0 });
  });

  it('that is refused, or comes to nothing, leaves nothing behind', async () => {
    expect(await handle({ do: 'withdraw', amount: 5 }, 'c1')).toEqual({
      kind: 'refused',
      refusal: { reason: 'not open' },
      state: bankAccount.initialState,
      version: 0,
    });
    expect(await handle({ do: 'nothing' })).toMatchObject({ kind: 'decided', events: [], version: 0 });
    expect(store.appends).toBe(0);
    await handle({ do: 'open', owner: 'Ann' });
    await handle({ do: 'deposit', amount: 5 });
    // The same id again: it was never done, and is decided anew.
    expect(await handle({ do: 'withdraw', amount: 5 }, 'c1')).toMatchObject({ kind: 'decided', isReplay: false });
  });

  it('whose decision throws fails alone', async () => {
    const failing = {
      ...bankAccount,
      decide: () => {
        throw new Error('a fault of the rule');
      },
    };
    await expect(aggregates.handle(failing, 'a', { do: 'nothing' })).rejects.toThrow('a fault of the rule');
    expect(await handle({ do: 'open', owner: 'Ann' })).toMatchObject({ version: 1 });
  });

  it.each(['', 'x'.repeat(201)])('with an id of the wrong length is refused', async (commandId) => {
    await expect(handle({ do: 'nothing' }, commandId)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('others who append meanwhile', () => {
  const meanwhile = (command: AccountCommand): void => {
    const other = make();
    store.beforeAppend = async () => {
      store.beforeAppend = () => Promise.resolve();
      await handle(command, undefined, other);
    };
  };
  beforeEach(async () => {
    await handle({ do: 'open', owner: 'Ann' });
    await handle({ do: 'deposit', amount: 10 });
  });

  it('make it decide again, on what they left', async () => {
    meanwhile({ do: 'deposit', amount: 1 });
    expect(await handle({ do: 'withdraw', amount: 10 })).toMatchObject({
      kind: 'decided',
      version: 4,
      state: { balance: 1 },
    });
    meanwhile({ do: 'withdraw', amount: 1 });
    expect(await handle({ do: 'withdraw', amount: 1 })).toMatchObject({
      kind: 'refused',
      refusal: { reason: 'insufficient funds' },
      version: 5,
    });
  });

  it('every time make it CONTENTION, after so many tries and with growing pauses', async () => {
    const other = make();
    const pauses: number[] = [];
    const clock = new ManualClock();
    clock.sleep = (delayMs) => Promise.resolve(void pauses.push(delayMs));
    let isOwn = true;
    store.beforeAppend = async () => {
      if (!isOwn) return;
      isOwn = false;
      await handle({ do: 'deposit', amount: 1 }, undefined, other);
      isOwn = true;
    };
    const unlucky = make({ triesMax: 8, clock });
    await expect(handle({ do: 'withdraw', amount: 1 }, 'c1', unlucky)).rejects.toMatchObject({ code: 'CONTENTION' });
    expect(pauses).toHaveLength(7);
    expect(pauses.every((each, at) => each <= 5 * 2 ** at)).toBe(true);
    expect(types().filter((type) => type === 'Withdrawn')).toEqual([]);
  });

  it('do not disturb a refusal: it is never given on what the last command left', async () => {
    const other = make();
    store.afterAppend = async () => {
      store.afterAppend = () => Promise.resolve();
      await handle({ do: 'deposit', amount: 5 }, undefined, other);
    };
    const both = [handle({ do: 'withdraw', amount: 10 }), handle({ do: 'withdraw', amount: 3 })];
    // Behind the first one the balance was 0, and somebody elsewhere has paid in.
    expect(await Promise.all(both)).toMatchObject([
      { kind: 'decided', state: { balance: 0 } },
      { kind: 'decided', state: { balance: 2 } },
    ]);
  });
});

describe('a command that comes again', () => {
  beforeEach(async () => {
    await handle({ do: 'open', owner: 'Ann' });
    await handle({ do: 'deposit', amount: 10 });
  });

  it('answers with its events, from any gateway, and the state of now', async () => {
    const first = await handle({ do: 'withdraw', amount: 10 }, 'c1');
    await handle({ do: 'deposit', amount: 1 });
    for (const by of [aggregates, make()]) {
      const again = await handle({ do: 'withdraw', amount: 10 }, 'c1', by);
      expect(again).toMatchObject({ kind: 'decided', isReplay: true, state: { balance: 1 }, version: 4 });
      expect('events' in again && again.events).toEqual('events' in first && first.events);
    }
    expect(types()).toHaveLength(4);
  });

  it('at the same time, here and elsewhere, is done once', async () => {
    const all = await Promise.all(
      [aggregates, make(), make()].flatMap((by) =>
        [1, 2, 3].map(() => handle({ do: 'withdraw', amount: 3 }, 'c1', by)),
      ),
    );
    for (const each of all) expect(each).toMatchObject({ kind: 'decided', events: [{ eventId: 'c1:0', version: 3 }] });
    expect(types().filter((type) => type === 'Withdrawn')).toHaveLength(1);
  });

  it('after its answer was lost, done or not, is done once', async () => {
    const lose = (): Promise<void> => {
      store.beforeAppend = store.afterAppend = () => Promise.resolve();
      return Promise.reject(new AppError('OUTCOME_UNKNOWN', 'the answer was lost'));
    };
    store.afterAppend = lose;
    expect(await handle({ do: 'withdraw', amount: 4 })).toMatchObject({ kind: 'decided', state: { balance: 6 } });
    store.beforeAppend = lose;
    expect(await handle({ do: 'withdraw', amount: 4 })).toMatchObject({ kind: 'decided', state: { balance: 2 } });
    expect(types().filter((type) => type === 'Withdrawn')).toHaveLength(2);
  });

  it('whose fate stays open is OUTCOME_UNKNOWN, whatever is answered last; sent again, it is done once', async () => {
    const codes = ['OUTCOME_UNKNOWN', 'UNAVAILABLE', 'UNAVAILABLE'] as const;
    let tries = 0;
    store.afterAppend = () => Promise.reject(new AppError(codes[tries++ % 3]!, 'no answer'));
    const withdrawal = handle({ do: 'withdraw', amount: 4 }, 'c1', make({ triesMax: 3 }));
    await expect(withdrawal).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(tries).toBe(3);
    store.afterAppend = () => Promise.resolve();
    expect(await handle({ do: 'withdraw', amount: 4 }, 'c1')).toMatchObject({ kind: 'decided', state: { balance: 6 } });
    store.beforeAppend = () => Promise.reject(new AppError('UNAVAILABLE', 'surely not'));
    await expect(handle({ do: 'withdraw', amount: 4 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(types().filter((type) => type === 'Withdrawn')).toHaveLength(1);
  });

  it('is known through snapshots too, and past what they remember by its events', async () => {
    await handle({ do: 'withdraw', amount: 10 }, 'c1');
    for (let at = 0; at < 1_100; at += 1) await handle({ do: 'deposit', amount: 10 });
    expect(store.eventsOf('a')).toHaveLength(1_103);
    const again = await handle({ do: 'withdraw', amount: 10 }, 'c1', make());
    expect(again).toMatchObject({ kind: 'decided', isReplay: true, events: [{ eventId: 'c1:0', version: 3 }] });
    expect(store.eventsOf('a')).toHaveLength(1_103);
  });

  it('under an id that other events have is refused', async () => {
    await store.append('a', 2, [{ eventId: 'c1:0', type: 'Deposited', data: { amount: 1 }, metadata: {} }]);
    await expect(handle({ do: 'withdraw', amount: 1 }, 'c1')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('snapshots', () => {
  const fill = async (count: number, by = aggregates): Promise<void> => {
    await handle({ do: 'open', owner: 'Ann' }, undefined, by);
    for (let at = 1; at < count; at += 1) await handle({ do: 'deposit', amount: 1 }, undefined, by);
  };

  it('are written every so many events, and read in place of those', async () => {
    await fill(250);
    expect((await store.loadSnapshot('a'))!.version).toBe(200);
    store.reads = 0;
    expect(await make().load(bankAccount, 'a')).toEqual({ state: { owner: 'Ann', balance: 249 }, version: 250 });
    expect(store.reads).toBe(5);
  });

  it('that cannot be saved, or are lost, cost time only', async () => {
    const failures: string[] = [];
    store.beforeSnapshot = () => Promise.reject(new AppError('UNAVAILABLE', 'no room'));
    await fill(150, make({ onSnapshotFailure: (streamId) => failures.push(streamId) }));
    expect(await make().load(bankAccount, 'a')).toMatchObject({ state: { balance: 149 }, version: 150 });
    // Each command loads anew here, and tries the snapshot that is due.
    expect(failures.length).toBeGreaterThan(0);
  });

  it.each([
    ['of another format', { snapshotFormat: 2 }],
    ['of another aggregate', { name: 'savings account' }],
  ])('%s are passed over', async (_, change) => {
    await fill(120);
    expect(await make().load({ ...bankAccount, ...change }, 'a')).toMatchObject({
      state: { balance: 119 },
      version: 120,
    });
  });

  it.each([
    null,
    5,
    {},
    { layout: 1, aggregate: 'bank account', format: 1, state: {}, commands: [['a']] },
    { layout: 2 },
  ])('that are none of ours (%j) are passed over', async (state) => {
    await fill(5);
    await store.saveSnapshot('a', { version: 5, state });
    expect(await make().load(bankAccount, 'a')).toMatchObject({ state: { balance: 4 }, version: 5 });
  });
});

describe('commands of one stream', () => {
  it('take turns, and share what was read', async () => {
    await handle({ do: 'open', owner: 'Ann' });
    store.reads = 0;
    const all = await Promise.all(Array.from({ length: 50 }, () => handle({ do: 'deposit', amount: 1 })));
    expect(all.map((each) => each.version)).toEqual(Array.from({ length: 50 }, (_, at) => at + 2));
    expect([store.reads, store.appends]).toEqual([1, 51]);
  });

  it('that are too many are OVERLOADED, before anything is done; the others go on', async () => {
    await handle({ do: 'open', owner: 'Ann' });
    const all = await Promise.allSettled(Array.from({ length: 1_005 }, () => handle({ do: 'deposit', amount: 1 })));
    const refused = all.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(refused.map(({ reason }) => (reason as AppError).code)).toEqual(
      Array.from({ length: 5 }, () => 'OVERLOADED'),
    );
    expect(store.eventsOf('a')).toHaveLength(1_001);
  });

  it('fifty withdrawals at once, over two gateways, never overdraw', async () => {
    await handle({ do: 'open', owner: 'Ann' });
    await handle({ do: 'deposit', amount: 100 });
    const other = make();
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, at) =>
        handle({ do: 'withdraw', amount: 7 }, undefined, at % 2 ? other : aggregates),
      ),
    );
    expect(all.filter(({ kind }) => kind === 'decided')).toHaveLength(14);
    expect(await aggregates.load(bankAccount, 'a')).toMatchObject({ state: { balance: 2 } });
  });
});
