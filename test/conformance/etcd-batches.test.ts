/** Many transactions that travel together through etcd and share a fate, of which some are refused, and what is remembered of them. */
import type { CommitOutcome, Store, Transaction } from '../../proto/store';
import { systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { openEtcdStore } from '../../storage/etcd/etcd-store';
import { Network } from '../faults/support/network';
import { EtcdCluster } from '../support/etcd';

jest.setTimeout(20_000);

let cluster: EtcdCluster;
let network: Network;
const stores: Store[] = [];
beforeAll(async () => {
  cluster = await EtcdCluster.start();
  network = await Network.start(Number(cluster.endpoints[0]!.split(':')[1]));
}, 30_000);
afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));
afterAll(async () => {
  await network?.stop();
  await cluster?.stop();
});

/** A store of its own for every test. */
let prefix: string;
beforeEach(() => (prefix = `${systemIds.uuid()}/`));
const open = async (name: string, endpoints = cluster.endpoints): Promise<Store> => {
  const store = await openEtcdStore({ etcd: { endpoints, prefix }, clock: systemClock, ids: systemIds, name });
  stores.push(store);
  return store;
};

const keys = Array.from({ length: 120 }, (_, at) => Buffer.from(`key ${at}`));
/** Puts a value under a key that is to be absent. */
const making = (key: Buffer, value: string): Transaction & { readonly attemptId: Buffer } => ({
  checks: [{ key, revision: 0 }],
  writes: [{ kind: 'put', key, value: Buffer.from(value), history: 'value' }],
  attemptId: systemIds.bytes(16),
});
const valuesOf = async (store: Store): Promise<(string | undefined)[]> => {
  const { results } = await store.read(keys.map((start) => ({ start })));
  return results.map(({ entries: [entry] }) => entry?.value.toString());
};
const kindsOf = (outcomes: readonly CommitOutcome[]): string[] => outcomes.map(({ kind }) => kind);

test('one that is refused takes nothing with it, and hears what stands', async () => {
  const [store, other] = [await open('one'), await open('another')];
  const taken = [3, 40, 119];
  for (const at of taken) await other.commit([making(keys[at]!, 'theirs')]);
  const outcomes = await store.commit(keys.map((key) => making(key, 'ours')));
  expect(kindsOf(outcomes)).toEqual(keys.map((_, at) => (taken.includes(at) ? 'conflict' : 'committed')));
  for (const at of taken)
    expect(outcomes[at]).toMatchObject({ entries: [{ key: keys[at], value: Buffer.from('theirs') }] });
  expect(await valuesOf(store)).toEqual(keys.map((_, at) => (taken.includes(at) ? 'theirs' : 'ours')));
});

test('deletions and checks alone share it too', async () => {
  const store = await open('one');
  await store.commit(keys.map((key) => making(key, 'ours')));
  const outcomes = await store.commit(
    keys.map((key, at): Transaction => {
      if (at % 2 === 0) return { checks: [], writes: [{ kind: 'delete', key, history: 'value' }] };
      return { checks: [{ key, revision: at % 3 === 0 ? 1 : 0 }], writes: [] };
    }),
  );
  expect(kindsOf(outcomes)).toEqual(keys.map((_, at) => (at % 2 === 0 ? 'committed' : 'conflict')));
  expect(await valuesOf(store)).toEqual(keys.map((_, at) => (at % 2 === 0 ? undefined : 'ours')));
});

test('sent again, also to a process that was started again, all come to what they came to', async () => {
  const other = await open('another');
  await other.commit([making(keys[7]!, 'theirs')]);
  const sent = keys.map((key) => making(key, 'ours'));
  const former = await open('one');
  const outcomes = await former.commit(sent);
  expect(await former.commit(sent)).toEqual(
    outcomes.map((each, at) => (at === 7 ? (expect.anything() as unknown) : each)),
  );
  // The last batch is told of by no later one, so its rows have to say it.
  await former.close();
  const later = await open('one');
  const again = await later.commit(sent);
  expect(again.filter((_, at) => at !== 7)).toEqual(outcomes.filter((_, at) => at !== 7));
  expect(again[7]).toMatchObject({ kind: 'conflict' });
});

test('where the answer is lost, all are written once', async () => {
  const store = await open('behind a network', [`127.0.0.1:${network.port}`]);
  const other = await open('another');
  await other.commit([making(keys[5]!, 'theirs')]);
  await store.commit([making(Buffer.from('before'), 'ours')]);
  network.treat('deaf');
  const outcomes = store.commit(keys.map((key) => making(key, 'ours')));
  // Of those that went together nothing is written, since one of them is refused; what went beside them is.
  while ((await valuesOf(other)).every((value) => value !== 'ours')) continue;
  network.treat('pass');
  expect(kindsOf(await outcomes)).toEqual(keys.map((_, at) => (at === 5 ? 'conflict' : 'committed')));
  expect(await valuesOf(other)).toEqual(keys.map((_, at) => (at === 5 ? 'theirs' : 'ours')));
});
