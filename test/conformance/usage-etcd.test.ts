/** Usage and quotas on etcd, where sums are written down a moment later. */
import { systemClock } from '../../src/core/clock';
import { keyspace, tenantScope } from '../../src/core/keyspace';
import { decodeUsage, usageKey } from '../../src/core/usage';
import { ScopedStore } from '../../src/store/scoped-store';
import { useEtcd } from '../support/etcd-fixture';
import { describeUsage } from './suite/usage';

const makeFixture = useEtcd();

describeUsage('the etcd store', makeFixture);

test('sums that are written down while others write leave nothing out', async () => {
  const { store, remove } = await makeFixture({});
  const scope = tenantScope('busy', 1);
  const scoped = new ScopedStore(store, scope);
  const written = async (): Promise<{ readonly keys: number; readonly revision: number }> => {
    const [entry] = (await store.read([{ start: usageKey(scope) }])).results[0]!.entries;
    return entry ? { keys: decodeUsage(entry.value).keys, revision: entry.revision } : { keys: 0, revision: 0 };
  };
  let count = 0;
  const revisions = new Set<number>();
  const write = async (writer: number): Promise<void> => {
    for (let number = 0; revisions.size < 5; number += 1) {
      const key = keyspace.kv(`k${writer}/${number}`);
      await scoped.commit([{ checks: [], writes: [{ kind: 'put', key, value: key, history: 'value' }] }]);
      count += 1;
      revisions.add((await written()).revision);
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)));
  while ((await written()).keys < count) await systemClock.sleep(20);
  expect((await written()).keys).toBe(count);
  await remove();
}, 20_000);
