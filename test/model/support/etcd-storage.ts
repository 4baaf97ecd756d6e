/**
 * etcd for the models: a prefix of its own for every run. It is opened by the first who asks for something; how far it is, is told by its
 * answers; and the dice wait until it has answered and its watch has brought what was written, since they hold the network before it
 * and not the one behind it.
 */
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
import { systemClock } from '../../../src/core/clock';
import type { ManualClock } from '../../../src/core/clock';
import { systemIds } from '../../../src/core/ids';
import { openEtcdStore } from '../../../storage/etcd/etcd-store';
import type { ModelStorage } from './model-storage';

export function etcdStorage(endpoints: readonly string[], clock: ManualClock): ModelStorage {
  const store = new EtcdModelStore(clock, () =>
    openEtcdStore({
      etcd: { endpoints, prefix: `model-${systemIds.uuid()}/` },
      clock,
      transportClock: systemClock,
      ids: systemIds,
      name: 'storage of a model',
    }),
  );
  return { store, revision: () => store.revision, settled: () => store.settled(), quiet: () => store.quiet() };
}

/** Of no pattern. */
const beacon = Buffer.from('\xff beacon', 'latin1');

class EtcdModelStore implements Store {
  readonly #clock: ManualClock;
  readonly #open: () => Promise<Store>;
  #opened: Promise<Store> | undefined;
  /** Calls without their answer. */
  readonly #running = new Set<Promise<unknown>>();
  revision = 0;
  /** When the watch was last known to have brought everything. */
  #lit = { revision: 0, atMs: 0 };
  #beacons: AsyncIterator<WatchBatch> | undefined;

  constructor(clock: ManualClock, open: () => Promise<Store>) {
    this.#clock = clock;
    this.#open = open;
  }

  async settled(): Promise<void> {
    while (this.#running.size > 0) {
      await Promise.race(this.#running);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { revision, atMs } = this.#lit;
    if (this.#opened && (this.revision !== revision || this.#clock.monotonicMs() !== atMs)) await this.#light();
  }

  /** A sweep is a few trips, one after the other; what it has written is brought by the watch. */
  async quiet(): Promise<void> {
    for (let trips = 0; trips < 8; trips += 1) await this.#light();
  }

  /** Writes something of its own and waits until the watch has brought it, and with it what was written before. */
  async #light(): Promise<void> {
    const store = await this.#store();
    if (!this.#beacons) {
      this.#beacons = store.watch([{ start: beacon }])[Symbol.asyncIterator]();
      await this.#beacons.next();
    }
    const put = { kind: 'put', key: beacon, value: Buffer.alloc(0), history: 'key' } as const;
    const [outcome] = await this.commit([{ checks: [], writes: [put] }]);
    if (outcome!.kind !== 'committed') throw new Error(`a beacon came to ${JSON.stringify(outcome)}`);
    for (let seen = 0; seen < outcome!.revision; seen = (await this.#beacons.next()).value.revision);
    this.#lit = { revision: this.revision, atMs: this.#clock.monotonicMs() };
  }

  read(ranges: readonly KeyRange[], options?: ReadOptions): Promise<ReadResult> {
    return this.#run(async (store) => this.#saw(await store.read(ranges, options)));
  }

  commit(transactions: readonly Transaction[]): Promise<readonly CommitOutcome[]> {
    return this.#run(async (store) => {
      const outcomes = await store.commit(transactions);
      for (const outcome of outcomes) if (outcome.kind !== 'failed') this.#saw(outcome);
      return outcomes;
    });
  }

  async *watch(ranges: readonly KeyRange[], options?: WatchOptions): AsyncGenerator<WatchBatch, void, void> {
    const store = await this.#store();
    for await (const batch of store.watch(ranges, options)) yield this.#saw(batch);
  }

  search(request: SearchRequest): Promise<SearchOutcome> {
    return this.#run((store) => store.search(request));
  }

  status(): Promise<StoreStatus> {
    return this.#run(async (store) => this.#saw(await store.status()));
  }

  async close(): Promise<void> {
    await this.#beacons?.return?.();
    if (this.#opened) await (await this.#opened).close();
  }

  #store(): Promise<Store> {
    return (this.#opened ??= this.#open());
  }

  async #run<Result>(ask: (store: Store) => Promise<Result>): Promise<Result> {
    const running = this.#store().then(ask);
    const settled = running.catch(() => undefined);
    this.#running.add(settled);
    try {
      return await running;
    } finally {
      this.#running.delete(settled);
    }
  }

  #saw<Answer extends { readonly revision: number }>(answer: Answer): Answer {
    this.revision = Math.max(this.revision, answer.revision);
    return answer;
  }
}
