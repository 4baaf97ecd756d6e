/** Marks: that a command was done is remembered with its effect, once, for a while, and shows nowhere else. */
import type { Mark, Transaction } from '../../../proto/store';
import { defaultRetention } from '../../../storage/engine';
import type { Suite } from './fixture';
import { reopen } from './fixture';
import { WatchReader } from './watch-reader';
import {
  asCommitted,
  asConflict,
  bytes,
  check,
  checksOnly,
  commitOne,
  committed,
  conflicted,
  contents,
  entryOf,
  everything,
  failureOf,
  jumpWall,
  put,
  putAll,
  textOf,
  transaction,
} from './words';

const mark = (key: string, value = `${key} was done`): Mark => ({ key: bytes(key), value: bytes(value) });
const done = (key: string, ...marks: readonly string[]): Transaction =>
  transaction([put(key)], { marks: marks.map((each) => mark(each)) });
const only = (...marks: readonly string[]): Transaction => ({
  ...checksOnly(),
  marks: marks.map((each) => mark(each)),
});

export function describeMarks(suite: Suite): void {
  describe('marks', () => {
    describeMarksOfTransactions(suite);
    describeKeeping(suite);
    describeScopes(suite);
  });
}

function describeMarksOfTransactions(suite: Suite): void {
  test('a mark that exists is a conflict that brings it, with the revision and the time of its commit', async () => {
    const { store, clock } = await suite.open();
    const first = await committed(store, done('a', 'm'));
    clock.advance(1_000);
    const last = await putAll(store, 'other');
    const outcome = await conflicted(store, transaction([put('a', 'again')], { marks: [mark('m', 'another value')] }));
    expect(outcome.marks).toEqual([
      { key: bytes('m'), value: bytes('m was done'), revision: first.revision, committedAtMs: first.nowMs },
    ]);
    expect(outcome).toMatchObject({ entries: [], revision: last.revision, nowMs: first.nowMs + 1_000 });
    expect(await contents(store)).toEqual({ a: 'v', other: 'v' });
  });

  test('of several marks every one that exists comes, and none is made where one stands', async () => {
    const { store } = await suite.open();
    await committed(store, done('a', 'm1', 'm3'));
    const outcome = await conflicted(store, done('b', 'm0', 'm1', 'm2', 'm3'));
    expect(outcome.marks.map(({ key }) => textOf(key)).sort()).toEqual(['m1', 'm3']);
    await committed(store, done('b', 'm0', 'm2'));
  });

  test('a check that fails makes no mark, and its conflict brings the marks that stand all the same', async () => {
    const { store } = await suite.open();
    const { revision } = await committed(store, done('a', 'm1'));
    const guarded = { ...done('b', 'm1', 'm2'), checks: [check('a', 0)] };
    const outcome = await conflicted(store, guarded);
    expect(outcome.marks).toMatchObject([{ key: bytes('m1'), revision }]);
    expect(outcome.entries).toMatchObject([{ key: bytes('a'), revision }]);
    await committed(store, done('b', 'm2'));
  });

  test('a mark that stands brings the checked keys as well, though their checks hold', async () => {
    const { store } = await suite.open();
    const { revision } = await committed(store, done('a', 'm'));
    const outcome = await conflicted(store, { ...done('b', 'm'), checks: [check('a', revision), check('b', 0)] });
    expect(outcome.entries).toMatchObject([{ key: bytes('a'), value: bytes('v'), revision }]);
  });

  test('marks may be all that a transaction writes; then it has a revision of its own', async () => {
    const { store } = await suite.open();
    const { revision } = await putAll(store, 'a');
    const marked = await committed(store, only('m1', 'm2'));
    expect(marked.revision).toBeGreaterThan(revision);
    expect((await store.status()).revision).toBe(marked.revision);
    expect((await conflicted(store, only('m2'))).marks).toMatchObject([{ revision: marked.revision }]);
    const { revision: checked } = await committed(store, { ...only('m3'), checks: [check('a', revision)] });
    expect(checked).toBeGreaterThan(marked.revision);
  });

  test('of two transactions of one call with the same mark one is done', async () => {
    const { store } = await suite.open();
    const outcomes = await store.commit([done('a', 'm'), done('b', 'm'), only('m'), only('n'), done('c', 'n')]);
    const { revision, nowMs } = asCommitted(outcomes[0]);
    for (const outcome of [outcomes[1], outcomes[2]]) {
      expect(asConflict(outcome).marks).toMatchObject([{ key: bytes('m'), revision, committedAtMs: nowMs }]);
    }
    expect(asConflict(outcomes[4]).marks).toMatchObject([{ revision: asCommitted(outcomes[3]).revision }]);
    expect(await contents(store)).toEqual({ a: 'v' });
  });

  test('one mark twice in a transaction is its failure alone', async () => {
    const { store } = await suite.open();
    const [twice, once] = await store.commit([done('a', 'm', 'm'), done('b', 'm')]);
    expect(failureOf(twice)).toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('marks[1]') });
    asCommitted(once);
  });

  test('marks are apart from keys: not read, not checked, not written, not watched', async () => {
    const { store } = await suite.open();
    const before = await putAll(store, 'other');
    const reader = await WatchReader.begin(store, [everything], { afterRevision: before.revision });
    await committed(store, only('m'));
    expect(await entryOf(store, 'm')).toBeUndefined();
    expect(await contents(store)).toEqual({ other: 'v' });
    const { revision } = await committed(store, transaction([put('m', 'a key')], { checks: [check('m', 0)] }));
    expect((await conflicted(store, only('m'))).marks).toMatchObject([{ value: bytes('m was done') }]);
    await committed(store, only('other'));
    const last = await putAll(store, 'last');
    await reader.until(last.revision);
    expect(reader.words()).toEqual([`put m @${revision}`, `put last @${last.revision}`]);
    await reader.end();
  });

  test('a mark may be empty, and have any bytes', async () => {
    const { store } = await suite.open();
    await committed(store, { ...checksOnly(), marks: [mark('\0\xff\0', ''), mark('\xff', '\0')] });
    expect((await conflicted(store, only('\0\xff\0'))).marks).toMatchObject([
      { key: bytes('\0\xff\0'), value: bytes('') },
    ]);
    expect((await conflicted(store, only('\xff'))).marks).toMatchObject([{ key: bytes('\xff'), value: bytes('\0') }]);
    await committed(store, only('\0\xff'));
  });
}

