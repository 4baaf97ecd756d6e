/** Commits: checks, then writes, all or nothing; transactions of one call in order, each on what the earlier ones left. */
import type { Suite } from './fixture';
import { expectStill } from './fixture';
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
  put,
  putAll,
  readOne,
  remove,
  textOf,
  transaction,
} from './words';

export function describeCommits(suite: Suite): void {
  describe('commits', () => {
    describeChecks(suite);
    describeWrites(suite);
    describeConflicts(suite);
    describeGroups(suite);
    describeBuffers(suite);
  });
}

function describeChecks(suite: Suite): void {
  test('a check holds where the key is at exactly that revision', async () => {
    const { store } = await suite.open();
    const first = await putAll(store, 'a');
    const second = await committed(store, transaction([put('a', '2')], { checks: [check('a', first.revision)] }));
    expect(second.revision).toBeGreaterThan(first.revision);
    await putAll(store, 'b');
    const { revision } = await store.status();
    for (const wrong of [0, first.revision, second.revision - 1, second.revision + 1, revision, revision + 1]) {
      if (wrong !== second.revision)
        await conflicted(store, transaction([put('a', 'no')], { checks: [check('a', wrong)] }));
    }
    expect(await contents(store)).toEqual({ a: '2', b: 'v' });
  });

  test('a check of 0 holds where the key is absent, deleted too', async () => {
    const { store } = await suite.open();
    const create = transaction([put('a', 'new')], { checks: [check('a', 0)] });
    await committed(store, create);
    await conflicted(store, create);
    await committed(store, transaction([remove('a')]));
    await committed(store, create);
  });

  test('a key that was deleted and written again is at another revision', async () => {
    const { store } = await suite.open();
    const first = await putAll(store, 'a');
    await committed(store, transaction([remove('a')]));
    await conflicted(store, transaction([put('a')], { checks: [check('a', first.revision)] }));
    const again = await putAll(store, 'a');
    expect(again.revision).toBeGreaterThan(first.revision);
    await conflicted(store, transaction([put('a')], { checks: [check('a', first.revision)] }));
  });

  test('keys that are checked need not be those that are written', async () => {
    const { store } = await suite.open();
    const guard = await putAll(store, 'guard');
    await committed(store, transaction([put('a', '1')], { checks: [check('guard', guard.revision), check('b', 0)] }));
    await putAll(store, 'guard');
    await conflicted(store, transaction([put('a', '2')], { checks: [check('guard', guard.revision), check('b', 0)] }));
    expect(textOf((await entryOf(store, 'a'))!.value)).toBe('1');
  });

  test('a transaction of checks alone says whether they hold, and takes no revision', async () => {
    const { store, clock } = await suite.open();
    const { revision } = await putAll(store, 'a', 'b');
    clock.advance(5);
    const holds = await commitOne(store, checksOnly(check('a', revision), check('b', revision), check('c', 0)));
    expect(holds).toEqual({ kind: 'committed', revision, nowMs: clock.nowMs() });
    await conflicted(store, checksOnly(check('a', revision), check('b', 0)));
    expect((await store.status()).revision).toBe(revision);
  });

  test('a transaction of nothing is committed at the revision that stands; so is a call of none', async () => {
    const { store, clock } = await suite.open();
    const { revision } = await putAll(store, 'a');
    expect(await commitOne(store, transaction([]))).toEqual({ kind: 'committed', revision, nowMs: clock.nowMs() });
    expect(await store.commit([])).toEqual([]);
    expect((await store.status()).revision).toBe(revision);
  });

  test('a decision that is no longer valid is a conflict from its millisecond on', async () => {
    const { store, clock } = await suite.open();
    const { revision } = await putAll(store, 'a');
    const until = (validUntilMs: number) =>
      transaction([put('b', String(validUntilMs))], { checks: [check('a', revision)], validUntilMs });
    const nowMs = clock.nowMs();
    for (const late of [nowMs, nowMs - 1, 1]) {
      const outcome = await conflicted(store, until(late));
      expect(outcome.entries.map(({ key }) => textOf(key))).toEqual(['a']);
      expect(outcome.nowMs).toBe(nowMs);
    }
    await conflicted(store, { ...checksOnly(), validUntilMs: nowMs });
    expect(await entryOf(store, 'b')).toBeUndefined();
    await committed(store, { ...checksOnly(), validUntilMs: nowMs + 1 });
    await committed(store, until(nowMs + 1));
    clock.setWallMs(nowMs + 1);
    await conflicted(store, until(nowMs + 1));
  });
}

