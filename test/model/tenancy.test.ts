/** No two pairs of tenant and key meet in storage, and no range of one tenant reaches into another's. */
import type {
  CommitOutcome,
  Conflict,
  KeyRange,
  ReadResult,
  SearchOutcome,
  Store,
  StoreStatus,
  Transaction,
  WatchBatch,
} from '../../proto/store';
import { systemClock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import { makeSeededIds } from '../../src/core/ids';
import { keyspace, reservedScope, tenantScope } from '../../src/core/keyspace';
import { ScopedStore } from '../../src/store/scoped-store';

const nasty = [
  '',
  'a',
  'b',
  'ab',
  'a:b',
  'a/b',
  ':',
  '/',
  '-',
  '\0',
  'a\0',
  '\0a',
  'a\0\0',
  '\u00ff',
  '\uffff',
  'ÿ',
  '🜁',
  'T',
  'default',
  'Default',
  ' ',
];
const nastyBytes = [[], [0], [0, 0], [0xff], [0, 0xff], [0xff, 0], [0x54], [0, 0, 0, 1], [0xff, 0xff, 0xff, 0xff]].map(
  (each) => Buffer.from(each),
);

/** A store that remembers what it is asked, in the words in which it is asked; answers come from the test. */
class RecordingStore implements Store {
  readonly reads: KeyRange[] = [];
  readonly commits: Transaction[] = [];
  readonly watches: KeyRange[] = [];
  answer: ReadResult = { results: [], revision: 0, nowMs: 0 };
  outcomes: readonly CommitOutcome[] = [];
  batches: readonly WatchBatch[] = [];

  read(ranges: readonly KeyRange[]): Promise<ReadResult> {
    this.reads.push(...ranges);
    return Promise.resolve(this.answer);
  }

  commit(transactions: readonly Transaction[]): Promise<readonly CommitOutcome[]> {
    this.commits.push(...transactions);
    return Promise.resolve(this.outcomes);
  }

  async *watch(ranges: readonly KeyRange[]): AsyncGenerator<WatchBatch> {
    this.watches.push(...ranges);
    yield* this.batches;
  }

  search(): Promise<SearchOutcome> {
    return Promise.reject(new Error('not asked for here'));
  }

  status(): Promise<StoreStatus> {
    return Promise.reject(new Error('not asked for here'));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function random(seed: number) {
  const ids = makeSeededIds(seed);
  const whole = (below: number): number => Math.floor(ids.fraction() * below);
  const part = (): string =>
    whole(2) === 0 ? nasty[whole(nasty.length)]! : String.fromCharCode(whole(0xd800), whole(256));
  const tenant = (): string => part() + (whole(3) === 0 ? part() : '');
  const key = (): Buffer =>
    Buffer.concat([whole(2) === 0 ? nastyBytes[whole(nastyBytes.length)]! : ids.bytes(whole(8)), ids.bytes(whole(3))]);
  return { whole, tenant, key };
}

const seed = systemClock.nowMs() % 1_000_000;

describe(`tenancy (seed ${seed})`, () => {
  test('no two pairs of (tenant, incarnation) and key meet, over arbitrary strings and bytes', () => {
    const { tenant, key, whole } = random(seed);
    const seen = new Map<string, string>();
    const met: [string, string][] = [];
    for (let round = 0; round < 20_000; round += 1) {
      const [name, incarnation, inner] = [tenant(), whole(3), Buffer.concat([Buffer.of(0x10), key()])];
      const pair = JSON.stringify([name, incarnation, inner.toString('hex')]);
      const stored = Buffer.concat([tenantScope(name, incarnation), inner]).toString('hex');
      if (seen.has(stored) && seen.get(stored) !== pair) met.push([seen.get(stored)!, pair]);
      seen.set(stored, pair);
    }
    expect(met).toEqual([]);
    expect(seen.size).toBeGreaterThan(5_000);
  });

  test('no key of a tenant meets one of the reserved scope, and no two of that meet, whatever tenants and keys are called', () => {
    const { tenant, key, whole } = random(seed + 3);
    const seen = new Map<string, string>();
    const met: [string, string][] = [];
    const note = (stored: Buffer, what: unknown): void => {
      const [hex, text] = [stored.toString('hex'), JSON.stringify(what)];
      if (seen.has(hex) && seen.get(hex) !== text) met.push([seen.get(hex)!, text]);
      seen.set(hex, text);
    };
    for (let round = 0; round < 10_000; round += 1) {
      const [name, life] = [tenant(), whole(3)];
      const id = Buffer.concat([key(), Buffer.alloc(16)]).subarray(0, 16);
      const inner = whole(2) === 0 ? key() : Buffer.concat([reservedScope, key()]);
      note(Buffer.concat([tenantScope(name, life), inner]), ['own', name, life, inner.toString('hex')]);
      const reserved: [Buffer, unknown][] = [
        [keyspace.tenant(name), ['tenant', name]],
        [keyspace.tenantGate(name), ['gate', name]],
        [keyspace.apiKey(id), ['key', id.toString('hex')]],
        [keyspace.apiKeyUse(id), ['use', id.toString('hex')]],
        [keyspace.apiKeyHead(name, life), ['head', name, life]],
        [keyspace.apiKeyOfTenant(name, life, id), ['listed', name, life, id.toString('hex')]],
        [keyspace.tenantRemoval(name, life), ['removal', name, life]],
      ];
      for (const [stored, what] of reserved) note(Buffer.concat([reservedScope, stored]), what);
    }
    expect(met).toEqual([]);
    expect(seen.size).toBeGreaterThan(10_000);
  });

  test('no scope begins another', () => {
    const { tenant, whole } = random(seed + 1);
    const scopes = new Map(
      Array.from({ length: 400 }, () => [tenant(), whole(3)] as const).map(([name, life]) => [
        JSON.stringify([name, life]),
        tenantScope(name, life),
      ]),
    );
    const all = [...scopes.values(), reservedScope];
    for (const one of all) {
      const begun = all.filter((other) => other.subarray(0, one.length).equals(one));
      expect(begun).toHaveLength(1);
    }
  });

  test('every key that reaches the store begins with the scope, ends of ranges included, whatever is asked', async () => {
    const { tenant, key } = random(seed + 2);
    for (let round = 0; round < 150; round += 1) {
      const scope = tenantScope(tenant(), 1);
      const inner = new RecordingStore();
      const store = new ScopedStore(inner, scope);
      const [a, b] = [Buffer.concat([Buffer.of(1), key()]), key()];
      const ranges: KeyRange[] = [
        { start: a },
        { start: b, end: a },
        { start: Buffer.alloc(0), end: Buffer.alloc(1_900, 0xff) },
      ];
      await store.read(ranges);
      for await (const _batch of store.watch(ranges)) throw new Error('there is none');
      await store.commit([
        {
          checks: [{ key: a, revision: 3 }],
          writes: [
            { kind: 'put', key: a, value: b, history: 'value' },
            { kind: 'delete', key: Buffer.concat([a, a]), history: 'key' },
          ],
          marks: [{ key: a, value: b }],
        },
      ]);
      const [transaction] = inner.commits;
      const keys = [...inner.reads, ...inner.watches].flatMap(({ start, end }) => (end ? [start, end] : [start]));
      keys.push(...[...transaction!.checks, ...transaction!.writes, ...transaction!.marks!].map((each) => each.key));
      expect(keys).toHaveLength(14);
      expect(keys.filter((each) => !each.subarray(0, scope.length).equals(scope))).toEqual([]);
      expect(transaction!.scope).toEqual(scope);
      expect(
        inner.reads.map(({ start, end }) => ({
          start: start.subarray(scope.length),
          ...(end && { end: end.subarray(scope.length) }),
        })),
      ).toEqual(ranges);
    }
  });

  test('what comes back has lost its scope: entries, changes, conflicts and marks', async () => {
    const scope = tenantScope('a\0b', 2);
    const inner = new RecordingStore();
    const store = new ScopedStore(inner, scope);
    const key = Buffer.from([0x10, 0, 0xff]);
    const stored = Buffer.concat([scope, key]);
    const entry = { key: stored, value: Buffer.from('v'), revision: 1, expiresAtMs: 0 };
    inner.answer = { results: [{ entries: [entry], more: true }], revision: 4, nowMs: 5 };
    const mark = { key: stored, value: Buffer.from('m'), revision: 2, committedAtMs: 9 };
    inner.outcomes = [{ kind: 'conflict', entries: [entry], marks: [mark], revision: 4, nowMs: 5 }];
    inner.batches = [
      {
        changes: [{ kind: 'expire', key: stored, revision: 4, value: undefined, expiresAtMs: 0 }],
        revision: 4,
        nowMs: 5,
      },
    ];
    expect(await store.read([{ start: key }])).toEqual({
      ...inner.answer,
      results: [{ entries: [{ ...entry, key }], more: true }],
    });
    const [outcome] = await store.commit([{ checks: [{ key, revision: 0 }], writes: [] }]);
    expect(outcome).toEqual({
      ...(inner.outcomes[0] as Conflict),
      entries: [{ ...entry, key }],
      marks: [{ ...mark, key }],
    });
    for await (const batch of store.watch([{ start: key }]))
      expect(batch.changes.map((change) => change.key)).toEqual([key]);
  });

  test('an answer from outside the scope is a broken invariant, not an answer', async () => {
    const inner = new RecordingStore();
    const store = new ScopedStore(inner, tenantScope('a', 1));
    const foreign = Buffer.concat([tenantScope('b', 1), Buffer.from('k')]);
    inner.answer = {
      results: [{ entries: [{ key: foreign, value: Buffer.alloc(0), revision: 1, expiresAtMs: 0 }], more: false }],
      revision: 1,
      nowMs: 1,
    };
    await expect(store.read([{ start: Buffer.from('k') }])).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  test('a gate is read with every read and checked with every commit, and comes out of neither', async () => {
    const inner = new RecordingStore();
    const scope = tenantScope('a', 1);
    const gate = { key: Buffer.from('gate'), revision: 7, refusal: () => new AppError('FORBIDDEN', 'shut') };
    const store = new ScopedStore(inner, scope, gate);
    const key = Buffer.from([0x10]);
    const stored = Buffer.concat([scope, key]);
    const entry = (of: Buffer, revision: number) => ({ key: of, value: Buffer.from('v'), revision, expiresAtMs: 0 });
    const answer = (gateRevision: number) => ({
      results: [
        { entries: [entry(stored, 1)], more: false },
        { entries: gateRevision === 0 ? [] : [entry(gate.key, gateRevision)], more: false },
      ],
      revision: 9,
      nowMs: 1,
    });
    inner.answer = answer(7);
    expect((await store.read([{ start: key }])).results).toEqual([{ entries: [entry(key, 1)], more: false }]);
    expect(inner.reads).toEqual([{ start: stored }, { start: gate.key }]);
    for (const otherwise of [0, 6, 8]) {
      inner.answer = answer(otherwise);
      await expect(store.read([{ start: key }])).rejects.toMatchObject({ code: 'FORBIDDEN' });
    }
    const conflict = (entries: Conflict['entries']): Conflict => ({
      kind: 'conflict',
      entries,
      marks: [],
      revision: 9,
      nowMs: 1,
    });
    inner.outcomes = [conflict([entry(stored, 3), entry(gate.key, 7)])];
    const transaction = { checks: [{ key, revision: 1 }], writes: [] };
    expect(await store.commit([transaction])).toEqual([conflict([entry(key, 3)])]);
    expect(inner.commits[0]!.checks).toEqual([
      { key: stored, revision: 1 },
      { key: gate.key, revision: 7 },
    ]);
    for (const entries of [[entry(stored, 1)], [entry(stored, 1), entry(gate.key, 8)]]) {
      inner.outcomes = [conflict(entries)];
      expect(await store.commit([transaction])).toMatchObject([{ kind: 'failed', error: { code: 'FORBIDDEN' } }]);
    }
  });

  test('a scope within a scope has both prefixes, its marks too', async () => {
    const inner = new RecordingStore();
    const store = new ScopedStore(new ScopedStore(inner, Buffer.from('outer/')), Buffer.from('inner/'));
    await store.commit([{ checks: [{ key: Buffer.from('k'), revision: 0 }], writes: [] }]);
    expect(inner.commits[0]!.checks[0]!.key.toString()).toBe('outer/inner/k');
    expect(inner.commits[0]!.scope!.toString()).toBe('outer/inner/');
  });
});
