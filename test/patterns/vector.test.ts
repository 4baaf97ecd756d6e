import { limits } from '../../proto/limits';
import { AppError } from '../../src/core/errors';
import type { families } from '../../src/core/keyspace';
import { familyRange, keyspace } from '../../src/core/keyspace';
import { vectorBytes } from '../../src/core/vector-row';
import type { SearchVectors } from '../../src/patterns/vector';
import type { Gateway } from './support/world';
import { atOnce, failure, World } from './support/world';

let world: World;
let gateway: Gateway;
let other: Gateway;
beforeEach(() => {
  world = new World();
  gateway = world.gateway();
  other = world.gateway();
});
afterEach(() => world.close());

const create = (namespace = 'v', dimensions = 2, by = gateway) =>
  by.vectors.create({ namespace, dimensions, distance: 'euclidean', isExact: false });

const insert = (vectors: Record<string, readonly number[]>, by = gateway, namespace = 'v') =>
  by.vectors.insert({ namespace, vectors: Object.entries(vectors).map(([id, vector]) => ({ id, vector })) });

const search = (asked: Partial<SearchVectors>, by = gateway) =>
  by.vectors.search({
    namespace: 'v',
    near: { vector: [0, 0] },
    k: 10,
    consistency: 'strong',
    withVectors: false,
    ...asked,
  });

const idsNear = async (asked: Partial<SearchVectors> = {}, by = gateway): Promise<string[]> =>
  (await search(asked, by)).matches.map(({ id }) => id);

const rowsOf = async (family: keyof typeof families): Promise<number> =>
  (await gateway.store.read([familyRange(family)])).results[0]!.entries.length;

