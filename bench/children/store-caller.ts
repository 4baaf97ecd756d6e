/**
 * Calls a Store, so many calls in flight, each of one operation: the store of a storage process over gRPC, or one that this very
 * process has opened. Commits put a value of 100 bytes under one of 10,000 keys; reads read one of them.
 */
import type { Store } from '../../proto/store';
import { systemClock } from '../../src/core/clock';
import { makeSeededIds, systemIds } from '../../src/core/ids';
import { GrpcStore } from '../../src/store/grpc-store';
import { openStore } from '../../storage/open';
import { behave } from '../support/child-side';
import type { Measured, RunSpec } from '../support/measured';
import { Meter } from '../support/meter';

export interface StoreCaller {
  readonly config:
    { readonly kind: 'grpc'; readonly address: string } | { readonly kind: 'local'; readonly directory: string };
  readonly started: true;
  readonly run: RunSpec & { readonly operation: 'commit' | 'read'; readonly inFlight: number };
  readonly result: Measured;
}

const keyCount = 10_000;
const valueBytes = 100;
const putsPerTransaction = 100;

const keys = Array.from({ length: keyCount }, (_, index) =>
  Buffer.from(`store-bench/${String(index).padStart(8, '0')}`),
);
const value = Buffer.alloc(valueBytes, 'v');
const ids = makeSeededIds(2);

/** One call; throws where its outcome is not the one that it should have. */
type Call = () => Promise<void>;

function callsOf(store: Store): Readonly<Record<'commit' | 'read', Call>> {
  const someKey = (): Buffer => keys[Math.floor(ids.fraction() * keyCount)]!;
  return {
    async commit() {
      const [outcome] = await store.commit([
        { checks: [], writes: [{ kind: 'put', key: someKey(), value, history: 'key' }] },
      ]);
      if (outcome!.kind !== 'committed') throw new Error(`a commit came to ${JSON.stringify(outcome)}`);
    },
    async read() {
      const { results } = await store.read([{ start: someKey() }]);
      if (results[0]!.entries[0]?.value.length !== valueBytes) throw new Error('a read did not give what was put');
    },
  };
}

async function fill(store: Store): Promise<void> {
  for (let from = 0; from < keyCount; from += putsPerTransaction) {
    const some = keys.slice(from, from + putsPerTransaction);
    await store.commit([
      { checks: [], writes: some.map((key) => ({ kind: 'put', key, value, history: 'key' }) as const) },
    ]);
  }
}

behave<StoreCaller>(async (config) => {
  const store =
    config.kind === 'grpc'
      ? new GrpcStore({ address: config.address, clock: systemClock, ids: systemIds })
      : await openStore({ engine: 'lmdb', directory: config.directory, clock: systemClock, ids: systemIds });
  await fill(store);
  const calls = callsOf(store);
  return {
    started: true,
    async run({ operation, inFlight, ...spec }) {
      const meter = new Meter(spec);
      await Promise.all(Array.from({ length: inFlight }, () => meter.repeat(calls[operation])));
      return meter.result();
    },
  };
});
