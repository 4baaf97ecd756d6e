/** What a store says of itself, how it closes, and what it still is when it is opened again. */
import type { Revision } from '../../../proto/store';
import type { Suite } from './fixture';
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
  everything,
  put,
  putAll,
  remove,
  textOf,
  transaction,
} from './words';

export function describeLifecycle(suite: Suite): void {
  describe('status', () => describeStatus(suite));
  describe('close', () => describeClose(suite));
  if (suite.can('reopen')) describe('opened again', () => describeReopened(suite));
}

function describeStatus(suite: Suite): void {
  test('says the engine, which data it is, how far it is, the time, and who serves it', async () => {
    const { store, clock, engine } = await suite.open();
    const { revision } = await putAll(store, 'a');
    const status = await store.status();
    expect(status).toEqual({
      engine,
      storeId: expect.stringMatching(/^.{8,}$/),
      epoch: expect.any(Number),
      revision,
      nowMs: clock.nowMs(),
      oldestRevision: expect.any(Number),
      nodes: [{ id: expect.any(String), address: expect.any(String), role: 'leader' }],
    });
    expect(status.epoch).toBeGreaterThanOrEqual(1);
    expect(Number.isSafeInteger(status.epoch)).toBe(true);
    expect(status.oldestRevision).toBeLessThanOrEqual(revision);
    expect(await store.status()).toEqual(status);
  });

  test('two stores are two, whatever they hold', async () => {
    const [one, other] = [await suite.open(), await suite.open()];
    expect((await one.store.status()).storeId).not.toBe((await other.store.status()).storeId);
    await putAll(one.store, 'a');
    expect(await contents(other.store)).toEqual({});
  });

  test('its revision is that of the last commit that is acknowledged', async () => {
    const { store } = await suite.open();
    for (const write of [put('a'), put('b'), remove('a'), remove('x')]) {
      const { revision } = await committed(store, transaction([write]));
      expect((await store.status()).revision).toBe(revision);
    }
  });
}

function describeClose(suite: Suite): void {
  test('calls after it fail with UNAVAILABLE, watches too', async () => {
    const { store } = await suite.open();
    await putAll(store, 'a');
    await store.close();
    const unavailable = { name: 'AppError', code: 'UNAVAILABLE' };
    await expect(store.read([everything])).rejects.toMatchObject(unavailable);
    await expect(store.commit([transaction([put('a')])])).rejects.toMatchObject(unavailable);
    await expect(store.commit([checksOnly()])).rejects.toMatchObject(unavailable);
    await expect(store.status()).rejects.toMatchObject(unavailable);
    await expect(store.watch([everything])[Symbol.asyncIterator]().next()).rejects.toMatchObject(unavailable);
    const late = store.watch([everything], { afterRevision: 0 })[Symbol.asyncIterator]();
    await expect(late.next()).rejects.toMatchObject(unavailable);
  });

  test('it ends watches that wait, and those that nobody reads', async () => {
    const { store } = await suite.open();
    const waiting = store.watch([everything])[Symbol.asyncIterator]();
    await waiting.next();
    const next = waiting.next();
    const idle = await WatchReader.begin(store, [everything]);
    await store.close();
    expect(await next).toEqual({ done: true, value: undefined });
    await idle.drain();
    expect(await waiting.next()).toEqual({ done: true, value: undefined });
  });

  test('closing again is closing once', async () => {
    const { store } = await suite.open();
    await Promise.all([store.close(), store.close()]);
    await store.close();
  });

  test('it finishes what runs', async () => {
    const { store } = await suite.open();
    await putAll(store, 'a');
    const running = Array.from({ length: 20 }, (_, index) => store.commit([transaction([put(`k${index}`)])]));
    const reading = store.read([everything]);
    const closing = store.close();
    const outcomes = (await Promise.all(running)).flat();
    expect(outcomes.map(({ kind }) => kind)).toEqual(running.map(() => 'committed'));
    expect((await reading).results).toHaveLength(1);
    await closing;
  });
}