function describeKeeping(suite: Suite): void {
  const { markKeepMs } = defaultRetention;

  test('a mark is kept for its time and then makes no conflict any more', async () => {
    const fixture = await suite.open();
    const { store, clock } = fixture;
    await committed(store, done('a', 'm'));
    jumpWall(fixture, markKeepMs - 1);
    await conflicted(store, only('m'));
    jumpWall(fixture, 1);
    const again = await committed(store, { ...checksOnly(), marks: [mark('m', 'second')] });
    const { marks } = await conflicted(store, only('m'));
    expect(marks).toMatchObject([{ value: bytes('second'), revision: again.revision, committedAtMs: clock.nowMs() }]);
    // The second has its own time.
    jumpWall(fixture, markKeepMs - 1);
    await conflicted(store, only('m'));
    jumpWall(fixture, 1);
    await committed(store, only('m'));
  });

  test('marks come to their end silently', async () => {
    const { store, clock } = await suite.open({ retention: { markKeepMs: 1_000 } });
    const { revision } = await committed(store, only('m1', 'm2'));
    const reader = await WatchReader.begin(store, [everything], { afterRevision: revision });
    for (let round = 0; round < 5; round += 1) {
      clock.advance(1_000);
      await committed(store, only('m1'));
    }
    const last = await putAll(store, 'last');
    await reader.until(last.revision);
    expect(reader.words()).toEqual([`put last @${last.revision}`]);
    await reader.end();
  });

  test('many marks of different ages each have their own time', async () => {
    const { store, clock } = await suite.open({ retention: { markKeepMs: 1_000 } });
    for (let age = 0; age < 25; age += 1) {
      await committed(store, only(`m${age}`));
      clock.advance(100);
    }
    // Those of the last 1,000 ms stand: m16 is 900 ms old.
    for (let age = 0; age < 25; age += 1) {
      const outcome = await commitOne(store, { ...only(`m${age}`), checks: [check('never', 1)] });
      expect([age, asConflict(outcome).marks.length]).toEqual([age, age >= 16 ? 1 : 0]);
    }
  });

  if (!suite.can('reopen')) return;

  test('marks stand after the store was closed and opened again, for the rest of their time', async () => {
    const fixture = await suite.open();
    const { revision, nowMs } = await committed(fixture.store, done('a', 'm'));
    fixture.clock.advance(1_000);
    const store = await reopen(fixture);
    expect((await conflicted(store, only('m'))).marks).toMatchObject([{ revision, committedAtMs: nowMs }]);
    jumpWall(fixture, markKeepMs - 1_000 - 1);
    await conflicted(store, only('m'));
    jumpWall(fixture, 1);
    await committed(store, only('m'));
  });
}

