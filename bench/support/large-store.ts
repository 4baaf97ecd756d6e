/** A program with the 1,000,000 keys of 200 bytes that the contract of memory and recovery is about. */
import type { Program } from './program';
import { loadKeys } from './tenant-store';
import type { World } from './world';

export const largeCount = 1_000_000;
export const largeValueBytes = 200;

/** Puts them, through the store; says how far it is. */
export async function loadMillion(world: World, program: Program): Promise<{ seconds: number }> {
  const startMs = performance.now();
  let said = 0;
  await loadKeys(program.storageAddress, {
    count: largeCount,
    valueBytes: largeValueBytes,
    onProgress(done) {
      const tenths = Math.floor((done / largeCount) * 10);
      if (tenths === said) return;
      said = tenths;
      world.say(`  ${done.toLocaleString('en-US')} of ${largeCount.toLocaleString('en-US')} keys`);
    },
  });
  return { seconds: (performance.now() - startMs) / 1_000 };
}
