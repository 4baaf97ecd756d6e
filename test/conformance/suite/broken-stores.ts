/** Stores that are wrong on purpose, each in one way: the random histories must find every one of them. */
import type {
  CommitOutcome,
  KeyRange,
  ReadOptions,
  ReadResult,
  SearchOutcome,
  SearchRequest,
  Store,
  StoreStatus,
  Transaction,
  WatchBatch,
  WatchOptions,
} from '../../../proto/store';
import { ManualClock } from '../../../src/core/clock';
import type { Engine } from '../../../storage/engine';
import { makeMemoryEngine } from '../../../storage/engines/memory';
import { LocalStore } from '../../../storage/local-store';
import type { MakeFixture } from './fixture';

/** Does what the store under it does, until something is changed about it. */
class PlainStore implements Store {
  readonly inner: Store;

  constructor(inner: Store) {
    this.inner = inner;
  }

  read(ranges: readonly KeyRange[], options?: ReadOptions): Promise<ReadResult> {
    return this.inner.read(ranges, options);
  }

  commit(transactions: readonly Transaction[]): Promise<readonly CommitOutcome[]> {
    return this.inner.commit(transactions);
  }

  watch(ranges: readonly KeyRange[], options?: WatchOptions): AsyncIterable<WatchBatch> {
    return this.inner.watch(ranges, options);
  }

  search(request: SearchRequest): Promise<SearchOutcome> {
    return this.inner.search(request);
  }

