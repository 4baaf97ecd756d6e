/** etcd whose history somebody else compacts, to the present revision: as the way out of a full etcd has it. */
import type { Store, Transaction } from '../../proto/store';
import { systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { EtcdChannel, toStoreError } from '../../storage/etcd/channel';
import { openEtcdStore } from '../../storage/etcd/etcd-store';
import { methods } from '../../storage/etcd/messages';
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
const open = async (): Promise<Store> => {
  const etcd = { endpoints: cluster.endpoints, prefix };
  const store = await openEtcdStore({ etcd, clock: systemClock, ids: systemIds, name: 'storage under test' });
  stores.push(store);
  return store;
};
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
