/** What the batched and the traced store add to the Store that they wrap; that they are Stores, the suite shows. */
import type { Tracer } from '@opentelemetry/api';
import { storeLimits } from '../../proto/limits';
import type { CommitOutcome, KeyRange, ReadOptions, ReadResult, Transaction } from '../../proto/store';
import { ManualClock } from '../../src/core/clock';
import { AppError, answerTooLarge } from '../../src/core/errors';
import { BatchedStore } from '../../src/store/batched-store';
import { makeTracedStore } from '../../src/store/traced-store';
import { TinyStore } from '../support/tiny-store';

const keyOf = (index: number): Buffer => Buffer.from(`key${index}`);
const put = (index: number, value = 'v'): Transaction => ({
  checks: [],
  writes: [{ kind: 'put', key: keyOf(index), value: Buffer.from(value), history: 'value' }],
});
const codeOf = (result: PromiseSettledResult<unknown>): string =>
  result.status === 'fulfilled' ? 'ok' : (result.reason as AppError).code;

/** Remembers the calls that reach it, refuses the key `bad`, and fails as it is told. */
class CountingStore extends TinyStore {
  readonly reads: { readonly ranges: number; readonly consistency: string | undefined }[] = [];
  readonly commits: number[] = [];
  judge = (outcomes: readonly CommitOutcome[]): readonly CommitOutcome[] => outcomes;
  failure: AppError | undefined;

  override read(ranges: readonly KeyRange[], options?: ReadOptions): Promise<ReadResult> {
    this.reads.push({ ranges: ranges.length, consistency: options?.consistency });
    const isBad = ranges.some(({ start }) => start.toString() === 'bad') || ranges.length > storeLimits.readRangesMax;
    if (isBad) return Promise.reject(new AppError('INVALID_ARGUMENT', 'bad'));
    return this.failure ? Promise.reject(this.failure) : super.read(ranges);
  }

  override commit(transactions: readonly Transaction[]): Promise<readonly CommitOutcome[]> {
    this.commits.push(transactions.length);
    if (transactions.length > storeLimits.commitTransactionsMax)
      return Promise.reject(new AppError('INVALID_ARGUMENT', 'too many'));
    return this.failure ? Promise.reject(this.failure) : super.commit(transactions).then(this.judge);
  }
}

describe('the batched store', () => {
  let inner: CountingStore;
  let store: BatchedStore;
  beforeEach(() => {
    inner = new CountingStore();
    store = new BatchedStore(inner);
  });

  test('makes one read of the reads of a turn, and each has its own results', async () => {
    await inner.commit([put(1), put(2), put(3)]);
    const [one, two, none] = await Promise.all([
      store.read([{ start: keyOf(1) }]),
      store.read([{ start: keyOf(2) }, { start: keyOf(0), end: keyOf(9) }]),
      store.read([]),
    ]);
    expect(inner.reads).toEqual([{ ranges: 3, consistency: 'linearizable' }]);
    expect(one.results.map(({ entries }) => entries.map(({ key }) => key.toString()))).toEqual([['key1']]);
    expect(two.results.map(({ entries }) => entries.map(({ key }) => key.toString()))).toEqual([
      ['key2'],
      ['key1', 'key2', 'key3'],
    ]);
    expect(none).toMatchObject({ results: [], revision: 3 });
  });

  test('keeps different consistencies apart', async () => {
    const range = [{ start: keyOf(1) }];
    await Promise.all([
      store.read(range),
      store.read(range, { consistency: 'stale' }),
      store.read(range, { consistency: 'stale' }),
    ]);
    expect(inner.reads).toEqual([
      { ranges: 1, consistency: 'linearizable' },
      { ranges: 2, consistency: 'stale' },
    ]);
  });

  test('remembers nothing from one turn to the next', async () => {
    expect((await store.read([{ start: keyOf(1) }])).results[0]!.entries).toEqual([]);
    await store.commit([put(1)]);
    expect((await store.read([{ start: keyOf(1) }])).results[0]!.entries).toHaveLength(1);
  });

  test('splits at the limits of a call, and by what scans may bring', async () => {
    const many = Array.from({ length: storeLimits.readRangesMax - 1 }, () => ({ start: keyOf(1) }));
    await Promise.all([store.read(many), store.read([{ start: keyOf(1) }]), store.read([{ start: keyOf(1) }])]);
    expect(inner.reads.map(({ ranges }) => ranges)).toEqual([2_048, 1]);
    inner.reads.length = 0;
    const scan = [{ start: keyOf(0), end: keyOf(9) }];
    await Promise.all(Array.from({ length: 4 }, () => store.read(scan)));
    expect(inner.reads.map(({ ranges }) => ranges)).toEqual([2, 2]);
    await Promise.all(
      Array.from({ length: storeLimits.commitTransactionsMax + 1 }, (_, index) => store.commit([put(index)])),
    );
    expect(inner.commits).toEqual([1_024, 1]);
  });

  test('makes one commit of the commits of a turn, in order, and each has its own outcomes', async () => {
    const guarded: Transaction = { ...put(1, 'late'), checks: [{ key: keyOf(1), revision: 0 }] };
    const [first, both] = await Promise.all([store.commit([put(1)]), store.commit([guarded, put(2)])]);
    expect(inner.commits).toEqual([3]);
    expect(first.map(({ kind }) => kind)).toEqual(['committed']);
    expect(both.map(({ kind }) => kind)).toEqual(['conflict', 'committed']);
  });

  test('a member that is refused does not take the others with it', async () => {
    const results = await Promise.allSettled([
      store.read([{ start: keyOf(1) }]),
      store.read([{ start: Buffer.from('bad') }]),
      store.read([]),
    ]);
    expect(results.map(codeOf)).toEqual(['ok', 'INVALID_ARGUMENT', 'ok']);
    const tooMany = Array.from({ length: storeLimits.commitTransactionsMax + 1 }, () => put(1));
    const commits = await Promise.allSettled([store.commit([put(2)]), store.commit(tooMany), store.commit([put(3)])]);
    expect(commits.map(codeOf)).toEqual(['ok', 'INVALID_ARGUMENT', 'ok']);
    expect(inner.revision).toBe(2);
  });

  test('conflicts that are too large for one answer together are asked for one by one', async () => {
    const error = answerTooLarge('too large', undefined);
    inner.judge = (outcomes) =>
      outcomes.length === 1
        ? outcomes
        : outcomes.map((each) => (each.kind === 'conflict' ? { kind: 'failed', error } : each));
    const guarded = (index: number): Transaction => ({ ...put(index), checks: [{ key: keyOf(index), revision: 9 }] });
    const [one, two, three] = await Promise.all([
      store.commit([put(1)]),
      store.commit([guarded(2), put(3)]),
      store.commit([guarded(4)]),
    ]);
    expect([one, two, three].map((outcomes) => outcomes.map(({ kind }) => kind))).toEqual([
      ['committed'],
      ['conflict', 'committed'],
      ['conflict'],
    ]);
    expect([inner.commits, inner.revision]).toEqual([[4, 1, 1], 2]);
  });

  test('a failure of the store is one of all, and of a commit that changes nothing nothing is unknown', async () => {
    inner.failure = new AppError('OUTCOME_UNKNOWN', 'lost');
    const check: Transaction = { checks: [{ key: keyOf(1), revision: 0 }], writes: [] };
    const results = await Promise.allSettled([store.commit([put(1)]), store.commit([check])]);
    expect(results.map(codeOf)).toEqual(['OUTCOME_UNKNOWN', 'UNAVAILABLE']);
    expect(inner.commits).toEqual([2]);
  });
});