function describeWrites(suite: Suite): void {
  test('revisions grow with every commit that changes something', async () => {
    const { store } = await suite.open();
    let last = (await store.status()).revision;
    for (const write of [put('a'), put('a'), put('b'), remove('a'), put('a'), remove('b')]) {
      const { revision } = await committed(store, transaction([write]));
      expect(revision).toBeGreaterThan(last);
      last = revision;
    }
    expect((await store.status()).revision).toBe(last);
  });

  test('all writes of a transaction share one revision', async () => {
    const { store } = await suite.open();
    await putAll(store, 'd');
    const { revision } = await committed(store, transaction([put('c'), put('a'), remove('d'), put('b')]));
    const { entries } = await readOne(store, everything);
    expect(entries.map((entry) => [textOf(entry.key), entry.revision])).toEqual([
      ['a', revision],
      ['b', revision],
      ['c', revision],
    ]);
  });

  test('a transaction is all or nothing', async () => {
    const { store } = await suite.open();
    const { revision } = await putAll(store, 'a', 'b');
    const writes = [put('a', 'no'), put('new', 'no'), remove('b')];
    const marks = [{ key: bytes('m'), value: bytes('no') }];
    // The check that fails stands first, last, and alone.
    const good = check('a', revision);
    for (const checks of [[check('x', 1), good], [good, check('x', 1)], [check('a', revision + 1)]]) {
      await conflicted(store, transaction(writes, { checks, marks }));
    }
    expect(await contents(store)).toEqual({ a: 'v', b: 'v' });
    expect((await store.status()).revision).toBe(revision);
    await committed(store, transaction(writes, { checks: [good], marks }));
    expect(await contents(store)).toEqual({ a: 'no', new: 'no' });
  });

  test('deleting what is absent is committed, is no change and takes no revision', async () => {
    const { store } = await suite.open();
    const { revision } = await putAll(store, 'a');
    for (const checks of [[], [check('x', 0)]]) {
      const none = await committed(store, transaction([remove('x'), remove('y')], { checks }));
      expectStill(suite, none.revision, revision);
    }
    expectStill(suite, (await store.status()).revision, revision);
    expect((await committed(store, transaction([remove('x'), put('b')]))).revision).toBeGreaterThan(revision);
    const deleted = await committed(store, transaction([remove('a')]));
    expectStill(suite, (await committed(store, transaction([remove('a')]))).revision, deleted.revision);
  });

  test('an empty value is a value', async () => {
    const { store } = await suite.open();
    const { revision } = await committed(store, transaction([put('a', '')]));
    expect(await entryOf(store, 'a')).toMatchObject({ value: bytes(''), revision });
    await conflicted(store, transaction([put('a')], { checks: [check('a', 0)] }));
    await committed(store, transaction([remove('a')], { checks: [check('a', revision)] }));
    expect(await entryOf(store, 'a')).toBeUndefined();
  });

  test('a key written twice in a transaction is its failure alone', async () => {
    const { store } = await suite.open();
    const before = await putAll(store, 'a');
    const outcomes = await store.commit([
      transaction([put('b', '1')]),
      transaction([put('c', '1'), put('a', '1'), put('a', '2')]),
      transaction([put('a', '1'), put('c', '1'), remove('a')]),
      transaction([remove('a'), remove('a')]),
      transaction([put('d', '1')], { checks: [check('a', before.revision)] }),
    ]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['committed', 'failed', 'failed', 'failed', 'committed']);
    for (const outcome of outcomes.slice(1, 4)) {
      expect(failureOf(outcome).code).toBe('INVALID_ARGUMENT');
      expect(failureOf(outcome).message).toMatch(/writes\[[12]\]/);
    }
    expect(await contents(store)).toEqual({ a: 'v', b: '1', d: '1' });
  });
}

