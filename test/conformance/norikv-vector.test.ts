/** NoriKV's Vector through a client built from its proto, on every engine: indexes, vectors, searches, words, limits, replays. */
import { Client, credentials, status } from '@grpc/grpc-js';
import type { Store } from '../../proto/store';
import { ManualClock } from '../../src/core/clock';
import { tenantScope } from '../../src/core/keyspace';
import type { Vectors } from '../../src/patterns/vector';
import { ScopedStore } from '../../src/store/scoped-store';
import { serveNorikv } from '../../storage/norikv/norikv-server';
import type { NorikvServer } from '../../storage/norikv/norikv-server';
import { addressOf, callNorikv, useEngine, vectorsOf } from '../support/norikv-face';

const euclidean = 1;
const cosine = 2;
const innerProduct = 3;
const bruteForce = 1;
const hnsw = 2;

interface Version {
  readonly term: number;
  readonly index: number;
}
interface Found {
  readonly matches: readonly { readonly id: string; readonly distance: number; readonly vector: readonly number[] }[];
  readonly searchTimeUs: number;
}

jest.setTimeout(30_000);
const failing = (code: status, text = ''): unknown =>
  expect.objectContaining({ code, details: expect.stringContaining(text) as unknown });

describe.each(['memory', 'etcd'] as const)('on %s', (engine) => {
  const clock = new ManualClock();
  const open = useEngine(engine);
  let base: Store;
  let served: Store;
  let vectors: Vectors;
  let server: NorikvServer;
  let client: Client;

  beforeEach(async () => {
    base = await open(clock);
    served = new ScopedStore(base, tenantScope('default', 1));
    await listen();
  });
  afterEach(async () => {
    await unlisten();
    await vectors.swept();
    await base.close();
  });

  async function listen(store = served): Promise<void> {
    vectors = vectorsOf(store, clock);
    const options = { store, vectors: () => vectors, clock, host: '127.0.0.1', port: 0, addressOf };
    server = await serveNorikv({ ...options, snapshot: () => Promise.resolve() });
    client = new Client(server.address, credentials.createInsecure(), { 'grpc.enable_retries': 0 });
  }
  async function unlisten(): Promise<void> {
    client.close();
    const stopped = server.stop(1_000);
    clock.advance(1_000);
    await stopped;
  }

  const create = (more: object = {}): Promise<{ created: boolean }> =>
    callNorikv(client, 'Vector', 'CreateIndex', { namespace: 'v', dimensions: 2, distance: euclidean, ...more });
  const drop = (more: object = {}): Promise<{ dropped: boolean }> =>
    callNorikv(client, 'Vector', 'DropIndex', { namespace: 'v', ...more });
  const insert = (
    id: string,
    vector: readonly number[],
    more: object = {},
  ): Promise<{ inserted: boolean; version: Version }> =>
    callNorikv(client, 'Vector', 'Insert', { namespace: 'v', id, vector, ...more });
  const remove = (id: string, more: object = {}): Promise<{ deleted: boolean }> =>
    callNorikv(client, 'Vector', 'Delete', { namespace: 'v', id, ...more });
  const search = (query: readonly number[], k: number, more: object = {}): Promise<Found> =>
    callNorikv(client, 'Vector', 'Search', { namespace: 'v', query, k, ...more });
  const get = (id: string, more: object = {}): Promise<{ vector: readonly number[]; found: boolean }> =>
    callNorikv(client, 'Vector', 'Get', { namespace: 'v', id, ...more });

  describe('an index', () => {
    it('is created once; the same again is not, with other parameters it is ALREADY_EXISTS', async () => {
      expect(await create()).toEqual(expect.objectContaining({ created: true }));
      expect(await create()).toEqual(expect.objectContaining({ created: false }));
      // Left out is HNSW.
      expect((await create({ indexType: hnsw })).created).toBe(false);
      for (const other of [{ dimensions: 3 }, { distance: cosine }, { indexType: bruteForce }])
        await expect(create(other)).rejects.toEqual(failing(status.ALREADY_EXISTS, 'other parameters'));
      const all = await Promise.all(Array.from({ length: 10 }, () => create({ namespace: 'w' })));
      expect(all.filter(({ created }) => created)).toHaveLength(1);
    });

    it('is the one of GraphQL', async () => {
      await create({ distance: innerProduct, indexType: bruteForce });
      expect(await vectors.index('v')).toMatchObject({
        dimensions: 2,
        distance: 'innerProduct',
        isExact: true,
        size: 0,
      });
      const { version } = await insert('a', [1, 2]);
      expect(await vectors.get('v', 'a')).toMatchObject({ revision: version.index });
    });

    it('says whether it was there when it is dropped, with all that was in it', async () => {
      expect((await drop()).dropped).toBe(false);
      await create();
      await insert('a', [1, 2]);
      expect((await drop()).dropped).toBe(true);
      expect((await drop()).dropped).toBe(false);
      await expect(insert('a', [1, 2])).rejects.toEqual(failing(status.NOT_FOUND, 'no vector index "v"'));
      await create();
      expect((await get('a')).found).toBe(false);
    });
  });

  describe('a vector', () => {
    it('is inserted, replaced, found and deleted; each answer says what was there', async () => {
      await create();
      const first = await insert('a', [1, 2]);
      expect(first).toMatchObject({ inserted: true, version: { term: 1 } });
      const second = await insert('a', [3, 4]);
      expect(second.inserted).toBe(true);
      expect(second.version.index).toBeGreaterThan(first.version.index);
      expect(Number.isSafeInteger(second.version.index)).toBe(true);
      expect(await get('a')).toMatchObject({ found: true, vector: [3, 4] });
      expect((await remove('a')).deleted).toBe(true);
      expect((await remove('a')).deleted).toBe(false);
      expect(await get('a')).toMatchObject({ found: false, vector: [] });
      expect((await search([3, 4], 5)).matches).toEqual([]);
    });

    it('of no index: NOT_FOUND for Insert and Search, nothing for Get and Delete', async () => {
      await expect(insert('a', [1])).rejects.toEqual(failing(status.NOT_FOUND));
      await expect(search([1], 1)).rejects.toEqual(failing(status.NOT_FOUND));
      await expect(search([1], 5_000)).rejects.toEqual(failing(status.NOT_FOUND));
      expect((await get('a')).found).toBe(false);
      expect((await remove('a')).deleted).toBe(false);
    });

    it('of many writers at once is all there', async () => {
      await create();
      await Promise.all(Array.from({ length: 100 }, (_, at) => insert(`id ${at}`, [at, 0])));
      expect((await search([0, 0], 1_000)).matches.map(({ id }) => id)).toEqual(
        Array.from({ length: 100 }, (_, at) => `id ${at}`),
      );
    });
  });

  describe('a search', () => {
    it.each([
      [euclidean, [0, 1, 5]],
      [cosine, [0, 0, 0.4]],
      [innerProduct, [-9, -6, -3]],
    ])('gives the nearest first by the distance %i', async (distance, expected) => {
      await create({ distance });
      await insert('a', [3, 0]);
      await insert('b', [2, 0]);
      await insert('c', [1, 0]);
      if (distance === cosine) await insert('c', [3, 4]);
      if (distance === euclidean) await insert('c', [3, 5]);
      const { matches, searchTimeUs } = await search([3, 0], 3);
      expect(Number.isSafeInteger(searchTimeUs) && searchTimeUs >= 0).toBe(true);
      matches.forEach((match, at) => expect(match.distance).toBeCloseTo(expected[at]!, 4));
      expect((await search([3, 0], 2)).matches).toHaveLength(2);
      // More than there are gives all.
      expect((await search([3, 0], 4_000_000)).matches).toHaveLength(3);
    });

    it('is 1 from a vector of zeros by cosine', async () => {
      await create({ distance: cosine });
      await insert('zero', [0, 0]);
      expect((await search([1, 0], 1)).matches).toMatchObject([{ id: 'zero', distance: 1 }]);
    });

    it('brings the vectors where they are asked for', async () => {
      await create();
      await insert('a', [1.5, -2]);
      expect((await search([0, 0], 1)).matches[0]!.vector).toEqual([]);
      expect((await search([0, 0], 1, { includeVectors: true })).matches[0]!.vector).toEqual([1.5, -2]);
    });

    it.each(['', 'undefined', 'lease', 'linearizable', 'strong', 'stale_ok', 'eventual', 'bounded_staleness'])(
      'and Get take the consistency "%s"',
      async (consistency) => {
        await create();
        await insert('a', [1, 2]);
        expect((await search([1, 2], 1, { consistency })).matches).toHaveLength(1);
        expect((await get('a', { consistency })).found).toBe(true);
      },
    );

    it('whose answer would be too large is INVALID_ARGUMENT and says so; without vectors it is answered', async () => {
      const dimensions = 4_096;
      await create({ dimensions });
      const query = Array.from({ length: dimensions }, (_, at) => at);
      await Promise.all(Array.from({ length: 260 }, (_, at) => insert(`id ${at}`.padEnd(512), query)));
      // More rows than the store gives at once, and an answer that is too large by the ids of its matches.
      for (const k of [260, 250])
        await expect(search(query, k, { includeVectors: true })).rejects.toEqual(
          failing(status.INVALID_ARGUMENT, 'ask for fewer, or without their vectors'),
        );
      expect((await search(query, 245, { includeVectors: true })).matches).toHaveLength(245);
      expect((await search(query, 260)).matches).toHaveLength(260);
    });
  });

  describe('an idempotency key', () => {
    it('gives the first answer again, also from a server that was started later, refusals included', async () => {
      await create({ idempotencyKey: 'a' });
      const first = await insert('x', [1, 2], { idempotencyKey: 'a' });
      await insert('x', [3, 4]);
      await unlisten();
      await listen();
      expect((await create({ idempotencyKey: 'a' })).created).toBe(true);
      expect(await insert('x', [1, 2], { idempotencyKey: 'a' })).toEqual(first);
      expect(await get('x')).toMatchObject({ vector: [3, 4] });
      await expect(insert('x', [5, 6], { idempotencyKey: 'a' })).rejects.toEqual(failing(status.INVALID_ARGUMENT));
      await expect(create({ dimensions: 9, idempotencyKey: 'b' })).rejects.toEqual(failing(status.ALREADY_EXISTS));
      expect((await drop({ idempotencyKey: 'c' })).dropped).toBe(true);
      await expect(create({ dimensions: 9, idempotencyKey: 'b' })).rejects.toEqual(failing(status.ALREADY_EXISTS));
      expect((await drop({ idempotencyKey: 'c' })).dropped).toBe(true);
      await create();
      const gone = await remove('x', { idempotencyKey: 'd' });
      expect(gone.deleted).toBe(false);
      await insert('x', [1, 2]);
      expect(await remove('x', { idempotencyKey: 'd' })).toEqual(gone);
    });

    it('is apart from those of GraphQL', async () => {
      await create();
      await insert('x', [1, 2], { idempotencyKey: 'same' });
      const graphql = vectorsOf(served, clock, '');
      const vectors = [{ id: 'x', vector: [1, 2] }];
      // Done, and not the first answer again.
      expect(await graphql.insert({ namespace: 'v', vectors, idempotencyKey: 'same' })).toMatchObject({
        kind: 'inserted',
        inserted: 0,
        updated: 1,
      });
    });
  });

  it.each([
    ['a distance that was left out', () => create({ distance: 0 }), 'distance'],
    ['a distance that there is not', () => create({ distance: 9 }), 'distance'],
    ['a type that there is not', () => create({ indexType: 7 }), 'index_type'],
    ['no namespace', () => create({ namespace: '' }), 'namespace'],
    ['a namespace of 257 bytes', () => create({ namespace: 'n'.repeat(257) }), '256'],
    ['no dimensions', () => create({ dimensions: 0 }), 'dimensions'],
    ['4,097 dimensions', () => create({ dimensions: 4_097 }), '4096'],
    ['an empty id', () => insert('', [1, 2]), 'id'],
    ['an id of 513 bytes', () => insert('i'.repeat(513), [1, 2]), '512'],
    ['a vector of other dimensions', () => insert('a', [1, 2, 3]), 'has 3 dimensions'],
    ['an empty vector', () => insert('a', []), 'vector'],
    ['NaN', () => insert('a', [1, NaN]), 'vector[1]'],
    ['Infinity', () => insert('a', [-Infinity, 1]), 'vector[0]'],
    ['a query of other dimensions', () => search([1], 1), 'query'],
    ['a query with NaN', () => search([1, NaN], 1), 'query[1]'],
    ['no k', () => search([1, 2], 0), 'k'],
    ['a consistency that there is not', () => search([1, 2], 1, { consistency: 'weak' }), 'consistency'],
    ['the same for Get', () => get('a', { consistency: 'weak' }), 'consistency'],
    ['a long idempotency key', () => insert('a', [1, 2], { idempotencyKey: 'a'.repeat(257) }), 'idempotency_key'],
  ])('%s is INVALID_ARGUMENT, in the words of the wire; nothing is written', async (_what, act, text) => {
    await create();
    const error = await act().then(
      () => undefined,
      (thrown: { readonly code: status; readonly details: string }) => thrown,
    );
    expect(error).toEqual(failing(status.INVALID_ARGUMENT, text));
    expect(error!.details).not.toMatch(/input\.|near\./);
    expect((await search([0, 0], 10)).matches).toEqual([]);
  });

  it('past the plan is RESOURCE_EXHAUSTED, and nothing is written', async () => {
    await create();
    await insert('a', [1, 2]);
    const limited: Store = Object.assign(Object.create(served) as Store, {
      read: served.read.bind(served),
      search: served.search.bind(served),
      status: served.status.bind(served),
      commit: (transactions: Parameters<Store['commit']>[0]) =>
        served.commit(transactions.map((each) => ({ ...each, quota: { keysMax: 2 } }))),
    });
    await unlisten();
    await listen(limited);
    await insert('b', [1, 2]);
    await expect(insert('c', [1, 2])).rejects.toEqual(failing(status.RESOURCE_EXHAUSTED));
    expect((await insert('b', [3, 4])).inserted).toBe(true);
    expect((await search([0, 0], 10)).matches.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('the longest names come back as they were', async () => {
    const namespace = 'ä'.repeat(128);
    const id = 'ö'.repeat(256);
    await create({ namespace });
    await insert(id, [1, 2], { namespace });
    expect((await search([1, 2], 1, { namespace })).matches).toMatchObject([{ id, distance: 0 }]);
    expect((await get(id, { namespace })).found).toBe(true);
  });
});