function describeScopes(suite: Suite): void {
  const scoped = (scope: string, ...marks: readonly string[]): Transaction => ({
    ...only(...marks.map((each) => `${scope}${each}`)),
    scope: bytes(scope),
  });

  test('a scope has so many marks and no more; others go on, and so does what needs none', async () => {
    const { store } = await suite.open({ retention: { marksPerScopeMax: 5 } });
    await committed(store, scoped('s1', 'a', 'b', 'c'));
    const refused = failureOf(await commitOne(store, { ...scoped('s1', 'd', 'e', 'f'), writes: [put('never')] }));
    expect(refused).toMatchObject({ code: 'OVERLOADED', message: expect.stringContaining('5') });
    await committed(store, scoped('s1', 'd', 'e'));
    const outcomes = await store.commit([
      { ...scoped('s1', 'f'), writes: [put('never')] },
      scoped('s2', 'a', 'b'),
      { ...scoped('s1'), writes: [put('plain')] },
      scoped('s1', 'a'),
      only('unscoped'),
    ]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['failed', 'committed', 'committed', 'conflict', 'committed']);
    expect(failureOf(outcomes[0]).code).toBe('OVERLOADED');
    expect(await contents(store)).toEqual({ plain: 'v' });
  });

  test('the limit holds within one call, too', async () => {
    const { store } = await suite.open({ retention: { marksPerScopeMax: 3 } });
    const outcomes = await store.commit(['a', 'b', 'c', 'd', 'e'].map((each) => scoped('s', each)));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['committed', 'committed', 'committed', 'failed', 'failed']);
  });

  test('marks that have had their time make room', async () => {
    const { store, clock } = await suite.open({ retention: { marksPerScopeMax: 2, markKeepMs: 10_000 } });
    await committed(store, scoped('s', 'a', 'b'));
    failureOf(await commitOne(store, scoped('s', 'c')));
    // Counted by generations: one begins every 10 s at the most, and is counted until two others have begun.
    let roomAfterMs = 0;
    for (let passedMs = 500; roomAfterMs === 0 && passedMs <= 30_000; passedMs += 500) {
      clock.advance(500);
      const { kind } = await commitOne(store, scoped('s', 'c', 'd'));
      if (kind === 'committed') roomAfterMs = passedMs;
    }
    expect(roomAfterMs).toBeGreaterThanOrEqual(10_000);
    failureOf(await commitOne(store, scoped('s', 'e')));
  });

  if (!suite.can('reopen')) return;

  test('the count outlives the process', async () => {
    const fixture = await suite.open({ retention: { marksPerScopeMax: 3 } });
    await committed(fixture.store, scoped('s', 'a', 'b'));
    const store = await reopen(fixture);
    failureOf(await commitOne(store, scoped('s', 'c', 'd')));
    await committed(store, scoped('s', 'c'));
    failureOf(await commitOne(store, scoped('s', 'd')));
  });
}