describe('an index', () => {
  it('is made once, and shown by name and in the list', async () => {
    const createdAtMs = world.clock.nowMs();
    const shown = { namespace: 'v', dimensions: 2, distance: 'euclidean', isExact: false, size: 0, createdAtMs };
    expect(await create()).toEqual({ kind: 'created', index: shown });
    expect(await create('v', 3, other)).toMatchObject({ kind: 'exists', dimensions: 2 });
    await create('a');
    expect(await gateway.vectors.index('v')).toEqual(shown);
    expect(await other.vectors.indexes()).toEqual([{ ...shown, namespace: 'a' }, shown]);
    expect(await gateway.vectors.index('w')).toBeUndefined();
  });

  it('is not there before it is made, in the list neither', async () => {
    expect(await gateway.vectors.indexes()).toEqual([]);
    expect(await gateway.vectors.drop({ namespace: 'v' })).toBe(false);
    expect(await gateway.vectors.delete({ namespace: 'v', id: 'a' })).toBe(false);
    expect(await gateway.vectors.get('v', 'a')).toBeUndefined();
    expect(await insert({ a: [1, 2] })).toEqual({ kind: 'notFound' });
    await expect(search({})).rejects.toEqual(failure('NOT_FOUND'));
  });

  it('is made by one of many at once', async () => {
    const outcomes = await atOnce(20, (at) => create('v', 2, at % 2 === 0 ? gateway : other));
    expect(outcomes.filter(({ kind }) => kind === 'created')).toHaveLength(1);
  });

  it('counts its vectors, whoever writes them', async () => {
    await create();
    await Promise.all([insert({ a: [1, 1], b: [2, 2] }), insert({ c: [3, 3] }, other), insert({ a: [4, 4] }, other)]);
    expect((await gateway.vectors.index('v'))!.size).toBe(3);
    await other.vectors.delete({ namespace: 'v', id: 'a' });
    await gateway.vectors.delete({ namespace: 'v', id: 'none' });
    expect((await gateway.vectors.index('v'))!.size).toBe(2);
    expect((await other.vectors.indexes())[0]!.size).toBe(2);
  });

  it('that is dropped is gone at once with its vectors, on other gateways too, and one made anew is empty', async () => {
    await create();
    await insert({ a: [1, 1] });
    expect(await idsNear({}, other)).toEqual(['a']);
    expect(await gateway.vectors.drop({ namespace: 'v' })).toBe(true);
    await expect(search({}, other)).rejects.toEqual(failure('NOT_FOUND'));
    expect(await insert({ b: [1, 1] }, other)).toEqual({ kind: 'notFound' });
    expect(await other.vectors.get('v', 'a')).toBeUndefined();
    expect(await gateway.vectors.drop({ namespace: 'v' })).toBe(false);
    await create('v', 3, other);
    expect((await gateway.vectors.index('v'))!).toMatchObject({ dimensions: 3, size: 0 });
    expect(await idsNear({ near: { vector: [0, 0, 0] } })).toEqual([]);
    expect(await insert({ a: [1, 1] })).toEqual({ kind: 'mismatch', expected: 3, actual: 2 });
  });

  it('that is dropped leaves nothing in the end, however much it was', async () => {
    await create();
    for (let batch = 0; batch < 25; batch += 1)
      await insert(Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`${batch}:${at}`, [batch, at]])));
    await create('kept');
    await insert({ a: [1, 1] }, gateway, 'kept');
    gateway.store.reset();
    await gateway.vectors.drop({ namespace: 'v' });
    await world.until(gateway.vectors.swept());
    expect(await rowsOf('vector')).toBe(1);
    expect(await rowsOf('vectorStamp')).toBe(1);
    // The other index and the count.
    expect(await rowsOf('vectorIndex')).toBe(2);
    expect(Math.max(...gateway.store.commits.map(({ writes }) => writes.length))).toBeLessThanOrEqual(200);
  });

  it('whose removal was cut short is removed by the next gateway that comes by', async () => {
    await create();
    await insert({ a: [1, 1] });
    gateway.store.beforeRead = () => {
      throw new AppError('UNAVAILABLE', 'storage is away');
    };
    // What comes after the drop is not its caller's concern.
    expect(await gateway.vectors.drop({ namespace: 'v' })).toBe(true);
    await gateway.vectors.swept();
    gateway.store.beforeRead = undefined;
    expect(await rowsOf('vector')).toBe(1);
    await other.vectors.indexes();
    await world.until(other.vectors.swept());
    expect(await rowsOf('vector')).toBe(0);
  });

  it('is counted against the limit of indexes, and no more when it is dropped', async () => {
    const key = keyspace.vectorIndexCount('caller');
    await create('a');
    await create('b');
    await gateway.vectors.drop({ namespace: 'a' });
    const { results } = await gateway.store.read([{ start: key }]);
    expect(JSON.parse(results[0]!.entries[0]!.value.toString('utf8', 1))).toEqual({ count: 1 });
  });
});

