/** etcd that gets full under many writers: what it says of each write is true, of those that take the last room as well. */
import type { CommitOutcome, Store, Transaction } from '../../proto/store';
import { systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { openEtcdStore } from '../../storage/etcd/etcd-store';
import { EtcdCluster } from '../support/etcd';

jest.setTimeout(20_000);

const quotaBytes = 4_000_000;
const writers = 16;
const valueBytes = 20_000;

let cluster: EtcdCluster;
let stores: Store[] = [];
beforeEach(async () => {
  cluster = await EtcdCluster.start({ args: ['--quota-backend-bytes', String(quotaBytes)] });
  const etcd = { endpoints: cluster.endpoints };
  const open = (name: string): Promise<Store> => openEtcdStore({ etcd, clock: systemClock, ids: systemIds, name });
  stores = [await open('first'), await open('second')];
}, 30_000);
afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await cluster.stop();
}, 20_000);

test('what is UNAVAILABLE was not written, what was acknowledged was', async () => {
  const fates = new Map<string, CommitOutcome>();
  const fill = async (writer: number): Promise<void> => {
    for (let number = 0; ; number += 1) {
      const name = `${writer}/${number}`;
      const transaction: Transaction = {
        checks: [],
        writes: [{ kind: 'put', key: Buffer.from(name), value: Buffer.alloc(valueBytes), history: 'none' }],
      };
      const [outcome] = await stores[writer % stores.length]!.commit([transaction]);
      fates.set(name, outcome!);
      if (outcome!.kind === 'failed') return expect(outcome!.error).toMatchObject({ code: 'UNAVAILABLE' });
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => fill(writer)));
  const names = [...fates.keys()];
  // Without the values, which may be more than one answer has room for.
  const { results } = await stores[0]!.read(names.map((name) => ({ start: Buffer.from(name), keysOnly: true })));
  const wrong = names.filter((name, index) => {
    const isThere = results[index]!.entries.length > 0;
    return isThere !== (fates.get(name)!.kind === 'committed');
  });
  expect(wrong).toEqual([]);
});
