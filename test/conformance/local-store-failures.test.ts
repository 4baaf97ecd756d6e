/** What LocalStore makes of an engine that is slow, has no room, or fails: who is told what, and what goes on. */
import type { CommitOutcome, Transaction } from '../../proto/store';
import { ManualClock } from '../../src/core/clock';
import type { AppError } from '../../src/core/errors';
import type { Applied, Engine } from '../../storage/engine';
import { EngineFailure } from '../../storage/engine';
import { makeMemoryEngine } from '../../storage/engines/memory';
import { LocalStore } from '../../storage/local-store';
import { WatchReader } from './suite/watch-reader';
import { checksOnly, contents, everything, put, someTurns, transaction } from './suite/words';

/** The memory engine, whose physical commits wait until they are let go, and may fail. */
class Gate {
  readonly engine: Engine;
  readonly sizes: number[] = [];
  sweeps = 0;
  failure: Error | undefined;
  isOpen = true;
  #waiting: (() => void)[] = [];
  #onEntered: (() => void)[] = [];

  constructor() {
    const inner = makeMemoryEngine({});
    const overrides: Partial<Engine> = {
      apply: (takeGroup) => {
        let size = 0;
        const counted = (): ReturnType<typeof takeGroup> => {
          const group = takeGroup();
          size = group.transactions.length;
          this.sizes.push(size);
          return group;
        };
        return this.#pass(() => inner.apply(counted), counted);
      },
      expire: (takeNowMs, rowsMax) => {
        this.sweeps += 1;
        return this.#pass(() => inner.expire(takeNowMs, rowsMax), takeNowMs);
      },
    };
    this.engine = new Proxy(inner, {
      get(target, name) {
        const value: unknown = overrides[name as keyof Engine] ?? target[name as keyof Engine];
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }

  /** Resolves when a physical commit has begun. */
  entered(): Promise<void> {
    return new Promise((resolve) => this.#onEntered.push(resolve));
  }

  open(): void {
    this.isOpen = true;
    for (const go of this.#waiting.splice(0)) go();
  }

  async #pass(commit: () => Promise<Applied>, take: () => unknown): Promise<Applied> {
    const { failure } = this;
    if (failure) take();
    const applied = failure ? undefined : await commit();
    for (const tell of this.#onEntered.splice(0)) tell();
    if (!this.isOpen) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.failure) throw this.failure;
    return applied!;
  }
}

const noRoom = (): EngineFailure => new EngineFailure('no room left on the disk', { isFatal: false });
const broken = (): EngineFailure => new EngineFailure('the flush failed', { isFatal: true });

let gate: Gate;
let clock: ManualClock;
let store: LocalStore;
let fatal: AppError[];
beforeEach(() => {
  gate = new Gate();
  clock = new ManualClock();
  fatal = [];
  store = new LocalStore({ engine: gate.engine, clock, onFatal: (error) => fatal.push(error) });
});
afterEach(async () => {
  gate.open();
  await store.close();
});

const one = (key: string): Transaction => transaction([put(key)]);
const commit = (...keys: readonly string[]): Promise<readonly CommitOutcome[]> => store.commit(keys.map(one));
const codes = (outcomes: readonly CommitOutcome[]): string[] =>
  outcomes.map((outcome) => (outcome.kind === 'failed' ? outcome.error.code : outcome.kind));

describe('a physical commit', () => {
  test('takes everything that gathered while the one before it ran', async () => {
    gate.isOpen = false;
    const begun = gate.entered();
    const first = commit('first');
    await begun;
    const others = Array.from({ length: 200 }, (_, index) => commit(`k${index}`));
    gate.open();
    await Promise.all([first, ...others]);
    expect(gate.sizes).toEqual([1, 200]);
  });

  test('takes what arrives in one turn together, up to its bounds, in order', async () => {
    const outcomes = await Promise.all(Array.from({ length: 600 }, (_, index) => commit(`k${index}`)));
    expect(gate.sizes).toEqual([256, 256, 88]);
    const revisions = outcomes.flat().map((outcome) => (outcome as { revision: number }).revision);
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    gate.sizes.length = 0;
    const large = (key: string): Transaction => transaction([put(key, Buffer.alloc(400_000))]);
    await store.commit(['a', 'b', 'c', 'd', 'e'].map(large));
    expect(gate.sizes).toEqual([2, 2, 1]);
  });

  test('is answered when it stands, and not before; watches too', async () => {
    const reader = await WatchReader.begin(store, [everything]);
    gate.isOpen = false;
    const begun = gate.entered();
    let isAnswered = false;
    const answer = commit('a').finally(() => (isAnswered = true));
    const watched = reader.untilChanges(1);
    await begun;
    await someTurns(store);
    expect([isAnswered, reader.changes.length]).toEqual([false, 0]);
    gate.open();
    expect(codes(await answer)).toEqual(['committed']);
    await watched;
    await reader.end();
  });

  test('of nothing but checks needs none', async () => {
    await store.commit([checksOnly(), checksOnly()]);
    expect(gate.sizes).toEqual([]);
  });
});

describe('a queue that is full', () => {
  test('is OVERLOADED for the new ones, and the others go on', async () => {
    gate.isOpen = false;
    const begun = gate.entered();
    const first = commit('first');
    await begun;
    const many = Array.from({ length: 64 }, (_, call) =>
      store.commit(Array.from({ length: 1_024 }, (__, index) => one(`k${call}/${index}`))),
    );
    await expect(commit('one too many')).rejects.toMatchObject({ code: 'OVERLOADED' });
    gate.open();
    const outcomes = (await Promise.all([first, ...many])).flat();
    expect(outcomes.every(({ kind }) => kind === 'committed')).toBe(true);
    expect(codes(await commit('now'))).toEqual(['committed']);
  }, 30_000);
});

describe('an engine without room', () => {
  test('fails its transactions with UNAVAILABLE, and those that come later are tried anew', async () => {
    gate.failure = noRoom();
    const outcomes = await Promise.all([commit('a', 'b'), commit('c')]);
    expect(outcomes.map(codes)).toEqual([['UNAVAILABLE', 'UNAVAILABLE'], ['UNAVAILABLE']]);
    expect((outcomes[0]![0] as { error: Error }).error.message).toContain('no room');
    expect(await contents(store)).toEqual({});
    expect(await store.status()).toMatchObject({ revision: 0 });
    gate.failure = undefined;
    expect(codes(await commit('a'))).toEqual(['committed']);
    expect(fatal).toEqual([]);
  });

  test('fails each transaction of its group and no other', async () => {
    gate.isOpen = false;
    const begun = gate.entered();
    const first = commit('first');
    await begun;
    const second = commit('second');
    gate.failure = undefined;
    gate.open();
    expect(codes(await first)).toEqual(['committed']);
    expect(codes(await second)).toEqual(['committed']);
    gate.failure = noRoom();
    const third = commit('third');
    expect(codes(await third)).toEqual(['UNAVAILABLE']);
    expect(Object.keys(await contents(store))).toEqual(['first', 'second']);
  });

  test('sweeps later, and does not try without a pause', async () => {
    await store.commit([transaction([put('a', 'v', { ttlMs: 1_000 })])]);
    const reader = await WatchReader.begin(store, [everything]);
    gate.failure = noRoom();
    clock.advance(1_000);
    await someTurns(store);
    expect(gate.sweeps).toBe(1);
    await someTurns(store);
    expect(gate.sweeps).toBe(1);
    clock.advance(500);
    await someTurns(store);
    expect(gate.sweeps).toBe(1);
    gate.failure = undefined;
    clock.advance(500);
    await reader.untilChanges(1);
    expect(reader.changes).toMatchObject([{ kind: 'expire' }]);
    await reader.end();
  });
});

describe('an engine that has failed', () => {
  test.each<[string, () => Error]>([
    ['says that it is fatal', broken],
    ['throws what nobody expected', () => new TypeError('undefined is not a function')],
  ])(
    'and %s: what was in flight is unknown, the rest was surely not done, and the process is told to end',
    async (_what, fail) => {
      await commit('before');
      const reader = await WatchReader.begin(store, [everything]);
      const idle = await WatchReader.begin(store, [everything]);
      gate.isOpen = false;
      const begun = gate.entered();
      const inFlight = commit('in flight');
      await begun;
      const waiting = commit('waiting', 'too');
      const watched = reader.drain();
      watched.catch(() => undefined);
      gate.failure = fail();
      gate.open();
      expect(codes(await inFlight)).toEqual(['OUTCOME_UNKNOWN']);
      expect(codes(await waiting)).toEqual(['UNAVAILABLE', 'UNAVAILABLE']);
      await expect(watched).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await expect(idle.drain()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      const gone = { name: 'AppError', code: 'UNAVAILABLE' };
      await expect(commit('later')).rejects.toMatchObject(gone);
      await expect(store.commit([checksOnly()])).rejects.toMatchObject(gone);
      await expect(store.read([everything])).rejects.toMatchObject(gone);
      await expect(store.status()).rejects.toMatchObject(gone);
      await expect(store.watch([everything])[Symbol.asyncIterator]().next()).rejects.toMatchObject(gone);
      expect(fatal).toHaveLength(1);
      expect(fatal[0]!.message).toContain(gate.failure.message);
      // Nothing is tried any more, and it can be closed.
      const { length } = gate.sizes;
      clock.advance(10_000);
      await someTurns({ status: () => Promise.resolve() } as never);
      expect(gate.sizes).toHaveLength(length);
      await store.close();
    },
  );
});
