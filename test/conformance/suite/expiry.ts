/** Expiry: at its millisecond on the storage clock, for everybody, whether it was swept or not; announced within a second. */
import type { Store } from '../../../proto/store';
import type { StoreFixture, Suite } from './fixture';
import { expectStill, reopen } from './fixture';
import { WatchReader, wordsOf } from './watch-reader';
import {
  advanceUntil,
  bytes,
  check,
  checksOnly,
  commitOne,
  committed,
  conflicted,
  contents,
  entryOf,
  everything,
  jumpWall,
  keysIn,
  operationsMax,
  point,
  put,
  putAll,
  remove,
  textOf,
  transaction,
} from './words';

/** An expiry is announced at the latest so long after it, on the clock. */
const announcedWithinMs = 1_000;

/** Moves the clock on until a reader has so many changes, at most by the time within which they have to come. */
function announced(fixture: StoreFixture, reader: WatchReader, count: number): Promise<WatchReader> {
  return advanceUntil(fixture, reader.untilChanges(count), { byMs: announcedWithinMs, stepMs: 50 });
}

export function describeExpiry(suite: Suite): void {
  describe('expiry', () => {
    describeInstant(suite);
    describeWritesOver(suite);
    describeSweeper(suite);
    describeClock(suite);
    if (suite.can('reopen')) describeReopened(suite);
  });
}

function describeInstant(suite: Suite): void {
  test('an entry is there to the last millisecond of its ttl, and gone from the next: for reads', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    await committed(store, transaction([put('a', 'v', { ttlMs: 1_000 }), put('b')]));
    jumpWall(fixture, 999);
    expect(await keysIn(store, everything)).toEqual(['a', 'b']);
    expect(await keysIn(store, point('a'))).toEqual(['a']);
    jumpWall(fixture, 1);
    expect(await keysIn(store, everything)).toEqual(['b']);
    expect(await keysIn(store, { ...everything, reverse: true })).toEqual(['b']);
    expect(await keysIn(store, point('a'))).toEqual([]);
  });

  test('… for checks, and what a conflict brings', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    const { revision } = await committed(store, transaction([put('a', 'v', { ttlMs: 1_000 }), put('b')]));
    const [isThere, isGone] = [checksOnly(check('a', revision)), checksOnly(check('a', 0))];
    jumpWall(fixture, 999);
    await committed(store, isThere);
    expect((await conflicted(store, isGone)).entries).toMatchObject([{ key: bytes('a') }]);
    jumpWall(fixture, 1);
    await committed(store, isGone);
    const { entries } = await conflicted(store, checksOnly(check('a', revision), check('b', 0)));
    expect(entries.map(({ key }) => textOf(key))).toEqual(['b']);
  });

  test('… for writes: an expired entry can be created, and cannot be deleted', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    const { revision } = await committed(
      store,
      transaction([put('a', 'v', { ttlMs: 10 }), put('b', 'v', { ttlMs: 10 })]),
    );
    const create = (key: string) => transaction([put(key, 'new')], { checks: [check(key, 0)] });
    jumpWall(fixture, 9);
    await conflicted(store, create('a'));
    jumpWall(fixture, 1);
    expectStill(suite, (await committed(store, transaction([remove('a'), remove('b')]))).revision, revision);
    await committed(store, create('a'));
    await conflicted(store, create('a'));
    expect(await contents(store)).toEqual({ a: 'new' });
  });

  test('a ttl of 1 is over at the next millisecond', async () => {
    const fixture = await suite.open();
    await committed(fixture.store, transaction([put('a', 'v', { ttlMs: 1 })]));
    expect(await entryOf(fixture.store, 'a')).toBeDefined();
    jumpWall(fixture, 1);
    expect(await entryOf(fixture.store, 'a')).toBeUndefined();
  });

  test('it is the same after the sweeper has come', async () => {
    const fixture = await suite.open();
    const { store, clock } = fixture;
    const { revision } = await committed(store, transaction([put('a', 'v', { ttlMs: 1_000 }), put('b')]));
    const reader = await WatchReader.begin(store, [everything], { afterRevision: revision });
    clock.advance(1_000);
    await announced(fixture, reader, 1);
    expect(await keysIn(store, everything)).toEqual(['b']);
    expect((await conflicted(store, checksOnly(check('a', revision)))).entries).toEqual([]);
    const swept = (await store.status()).revision;
    expectStill(suite, (await committed(store, transaction([remove('a')]))).revision, swept);
    await committed(store, transaction([put('a', 'new')], { checks: [check('a', 0)] }));
    expect(await contents(store)).toEqual({ a: 'new', b: 'v' });
    await reader.end();
  });

  test('an entry whose history keeps nothing expires as others do', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    await committed(store, transaction([put('a', 'v', { ttlMs: 1_000, history: 'none' })]));
    jumpWall(fixture, 999);
    expect(await entryOf(store, 'a')).toBeDefined();
    jumpWall(fixture, 1);
    expect(await entryOf(store, 'a')).toBeUndefined();
    await committed(store, checksOnly(check('a', 0)));
  });
}