  status(): Promise<StoreStatus> {
    return this.inner.status();
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

/** A store whose transactions reach it changed. */
class ChangingStore extends PlainStore {
  readonly #change: (transaction: Transaction, count: number) => Transaction;
  #count = 0;

  constructor(inner: Store, change: (transaction: Transaction, count: number) => Transaction) {
    super(inner);
    this.#change = change;
  }

  override commit(transactions: readonly Transaction[]): Promise<readonly CommitOutcome[]> {
    return super.commit(transactions.map((each) => this.#change(each, (this.#count += 1))));
  }
}

/** Writes half of a transaction although its checks failed. */
class LeakingStore extends PlainStore {
  override async commit(transactions: readonly Transaction[]): Promise<readonly CommitOutcome[]> {
    const outcomes = await super.commit(transactions);
    for (const [index, { writes }] of transactions.entries()) {
      if (outcomes[index]!.kind !== 'conflict' || writes.length < 2) continue;
      await super.commit([{ checks: [], writes: writes.slice(0, 1) }]);
    }
    return outcomes;
  }
}

/** Applies a transaction in two halves, one after the other. */
class SplittingStore extends PlainStore {
  override async commit(transactions: readonly Transaction[]): Promise<readonly CommitOutcome[]> {
    const outcomes: CommitOutcome[] = [];
    for (const each of transactions) {
      const [first] = await super.commit([{ ...each, writes: each.writes.slice(0, 1) }]);
      const isDone = first!.kind === 'committed' && each.writes.length > 1;
      const rest = isDone ? await super.commit([{ checks: [], writes: each.writes.slice(1) }]) : [];
      outcomes.push(rest[0] ?? first!);
    }
    return outcomes;
  }
}

/** Judges all transactions of a call on the state before it. */
class SimultaneousStore extends PlainStore {
  override async commit(transactions: readonly Transaction[]): Promise<readonly CommitOutcome[]> {
    const verdicts = await Promise.all(
      transactions.map(({ checks }) => super.commit([{ checks, writes: [] }]).then(([outcome]) => outcome!)),
    );
    const sound = transactions.map((each, index) =>
      verdicts[index]!.kind === 'committed' ? { ...each, checks: [] } : each,
    );
    return super.commit(sound);
  }
}

/** Answers a read with what the last one of the same ranges brought, now and then. */
class StaleStore extends PlainStore {
  #count = 0;
  readonly #kept = new Map<string, ReadResult['results']>();

  override async read(ranges: readonly KeyRange[]): Promise<ReadResult> {
    const result = await super.read(ranges);
    const name = JSON.stringify(ranges);
    const kept = this.#kept.get(name);
    this.#kept.set(name, result.results);
    this.#count += 1;
    return kept && this.#count % 3 === 0 ? { ...result, results: kept } : result;
  }
}

/** A store whose watches give batches changed. */
class ChangingWatchStore extends PlainStore {
  readonly #change: (batch: WatchBatch, count: number) => readonly WatchBatch[];

  constructor(inner: Store, change: (batch: WatchBatch, count: number) => readonly WatchBatch[]) {
    super(inner);
    this.#change = change;
  }

  override async *watch(ranges: readonly KeyRange[], options?: WatchOptions): AsyncGenerator<WatchBatch> {
    let count = 0;
    for await (const batch of super.watch(ranges, options)) {
      if (batch.changes.length > 0) count += 1;
      yield* batch.changes.length > 0 ? this.#change(batch, count) : [batch];
    }
  }
}

/** The memory store, with something wrong above it. */
function broken(wrap: (store: Store) => Store): MakeFixture {
  return brokenEngine((engine) => engine, wrap);
}

/** The memory store, with something wrong about its engine. */
function brokenEngine(
  change: (engine: Engine) => Engine,
  wrap: (store: Store) => Store = (store) => store,
): MakeFixture {
  return ({ retention }) => {
    const clock = new ManualClock();
    const engine = change(makeMemoryEngine(retention ? { retention } : {}));
    const store = wrap(new LocalStore({ engine, clock }));
    return Promise.resolve({ store, clock, engine: 'memory', prefixBytes: 0, remove: () => store.close() });
  };
}

/** The engine with other methods. Its own keep their `this`. */
function withMethods(engine: Engine, methods: Partial<Engine>): Engine {
  return new Proxy(engine, {
    get(target, name) {
      const own = methods[name as keyof Engine];
      if (own !== undefined) return own;
      const value: unknown = target[name as keyof Engine];
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

const changing = (change: (transaction: Transaction, count: number) => Transaction): MakeFixture =>
  broken((store) => new ChangingStore(store, change));
const changingWatch = (change: (batch: WatchBatch, count: number) => readonly WatchBatch[]): MakeFixture =>
  broken((store) => new ChangingWatchStore(store, change));

/** What is wrong, and the store that does it. */
export const brokenStores: readonly (readonly [string, MakeFixture])[] = [
  ['ignores checks', changing((each) => ({ ...each, checks: [] }))],
  [
    'loses a write now and then',
    changing((each, count) => (count % 10 === 0 ? { ...each, writes: each.writes.slice(0, -1) } : each)),
  ],
  ['ignores until when a decision is valid', changing(({ validUntilMs: _, ...rest }) => rest)],
  ['makes no marks', changing(({ marks: _, ...rest }) => rest)],
  ['forgets its attempts', changing(({ attemptId: _, ...rest }) => rest)],
  ['writes half of what it refuses', broken((store) => new LeakingStore(store))],
  ['applies a transaction in two halves', broken((store) => new SplittingStore(store))],
  ['judges the transactions of a call at once', broken((store) => new SimultaneousStore(store))],
  ['answers a read with an earlier state', broken((store) => new StaleStore(store))],
  [
    'gives a change twice',
    changingWatch((batch, count) =>
      count % 5 === 0 ? [batch, { ...batch, changes: batch.changes.slice(-1) }] : [batch],
    ),
  ],
  [
    'leaves a change out',
    changingWatch((batch, count) => (count % 5 === 0 ? [{ ...batch, changes: batch.changes.slice(1) }] : [batch])),
  ],
  [
    'gives the changes of a commit out of order',
    changingWatch((batch) => [{ ...batch, changes: [...batch.changes].reverse() }]),
  ],
  [
    'lets an entry live a millisecond too long for reads',
    brokenEngine((engine) => withMethods(engine, { read: (ranges, nowMs) => engine.read(ranges, nowMs - 1) })),
  ],
  [
    'lets an entry live a millisecond too long for checks',
    brokenEngine((engine) =>
      withMethods(engine, {
        judge: (transactions, nowMs) =>
          engine.judge(transactions, nowMs - 1).map((each) => (each.kind === 'failed' ? each : { ...each, nowMs })),
      }),
    ),
  ],
  [
    'does not announce an expiry now and then',
    changingWatch((batch, count) =>
      count % 3 === 0 ? [{ ...batch, changes: batch.changes.filter(({ kind }) => kind !== 'expire') }] : [batch],
    ),
  ],
];
