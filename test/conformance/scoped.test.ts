/** One scope of a store among others. */
import type { KeyRange, Store } from '../../proto/store';
import { holdsDueRange, holdsDueValue, readHoldsDueKey } from '../../src/core/holds-due';
import { keyspace, reservedScope, tenantScope } from '../../src/core/keyspace';
import { AppError } from '../../src/core/errors';
import { ScopedStore } from '../../src/store/scoped-store';
import { lmdbFixture } from '../support/lmdb-fixture';
import { memoryFixture, scopedFixture } from '../support/store-fixtures';
import { found, idsOf, inserting, search } from '../support/vectors';
import { describeStore } from './suite/describe-store';
import { WatchReader } from './suite/watch-reader';
import {
  bytes,
  checksOnly,
  committed,
  conflicted,
  contents,
  everything,
  put,
  putAll,
  transaction,
} from './suite/words';

describeStore('the scoped store over memory', scopedFixture(memoryFixture), {
  cannot: [{ ability: 'reopen', reason: 'the data of the store under it lives in its process' }],
});
describeStore('the scoped store over lmdb', scopedFixture(lmdbFixture));
describeStore('the scoped store behind a gate', scopedFixture(memoryFixture, 'gated'), {
  cannot: [{ ability: 'reopen', reason: 'the data of the store under it lives in its process' }],
});

describe('two scopes of one store', () => {
  test('have the same keys and marks without meeting, and share revisions', async () => {
    const { store, remove } = await memoryFixture({});
    const [one, other] = ['a', 'b'].map((tenant) => new ScopedStore(store, tenantScope(tenant, 1))) as [
      ScopedStore,
      ScopedStore,
    ];
    const watch = await WatchReader.begin(other, [everything]);
    const marks = [{ key: bytes('m'), value: bytes('done') }];
    const first = await committed(
      one,
      transaction([put('k', 'one')], { checks: [{ key: bytes('k'), revision: 0 }], marks }),
    );
    expect(await contents(other)).toEqual({});
    const second = await committed(
      other,
      transaction([put('k', 'other')], { checks: [{ key: bytes('k'), revision: 0 }], marks }),
    );
    expect(second.revision).toBeGreaterThan(first.revision);
    await conflicted(one, { ...checksOnly(), marks });
    expect([await contents(one), await contents(other)]).toEqual([{ k: 'one' }, { k: 'other' }]);
    await watch.until(second.revision);
    expect(watch.words()).toEqual([`put k @${second.revision}`]);
    await watch.end();
    await remove();
  });

  test('write when holds are due side by side in the order of time, where neither can read it', async () => {
    const { store, remove } = await memoryFixture({});
    const scopes = [tenantScope('a', 1), tenantScope('a\0', 2)];
    const [one, other] = scopes.map((scope) => new ScopedStore(store, scope)) as [ScopedStore, ScopedStore];
    const due = (atMs: number, sku: string) =>
      ({ kind: 'put', key: keyspace.holdsDue(atMs, sku), value: holdsDueValue, history: 'none' }) as const;
    await committed(one, transaction([due(300, 'x'), due(100, 'long\0sku')]));
    await committed(other, transaction([due(200, 'x')]));
    const reserved = new ScopedStore(store, reservedScope);
    const keys = async (throughMs: number) =>
      (await reserved.read([holdsDueRange(throughMs)])).results[0]!.entries.map(({ key }) => readHoldsDueKey(key));
    const rows = [
      { atMs: 100, tenantId: 'a', incarnation: 1, sku: 'long\0sku' },
      { atMs: 200, tenantId: 'a\0', incarnation: 2, sku: 'x' },
      { atMs: 300, tenantId: 'a', incarnation: 1, sku: 'x' },
    ];
    expect([await keys(300), await keys(299), await keys(99)]).toEqual([rows, rows.slice(0, 2), []]);
    expect([await contents(one), await contents(other)]).toEqual([{}, {}]);
    await committed(one, transaction([{ kind: 'delete', key: keyspace.holdsDue(300, 'x'), history: 'none' }]));
    expect(await keys(300)).toEqual(rows.slice(0, 2));
    await remove();
  });

  test('one of them closes without the other, and without the store', async () => {
    const { store, remove } = await memoryFixture({});
    const [one, other] = [1, 2].map((life) => new ScopedStore(store, tenantScope('a', life))) as [
      ScopedStore,
      ScopedStore,
    ];
    const watch = await WatchReader.begin(other, [everything]);
    await one.close();
    await expect(one.read([everything])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const { revision } = await putAll(other, 'k');
    await watch.until(revision);
    expect((await store.status()).revision).toBe(revision);
    await other.close();
    await watch.drain();
    await remove();
  });

  test('one of them closes when its calls have ended, whoever asks it to', async () => {
    const { store, remove } = await memoryFixture({});
    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const slow = { read: (ranges: readonly KeyRange[]) => held.then(() => store.read(ranges)) } as unknown as Store;
    const scope = new ScopedStore(slow, tenantScope('a', 1));
    const read = scope.read([everything]);
    let closed = 0;
    const closes = [scope.close(), scope.close()].map((each) => each.then(() => (closed += 1)));
    await store.status();
    expect(closed).toBe(0);
    goOn();
    await Promise.all([read, ...closes]);
    await scope.close();
    await remove();
  });
});

describe('a search in a scope', () => {
  it('finds nothing of another scope, whose rows have the same keys', async () => {
    const { store, remove } = await memoryFixture({});
    const scopes = ['a', 'b', 'b\0'].map((tenant) => new ScopedStore(store, tenantScope(tenant, 1)));
    for (const [at, scope] of scopes.entries())
      await committed(scope, inserting({ [`only${at}`]: [at, 0], same: [9, 9] }));
    for (const [at, scope] of scopes.entries())
      expect(await idsOf(scope, { near: [0, 0], k: 100 })).toEqual([`only${at}`, 'same']);
    const { hits } = await found(scopes[1]!, { near: [0, 0], except: 'same' });
    expect(hits.map(({ key }) => key.toString())).toEqual(['v:only1']);
    await remove();
  });

  it('whose gate has moved is refused with the reason of the gate; other checks are conflicts without it', async () => {
    const { store, remove } = await memoryFixture({});
    const gate = { key: bytes('gate'), revision: 0, refusal: () => new AppError('FORBIDDEN', 'shut') };
    const scope = new ScopedStore(store, tenantScope('a', 1), gate);
    const { revision } = await committed(scope, transaction([put('head'), ...inserting({ a: [1, 1] }).writes]));
    const checks = [{ key: bytes('head'), revision }];
    expect(await idsOf(scope, { near: [0, 0], checks })).toEqual(['a']);
    const moved = await search(scope, { near: [0, 0], checks: [{ key: bytes('head'), revision: 1_000 }] });
    expect(moved).toMatchObject({ kind: 'conflict', entries: [{ key: bytes('head'), revision }] });
    await putAll(store, 'gate');
    await expect(search(scope, { near: [0, 0], checks })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await remove();
  });
});
