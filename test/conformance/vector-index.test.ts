/** The vector index by itself, and the thread that holds it: what it proposes, however it came to be. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { AppError } from '../../src/core/errors';
import { makeSeededIds } from '../../src/core/ids';
import type { MetadataFilter } from '../../src/core/metadata-filter';
import { distanceBetween } from '../../src/core/vector-distance';
import type { VectorDistance } from '../../src/core/vector-distance';
import type { IndexSettings } from '../../storage/vectors/indexes';
import { ThreadIndexes } from '../../storage/vectors/thread-indexes';
import { VectorIndex } from '../../storage/vectors/vector-index';

interface Sample {
  readonly id: string;
  readonly vector: Float32Array;
  readonly group: number;
}

const dimensions = 48;
const k = 10;

/** Vectors in clusters, as embeddings are: centres, and noise around them. */
function makeClustered(seed: number, { lengths = false } = {}) {
  const ids = makeSeededIds(seed);
  const noise = (): number => ids.fraction() + ids.fraction() + ids.fraction() - 1.5;
  const centres = Array.from({ length: 60 }, () => Array.from({ length: dimensions }, () => 2 * noise()));
  let made = 0;
  return (): Sample => {
    const at = made++;
    const centre = centres[at % centres.length]!;
    const length = lengths ? 0.5 + ids.fraction() : 1;
    const vector = Float32Array.from(centre, (each) => (each + noise()) * length);
    return { id: `id${at}`, vector, group: Math.floor(ids.fraction() * 1_000) };
  };
}

function put(index: VectorIndex, samples: readonly Sample[], removed: readonly string[] = []): void {
  const vectors = new Float32Array(samples.length * dimensions);
  for (const [at, { vector }] of samples.entries()) vectors.set(vector, at * dimensions);
  index.apply({
    ids: samples.map(({ id }) => id),
    revisions: samples.map(() => 1),
    vectors,
    metadata: samples.map(({ group }) => JSON.stringify({ group, tenth: group % 10 })),
    removed,
  });
}

function moveAll(index: VectorIndex): void {
  while (index.move(() => false));
}

function nearestOf(samples: Iterable<Sample>, near: Float32Array, distance: VectorDistance): string[] {
  return Array.from(samples, ({ id, vector }) => ({ id, at: distanceBetween(distance, near, vector) }))
    .sort((a, b) => a.at - b.at)
    .slice(0, k)
    .map(({ id }) => id);
}

/** The part of the truly nearest that is among the proposals: as a search measures those, it is the part that it finds. */
function recall(index: VectorIndex, samples: ReadonlyMap<string, Sample>, queries: readonly Sample[]): number {
  let found = 0;
  for (const { vector } of queries) {
    const proposed = new Set(index.search({ near: vector, wanted: k + 8, filter: undefined }).ids);
    for (const id of nearestOf(samples.values(), vector, index.settings.distance)) if (proposed.has(id)) found += 1;
  }
  return found / (queries.length * k);
}

const settings = (distance: VectorDistance, rest: Partial<IndexSettings> = {}): IndexSettings => ({
  dimensions,
  distance,
  isExact: false,
  graphFrom: 1_000,
  ...rest,
});

describe.each(['cosine', 'euclidean', 'innerProduct'] as const)('an index by %s', (distance) => {
  it('finds 95 of 100 in its graph, after updates and many deletes too', () => {
    const next = makeClustered(11, { lengths: distance !== 'cosine' });
    const samples = new Map(Array.from({ length: 6_000 }, next).map((each) => [each.id, each]));
    const queries = Array.from({ length: 60 }, next);
    const index = new VectorIndex(settings(distance));
    put(index, [...samples.values()]);
    expect(index.state).toMatchObject({ count: 6_000, flat: 6_000 });
    expect(recall(index, samples, queries)).toBe(1);
    moveAll(index);
    expect(index.state.flat).toBeLessThan(600);
    expect(recall(index, samples, queries)).toBeGreaterThanOrEqual(0.95);

    const updated = [...samples.values()].slice(0, 1_000).map(({ id }) => ({ ...next(), id }));
    for (const each of updated) samples.set(each.id, each);
    put(index, updated);
    const removed = [...samples.keys()].filter((_, at) => at % 10 < 3);
    for (const id of removed) samples.delete(id);
    put(index, [], removed);
    moveAll(index);
    expect(index.state).toMatchObject({ count: 4_200, isWorn: false });
    expect(recall(index, samples, queries)).toBeGreaterThanOrEqual(0.95);
  });
});