function describeConflicts(suite: Suite): void {
  test('a conflict brings every checked key that is present, whether its own check held or not', async () => {
    const { store, clock } = await suite.open();
    const first = await committed(store, transaction([put('a', 'one', { ttlMs: 1_000 }), put('b', 'two')]));
    const second = await committed(store, transaction([put('c', 'three')]));
    clock.advance(7);
    const checks = [check('c', 0), check('x', 0), check('a', first.revision), check('y', 3), check('b', 99)];
    const outcome = await conflicted(store, transaction([put('x')], { checks }));
    const byKey = [...outcome.entries].sort((one, other) => one.key.compare(other.key));
    expect(byKey).toEqual([
      { key: bytes('a'), value: bytes('one'), revision: first.revision, expiresAtMs: first.nowMs + 1_000 },
      { key: bytes('b'), value: bytes('two'), revision: first.revision, expiresAtMs: 0 },
      { key: bytes('c'), value: bytes('three'), revision: second.revision, expiresAtMs: 0 },
    ]);
    expect(outcome).toMatchObject({ marks: [], revision: second.revision, nowMs: clock.nowMs() });
  });

  test('a conflict on absence brings nothing but the revision and the time', async () => {
    const { store, clock } = await suite.open();
    const { revision } = await putAll(store, 'other');
    const outcome = await commitOne(store, transaction([put('a')], { checks: [check('a', 5)] }));
    expect(outcome).toEqual({ kind: 'conflict', entries: [], marks: [], revision, nowMs: clock.nowMs() });
  });

  test('what a conflict brings is enough to decide again', async () => {
    const { store } = await suite.open();
    await putAll(store, 'a', 'b');
    const stale = transaction([put('c')], { checks: [check('a', 0), check('b', 0), check('c', 0)] });
    const { entries } = await conflicted(store, stale);
    const checks = ['a', 'b', 'c'].map((key) =>
      check(key, entries.find((entry) => textOf(entry.key) === key)?.revision ?? 0),
    );
    await committed(store, transaction([put('c')], { checks }));
  });
}

function describeGroups(suite: Suite): void {
  test('transactions of one call are judged in order, each on what the earlier ones left', async () => {
    const { store } = await suite.open();
    const create = (value: string) => transaction([put('a', value)], { checks: [check('a', 0)] });
    const [one, two, three, four, five] = await store.commit([
      create('first'),
      create('second'),
      transaction([remove('a')]),
      create('third'),
      checksOnly(check('a', 0)),
    ]);
    const first = asCommitted(one);
    expect(asConflict(two)).toMatchObject({
      revision: first.revision,
      entries: [{ key: bytes('a'), value: bytes('first'), revision: first.revision }],
    });
    const removed = asCommitted(three);
    const third = asCommitted(four);
    expect(asConflict(five)).toMatchObject({
      revision: third.revision,
      entries: [{ value: bytes('third'), revision: third.revision }],
    });
    expect(removed.revision).toBeGreaterThan(first.revision);
    expect(third.revision).toBeGreaterThan(removed.revision);
    expect(await contents(store)).toEqual({ a: 'third' });
  });

  test('of compare-and-sets of one key in one call exactly one wins', async () => {
    const { store } = await suite.open();
    const { revision } = await putAll(store, 'a');
    const tries = Array.from({ length: 50 }, (_, index) =>
      transaction([put('a', String(index))], { checks: [check('a', revision)] }),
    );
    const outcomes = await store.commit(tries);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['committed', ...tries.slice(1).map(() => 'conflict')]);
    for (const outcome of outcomes.slice(1)) expect(asConflict(outcome).entries).toMatchObject([{ value: bytes('0') }]);
    expect(await contents(store)).toEqual({ a: '0' });
  });

  test('each outcome of a call is of the state that its transaction was judged on', async () => {
    const { store } = await suite.open();
    const before = await putAll(store, 'a');
    const outcomes = await store.commit([
      checksOnly(check('a', before.revision)),
      checksOnly(check('a', 0)),
      transaction([put('b')]),
      checksOnly(check('a', before.revision)),
      transaction([remove('x')]),
      transaction([put('b', '2')], { checks: [check('b', 0)] }),
      transaction([remove('b')]),
      checksOnly(check('b', 0)),
    ]);
    const [, , written, , , , removed] = outcomes;
    const [one, two] = [asCommitted(written).revision, asCommitted(removed).revision];
    const revisions = outcomes.map((outcome) => (outcome.kind === 'failed' ? 0 : outcome.revision));
    expect(two).toBeGreaterThan(one);
    if (!suite.can('own revisions')) {
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
      return expect(revisions[0]).toBeGreaterThanOrEqual(before.revision);
    }
    expect(outcomes.map(({ kind }, index) => [kind, revisions[index]])).toEqual([
      ['committed', before.revision],
      ['conflict', before.revision],
      ['committed', one],
      ['committed', one],
      ['committed', one],
      ['conflict', one],
      ['committed', two],
      ['committed', two],
    ]);
    expect(one).toBeGreaterThan(before.revision);
  });

  test('each transaction of a large call has a revision and a fate of its own', async () => {
    const { store } = await suite.open();
    const outcomes = await store.commit(
      Array.from({ length: 500 }, (_, index) =>
        transaction([put(`k${index % 250}`, String(index))], { checks: [check(`k${index % 250}`, 0)] }),
      ),
    );
    const winners = outcomes.slice(0, 250).map(asCommitted);
    outcomes.slice(250).forEach(asConflict);
    if (suite.can('own revisions')) expect(new Set(winners.map(({ revision }) => revision)).size).toBe(250);
    const { entries } = await readOne(store, everything);
    expect(entries).toHaveLength(250);
    for (const entry of entries) expect(entry.revision).toBe(winners[Number(textOf(entry.value))]!.revision);
  });

  test('a value written and read within one call is the new one', async () => {
    const { store } = await suite.open();
    await committed(store, transaction([put('a', 'old')]));
    const [, conflict, , absent] = await store.commit([
      transaction([put('a', 'new')]),
      checksOnly(check('a', 0)),
      transaction([remove('a')]),
      checksOnly(check('a', 1)),
    ]);
    expect(asConflict(conflict).entries).toMatchObject([{ value: bytes('new') }]);
    expect(asConflict(absent).entries).toEqual([]);
  });
}

