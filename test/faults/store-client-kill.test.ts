/** Storage is killed with -9 under load, and started again: what its client promises holds over that. */
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { GrpcStore } from '../../src/store/grpc-store';
import { whenReady } from '../support/served-store';
import { SocketProxy } from '../support/socket-proxy';
import { StorageProcess } from '../support/storage-process';
import { Writers, WritersWatch } from '../support/writers';

jest.setTimeout(60_000);

let storage: StorageProcess;
let store: GrpcStore;
beforeEach(async () => {
  storage = await StorageProcess.create();
  store = new GrpcStore({ address: storage.address, clock: systemClock, ids: systemIds, deadlineMs: 15_000 });
});
afterEach(async () => {
  await store.close();
  await storage.remove();
});

test('every acknowledged write stands, none is applied twice, and the watch has neither hole nor double', async () => {
  const watch = new WritersWatch(store);
  await watch.started;
  const writers = new Writers(store, 32);
  for (let round = 0; round < 4; round += 1) {
    await writers.progress(200);
    await storage.kill();
    await storage.start();
  }
  await writers.progress(200);
  await writers.stop();
  const stored = await writers.stored();
  expect(stored).toEqual(writers.counts);
  // Restarts were far shorter than the deadline: every commit in flight was resolved by sending it again.
  expect(writers.unknown).toEqual([]);
  await watch.until((await store.status()).revision);
  expect([...watch.seen.values()].sort((a, b) => a - b)).toEqual([...stored].sort((a, b) => a - b));
  await watch.end();
});

test('commits that come to no answer within their deadline are unknown, and stand or do not, but not twice', async () => {
  const hasty = new GrpcStore({ address: storage.address, clock: systemClock, ids: systemIds, deadlineMs: 50 });
  const writers = new Writers(hasty, 64);
  for (let round = 0; round < 3; round += 1) {
    await writers.progress(200);
    await storage.kill();
    await storage.start();
  }
  await writers.progress(200);
  await writers.stop();
  expect(await writers.stored()).toEqual(writers.counts);
  expect(writers.unknown.length).toBeGreaterThan(0);
  await hasty.close();
});

test('an answer that was lost with the process that gave it is given again by the next one', async () => {
  const path = join(storage.directory, 'proxy.sock');
  const proxy = await SocketProxy.start(path, storage.socketPath);
  const client = new GrpcStore({ address: `unix:${path}`, clock: systemClock, ids: systemIds, deadlineMs: 15_000 });
  await whenReady(client);
  const key = Buffer.from('once');
  const watch = store.watch([{ start: key }])[Symbol.asyncIterator]();
  await watch.next();
  proxy.isDeaf = true;
  const answer = client.commit([
    { checks: [{ key, revision: 0 }], writes: [{ kind: 'put', key, value: Buffer.from('v'), history: 'value' }] },
  ]);
  let applied = (await watch.next()).value!;
  while (applied.changes.length === 0) applied = (await watch.next()).value!;
  await storage.kill();
  proxy.isDeaf = false;
  proxy.cut();
  await storage.start();
  expect(await answer).toMatchObject([{ kind: 'committed', revision: applied.changes[0]!.revision }]);
  const { results } = await client.read([{ start: key }]);
  expect(results[0]!.entries).toMatchObject([{ revision: applied.changes[0]!.revision }]);
  await watch.return!();
  await client.close();
  await proxy.stop();
});
