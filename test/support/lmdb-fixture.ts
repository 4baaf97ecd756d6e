/** LMDB for the conformance suite, in a file of its own: the other fixtures do without the engine. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../../proto/store';
import { ManualClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { openStore } from '../../storage/open';
import type { FixtureOptions, StoreFixture } from '../conformance/suite/fixture';

/** LMDB in this process, in a directory of its own. */
export async function lmdbFixture({ retention }: FixtureOptions): Promise<StoreFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'norigate-'));
  const clock = new ManualClock();
  const open = (): Promise<Store> =>
    openStore({ engine: 'lmdb', directory, clock, ids: systemIds, ...(retention && { retention }) });
  let store = await open();
  return {
    get store() {
      return store;
    },
    clock,
    engine: 'lmdb',
    prefixBytes: 0,
    reopen: async () => {
      await store.close();
      store = await open();
    },
    remove: async () => {
      await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
