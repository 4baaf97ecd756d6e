/** An expired row that others take away while a writer is told that it is in the way. */
import type { Store, Transaction } from '../../proto/store';
import { ManualClock, systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { openEtcdStore } from '../../storage/etcd/etcd-store';
import { EtcdCluster } from '../support/etcd';

const rounds = 60;
const clock = new ManualClock();
let cluster: EtcdCluster;
let writer: Store;
let remover: Store;
beforeAll(async () => {
  cluster = await EtcdCluster.start();
  const etcd = { endpoints: cluster.endpoints };
  const open = (name: string): Promise<Store> =>
    openEtcdStore({ etcd, clock, transportClock: systemClock, ids: systemIds, name });
  writer = await open('writer');
  remover = await open('remover');
}, 30_000);
afterAll(async () => {
  await Promise.all([writer, remover].map((store) => store?.close()));
  await cluster?.stop();
});

test('is in nobody’s way: what must be absent is, whoever removes it meanwhile', async () => {
  const key = Buffer.from('key');
  const put: Transaction = {
    checks: [{ key, revision: 0 }],
    writes: [{ kind: 'put', key, value: Buffer.from('value'), history: 'value', ttlMs: 100 }],
  };
  const remove: Transaction = { checks: [], writes: [{ kind: 'delete', key, history: 'value' }] };
  for (let round = 0; round < rounds; round += 1) {
    const [outcomes] = await Promise.all([writer.commit([put]), remover.commit([remove])]);
    expect(outcomes).toMatchObject([{ kind: 'committed' }]);
    await writer.commit([put]);
    clock.advance(200);
  }
});