function describeWritesOver(suite: Suite): void {
  test('a put without a ttl clears it, and nothing is announced', async () => {
    const fixture = await suite.open();
    const { store, clock } = fixture;
    const { revision } = await committed(store, transaction([put('a', 'v', { ttlMs: 1_000 })]));
    await committed(store, transaction([put('a', 'kept')]));
    expect(await entryOf(store, 'a')).toMatchObject({ expiresAtMs: 0 });
    // Something else expires later, so that one can know that the sweeper has passed.
    await committed(store, transaction([put('z', 'v', { ttlMs: 2_000 })]));
    const reader = await WatchReader.begin(store, [everything], { afterRevision: revision });
    clock.advance(2_000);
    await advanceUntil(
      fixture,
      reader.untilChange(({ kind }) => kind === 'expire'),
      { byMs: 1_000, stepMs: 50 },
    );
    expect(reader.changes.map(({ kind, key }) => `${kind} ${textOf(key)}`)).toEqual(['put a', 'put z', 'expire z']);
    expect(await contents(store)).toEqual({ a: 'kept' });
    await reader.end();
  });

  test('a put with another ttl replaces it: a longer and a shorter one', async () => {
    const fixture = await suite.open();
    const { store, clock } = fixture;
    const ttl = (key: string, ttlMs: number) => committed(store, transaction([put(key, 'v', { ttlMs })]));
    await ttl('long', 1_000);
    await ttl('short', 100_000);
    clock.advance(900);
    await ttl('long', 1_000);
    const { revision, nowMs } = await ttl('short', 1_500);
    expect((await entryOf(store, 'long'))!.expiresAtMs).toBe(nowMs + 1_000);
    const reader = await WatchReader.begin(store, [everything], { afterRevision: revision });
    clock.advance(999);
    expect(await keysIn(store, everything)).toEqual(['long', 'short']);
    clock.advance(1);
    expect(await keysIn(store, everything)).toEqual(['short']);
    await announced(fixture, reader, 1);
    clock.setWallMs(nowMs + 1_500);
    expect(await keysIn(store, everything)).toEqual([]);
    await announced(fixture, reader, 2);
    expect(reader.changes.map(({ kind, key }) => `${kind} ${textOf(key)}`)).toEqual(['expire long', 'expire short']);
    await reader.end();
  });

  test('a ttl that is renewed again and again does not end, and ends once when it is not', async () => {
    const fixture = await suite.open();
    const { store, clock } = fixture;
    const renew = () => committed(store, transaction([put('a', 'v', { ttlMs: 1_000 })]));
    let { revision } = await renew();
    const reader = await WatchReader.begin(store, [everything], { afterRevision: revision });
    for (let round = 0; round < 10; round += 1) {
      clock.advance(999);
      expect(await entryOf(store, 'a')).toMatchObject({ revision });
      ({ revision } = await renew());
    }
    clock.advance(1_000);
    await announced(fixture, reader, 11);
    expect(reader.changes.map(({ kind }) => kind)).toEqual([...Array.from({ length: 10 }, () => 'put'), 'expire']);
    await reader.end();
  });

  test('a put over an expired entry that was not swept: its end, then the put, in one revision', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    const before = await committed(
      store,
      transaction([put('b', 'v', { ttlMs: 100 }), put('c', 'v', { ttlMs: 100, history: 'key' })]),
    );
    jumpWall(fixture, 100);
    const { revision } = await committed(
      store,
      transaction([put('c', 'new', { history: 'key' }), put('a', 'new'), put('b', 'new', { ttlMs: 50 })]),
    );
    const reader = await WatchReader.begin(store, [everything], { afterRevision: before.revision });
    await reader.until(revision);
    expect(reader.changes).toEqual([
      { kind: 'put', key: bytes('a'), revision, value: bytes('new'), expiresAtMs: 0 },
      { kind: 'expire', key: bytes('b'), revision, value: undefined, expiresAtMs: 0 },
      { kind: 'put', key: bytes('b'), revision, value: bytes('new'), expiresAtMs: before.nowMs + 150 },
      { kind: 'expire', key: bytes('c'), revision, value: undefined, expiresAtMs: 0 },
      { kind: 'put', key: bytes('c'), revision, value: undefined, expiresAtMs: 0 },
    ]);
    await reader.end();
  });

  test('a delete of an expired entry that was not swept is no change; its end is announced once, by the sweeper', async () => {
    const fixture = await suite.open();
    const { store } = fixture;
    const { revision } = await committed(store, transaction([put('a', 'v', { ttlMs: 100 })]));
    const reader = await WatchReader.begin(store, [everything], { afterRevision: revision });
    jumpWall(fixture, 100);
    await committed(store, transaction([remove('a')]));
    await committed(store, transaction([remove('a'), put('b')]));
    await announced(fixture, reader, 2);
    await committed(store, transaction([put('c')]));
    await reader.untilChanges(3);
    const expected = suite.can('leave expired') ? ['put b', 'expire a', 'put c'] : ['expire a', 'put b', 'put c'];
    expect(reader.changes.map(({ kind, key }) => `${kind} ${textOf(key)}`)).toEqual(expected);
    await reader.end();
  });

  test('a delete before the end leaves nothing to expire', async () => {
    const fixture = await suite.open();
    const { store, clock } = fixture;
    await committed(store, transaction([put('a', 'v', { ttlMs: 100 }), put('z', 'v', { ttlMs: 200 })]));
    const { revision } = await committed(store, transaction([remove('a')]));
    const reader = await WatchReader.begin(store, [everything], { afterRevision: revision });
    clock.advance(200);
    await announced(fixture, reader, 1);
    expect(reader.changes).toMatchObject([{ kind: 'expire', key: bytes('z') }]);
    await reader.end();
  });
}

