/**
 * Increments on etcd, by as many callers as are wanted: through lanes over a store of ours in this process, or as people write it by
 * hand, straight on etcd: one transaction for each operation, and for a key that others write too read, compare-and-set, retry. And how
 * long a commit takes to come to a subscriber of another storage process.
 */
import type { Store } from '../../proto/store';
import { backoffDelayMs } from '../../src/core/backoff';
import { systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { tenantScope } from '../../src/core/keyspace';
import { Counters } from '../../src/patterns/counter';
import { LaneMemory } from '../../src/store/lane-memory';
import { ScopedStore } from '../../src/store/scoped-store';
import { Transact } from '../../src/store/transact';
import { EtcdChannel } from '../../storage/etcd/channel';
import { openEtcdStore } from '../../storage/etcd/etcd-store';
import { getOp, isAtRevision, methods, putOp } from '../../storage/etcd/messages';
import { behave } from '../support/child-side';
import type { Measured, RunSpec } from '../support/measured';
import { Meter } from '../support/meter';

export interface EtcdCaller {
  readonly config: { readonly endpoints: readonly string[] };
  readonly started: true;
  readonly run: RunSpec & {
    readonly how: 'lanes' | 'by hand' | 'watch';
    /** Each caller has a record of its own, or all have one. */
    readonly records: 'distinct' | 'one';
    readonly callers: number;
  };
  /** `sum`: what the records come to, of this run alone. */
  readonly result: Measured & { readonly sum: number };
}

/** The recipe waits a random while before it begins again. */
const backoff = { baseMs: 10, capMs: 10 };
const scope = tenantScope('bench', 1);

/** What callers do, and the sum that stands at the end. */
interface Way {
  readonly increment: (caller: number, meter: Meter) => Promise<void>;
  readonly sum: () => Promise<number>;
}

async function throughLanes(store: Store, names: readonly string[]): Promise<Way> {
  const scoped = new ScopedStore(store, scope);
  const [clock, ids] = [systemClock, systemIds];
  const memory = new LaneMemory();
  const transact = new Transact({ store: scoped, memory, memoryScope: scope.toString('latin1'), clock, ids });
  const counters = new Counters({ store: scoped, transact, clock, ids });
  const valuesOf = (): Promise<number[]> =>
    Promise.all(names.map(async (name) => (await counters.get(name))?.value ?? 0));
  await Promise.all(names.map((name) => counters.create({ name, initialValue: 0, shards: 1 })));
  return {
    increment: async (caller) => void (await counters.increment({ name: names[caller % names.length]!, by: 1 })),
    sum: async () => (await valuesOf()).reduce((sum, value) => sum + value, 0),
  };
}

async function byHand(channel: EtcdChannel, names: readonly string[]): Promise<Way> {
  const keys = names.map((name) => Buffer.from(`by-hand/${name}`));
  const read = async (key: Buffer): Promise<{ value: number; revision: number }> => {
    const { kvs } = await channel.once(methods.range, { key });
    return { value: Number(kvs[0]!.value.toString()), revision: kvs[0]!.modRevision };
  };
  const known = await Promise.all(
    keys.map(async (key) => {
      await channel.once(methods.txn, { compare: [], success: [putOp(key, Buffer.from('0'))], failure: [] });
      return read(key);
    }),
  );
  /** Whether it was written, at which revision. */
  const write = async (key: Buffer, value: number, revision: number): Promise<number | undefined> => {
    const success = [putOp(key, Buffer.from(String(value)))];
    const request = { compare: [isAtRevision(key, revision)], success, failure: [getOp(key)] };
    const { header, succeeded } = await channel.once(methods.txn, request);
    return succeeded ? header!.revision : undefined;
  };
  const own = async (index: number): Promise<void> => {
    const { value, revision } = known[index]!;
    const written = await write(keys[index]!, value + 1, revision);
    if (written === undefined) throw new Error('somebody else wrote a record of its own');
    known[index] = { value: value + 1, revision: written };
  };
  const shared = async (meter: Meter): Promise<void> => {
    const key = keys[0]!;
    for (let tries = 1; ; tries += 1) {
      const { value, revision } = await read(key);
      if ((await write(key, value + 1, revision)) !== undefined) return;
      if (meter.isOver) throw new RunIsOver();
      await systemClock.sleep(backoffDelayMs(tries, backoff, systemIds));
    }
  };
  return {
    increment: (caller, meter) => (keys.length === 1 ? shared(meter) : own(caller)),
    sum: async () => (await Promise.all(keys.map(read))).reduce((sum, { value }) => sum + value, 0),
  };
}

/** The caller has not written and need not any more. */
class RunIsOver extends Error {}

const isRunOver = (error: unknown): boolean => error instanceof RunIsOver;

/** Commits one after the other on one store, each until a watch of the other store has it. */
async function watchDelays(from: Store, to: Store, meter: Meter): Promise<void> {
  const key = Buffer.from(`watched ${systemIds.uuid()}`);
  const ending = new AbortController();
  const batches = to.watch([{ start: key }], { signal: ending.signal })[Symbol.asyncIterator]();
  await batches.next();
  const once = async (): Promise<void> => {
    const value = Buffer.from(systemIds.uuid());
    const arrived = (async () => {
      for (;;) {
        const { value: batch } = await batches.next();
        if (batch.changes.some((change: { value?: Buffer }) => change.value?.equals(value))) return;
      }
    })();
    const [outcome] = await from.commit([{ checks: [], writes: [{ kind: 'put', key, value, history: 'value' }] }]);
    if (outcome!.kind !== 'committed') throw new Error(`a commit came to ${JSON.stringify(outcome)}`);
    await arrived;
  };
  await meter.repeat(once, isRunOver);
  ending.abort();
}

behave<EtcdCaller>(async ({ endpoints }) => {
  const channel = new EtcdChannel({ endpoints, clock: systemClock, callMs: 30_000 });
  const open = (name: string): Promise<Store> =>
    openEtcdStore({ etcd: { endpoints }, clock: systemClock, ids: systemIds, name });
  const store = await open('bench');
  const run = async ({ how, records, callers, ...spec }: EtcdCaller['run']): Promise<EtcdCaller['result']> => {
    if (how === 'watch') {
      // Only here: what it is told of costs everybody.
      const other = await open('subscriber');
      const meter = new Meter(spec);
      await watchDelays(store, other, meter);
      await other.close();
      const measured = meter.result();
      return { ...measured, sum: measured.answered };
    }
    const runId = systemIds.uuid();
    const names = Array.from({ length: records === 'one' ? 1 : callers }, (_, index) => `${runId} ${index}`);
    const way = how === 'lanes' ? await throughLanes(store, names) : await byHand(channel, names);
    const meter = new Meter(spec);
    await Promise.all(
      Array.from({ length: callers }, (_, each) => meter.repeat(() => way.increment(each, meter), isRunOver)),
    );
    return { ...meter.result(), sum: await way.sum() };
  };
  return { started: true, run };
});
