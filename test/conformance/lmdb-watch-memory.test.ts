/** What readers that do not read cost in memory: a bounded buffer, whatever is written meanwhile. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { storeLimits } from '../../proto/limits';
import { lmdbFixture } from '../support/lmdb-fixture';
import { WatchReader } from './suite/watch-reader';
import { committed, everything, put, transaction } from './suite/words';

jest.setTimeout(60_000);

const valueBytes = 1_000_000;
const count = 60;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes of buffers that something still holds. Collected twice: buffers are let go of after their objects. */
async function heldBytes(): Promise<number> {
  for (let round = 0; round < 2; round += 1) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().arrayBuffers;
}

test('readers that do not read hold no more than their buffers, and find everything on the disk', async () => {
  const fixture = await lmdbFixture({});
  try {
    const { store } = fixture;
    const readers = await Promise.all(Array.from({ length: 5 }, () => WatchReader.begin(store, [everything])));
    const before = await heldBytes();
    let last = 0;
    for (let index = 0; index < count; index += 1) {
      const value = Buffer.alloc(valueBytes, index);
      ({ revision: last } = await committed(store, transaction([put('a', value)])));
    }
    const held = (await heldBytes()) - before;
    expect(held).toBeLessThan(readers.length * 2 * storeLimits.watchBufferBytesMax);
    for (const reader of readers) {
      await reader.until(last);
      expect(reader.changes).toHaveLength(count);
      reader.changes.forEach(({ value }, index) => {
        if (!value!.equals(Buffer.alloc(valueBytes, index))) throw new Error(`change ${index} has another value`);
      });
      await reader.end();
    }
  } finally {
    await fixture.remove();
  }
});