function describeSweeper(suite: Suite): void {
  test('the end of an entry is announced within a second of it, once, at a revision of its own', async () => {
    const fixture = await suite.open();
    const { store, clock } = fixture;
    const { revision, nowMs } = await committed(store, transaction([put('a', 'v', { ttlMs: 5_000 })]));
    const reader = await WatchReader.begin(store, [everything], { afterRevision: revision });
    clock.advance(4_999);
    const other = await putAll(store, 'b');
    await reader.until(other.revision);
    expect(reader.words()).toEqual([`put b @${other.revision}`]);
    clock.advance(1);
    await announced(fixture, reader, 2);
    const [, end] = reader.changes;
    expect(end).toMatchObject({ kind: 'expire', key: bytes('a'), value: undefined, expiresAtMs: 0 });
    expect(end!.revision).toBeGreaterThan(other.revision);
    expect(reader.nowMs).toBeGreaterThanOrEqual(nowMs + 5_000);
    expect(reader.nowMs).toBeLessThanOrEqual(nowMs + 5_000 + announcedWithinMs);
    expect((await store.status()).revision).toBe(end!.revision);
    const later = await putAll(store, 'c');
    await reader.until(later.revision);
    expect(reader.changes).toHaveLength(3);
    await reader.end();
  });

  test('the history of the put decides what is announced of its end', async () => {
    const fixture = await suite.open();
    const { store, clock } = fixture;
    const { revision } = await committed(
      store,
      transaction([
        put('a', 'v', { ttlMs: 100, history: 'value' }),
        put('b', 'v', { ttlMs: 100, history: 'key' }),
        put('c', 'v', { ttlMs: 100, history: 'none' }),
        put('d', 'v', { ttlMs: 200 }),
      ]),
    );
    const reader = await WatchReader.begin(store, [everything], { afterRevision: revision });
    clock.advance(200);
    await announced(fixture, reader, 3);
    expect(reader.changes.map((change) => textOf(change.key)).sort()).toEqual(['a', 'b', 'd']);
    await reader.end();
  });

  test('many that end at once are each announced once', async () => {
    const fixture = await suite.open();
    const { store, clock } = fixture;
    const count = 5_000;
    const size = operationsMax(fixture);
    const keys = Array.from({ length: count }, (_, index) => `k${index}`);
    const parts = Array.from({ length: Math.ceil(count / size) }, (_, part) =>
      transaction(keys.slice(part * size, (part + 1) * size).map((key) => put(key, 'v', { ttlMs: 1_000 }))),
    );
    await store.commit(parts);
    const { revision } = await putAll(store, 'stays');
    const reader = await WatchReader.begin(store, [everything], { afterRevision: revision });
    clock.advance(1_000);
    expect(await contents(store)).toEqual({ stays: 'v' });
    await announced(fixture, reader, count);
    expect(new Set(reader.changes.map(wordsOf).map((words) => words.split('@')[0])).size).toBe(count);
    expect(reader.changes.every(({ kind }) => kind === 'expire')).toBe(true);
    await reader.end();
  });

  test('while it sweeps, others write: each end is announced once, and nothing that was written is lost', async () => {
    const fixture = await suite.open();
    const { store, clock } = fixture;
    const keys = Array.from({ length: 150 }, (_, index) => `k${index % 50}/${index}`);
    const reader = await WatchReader.begin(store, [everything], { afterRevision: (await store.status()).revision });
    for (const [index, key] of keys.entries()) {
      await committed(store, transaction([put(key, 'v', { ttlMs: 1 + (index % 7) })]));
      if (index % 3 === 0) clock.advance(1);
    }
    clock.advance(10);
    await announced(fixture, reader, 2 * keys.length);
    const kinds = new Map<string, string>();
    for (const { kind, key } of reader.changes) kinds.set(textOf(key), `${kinds.get(textOf(key)) ?? ''}${kind} `);
    expect(new Set(kinds.values())).toEqual(new Set(['put expire ']));
    expect(await contents(store)).toEqual({});
    await reader.end();
  });
}