describe('an index', () => {
  it('that is exact has no graph, and proposes all that are as near as the last', () => {
    const next = makeClustered(5);
    const samples = new Map(Array.from({ length: 2_000 }, next).map((each) => [each.id, each]));
    const index = new VectorIndex(settings('euclidean', { isExact: true, graphFrom: 10 }));
    put(index, [...samples.values()]);
    expect(index.move(() => false)).toBe(false);
    expect(recall(index, samples, Array.from({ length: 20 }, next))).toBe(1);
    const { vector } = next();
    const same = Array.from({ length: 300 }, (_, at) => ({ id: `same${at}`, vector, group: 0 }));
    put(index, same);
    for (const filter of [undefined, '{"group":0}', `{"tenth":[0,1,2,3,4,5,6,7,8,9]}`]) {
      const { ids } = index.search({ near: vector, wanted: 5, filter });
      expect(ids.filter((id) => id.startsWith('same'))).toHaveLength(300);
      expect(ids.length).toBeLessThan(330);
    }
  });

  it('fills what is wanted with what matches a filter, however few', () => {
    const next = makeClustered(3);
    const samples = new Map(Array.from({ length: 6_000 }, next).map((each) => [each.id, each]));
    const index = new VectorIndex(settings('cosine'));
    put(index, [...samples.values()]);
    moveAll(index);
    const matching = (filter: MetadataFilter) => {
      const { ids, isAll } = index.search({ near: next().vector, wanted: 20, filter: JSON.stringify(filter) });
      return { groups: new Set(ids.map((id) => samples.get(id)!.group)), count: ids.length, isAll };
    };
    const tenths = [0, 1, 2, 3, 4, 5];
    const many = matching({ tenth: tenths });
    expect(many.count).toBeGreaterThanOrEqual(20);
    expect([...many.groups].every((group) => tenths.includes(group % 10))).toBe(true);
    const few = [...samples.values()].filter(({ group }) => group === 77).length;
    expect(matching({ group: 77 })).toEqual({ groups: new Set([77]), count: few, isAll: true });
    expect(matching({ group: 5_000 })).toEqual({ groups: new Set(), count: 0, isAll: true });
    expect(matching({}).count).toBeGreaterThanOrEqual(20);
  });

  it('is worn when most of its graph is gone', () => {
    const next = makeClustered(9);
    const samples = Array.from({ length: 3_000 }, next);
    const index = new VectorIndex(settings('cosine'));
    put(index, samples);
    moveAll(index);
    put(
      index,
      [],
      samples.slice(0, 1_000).map(({ id }) => id),
    );
    expect(index.state.isWorn).toBe(false);
    put(
      index,
      [],
      samples.slice(1_000, 2_000).map(({ id }) => id),
    );
    expect(index.state).toMatchObject({ count: 1_000, isWorn: true });
  });

  it('takes vectors of zeros, and a question of zeros', () => {
    const next = makeClustered(1);
    const index = new VectorIndex(settings('cosine', { graphFrom: 10 }));
    const zeros = Array.from({ length: 400 }, (_, at) => ({
      id: `zero${at}`,
      vector: new Float32Array(dimensions),
      group: 0,
    }));
    const samples = Array.from({ length: 1_200 }, next);
    put(index, [...zeros, ...samples]);
    moveAll(index);
    const all = new Map([...zeros, ...samples].map((each) => [each.id, each]));
    expect(recall(index, all, samples.slice(0, 30))).toBeGreaterThanOrEqual(0.95);
    const { ids } = index.search({ near: new Float32Array(dimensions), wanted: 10, filter: undefined });
    expect(ids.length).toBeGreaterThanOrEqual(10);
  });

  it('stands numbers at the limit', () => {
    const index = new VectorIndex(settings('euclidean', { graphFrom: 10 }));
    const samples = Array.from({ length: 400 }, (_, at) => ({
      id: `id${at}`,
      vector: Float32Array.from(
        { length: dimensions },
        (_each, n) => ((at * 7 + n) % 11) * 1e14 * (n % 2 === 0 ? 1 : -1),
      ),
      group: 0,
    }));
    put(index, samples);
    moveAll(index);
    const all = new Map(samples.map((each) => [each.id, each]));
    const { ids } = index.search({ near: samples[0]!.vector, wanted: 60, filter: undefined });
    const nearest = nearestOf(all.values(), samples[0]!.vector, 'euclidean');
    expect(distanceBetween('euclidean', all.get(ids[0]!)!.vector, samples[0]!.vector)).toBe(0);
    expect(nearest).toHaveLength(k);
  });

  it('counts what it takes, and gives it back', () => {
    const next = makeClustered(2);
    const index = new VectorIndex(settings('cosine'));
    const samples = Array.from({ length: 3_000 }, next);
    put(index, samples);
    const full = index.state.bytes;
    expect(full).toBeGreaterThan(3_000 * dimensions * 4);
    put(
      index,
      [],
      samples.map(({ id }) => id),
    );
    expect(index.state).toMatchObject({ count: 0, flat: 0 });
    expect(index.state.bytes).toBeLessThan(full / 100);
  });
});

