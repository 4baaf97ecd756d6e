/** Exports and imports while the leader of etcd is killed: whole, or said not to be, and then the same again works. */
import { systemClock } from '../../src/core/clock';
import { toAppError } from '../../src/core/errors';
import { systemIds } from '../../src/core/ids';
import { keyspace, tenantScope } from '../../src/core/keyspace';
import type { BackupPart } from '../../storage/backup/backup-parts';
import { exportData, spanOf } from '../../storage/backup/export-data';
import { importData } from '../../storage/backup/import-data';
import { openEtcdStore } from '../../storage/etcd/etcd-store';
import { EtcdCluster } from '../support/etcd';

jest.setTimeout(90_000);

type Whole = Awaited<ReturnType<typeof openEtcdStore>>;
const rowsMax = 6_000;
const scope = tenantScope('shop', 1);
let cluster: EtcdCluster;
const stores: Whole[] = [];

beforeEach(async () => {
  cluster = await EtcdCluster.start({ members: 3, isDurable: true });
});
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  await cluster.stop();
});

async function open(prefix: string): Promise<Whole> {
  const etcd = { endpoints: cluster.endpoints, prefix };
  const store = await openEtcdStore({ etcd, clock: systemClock, ids: systemIds, name: prefix });
  stores.push(store);
  return store;
}

async function contents(store: Whole): Promise<ReadonlyMap<string, string>> {
  const snapshot = await store.snapshot();
  const found = new Map<string, string>();
  for await (const page of snapshot.rows(spanOf(scope)))
    for (const { key, value } of page) found.set(key.toString('hex'), value.toString('hex'));
  snapshot.release();
  return found;
}

/** Again and again while etcd elects, as whoever is told UNAVAILABLE does. */
async function untilDone<Result>(act: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await act();
    } catch (error) {
      const { code } = toAppError(error);
      if (tries >= 10 || (code !== 'UNAVAILABLE' && code !== 'OUTCOME_UNKNOWN')) throw error;
      await systemClock.sleep(500);
    }
  }
}

test('the leader is killed in the middle of an export, and of an import', async () => {
  const source = await open('source/');
  for (let at = 0; at < rowsMax; at += 500) {
    const rows = Array.from({ length: 500 }, (_, index) => {
      const key = Buffer.concat([scope, keyspace.kv(`row ${at + index}`)]);
      return { key, value: Buffer.alloc(200, at + index), expiresAtMs: 0, history: 'value' as const };
    });
    await source.load({ rows, marks: [] });
  }
  const before = await contents(source);
  expect(before.size).toBe(rowsMax);

  let leader = await cluster.leader();
  const parts = await untilDone(async () => {
    const taken: BackupPart[] = [];
    for await (const part of exportData(source, {}, systemIds)) {
      taken.push(part);
      if (taken.length === 2) await cluster.kill(leader);
    }
    return taken;
  });
  cluster.restart(leader);

  const target = await open('target/');
  leader = await cluster.leader();
  await untilDone(() =>
    importData(
      target,
      (async function* () {
        for (const [at, part] of parts.entries()) {
          if (at === 3) await cluster.kill(leader);
          yield part;
        }
      })(),
      { isAlone: true },
    ),
  );
  expect(await contents(target)).toEqual(before);
});