function describeClock(suite: Suite): void {
  test('the storage clock does not go back when the machine\u2019s does, and ttls count on', async () => {
    const { store, clock } = await suite.open();
    const before = await committed(store, transaction([put('a', 'v', { ttlMs: 1_000 })]));
    clock.setWallMs(before.nowMs - 3_600_000);
    expect((await store.status()).nowMs).toBe(before.nowMs);
    clock.advance(999);
    expect((await store.read([point('a')])).nowMs).toBe(before.nowMs + 999);
    expect(await entryOf(store, 'a')).toBeDefined();
    const { nowMs } = await committed(store, transaction([put('b', 'v', { ttlMs: 500 })]));
    expect((await entryOf(store, 'b'))!.expiresAtMs).toBe(nowMs + 500);
    clock.advance(1);
    expect(await keysIn(store, everything)).toEqual(['b']);
    clock.advance(499);
    expect(await keysIn(store, everything)).toEqual([]);
    // It follows the machine again when that has caught up.
    clock.setWallMs(before.nowMs + 10_000);
    expect((await store.status()).nowMs).toBe(before.nowMs + 10_000);
  });

  test('what ends is announced within a second although the machine\u2019s clock was set back', async () => {
    const fixture = await suite.open();
    const { store, clock } = fixture;
    const { revision, nowMs } = await committed(store, transaction([put('a', 'v', { ttlMs: 1_000 })]));
    const reader = await WatchReader.begin(store, [everything], { afterRevision: revision });
    clock.setWallMs(nowMs - 3_600_000);
    clock.advance(1_000);
    await announced(fixture, reader, 1);
    expect(reader.changes).toMatchObject([{ kind: 'expire', key: bytes('a') }]);
    await reader.end();
  });

  test('what ends is announced within a second although the machine\u2019s clock was set on', async () => {
    const fixture = await suite.open();
    const { store, clock } = fixture;
    const { revision, nowMs } = await committed(store, transaction([put('a', 'v', { ttlMs: 3_600_000 })]));
    const reader = await WatchReader.begin(store, [everything], { afterRevision: revision });
    clock.setWallMs(nowMs + 3_600_000);
    await announced(fixture, reader, 1);
    expect(reader.changes).toMatchObject([{ kind: 'expire', key: bytes('a') }]);
    await reader.end();
  });

  test('every answer says the storage time', async () => {
    const { store, clock } = await suite.open();
    for (const stepMs of [0, 1, 999, 86_400_000]) {
      clock.advance(stepMs);
      const nowMs = clock.nowMs();
      expect(await commitOne(store, transaction([put('a')]))).toMatchObject({ kind: 'committed', nowMs });
      expect(await commitOne(store, checksOnly(check('a', 0)))).toMatchObject({ kind: 'conflict', nowMs });
      expect(await commitOne(store, checksOnly())).toMatchObject({ kind: 'committed', nowMs });
      expect(await store.read([])).toMatchObject({ nowMs });
      expect(await store.status()).toMatchObject({ nowMs });
    }
  });
}

