/** etcd for the conformance suite: one member for a test file, a prefix of its own for every test. */
import type { Store } from '../../proto/store';
import { ManualClock, systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { openEtcdStore } from '../../storage/etcd/etcd-store';
import type { MakeFixture } from '../conformance/suite/fixture';
import { EtcdCluster } from './etcd';

/** Registers the member of a test file. */
export function useEtcd(): MakeFixture {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await EtcdCluster.start();
  }, 30_000);
  afterAll(() => cluster.stop());
  return async ({ retention }) => {
    const clock = new ManualClock();
    const etcd = { endpoints: cluster.endpoints, prefix: `test-${systemIds.uuid()}/` };
    const open = (): Promise<Store> =>
      openEtcdStore({
        etcd,
        clock,
        transportClock: systemClock,
        ids: systemIds,
        name: 'storage under test',
        // As the suite has it of all engines.
        retention: { markKeepMs: 86_400_000, ...retention },
      });
    let store = await open();
    return {
      get store() {
        return store;
      },
      clock,
      engine: 'etcd',
      prefixBytes: 0,
      reopen: async () => {
        await store.close();
        store = await open();
      },
      remove: () => store.close(),
    };
  };
}
