/** Storage is killed with -9 while increments, transfers and marked commands run: nothing acknowledged is lost, nothing is half done. */
import type { Store } from '../../proto/store';
import { systemClock } from '../../src/core/clock';
import { makeSeededIds, systemIds } from '../../src/core/ids';
import { GrpcStore } from '../../src/store/grpc-store';
import { WatchReader, replay, wordsOf } from '../conformance/suite/watch-reader';
import { contents, everything, textOf } from '../conformance/suite/words';
import { Load, accountsSum } from '../support/load';
import { StorageProcess } from '../support/storage-process';

jest.setTimeout(60_000);

const rounds = 6;
const seed = systemClock.nowMs() % 1_000_000;

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

/** Reads a watch to the end that is now, from its beginning on. */
async function history(from: Store, afterRevision: number): Promise<WatchReader> {
  const reader = new WatchReader(from, [everything], { afterRevision });
  await reader.until((await from.status()).revision);
  await reader.end();
  return reader;
}

test(`everything acknowledged stands after every kill, whole and once (seed ${seed})`, async () => {
  const ids = makeSeededIds(seed);
  const watch = await WatchReader.begin(store, [everything]);
  const begin = watch.through;
  const watching = watch.drain();
  const load = await Load.begin(store, ids);
  const epochs: number[] = [];
  let lastRevision = 0;
  for (let round = 0; round < rounds; round += 1) {
    await load.progress(100 + Math.floor(ids.fraction() * 400));
    await storage.kill();
    await storage.start();
    const { epoch, revision } = await store.status();
    expect(revision).toBeGreaterThan(lastRevision);
    lastRevision = revision;
    epochs.push(epoch);
  }
  await load.progress(200);
  await load.stop();
  expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b));
  expect(load.looks).toBeGreaterThan(rounds);
  await load.verify(store);

  // Killed once more without any load: what is read after that is on the disk.
  await storage.kill();
  await storage.start();
  await load.verify(store);

  // The watch that went through all of it, and one that reads all of it now, say the same, and lead to what stands.
  const { changes } = await history(store, begin);
  const caughtUp = changes.at(-1)!.revision;
  while (watch.through < caughtUp) await Promise.race([watching, new Promise((resolve) => setImmediate(resolve))]);
  await store.close();
  await watching;
  expect(watch.words()).toEqual(changes.map(wordsOf));
  const other = new GrpcStore({ address: storage.address, clock: systemClock, ids: systemIds });
  expect(replay(changes)).toEqual(await contents(other));
  await other.close();
  expectWhole(changes);
});

/** That the accounts have the same sum after every commit. */
function expectWhole(changes: WatchReader['changes']): void {
  const accounts = new Map<string, number>();
  changes.forEach(({ key, value, revision }, index) => {
    if (textOf(key).startsWith('acc/')) accounts.set(textOf(key), Number(textOf(value!)));
    const isLast = changes[index + 1]?.revision !== revision;
    if (!isLast || accounts.size === 0) return;
    const sum = [...accounts.values()].reduce((total, each) => total + each, 0);
    if (sum !== accountsSum) throw new Error(`at revision ${revision} the accounts have ${sum}`);
  });
}