function describeReopened(suite: Suite): void {
  const keep = async (store: Store): Promise<number> =>
    (await committed(store, transaction([put('a', 'v', { ttlMs: 10_000 }), put('b', 'v', { ttlMs: 20_000 })])))
      .revision;

  test('ttls go on while the store is closed, and their ends are announced afterwards', async () => {
    const fixture = await suite.open();
    const { clock } = fixture;
    const revision = await keep(fixture.store);
    clock.advance(9_999);
    expect(await keysIn(await reopen(fixture), everything)).toEqual(['a', 'b']);
    clock.setWallMs(clock.nowMs() + 1);
    const store = await reopen(fixture);
    expect(await keysIn(store, everything)).toEqual(['b']);
    await committed(store, checksOnly(check('a', 0), check('b', revision)));
    const reader = await WatchReader.begin(store, [everything], { afterRevision: revision });
    await announced(fixture, reader, 1);
    expect(reader.changes).toMatchObject([{ kind: 'expire', key: bytes('a') }]);
    clock.advance(10_000);
    await announced(fixture, reader, 2);
    expect(reader.changes).toMatchObject([{ key: bytes('a') }, { kind: 'expire', key: bytes('b') }]);
    await reader.end();
  });

  test('the storage clock does not go back over a restart', async () => {
    const fixture = await suite.open();
    const { clock } = fixture;
    await keep(fixture.store);
    clock.advance(12_000);
    const { nowMs } = await fixture.store.status();
    expect(await keysIn(fixture.store, everything)).toEqual(['b']);
    clock.setWallMs(nowMs - 3_600_000);
    const store = await reopen(fixture);
    expect((await store.status()).nowMs).toBeGreaterThanOrEqual(nowMs);
    // What was gone stays gone, and what was left has no more than it had.
    expect(await keysIn(store, everything)).toEqual(['b']);
    clock.advance(7_999);
    expect(await keysIn(store, everything)).toEqual(['b']);
    clock.advance(1);
    expect(await keysIn(store, everything)).toEqual([]);
  });
}