describe('vectors', () => {
  beforeEach(() => create());

  it('are stored as 32-bit floats, with their metadata and version', async () => {
    const vector = [0.1, -2];
    const outcome = await gateway.vectors.insert({
      namespace: 'v',
      vectors: [{ id: 'a', vector, metadata: { color: 'red', __proto__: null } }],
    });
    const stored = await other.vectors.get('v', 'a');
    expect(stored).toEqual({
      id: 'a',
      vector: Float32Array.from(vector),
      metadata: { color: 'red' },
      revision: (outcome as { revision: number }).revision,
    });
  });

  it('are inserted or updated, and a second batch says which', async () => {
    expect(await insert({ a: [1, 1], b: [2, 2] })).toMatchObject({ kind: 'inserted', inserted: 2, updated: 0 });
    expect(await insert({ b: [3, 3], c: [4, 4] })).toMatchObject({ inserted: 1, updated: 1 });
    expect((await gateway.vectors.get('v', 'b'))!.vector).toEqual(Float32Array.of(3, 3));
  });

  it('lose their metadata where an update has none', async () => {
    await gateway.vectors.insert({ namespace: 'v', vectors: [{ id: 'a', vector: [1, 1], metadata: { a: 1 } }] });
    await insert({ a: [1, 1] });
    expect((await gateway.vectors.get('v', 'a'))!.metadata).toBeUndefined();
  });

  it('of a batch are all written or none', async () => {
    expect(await insert({ a: [1, 1], b: [1] })).toEqual({ kind: 'mismatch', expected: 2, actual: 1 });
    expect(await rowsOf('vector')).toBe(0);
  });

  it('are written once under an idempotency key, and the first answer is given again', async () => {
    const input = { namespace: 'v', vectors: [{ id: 'a', vector: [1, 1] }], idempotencyKey: 'k' };
    const first = await gateway.vectors.insert(input);
    await gateway.vectors.delete({ namespace: 'v', id: 'a' });
    expect(await other.vectors.insert(input)).toEqual(first);
    expect(await gateway.vectors.get('v', 'a')).toBeUndefined();
    const changed = { ...input, vectors: [{ id: 'a', vector: [1, 2] }] };
    await expect(other.vectors.insert(changed)).rejects.toEqual(failure('IDEMPOTENCY_KEY_REUSED'));
  });

  it('are answered as the first time after the index was dropped, under a key', async () => {
    const input = { namespace: 'v', vectors: [{ id: 'a', vector: [1, 1] }], idempotencyKey: 'k' };
    const first = await gateway.vectors.insert(input);
    await gateway.vectors.drop({ namespace: 'v', idempotencyKey: 'd' });
    expect(await gateway.vectors.insert(input)).toEqual(first);
    expect(await other.vectors.drop({ namespace: 'v', idempotencyKey: 'd' })).toBe(true);
    const again = { namespace: 'v', dimensions: 2, distance: 'cosine', isExact: true, idempotencyKey: 'c' } as const;
    const made = await gateway.vectors.create(again);
    await gateway.vectors.drop({ namespace: 'v' });
    expect(await other.vectors.create(again)).toEqual(made);
  });

  it('cost one commit a batch, and one read of keys', async () => {
    await insert({ a: [1, 1] });
    gateway.store.reset();
    await insert({ a: [1, 1], b: [2, 2] });
    expect(gateway.store.commits).toHaveLength(1);
    expect(gateway.store.reads).toHaveLength(1);
    expect(gateway.store.reads[0]!.every(({ keysOnly }) => keysOnly)).toBe(true);
  });

  it('of many batches at once on two gateways are all there, each counted once', async () => {
    const batches = await atOnce(40, (at) =>
      insert({ [`own${at}`]: [at, 0], [`shared${at % 5}`]: [at, 1] }, at % 2 === 0 ? gateway : other),
    );
    const sum = (of: 'inserted' | 'updated') =>
      batches.reduce((all, each) => all + (each.kind === 'inserted' ? each[of] : NaN), 0);
    expect([sum('inserted'), sum('updated')]).toEqual([45, 35]);
    expect((await gateway.vectors.index('v'))!.size).toBe(45);
    expect(await rowsOf('vector')).toBe(45);
  });

  it('of an index that is dropped at the same moment are there or refused, never in its successor', async () => {
    await atOnce(30, async (at) => {
      if (at % 10 === 5) {
        await gateway.vectors.drop({ namespace: 'v' });
        await create('v', 2, other);
      } else await insert({ [`i${at}`]: [at, at] }, at % 2 === 0 ? gateway : other);
    });
    const size = (await gateway.vectors.index('v'))?.size;
    expect(await idsNear({ k: 100 })).toHaveLength(size!);
    await world.until(Promise.all([gateway.vectors.swept(), other.vectors.swept()]));
    expect(await rowsOf('vector')).toBe(size);
  });

  it('are removed, once', async () => {
    await insert({ a: [1, 1] });
    expect(await gateway.vectors.delete({ namespace: 'v', id: 'a', idempotencyKey: 'k' })).toBe(true);
    expect(await gateway.vectors.delete({ namespace: 'v', id: 'a' })).toBe(false);
    expect(await other.vectors.delete({ namespace: 'v', id: 'a', idempotencyKey: 'k' })).toBe(true);
  });

  it('of two namespaces never meet, whatever their names', async () => {
    const names = ['a', 'a\0', 'a\0b', 'ab', 'a\u{1}'];
    for (const name of names) await create(name);
    for (const name of names) await insert({ [`b${name}`]: [1, 1] }, gateway, name);
    for (const name of names) {
      expect(await idsNear({ namespace: name })).toEqual([`b${name}`]);
      expect((await gateway.vectors.index(name))!.size).toBe(1);
    }
  });

  it('of the largest batch that is allowed fit one commit', async () => {
    const vectors = (count: number, dimensions: number) =>
      Array.from({ length: count }, (_, at) => ({
        id: String(at).padStart(limits.vectorIdBytesMax, 'x'),
        vector: Array.from({ length: dimensions }, () => 1),
      }));
    const namespace = 'n'.repeat(limits.nameBytesMax);
    await create(namespace, 2_400);
    // A hundred times 7 bytes, 2,400 numbers, 512 bytes twice, 256 bytes four times.
    const batch = { namespace, vectors: vectors(100, 2_400) };
    expect(await gateway.vectors.insert(batch)).toMatchObject({ kind: 'inserted', inserted: 100 });
    const larger = { namespace, vectors: vectors(100, 2_500) };
    await expect(gateway.vectors.insert(larger)).rejects.toEqual(failure('INVALID_ARGUMENT'));
  });
});