function describeReopened(suite: Suite): void {
  test('everything that was acknowledged is there, byte for byte', async () => {
    const fixture = await suite.open();
    const writes = Array.from({ length: 100 }, (_, index) =>
      put(`k${index}\0\xff`, Buffer.alloc(index * 97, index), index % 3 ? {} : { ttlMs: 1_000_000 + index }),
    );
    await committed(fixture.store, transaction(writes));
    await committed(fixture.store, transaction([remove('k1\0\xff'), put('k2\0\xff', 'new')]));
    const before = (await fixture.store.read([everything])).results[0]!.entries;
    const store = await reopen(fixture);
    const after = (await store.read([everything])).results[0]!.entries;
    expect(after).toHaveLength(99);
    after.forEach((entry, index) => {
      const { value, ...rest } = before[index]!;
      expect({ ...entry, value: entry.value.equals(value) }).toEqual({ ...rest, value: true });
    });
  });

  test('the data is the same store, in a later epoch, at the same revision', async () => {
    const fixture = await suite.open();
    const { revision } = await putAll(fixture.store, 'a');
    let before = await fixture.store.status();
    for (let round = 0; round < 3; round += 1) {
      const status = await (await reopen(fixture)).status();
      expect(status.storeId).toBe(before.storeId);
      expect(status.epoch).toBeGreaterThan(before.epoch);
      expectStill(suite, status.revision, revision);
      before = status;
    }
  });

  test('a store that was never written to can be opened again', async () => {
    const fixture = await suite.open();
    const store = await reopen(await Promise.resolve(fixture));
    expect(await contents(store)).toEqual({});
    await putAll(store, 'a');
  });

  test('revisions go on and never come again, deletions as the last commit too', async () => {
    const fixture = await suite.open();
    const seen: Revision[] = [];
    for (let round = 0; round < 4; round += 1) {
      const { store } = fixture;
      seen.push((await putAll(store, 'a', 'b')).revision);
      seen.push((await committed(store, transaction([remove('a')]))).revision);
      const marks = [{ key: bytes(`m${round}`), value: bytes('') }];
      if (round % 2) seen.push((await committed(store, { ...checksOnly(), marks })).revision);
      await reopen(fixture);
    }
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    expectStill(suite, (await fixture.store.status()).revision, seen.at(-1)!);
  });

  test('revisions do not come again although the last change was an expiry', async () => {
    const fixture = await suite.open();
    const { store, clock } = fixture;
    const { revision } = await committed(store, transaction([put('a', 'v', { ttlMs: 100 })]));
    const reader = await WatchReader.begin(store, [everything], { afterRevision: revision });
    clock.advance(100);
    await advanceUntil(fixture, reader.untilChanges(1), { byMs: 1_000, stepMs: 50 });
    await reader.end();
    const again = await reopen(fixture);
    expectStill(suite, (await again.status()).revision, reader.changes[0]!.revision);
    expect((await putAll(again, 'b')).revision).toBeGreaterThan(reader.changes[0]!.revision);
  });

  test('checks are judged by the revisions of before', async () => {
    const fixture = await suite.open();
    const { revision } = await putAll(fixture.store, 'a');
    const store = await reopen(fixture);
    await conflicted(store, transaction([put('a')], { checks: [check('a', 0)] }));
    await committed(store, transaction([put('a')], { checks: [check('a', revision)] }));
  });

  test('the change log goes on: a watch from before it has everything since', async () => {
    const fixture = await suite.open();
    const { revision: begin } = await putAll(fixture.store, 'begin');
    const words: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const { store } = fixture;
      for (const write of [put(`a${round}`), put(`b${round}`, 'x', { history: 'key' }), remove(`a${round}`)]) {
        const { revision } = await commitOne(store, transaction([write])).then(
          (outcome) => outcome as { revision: number },
        );
        words.push(`${write.kind} ${textOf(write.key)} @${revision}`);
      }
      await reopen(fixture);
      const reader = new WatchReader(fixture.store, [everything], { afterRevision: begin });
      await reader.until((await fixture.store.status()).revision);
      expect(reader.changes.map(wordsOf)).toEqual(words);
      await reader.end();
    }
    expect((await fixture.store.status()).oldestRevision).toBeLessThanOrEqual(begin);
  });

  test('history that was gone stays gone', async () => {
    const fixture = await suite.open({ retention: { logBytesMax: 50_000 } });
    const { revision } = await putAll(fixture.store, 'begin');
    for (let index = 0; index < 30; index += 1) {
      await committed(fixture.store, transaction([put('a', Buffer.alloc(10_000, index))]));
      fixture.clock.advance(10_000);
    }
    const { oldestRevision } = await fixture.store.status();
    expect(oldestRevision).toBeGreaterThan(revision);
    const store = await reopen(fixture);
    expect((await store.status()).oldestRevision).toBeGreaterThanOrEqual(oldestRevision);
    const watch = store.watch([everything], { afterRevision: revision })[Symbol.asyncIterator]();
    await expect(watch.next()).rejects.toMatchObject({ code: 'HISTORY_GONE' });
  });
}
