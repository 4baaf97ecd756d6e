/** Search: the nearest rows of a namespace, measured exactly, as new as every commit acknowledged before. */
import { limits } from '../../../proto/limits';
import { makeSeededIds } from '../../../src/core/ids';
import { compileFilter } from '../../../src/core/metadata-filter';
import type { MetadataFilter } from '../../../src/core/metadata-filter';
import { distanceBetween } from '../../../src/core/vector-distance';
import type { VectorDistance } from '../../../src/core/vector-distance';
import { decodeVectorRow, encodeVectorRow } from '../../../src/core/vector-row';
import { deleting, found, idsOf, inserting, row, search } from '../../support/vectors';
import type { Asked, Vectors } from '../../support/vectors';
import type { Suite } from './fixture';
import { bytes, committed, put, textOf, transaction } from './words';

const square: Vectors = { a: [0, 0], b: [3, 4], c: [6, 8], d: [-3, -4] };

export function describeSearches(suite: Suite): void {
  describe('search', () => {
    it('gives the nearest rows with their exact distances, nearest first', async () => {
      const { store } = await suite.open();
      const { revision } = await committed(store, inserting(square));
      const outcome = await found(store, { near: [0.5, 0], k: 3 });
      expect(outcome.hits.map(({ key }) => textOf(key))).toEqual(['v:a', 'v:b', 'v:d']);
      const [first, second, third] = outcome.hits.map(({ distance }) => distance);
      expect(first).toBeCloseTo(0.5, 9);
      expect(second).toBeCloseTo(Math.hypot(2.5, 4), 9);
      expect(third).toBeCloseTo(Math.hypot(3.5, 4), 9);
      expect(outcome.hits.every((hit) => hit.revision === revision)).toBe(true);
      expect(outcome.revision).toBeGreaterThanOrEqual(revision);
    });

    it('measures in three ways, and takes zeros for something', async () => {
      const { store } = await suite.open();
      await committed(store, inserting({ same: [2, 0], right: [0, 5], back: [-1, 0], zero: [0, 0] }));
      const distances = async (distance: VectorDistance, near: readonly number[] = [1, 0]) =>
        (await found(store, { near, distance })).hits.map((hit) => [textOf(hit.key).slice(2), hit.distance]);
      expect(await distances('cosine')).toEqual([
        ['same', 0],
        ['right', 1],
        ['zero', 1],
        ['back', 2],
      ]);
      expect(await distances('innerProduct')).toEqual([
        ['same', -2],
        ['right', 0],
        ['zero', 0],
        ['back', 1],
      ]);
      expect(await distances('euclidean')).toEqual([
        ['same', 1],
        ['zero', 1],
        ['back', 2],
        ['right', expect.closeTo(Math.hypot(1, 5), 9)],
      ]);
      expect((await distances('cosine', [0, 0])).map(([, distance]) => distance)).toEqual([1, 1, 1, 1]);
    });

    it('gives of equals the lower keys', async () => {
      const { store } = await suite.open();
      await committed(store, inserting({ c: [1, 1], a: [1, 1], d: [1, 1], b: [1, 1] }));
      expect(await idsOf(store, { near: [1, 1], k: 3 })).toEqual(['a', 'b', 'c']);
    });

    it('leaves out what is excepted, what has other dimensions, and what lies outside of the namespace', async () => {
      const { store } = await suite.open();
      await committed(store, inserting({ ...square, flat: [0], deep: [0, 0, 0] }));
      await committed(store, transaction([put('u:a', row([0, 0])), put('w:a', row([0, 0]))]));
      expect(await idsOf(store, { near: [0, 0], except: 'a' })).toEqual(['b', 'd', 'c']);
      expect(await idsOf(store, { near: [0, 0], except: 'none' })).toHaveLength(4);
    });

    it('finds nothing where there is nothing', async () => {
      const { store } = await suite.open();
      expect(await idsOf(store, { near: [0, 0] })).toEqual([]);
    });

    it('brings rows with their payload, and their numbers where they are asked for', async () => {
      const { store } = await suite.open();
      const vector = Float32Array.of(1, 2);
      const value = encodeVectorRow({ vector, metadata: bytes('{"a":1}'), payload: bytes('text') });
      await committed(store, transaction([put('v:a', value), put('s:0')]));
      for (const withVectors of [true, false]) {
        const [hit] = (await found(store, { near: [1, 2], withVectors })).hits;
        const { vector: given, metadata, payload } = decodeVectorRow(hit!.value);
        expect([...given]).toEqual(withVectors ? [1, 2] : []);
        expect([textOf(metadata), textOf(payload)]).toEqual(['{"a":1}', 'text']);
      }
    });

    it('sees an insert, an update, a deletion and a second insert, each as soon as it is acknowledged', async () => {
      const { store } = await suite.open();
      for (let round = 0; round < 10; round += 1) {
        await committed(store, inserting(square));
        expect(await idsOf(store, { near: [0, 0], k: 1 })).toEqual(['a']);
        await committed(store, inserting({ a: [100, 100], d: [0, 1] }));
        expect(await idsOf(store, { near: [0, 0], k: 2 })).toEqual(['d', 'b']);
        await committed(store, deleting('d', 'b'));
        expect(await idsOf(store, { near: [0, 0] })).toEqual(['c', 'a']);
        await committed(store, deleting('a', 'c'));
        expect(await idsOf(store, { near: [0, 0] })).toEqual([]);
      }
    });

    it('answers an eventual search from some state, in the end from the last', async () => {
      const { store } = await suite.open();
      await committed(store, inserting(square));
      expect(await idsOf(store, { near: [0, 0], k: 1 })).toEqual(['a']);
      expect(await idsOf(store, { near: [0, 0], k: 1, consistency: 'eventual' })).toEqual(['a']);
    });

    it('holds to its checks: one that fails is a conflict with what stands there', async () => {
      const { store } = await suite.open();
      const { revision } = await committed(store, transaction([put('head', 'one'), ...inserting(square).writes]));
      const checks = [{ key: bytes('head'), revision }];
      expect(await idsOf(store, { near: [0, 0], k: 1, checks })).toEqual(['a']);
      const absent = [{ key: bytes('none'), revision: 0 }];
      expect(await idsOf(store, { near: [0, 0], k: 1, checks: absent })).toEqual(['a']);
      const next = await committed(store, transaction([put('head', 'two')]));
      const outcome = await search(store, { near: [0, 0], checks: [...checks, ...absent] });
      expect(outcome).toMatchObject({
        kind: 'conflict',
        entries: [{ key: bytes('head'), value: bytes('two'), revision: next.revision }],
        marks: [],
      });
      expect(await search(store, { near: [0, 0], checks: [{ key: bytes('none'), revision: 5 }] })).toMatchObject({
        kind: 'conflict',
        entries: [],
      });
    });

    it('fills k with rows that match a filter', async () => {
      const { store } = await suite.open();
      const vectors: Record<string, number[]> = {};
      const metadata: Record<string, object> = {};
      for (let at = 0; at < 60; at += 1) {
        vectors[`r${String(at).padStart(2, '0')}`] = [at, 0];
        metadata[`r${String(at).padStart(2, '0')}`] = { tens: Math.floor(at / 10), odd: at % 2 === 1 };
      }
      await committed(store, inserting({ ...vectors, bare: [0, 0] }, metadata));
      const matching = (filter: MetadataFilter, k = 3) =>
        idsOf(store, { near: [0, 0], k, filter: JSON.stringify(filter) });
      expect(await matching({})).toEqual(['bare', 'r00', 'r01']);
      expect(await matching({ tens: 5 })).toEqual(['r50', 'r51', 'r52']);
      expect(await matching({ tens: 5, odd: true })).toEqual(['r51', 'r53', 'r55']);
      expect(await matching({ tens: [4, 5] }, 100)).toHaveLength(20);
      expect(await matching({ tens: 9 })).toEqual([]);
    });

    it('finds what reading everything finds, in random histories', async () => {
      const { store } = await suite.open();
      const ids = makeSeededIds(7);
      const whole = (below: number): number => Math.floor(ids.fraction() * below);
      const vector = (): number[] => Array.from({ length: 8 }, () => Math.round(ids.fraction() * 200 - 100) / 10);
      const model = new Map<string, { readonly vector: readonly number[]; readonly metadata: { group: number } }>();
      for (let round = 0; round < 25; round += 1) {
        const inserted = Array.from({ length: 1 + whole(20) }, () => `id${String(whole(200)).padStart(3, '0')}`);
        for (const id of inserted) model.set(id, { vector: vector(), metadata: { group: whole(5) } });
        const named = [...new Set(inserted)];
        const vectors = Object.fromEntries(named.map((id) => [id, model.get(id)!.vector]));
        const metadata = Object.fromEntries(named.map((id) => [id, model.get(id)!.metadata]));
        await committed(store, inserting(vectors, metadata));
        const gone = [...model.keys()].filter(() => ids.fraction() < 0.05);
        for (const id of gone) model.delete(id);
        if (gone.length > 0) await committed(store, deleting(...gone));
        const distance = (['cosine', 'euclidean', 'innerProduct'] as const)[whole(3)]!;
        const filter: MetadataFilter | undefined = ids.fraction() < 0.5 ? { group: whole(6) } : undefined;
        const near = vector();
        const expected = [...model]
          .filter(([, each]) => !filter || compileFilter(filter)(each.metadata))
          .map(([id, each]) => ({
            id,
            at: distanceBetween(distance, Float32Array.from(near), Float32Array.from(each.vector)),
          }))
          .sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
          .slice(0, 7);
        const asked = { near, distance, k: 7, isExact: true, ...(filter && { filter: JSON.stringify(filter) }) };
        const { hits } = await found(store, asked);
        expect(hits.map(({ key, distance: at }) => [textOf(key).slice(2), at])).toEqual(
          expected.map(({ id, at }) => [id, expect.closeTo(at, 9)]),
        );
      }
    });

    it.each<[string, Partial<Asked>]>([
      ['no dimensions', { near: [] }],
      ['too many dimensions', { near: Array.from({ length: limits.vectorDimensionsMax + 1 }, () => 0) }],
      ['what is no number', { near: [NaN, 0] }],
      ['infinity', { near: [0, Infinity] }],
      ['too large a number', { near: [0, 1e16] }],
      ['no k', { k: 0 }],
      ['too large a k', { k: limits.vectorMatchesMax + 1 }],
      ['a filter that is no JSON', { filter: '{' }],
      ['a filter that is no object', { filter: '[]' }],
      ['too long a filter', { filter: JSON.stringify({ a: 'x'.repeat(limits.vectorFilterBytesMax) }) }],
      ['a check without a key', { checks: [{ key: Buffer.alloc(0), revision: 0 }] }],
      ['a check of a revision that is none', { checks: [{ key: bytes('a'), revision: -1 }] }],
    ])('refuses %s', async (_, asked) => {
      const { store } = await suite.open();
      await committed(store, inserting(square));
      await expect(search(store, { near: [0, 0], ...asked })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await idsOf(store, { near: [0, 0], k: 1 })).toEqual(['a']);
    });

    it('refuses an answer that would be too large, and gives it without the vectors', async () => {
      const { store } = await suite.open();
      const wide = Array.from({ length: limits.vectorDimensionsMax }, (_, at) => at);
      for (let batch = 0; batch < 6; batch += 1) {
        const vectors = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`${batch}-${at}`, wide]));
        await committed(store, inserting(vectors));
      }
      const asked = { near: wide, k: 300, isExact: true };
      await expect(search(store, { ...asked, withVectors: true })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await idsOf(store, asked)).toHaveLength(300);
    });

    it('answers many at once', async () => {
      const { store } = await suite.open();
      await committed(store, inserting(square));
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, at) => idsOf(store, { near: at % 2 === 0 ? [3, 4] : [-3, -4], k: 1 })),
      );
      expect(answers).toEqual(Array.from({ length: 50 }, (_, at) => (at % 2 === 0 ? ['b'] : ['d'])));
    });

    it('is refused when the store is closed', async () => {
      const { store } = await suite.open();
      await store.close();
      await expect(search(store, { near: [0, 0] })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    });
  });
}
