/** Attempt ids: a client that lost the answer sends the transaction again, and it is applied once. */
import type { Transaction } from '../../../proto/store';
import type { Suite } from './fixture';
import { reopen } from './fixture';
import { WatchReader } from './watch-reader';
import {
  asCommitted,
  bytes,
  check,
  checksOnly,
  commitOne,
  committed,
  conflicted,
  contents,
  everything,
  failureOf,
  put,
  putAll,
  remove,
  transaction,
} from './words';

/** Attempts are found again for at least this long. */
const keepMs = 60_000;

const attempt = (name: string): Buffer => bytes(name.padEnd(16, '.'));

export function describeAttempts(suite: Suite): void {
  describe('attempts', () => {
    describeSameAgain(suite);
    describeRemembering(suite);
  });
}

function describeSameAgain(suite: Suite): void {
  test('the same again answers as the first time and changes nothing', async () => {
    const { store, clock } = await suite.open();
    const again = transaction([put('a', 'mine')], { checks: [check('a', 0)], attemptId: attempt('one') });
    const reader = await WatchReader.begin(store, [everything]);
    const first = await committed(store, again);
    clock.advance(3_000);
    expect(await commitOne(store, again)).toEqual(first);
    const theirs = await committed(store, transaction([put('a', 'theirs')]));
    clock.advance(3_000);
    expect(await commitOne(store, again)).toEqual(first);
    expect(await contents(store)).toEqual({ a: 'theirs' });
    expect((await store.status()).revision).toBe(theirs.revision);
    await reader.until(theirs.revision);
    expect(reader.words()).toEqual([`put a @${first.revision}`, `put a @${theirs.revision}`]);
    await reader.end();
  });

  test('sent twice in one call it is applied once', async () => {
    const { store } = await suite.open();
    const blind = transaction([put('a', 'x')], { attemptId: attempt('one') });
    const outcomes = await store.commit([blind, transaction([put('a', 'between')]), blind, blind]);
    expect(outcomes[2]).toEqual(outcomes[0]);
    expect(outcomes[3]).toEqual(outcomes[0]);
    expect(await contents(store)).toEqual({ a: 'between' });
  });

  test('sent twice at the same time it is applied once', async () => {
    const { store } = await suite.open();
    const { revision } = await putAll(store, 'a');
    const tries = Array.from({ length: 20 }, (_, index) =>
      store.commit([
        transaction([put('a', 'x')], { checks: [check('a', revision)], attemptId: attempt(`t${index % 2}`) }),
      ]),
    );
    const outcomes = (await Promise.all(tries)).flat();
    // One of the two attempts has won, and says so each time it is asked.
    const won = outcomes.filter(({ kind }) => kind === 'committed');
    expect(won).toHaveLength(10);
    expect(new Set(won.map((each) => asCommitted(each).revision)).size).toBe(1);
  });

  test('what is the same but for the attempt is another transaction', async () => {
    const { store } = await suite.open();
    const first = await committed(store, transaction([put('a')], { attemptId: attempt('one') }));
    const second = await committed(store, transaction([put('a')], { attemptId: attempt('two') }));
    const third = await committed(store, transaction([put('a')]));
    expect(second.revision).toBeGreaterThan(first.revision);
    expect(third.revision).toBeGreaterThan(second.revision);
  });

  test('a mark of its own is no conflict for it', async () => {
    const { store } = await suite.open();
    const again: Transaction = {
      ...transaction([put('a')], { marks: [{ key: bytes('m'), value: bytes('done') }] }),
      attemptId: attempt('one'),
    };
    const first = await committed(store, again);
    expect(await commitOne(store, again)).toEqual(first);
    await conflicted(store, { ...again, attemptId: attempt('two') });
    const bare: Transaction = {
      ...checksOnly(),
      marks: [{ key: bytes('n'), value: bytes('') }],
      attemptId: attempt('three'),
    };
    const marked = await committed(store, bare);
    expect(await commitOne(store, bare)).toEqual(marked);
  });

  test('a deletion that found nothing is applied as well: it takes away nothing that came later', async () => {
    const { store, clock } = await suite.open();
    await putAll(store, 'other');
    const again = transaction([remove('a')], { attemptId: attempt('one') });
    const first = await committed(store, again);
    await putAll(store, 'a');
    clock.advance(1_000);
    expect(await commitOne(store, again)).toEqual(first);
    expect(await contents(store)).toEqual({ a: 'v', other: 'v' });
  });

  test('what changes nothing leaves history as it was, though it is remembered', async () => {
    const { store } = await suite.open();
    const { revision: before } = await putAll(store, 'begin');
    const none = (name: string) => transaction([remove('x')], { attemptId: attempt(name) });
    const changed = [(await putAll(store, 'a')).revision];
    await committed(store, none('alone'));
    changed.push((await putAll(store, 'b')).revision);
    const many = Array.from({ length: 200 }, (_, index) => none(`many ${index}`));
    const outcomes = await store.commit([...many, transaction([put('c')], { attemptId: attempt('c') }), ...many]);
    changed.push(asCommitted(outcomes[200]).revision);
    await store.commit(many.map((_, index) => none(`more ${index}`)));
    const reader = await WatchReader.begin(store, [everything], { afterRevision: before });
    await reader.until(changed[2]!);
    expect(reader.changes.map(({ revision }) => revision)).toEqual(changed);
    await reader.end();
  });

  test('a conflict and a failure are not remembered: the attempt is judged again', async () => {
    const { store } = await suite.open({ retention: { marksPerScopeMax: 1 } });
    const { revision } = await putAll(store, 'a');
    const guarded = transaction([put('b')], {
      checks: [check('c', 0), check('a', revision)],
      attemptId: attempt('one'),
    });
    await putAll(store, 'c');
    await conflicted(store, guarded);
    await committed(store, transaction([remove('c')]));
    const first = await committed(store, guarded);
    expect(await commitOne(store, guarded)).toEqual(first);

    const marks = [bytes('m'), bytes('n')].map((key) => ({ key, value: bytes('') }));
    failureOf(await commitOne(store, transaction([put('d')], { marks, attemptId: attempt('two') })));
    await committed(store, transaction([put('d')], { attemptId: attempt('two') }));
  });

  test('whatever its history keeps, an attempt is remembered', async () => {
    const { store } = await suite.open();
    for (const history of ['value', 'key', 'none'] as const) {
      const again = transaction([put(`k-${history}`, 'x', { history })], { attemptId: attempt(history) });
      const first = await committed(store, again);
      await putAll(store, 'between');
      expect(await commitOne(store, again)).toEqual(first);
    }
  });
}