describe('a search', () => {
  beforeEach(async () => {
    await create();
    await gateway.vectors.insert({
      namespace: 'v',
      vectors: [
        { id: 'origin', vector: [0, 0], metadata: { group: 1 } },
        { id: 'near', vector: [1, 0], metadata: { group: 2 } },
        { id: 'far', vector: [30, 40], metadata: { group: 1 } },
      ],
    });
  });

  it('gives the nearest first, with distance and metadata, and numbers where they are asked for', async () => {
    const { matches } = await search({ withVectors: true });
    expect(matches).toEqual([
      { id: 'origin', distance: 0, vector: Float32Array.of(0, 0), metadata: { group: 1 } },
      { id: 'near', distance: 1, vector: Float32Array.of(1, 0), metadata: { group: 2 } },
      { id: 'far', distance: 50, vector: Float32Array.of(30, 40), metadata: { group: 1 } },
    ]);
    expect((await search({})).matches[0]!.vector).toBeUndefined();
  });

  it('near to a stored vector does not give that one', async () => {
    expect(await idsNear({ near: { id: 'near' } })).toEqual(['origin', 'far']);
    await expect(search({ near: { id: 'none' } })).rejects.toEqual(failure('NOT_FOUND'));
  });

  it('keeps to its filter and to k', async () => {
    expect(await idsNear({ filter: { group: 1 } })).toEqual(['origin', 'far']);
    expect(await idsNear({ filter: { group: [1, 2] }, k: 2 })).toEqual(['origin', 'near']);
    expect(await idsNear({ filter: null })).toHaveLength(3);
  });

  it('is one trip, and one more near to a stored vector', async () => {
    await search({});
    gateway.store.reset();
    await search({});
    expect([gateway.store.searches.length, gateway.store.reads.length]).toEqual([1, 0]);
    await search({ near: { id: 'near' } });
    expect([gateway.store.searches.length, gateway.store.reads.length]).toEqual([2, 1]);
  });

  it('notices an index that was made anew with other dimensions', async () => {
    await search({});
    await other.vectors.drop({ namespace: 'v' });
    await create('v', 3, other);
    await insert({ new: [1, 2, 3] }, other);
    await expect(search({})).rejects.toEqual(failure('DIMENSION_MISMATCH'));
    await other.vectors.drop({ namespace: 'v' });
    await create('v', 4, other);
    expect(await idsNear({ near: { vector: [0, 0, 0, 0] } })).toEqual([]);
    await other.vectors.drop({ namespace: 'v' });
    await create('v', 2, other);
    await insert({ id: [1, 1] }, other);
    expect(await idsNear({ near: { id: 'id' } })).toEqual([]);
  });

  it('gives up where the index is made anew each time', async () => {
    gateway.store.beforeSearch = async () => {
      await other.vectors.drop({ namespace: 'v' });
      await create('v', 2, other);
    };
    await expect(search({})).rejects.toEqual(failure('CONTENTION'));
  });

  it('sends the vector as it is stored', async () => {
    await search({ near: { vector: [0.1, 0.2] } });
    expect(vectorBytes(gateway.store.searches.at(-1)!.near)).toEqual(vectorBytes(Float32Array.of(0.1, 0.2)));
  });
});

