/** Storage stands still (SIGSTOP) and goes on: deadlines hold meanwhile, and everything recovers after. */
import { systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { GrpcStore } from '../../src/store/grpc-store';
import { whenReady } from '../support/served-store';
import { StorageProcess } from '../support/storage-process';
import { Writers, WritersWatch } from '../support/writers';

jest.setTimeout(60_000);

const key = Buffer.from('key');

let storage: StorageProcess;
beforeEach(async () => {
  storage = await StorageProcess.create();
});
afterEach(async () => {
  storage.signal('SIGCONT');
  await storage.remove();
});

test('operations end at their deadline, with what is known of them, and readiness is lost and found', async () => {
  const deadlineMs = 400;
  const store = new GrpcStore({ address: storage.address, clock: systemClock, ids: systemIds, deadlineMs });
  await store.status();
  storage.signal('SIGSTOP');
  const startMs = systemClock.monotonicMs();
  const [write, read] = await Promise.allSettled([
    store.commit([{ checks: [], writes: [{ kind: 'put', key, value: Buffer.from('v'), history: 'value' }] }]),
    store.read([{ start: key }]),
  ]);
  expect(systemClock.monotonicMs() - startMs).toBeLessThan(deadlineMs + 1_000);
  expect(write).toMatchObject({ reason: { code: 'OUTCOME_UNKNOWN' } });
  expect(read).toMatchObject({ reason: { code: 'DEADLINE_EXCEEDED' } });
  await whenReady(store, false);
  await expect(store.read([{ start: key }])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  storage.signal('SIGCONT');
  await whenReady(store);
  expect(await store.status()).toMatchObject({ engine: 'lmdb' });
  await store.close();
});

test('silence without any operation is noticed by pings', async () => {
  const store = new GrpcStore({ address: storage.address, clock: systemClock, ids: systemIds, keepaliveMs: 300 });
  await whenReady(store);
  storage.signal('SIGSTOP');
  await whenReady(store, false);
  storage.signal('SIGCONT');
  await whenReady(store);
  await store.close();
});

test('writers and watches go on after pauses, without a hole, a double, or a conflict with themselves', async () => {
  const store = new GrpcStore({
    address: storage.address,
    clock: systemClock,
    ids: systemIds,
    deadlineMs: 300,
    keepaliveMs: 300,
  });
  const watch = new WritersWatch(store);
  await watch.started;
  const writers = new Writers(store, 16);
  for (let round = 0; round < 2; round += 1) {
    await writers.progress(100);
    storage.signal('SIGSTOP');
    await whenReady(store, false);
    storage.signal('SIGCONT');
    await whenReady(store);
  }
  await writers.progress(100);
  await writers.stop();
  const stored = await writers.stored();
  expect(stored).toEqual(writers.counts);
  expect(writers.unknown.length).toBeGreaterThan(0);
  await watch.until((await store.status()).revision);
  expect([...watch.seen.values()].sort((a, b) => a - b)).toEqual([...stored].sort((a, b) => a - b));
  await watch.end();
  await store.close();
});