function describeRemembering(suite: Suite): void {
  test('an attempt is remembered for a minute, however much comes after it', async () => {
    // The log alone would have forgotten it by then.
    const { store, clock } = await suite.open({ retention: { logBytesMax: 10_000, logKeepMs: 1 } });
    const again = transaction([put('a', 'mine')], { attemptId: attempt('one') });
    const first = await committed(store, again);
    for (let round = 0; round < 30; round += 1) {
      clock.advance(keepMs / 30);
      const outcomes = await store.commit(
        Array.from({ length: 50 }, (_, index) =>
          transaction([put('b', 'x'.repeat(100))], { attemptId: attempt(`${round}/${index}`) }),
        ),
      );
      outcomes.forEach(asCommitted);
      expect(await commitOne(store, again)).toEqual(first);
    }
  });

  test('the machine may set its clock back meanwhile', async () => {
    const { store, clock } = await suite.open();
    const again = transaction([put('a')], { attemptId: attempt('one') });
    const first = await committed(store, again);
    clock.setWallMs(clock.nowMs() - 3_600_000);
    clock.advance(keepMs - 1);
    await putAll(store, 'b');
    expect(await commitOne(store, again)).toEqual(first);
  });

  if (!suite.can('reopen')) return;

  test('an attempt is remembered over restarts', async () => {
    const fixture = await suite.open();
    const again = transaction([put('a', 'mine')], { checks: [check('a', 0)], attemptId: attempt('one') });
    const empty = transaction([remove('x')], { attemptId: attempt('two') });
    const marked: Transaction = {
      ...checksOnly(),
      marks: [{ key: bytes('m'), value: bytes('') }],
      attemptId: attempt('three'),
    };
    const silent = transaction([put('n', 'x', { history: 'none' })], { attemptId: attempt('four') });
    const all = [again, empty, marked, silent];
    const first = await fixture.store.commit(all);
    first.forEach(asCommitted);
    await committed(fixture.store, transaction([put('a', 'theirs'), put('x'), put('n')]));
    for (let round = 0; round < 3; round += 1) {
      const store = await reopen(fixture);
      fixture.clock.advance(keepMs / 3 - 1);
      expect(await store.commit(all)).toEqual(first);
      expect(await contents(store)).toEqual({ a: 'theirs', n: 'v', x: 'v' });
    }
  });

  test('an attempt is remembered over a restart though the log has been cut behind it', async () => {
    const fixture = await suite.open({ retention: { logBytesMax: 5_000, logKeepMs: 1 } });
    const again = transaction([put('a', 'mine')], { attemptId: attempt('one') });
    const first = await committed(fixture.store, again);
    for (let round = 0; round < 50; round += 1) {
      fixture.clock.advance(100);
      await committed(fixture.store, transaction([put('b', 'x'.repeat(1_000))]));
    }
    const store = await reopen(fixture);
    expect(await commitOne(store, again)).toEqual(first);
    expect((await contents(store))['a']).toBe('mine');
  });
}