describe('what is refused, naming the field', () => {
  const wrong = 'a\ud800';
  beforeEach(() => create());

  it.each<[string, (by: Gateway) => Promise<unknown>, string]>([
    ['an empty namespace', () => create(''), 'input.namespace'],
    ['too long a namespace', () => create('n'.repeat(257)), 'input.namespace'],
    ['a namespace that is no Unicode', () => create(wrong), 'input.namespace'],
    ['no dimensions', () => create('w', 0), 'input.dimensions'],
    ['too many dimensions', () => create('w', 4_097), 'input.dimensions'],
    ['half a dimension', () => create('w', 1.5), 'input.dimensions'],
    ['an empty batch', () => insert({}), 'input.vectors'],
    [
      'too large a batch',
      () => insert(Object.fromEntries(Array.from({ length: 101 }, (_, at) => [at, [1, 1]]))),
      'input.vectors',
    ],
    ['an empty id', () => insert({ '': [1, 1] }), 'input.vectors[0].id'],
    ['too long an id', () => insert({ ['i'.repeat(513)]: [1, 1] }), 'input.vectors[0].id'],
    ['an empty vector', () => insert({ a: [] }), 'input.vectors[0].vector'],
    ['too long a vector', () => insert({ a: Array.from({ length: 4_097 }, () => 1) }), 'input.vectors[0].vector'],
    ['what is no number', () => insert({ a: [1, NaN] }), 'input.vectors[0].vector[1]'],
    ['infinity', () => insert({ a: [-Infinity, 1] }), 'input.vectors[0].vector[0]'],
    ['too large a number', () => insert({ a: [1, 1.1e15] }), 'input.vectors[0].vector[1]'],
    ['k of 0', () => search({ k: 0 }), 'k'],
    ['k of 1001', () => search({ k: 1_001 }), 'k'],
    ['near to nothing', () => search({ near: {} }), 'near'],
    ['near to two things', () => search({ near: { id: 'a', vector: [1, 1] } }), 'near'],
    ['near to an empty id', () => search({ near: { id: '' } }), 'near.id'],
    ['near to infinity', () => search({ near: { vector: [1, Infinity] } }), 'near.vector[1]'],
    ['a filter that is a list', () => search({ filter: [] }), 'filter'],
    ['a filter that is a text', () => search({ filter: 'a' }), 'filter'],
    ['a filter with a list in a list', () => search({ filter: { a: [[1]] } }), 'filter'],
    ['too long a filter', () => search({ filter: { a: 'x'.repeat(16_384) } }), 'filter'],
    [
      'an empty idempotency key',
      (by) => by.vectors.drop({ namespace: 'v', idempotencyKey: '' }),
      'input.idempotencyKey',
    ],
    ['an id of nothing to delete', (by) => by.vectors.delete({ namespace: 'v', id: '' }), 'input.id'],
    ['an id of nothing to get', (by) => by.vectors.get('v', ''), 'id'],
  ])('%s', async (_, act, field) => {
    await expect(Promise.resolve().then(() => act(gateway))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field },
    });
    expect(await rowsOf('vector')).toBe(0);
  });

  it.each([
    ['a list', []],
    ['a text', 'a'],
    ['a number', 1],
    ['what is no JSON', { a: NaN }],
    ['half a character', { a: wrong }],
    ['too much', { a: 'x'.repeat(limits.vectorMetadataBytesMax) }],
    ['too deep', JSON.parse(`${'{"a":'.repeat(21)}1${'}'.repeat(21)}`)],
  ])('metadata that is %s', async (_, metadata) => {
    const input = { namespace: 'v', vectors: [{ id: 'a', vector: [1, 1], metadata }] };
    await expect(gateway.vectors.insert(input)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'input.vectors[0].metadata' },
    });
  });

  it('an id that comes twice', async () => {
    const twice = { id: 'a', vector: [1, 1] };
    await expect(gateway.vectors.insert({ namespace: 'v', vectors: [twice, twice] })).rejects.toThrow('a second time');
  });
});