describe('the thread of the indexes', () => {
  const makeWorker = (): Worker =>
    new Worker(join(__dirname, '../../storage/vectors/index-thread.ts'), {
      execArgv: ['-r', join(__dirname, '../support/register-ts.cjs')],
    });
  const changes = () => ({
    ids: ['a', 'b'],
    revisions: [1, 1],
    vectors: Float32Array.of(1, 0, 0, 1),
    metadata: ['', '{"a":1}'],
    removed: [],
  });
  const two: IndexSettings = { dimensions: 2, distance: 'euclidean', isExact: false, graphFrom: 5_000 };

  it('answers for each index by itself, and says what went wrong', async () => {
    const indexes = new ThreadIndexes(makeWorker);
    await indexes.open(1, two);
    await indexes.open(2, two);
    expect(await indexes.apply(1, changes())).toMatchObject({ count: 2, flat: 2 });
    const near = Float32Array.of(0, 1);
    expect(await indexes.search(1, { near, wanted: 1, filter: '{"a":1}' })).toEqual({ ids: ['b'], isAll: true });
    expect(await indexes.search(2, { near, wanted: 1, filter: undefined })).toEqual({ ids: [], isAll: true });
    await expect(indexes.search(3, { near, wanted: 1, filter: undefined })).rejects.toMatchObject({ code: 'INTERNAL' });
    await indexes.close(1);
    await expect(indexes.search(1, { near, wanted: 1, filter: undefined })).rejects.toThrow('number 1');
    await indexes.stop();
    expect(indexes.isStopped).toBe(true);
    await expect(indexes.open(4, two)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('takes many searches at once in few messages, and answers each with its own', async () => {
    let messages = 0;
    const indexes = new ThreadIndexes(() => makeWorker().on('message', () => (messages += 1)));
    await indexes.open(1, two);
    await indexes.apply(1, changes());
    const before = messages;
    const asked = Array.from({ length: 100 }, (_, at) => {
      const near = at % 2 === 0 ? Float32Array.of(1, 0) : Float32Array.of(9, 0, 1).subarray(1);
      return indexes.search(at === 50 ? 7 : 1, { near, wanted: 1, filter: undefined }).then(
        ({ ids }) => ids[0],
        (error: Error) => error.message,
      );
    });
    const answers = await Promise.all(asked);
    expect(answers.splice(50, 1)).toEqual([expect.stringContaining('number 7')]);
    expect(answers).toEqual(Array.from({ length: 99 }, (_, at) => ((at < 50 ? at : at + 1) % 2 === 0 ? 'a' : 'b')));
    // Each takes some microseconds, and 16 fit one.
    expect(messages - before).toBeLessThan(50);
    await indexes.stop();
  });

  it('takes a change that comes while searches wait, and has it for those that come later', async () => {
    const indexes = new ThreadIndexes(makeWorker);
    await indexes.open(1, two);
    await indexes.apply(1, changes());
    const query = { near: Float32Array.of(5, 5), wanted: 1, filter: undefined };
    const early = Array.from({ length: 60 }, () => indexes.search(1, query));
    const ids = ['c'];
    await indexes.apply(1, { ids, revisions: [2], vectors: Float32Array.of(5, 5), metadata: [''], removed: [] });
    expect(await indexes.search(1, query)).toEqual({ ids, isAll: false });
    await expect(Promise.all(early)).resolves.toHaveLength(60);
    await indexes.stop();
  });

  it('that ends fails what waits for it, and what comes later', async () => {
    // It hears everything and says nothing.
    const silent = "require('node:worker_threads').parentPort.on('message', () => undefined)";
    let worker: Worker | undefined;
    const indexes = new ThreadIndexes(() => (worker = new Worker(silent, { eval: true })));
    const waiting = indexes.open(1, two);
    // More than go to it before it answers.
    const searches = Array.from({ length: 60 }, () =>
      indexes.search(1, { near: Float32Array.of(1), wanted: 1, filter: undefined }).catch((error: AppError) => error),
    );
    await new Promise((resolve) => setImmediate(resolve));
    void worker!.terminate();
    await expect(waiting).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    for (const error of await Promise.all(searches)) expect(error).toMatchObject({ code: 'UNAVAILABLE' });
    await expect(indexes.search(1, { near: Float32Array.of(1), wanted: 1, filter: undefined })).rejects.toThrow(
      'ended',
    );
    expect(indexes.isStopped).toBe(true);
  });
});