describe('the traced store', () => {
  const clock = new ManualClock();

  test('tells its observer of every operation: name, time, outcome and sizes', async () => {
    const seen: unknown[] = [];
    const inner = new CountingStore();
    const store = makeTracedStore(inner, { clock, observer: { onOperation: (...operation) => seen.push(operation) } });
    await store.commit([put(1), { ...put(1), checks: [{ key: keyOf(1), revision: 0 }] }]);
    await store.read([{ start: keyOf(0), end: keyOf(9) }, { start: keyOf(1) }]);
    await store.status();
    const watch = store.watch([{ start: keyOf(1) }], { afterRevision: 0 })[Symbol.asyncIterator]();
    await watch.next();
    clock.advance(250);
    await watch.return!();
    inner.failure = new AppError('OVERLOADED', 'full');
    await expect(store.read([])).rejects.toBe(inner.failure);
    expect(seen).toEqual([
      ['commit', 0, 'ok', { asked: 2, given: 1 }],
      ['read', 0, 'ok', { asked: 2, given: 2 }],
      ['status', 0, 'ok', { asked: 1, given: 0 }],
      ['watch', 250, 'ok', { asked: 1, given: 1 }],
      ['read', 0, 'OVERLOADED', { asked: 0, given: 0 }],
    ]);
  });

  test('makes a span for each, with codes and sizes but no keys', async () => {
    const lines: string[] = [];
    const tracer = {
      startSpan: (name: string, options: object) => {
        lines.push(`start ${name} ${JSON.stringify(options)}`);
        return {
          setAttribute: (key: string, value: unknown) => lines.push(`${key}=${String(value)}`),
          setStatus: (state: object) => lines.push(JSON.stringify(state)),
          end: () => lines.push('end'),
        };
      },
    } as unknown as Tracer;
    const inner = new CountingStore();
    const store = makeTracedStore(inner, { clock, tracer });
    inner.failure = new AppError('UNAVAILABLE', 'secret key1');
    await expect(store.commit([put(1)])).rejects.toBe(inner.failure);
    expect(lines).toEqual([
      'start store.commit {"attributes":{"store.asked":1}}',
      'store.given=0',
      '{"code":2,"message":"UNAVAILABLE"}',
      'end',
    ]);
  });

  test('is the store itself where nobody listens', () => {
    const inner = new TinyStore();
    expect(makeTracedStore(inner, { clock })).toBe(inner);
  });
});
