/** Rows that are shown without being copied: the same rows as a read brings. */
import type { Entry, Store } from '../../proto/store';
import type { RowViews } from '../../storage/row-views';
import { hasRowViews } from '../../storage/row-views';
import { lmdbFixture } from '../support/lmdb-fixture';
import { memoryFixture } from '../support/store-fixtures';
import type { StoreFixture } from './suite/fixture';
import { bytes, committed, put, remove, transaction } from './suite/words';

describe.each([
  ['memory', memoryFixture],
  ['lmdb', lmdbFixture],
] as const)('rows that the %s engine shows', (_, make) => {
  let fixture: StoreFixture;
  let store: Store & RowViews;
  beforeEach(async () => {
    fixture = await make({});
    const made = fixture.store;
    if (!hasRowViews(made)) throw new Error('it shows none');
    store = made;
  });
  afterEach(() => fixture.remove());

  /** With copies of what holds only while it is shown. */
  function shown(...names: readonly string[]): Entry[] {
    const entries: Entry[] = [];
    const keys = names.map((name) => bytes(name));
    store.view(keys, (entry) => entries.push({ ...entry, value: Buffer.from(entry.value) }));
    return entries;
  }

  async function read(...names: readonly string[]): Promise<Entry[]> {
    const { results } = await store.read(names.map((name) => ({ start: bytes(name) })));
    return results.flatMap(({ entries }) => entries);
  }

  it('are those that a read brings, in the order of the keys', async () => {
    const large = 'v'.repeat(100_000);
    await committed(store, transaction([put('a', '1'), put('b', large), put('c', ''), put('d', '4')]));
    await committed(store, transaction([remove('d'), put('a', '2', { ttlMs: 5_000 })]));
    const names = ['c', 'missing', 'a', 'd', 'b', 'a'];
    expect(shown(...names)).toHaveLength(4);
    expect(shown(...names)).toEqual(await read(...names));
    expect(shown()).toEqual([]);
  });

  it('live: one that has expired is shown no more', async () => {
    await committed(store, transaction([put('short', '1', { ttlMs: 1_000 }), put('long', '2', { ttlMs: 9_000 })]));
    expect(shown('short', 'long')).toHaveLength(2);
    fixture.clock.advance(1_000);
    expect(shown('short', 'long').map(({ key }) => key.toString())).toEqual(['long']);
  });

  it('are refused when the store is closed', async () => {
    await store.close();
    expect(() => shown('a')).toThrow('closed');
  });
});
