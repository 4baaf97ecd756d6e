/** A client of a server of LMDB, over a unix socket. */
import { lmdbFixture } from '../support/lmdb-fixture';
import { servedFixture } from '../support/store-fixtures';
import { describeStore } from './suite/describe-store';
import { WatchReader } from './suite/watch-reader';
import { contents, everything, putAll } from './suite/words';

const fixtureOf = servedFixture(lmdbFixture);

describeStore('the gRPC store over lmdb', fixtureOf);

test('a client and its watches go on over a restart of storage, without a hole or a double', async () => {
  const fixture = await fixtureOf({});
  try {
    const { store } = fixture;
    const live = await WatchReader.begin(store, [everything]);
    const idle = await WatchReader.begin(store, [everything]);
    const revisions: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      revisions.push((await putAll(store, 'a', 'b')).revision);
      await live.until(revisions.at(-1)!);
      await fixture.reopen!();
      // The same client: it finds the new server by itself.
      expect(fixture.store).toBe(store);
      revisions.push((await putAll(store, 'a', 'b')).revision);
    }
    for (const reader of [live, idle]) {
      await reader.until(revisions.at(-1)!);
      expect(reader.words()).toEqual(revisions.flatMap((each) => [`put a @${each}`, `put b @${each}`]));
      await reader.end();
    }
    expect(await contents(store)).toEqual({ a: 'v', b: 'v' });
  } finally {
    await fixture.remove();
  }
});
