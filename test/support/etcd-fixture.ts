/** etcd for the conformance suite: one member for a test file, a prefix of its own for every test. */
import { ManualClock, systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { openEtcdStore } from '../../storage/etcd/etcd-store';
import type { MakeFixture } from '../conformance/suite/fixture';
import type { Inability } from '../conformance/suite/describe-store';
import { EtcdCluster } from './etcd';

/** What of the suite it cannot do. */
export const etcdCannot: readonly Inability[] = [
  { ability: 'own revisions', reason: 'independent transactions travel in one transaction of etcd' },
  {
    ability: 'still revisions',
    reason: 'a transaction leaves a row of its batch, whether it changes anything else or not',
  },
  { ability: 'leave expired', reason: 'whether a row has expired is not known where it is deleted' },
];

export interface UseEtcdOptions {
  /** Of an import that came before: what is shown of revisions is above it. */
  readonly floor?: number;
}

/** Registers the member of a test file. */
export function useEtcd({ floor }: UseEtcdOptions = {}): MakeFixture {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await EtcdCluster.start();
  }, 30_000);
  afterAll(() => cluster.stop());
  return async ({ retention }) => {
    const clock = new ManualClock();
    const etcd = { endpoints: cluster.endpoints, prefix: `test-${systemIds.uuid()}/` };
    const open = (): ReturnType<typeof openEtcdStore> =>
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
    if (floor !== undefined)
      await store.load({ rows: [], marks: [], floor: { revision: floor, clockMs: undefined, isAll: false } });
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
