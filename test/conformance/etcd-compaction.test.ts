/** etcd whose history somebody else compacts, to the present revision: as the way out of a full etcd has it. */
import type { Committed, Store, Transaction } from '../../proto/store';
import { systemClock } from '../../src/core/clock';
import type { AppError } from '../../src/core/errors';
import { systemIds } from '../../src/core/ids';
import { EtcdChannel, toStoreError } from '../../storage/etcd/channel';
import { openEtcdStore } from '../../storage/etcd/etcd-store';
import { methods } from '../../storage/etcd/messages';
import { traceOf } from '../../storage/etcd/traces';
import { Network } from '../faults/support/network';
import { EtcdCluster } from '../support/etcd';

let cluster: EtcdCluster;
let channel: EtcdChannel;
const stores: Store[] = [];
beforeAll(async () => {
  cluster = await EtcdCluster.start();
  channel = new EtcdChannel({ endpoints: cluster.endpoints, clock: systemClock });
}, 30_000);
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  channel?.close();
  await cluster?.stop();
});

const prefix = 'compaction/';
const open = async (name = 'storage under test', endpoints = cluster.endpoints): Promise<Store> => {
  const store = await openEtcdStore({ etcd: { endpoints, prefix }, clock: systemClock, ids: systemIds, name });
  stores.push(store);
  return store;
};
const lost = [{ kind: 'failed', error: expect.objectContaining({ code: 'OUTCOME_UNKNOWN' }) as AppError }];
const row = (key: string, attemptId = systemIds.bytes(16)): Transaction & { readonly attemptId: Buffer } => ({
  checks: [],
  writes: [{ kind: 'put', key: Buffer.from(key), value: Buffer.from('value'), history: 'value' }],
  attemptId,
});

/** Beyond all that stands. */
async function compact(): Promise<number> {
  const { header } = await channel.ask(methods.txn, {
    compare: [],
    success: [{ requestPut: { key: Buffer.from('elsewhere'), value: Buffer.alloc(0) } }],
    failure: [],
  });
  await channel.ask(methods.compact, { revision: header!.revision });
  return header!.revision;
}

test('a storage process that begins again opens, and still knows what its former life wrote last', async () => {
  const former = await open();
  const sent = row('a');
  const [before] = await former.commit([sent]);
  await compact();
  const later = await open();
  expect(await later.commit([sent])).toEqual([before]);
});

test('what it cannot know any more, since others have written there, it does not do again: it is OUTCOME_UNKNOWN', async () => {
  const former = await open();
  const sent = row('c');
  await former.commit([sent]);
  const other = await open('another');
  const [last] = await other.commit([row('c')]);
  await compact();
  const later = await open();
  expect(await later.commit([sent])).toEqual(lost);
  const { results } = await later.read([{ start: Buffer.from('c') }]);
  expect(results[0]!.entries[0]!.revision).toBe((last as Committed).revision);
});

describe('an answer that was lost, of a batch that was compacted away', () => {
  let network: Network;
  beforeAll(async () => {
    network = await Network.start(Number(cluster.endpoints[0]!.split(':')[1]));
  });
  afterAll(async () => {
    // Those behind it need it to end in order.
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await network.stop();
  });

  /** Commits a row under each key, without an answer; meanwhile another process writes some of them again. */
  async function lose(keys: readonly string[], writtenAgain: readonly string[]) {
    const store = await open(`behind a network: ${keys.join(' ')}`, [`127.0.0.1:${network.port}`]);
    const other = await open('another');
    await store.commit([row('before')]);
    network.treat('deaf');
    const sent = keys.map((key) => row(key));
    const outcomes = store.commit(sent);
    for (;;) {
      const { results } = await other.read(keys.map((key) => ({ start: Buffer.from(key) })));
      if (results.every(({ entries }) => entries.length === 1)) break;
    }
    network.treat('cut');
    for (const key of writtenAgain) await other.commit([row(key)]);
    await compact();
    network.treat('pass');
    return { store, sent, outcomes: await outcomes };
  }

  test('is known of all that had one fate, where the row of one still shows it', async () => {
    const { store, sent, outcomes } = await lose(['d', 'e'], ['d']);
    const committed = { kind: 'committed' };
    expect(outcomes).toMatchObject([committed, committed]);
    expect(await store.commit(sent)).toEqual(outcomes);
  });

  test('is OUTCOME_UNKNOWN where none does, and writing goes on', async () => {
    const { store, sent, outcomes } = await lose(['g', 'h'], ['g', 'h']);
    expect(outcomes).toEqual([...lost, ...lost]);
    expect(await store.commit([sent[0]!])).toEqual(lost);
    expect(await store.commit([row('f')])).toMatchObject([{ kind: 'committed' }]);
  });
});

test.each([
  [undefined, 'lost'],
  [4, 'not applied'],
  [5, 'applied'],
  [6, 'lost'],
])('a row that is there at %s now says of a batch at 5 that it was %s', (modRevision, trace) => {
  expect(traceOf(modRevision === undefined ? undefined : { modRevision }, 5)).toBe(trace);
});

test('a read of what is gone is UNAVAILABLE: it may be sent again', async () => {
  const store = await open();
  await store.commit([row('b')]);
  const revision = await compact();
  const request = { requestRange: { key: Buffer.from('elsewhere'), revision: revision - 1 } };
  const failure: unknown = await channel
    .ask(methods.txn, { compare: [], success: [request], failure: [] })
    .catch((error: unknown) => error);
  expect(toStoreError(failure)).toMatchObject({ code: 'UNAVAILABLE' });
});