function describeBuffers(suite: Suite): void {
  test('buffers that a caller gave are its own again when it has its answer', async () => {
    const { store } = await suite.open();
    const key = bytes('key-a');
    const value = bytes('value-a');
    const mark = { key: bytes('mark-a'), value: bytes('seen-a') };
    const { revision } = await committed(store, { checks: [check(key, 0)], writes: [put(key, value)], marks: [mark] });
    for (const given of [key, value, mark.key, mark.value]) given.fill('x');
    expect(await contents(store)).toEqual({ 'key-a': 'value-a' });
    const conflict = await conflicted(store, {
      checks: [check('key-a', 0)],
      writes: [],
      marks: [{ key: bytes('mark-a'), value: bytes('') }],
    });
    expect(conflict.entries).toMatchObject([{ key: bytes('key-a'), value: bytes('value-a'), revision }]);
    expect(conflict.marks).toMatchObject([{ key: bytes('mark-a'), value: bytes('seen-a'), revision }]);
    for await (const { changes } of store.watch([everything], { afterRevision: revision - 1 })) {
      expect(changes).toMatchObject([{ key: bytes('key-a'), value: bytes('value-a') }]);
      break;
    }
  });

  test('what an answer brought stays as it was, whatever happens later', async () => {
    const { store } = await suite.open();
    const mark = { key: bytes('m'), value: bytes('mark value') };
    await committed(store, transaction([put('a', 'first'), put('b', 'y'.repeat(3_000))], { marks: [mark] }));
    const conflict = await conflicted(store, {
      checks: [check('a', 0), check('b', 0)],
      writes: [],
      marks: [mark],
    });
    const before = JSON.stringify(conflict);
    for (let round = 0; round < 50; round += 1) {
      const value = String(round % 10);
      const marks = [{ key: bytes(`m${round}`), value: bytes('MARK VALUE') }];
      await committed(store, transaction([put('a', value.repeat(5)), put('b', value.repeat(3_000))], { marks }));
      await conflicted(store, checksOnly(check('a', 0), check('b', 0)));
    }
    expect(JSON.stringify(conflict)).toBe(before);
  });

  test('a caller may give a commit up; UNAVAILABLE then means that nothing was written', async () => {
    const { store } = await suite.open();
    for (const [index, isEarly] of [true, false].entries()) {
      const abort = new AbortController();
      if (isEarly) abort.abort();
      const key = `k${index}`;
      const given = store.commit([transaction([put(key)])], { signal: abort.signal });
      abort.abort();
      const [result, other] = await Promise.allSettled([given, store.commit([transaction([put(`other${index}`)])])]);
      expect(other.status).toBe('fulfilled');
      // A later commit is behind it, if it is written at all.
      await putAll(store, 'later');
      if (result.status === 'fulfilled') expect(await entryOf(store, key)).toBeDefined();
      else expect(result.reason).toMatchObject({ code: expect.stringMatching(/^(UNAVAILABLE|OUTCOME_UNKNOWN)$/) });
      if (result.status === 'rejected' && (result.reason as { code: string }).code === 'UNAVAILABLE') {
        expect(await entryOf(store, key)).toBeUndefined();
      }
    }
  });
}
