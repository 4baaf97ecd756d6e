import type { EmbeddingProvider } from '../../src/core/embedding';
import { HashedEmbeddings } from '../../src/embedding/hashed';
import { decideInteraction, remakeTaste } from '../../src/patterns/recommendation-taste';
import type { Taste } from '../../src/patterns/recommendation-taste';
import type { NewProduct } from '../../src/patterns/recommendation-input';
import { limits } from '../../proto/limits';
import { dayMs } from '../support/meaning';
import { World, atOnce, failure } from './support/world';
import type { Gateway } from './support/world';

let world: World;
let gateway: Gateway;

beforeEach(() => {
  world = new World();
  gateway = world.gateway();
});
afterEach(() => world.close());

const product = (id: string, description: string, category = 'shoes'): NewProduct => ({
  id,
  name: id,
  description,
  category,
});
const shop = [
  product('runner', 'light running shoe for roads'),
  product('racer', 'light running shoe for races'),
  product('trail', 'sturdy running shoe for trails'),
  product('kettle', 'electric kettle of steel', 'kitchen'),
  product('pan', 'iron pan for the kitchen', 'kitchen'),
];
const index = (products: readonly NewProduct[], more: object = {}): ReturnType<Gateway['recommendations']['index']> =>
  gateway.recommendations.index({ products, ...more });
const record = (
  productId: string,
  more: object = {},
  from = gateway,
): ReturnType<Gateway['recommendations']['record']> =>
  from.recommendations.record({ userId: 'ann', productId, weight: 1, ...more });
const recommend = async (more: object = {}, from = gateway): Promise<string[]> => {
  const found = await from.recommendations.recommend({ userId: 'ann', first: 10, excludeSeen: true, ...more });
  return found.map(({ product: { id } }) => id);
};

describe('products', () => {
  it('are stored, replaced and removed', async () => {
    expect(await index(shop)).toEqual({ indexed: 5, products: shop });
    expect(await gateway.recommendations.product('pan')).toEqual(shop[4]);
    await index([product('pan', 'a pan of copper', '')]);
    expect(await gateway.recommendations.product('pan')).toEqual(product('pan', 'a pan of copper', ''));
    expect(await gateway.recommendations.deleteProduct('pan')).toBe(true);
    expect(await gateway.recommendations.deleteProduct('pan')).toBe(false);
    expect(await gateway.recommendations.product('pan')).toBeUndefined();
  });

  it('are answered as they are now when they were stored before under the same key', async () => {
    const more = { idempotencyKey: 'k' };
    await index(shop.slice(0, 2), more);
    await index([product('runner', 'another')]);
    expect(await index(shop.slice(0, 2), more)).toMatchObject({
      indexed: 2,
      products: [{ description: 'another' }, {}],
    });
  });

  it('are like each other, nearest first, and never like themselves', async () => {
    await index(shop);
    const similar = await gateway.recommendations.similar('runner', 3);
    expect(similar.map(({ product: { id } }) => id).slice(0, 2)).toEqual(['racer', 'trail']);
    expect(similar[0]).toMatchObject({ product: shop[1], score: expect.any(Number) as number });
    await expect(gateway.recommendations.similar('gone', 3)).rejects.toEqual(failure('NOT_FOUND'));
  });

  it('are like nothing where there is no product at all', async () => {
    await expect(gateway.recommendations.similar('runner', 3)).rejects.toEqual(failure('NOT_FOUND'));
    expect(await gateway.recommendations.product('runner')).toBeUndefined();
    expect(await gateway.recommendations.deleteProduct('runner')).toBe(false);
    expect(await record('runner')).toEqual({ kind: 'notFound' });
    expect(await recommend()).toEqual([]);
  });
});

describe('recommendations', () => {
  beforeEach(() => index(shop));

  it('follow what the user had to do with, and leave it out before they count', async () => {
    expect(await record('runner')).toEqual({ kind: 'recorded', interactions: 1 });
    expect((await recommend({ first: 1 }))[0]).toBe('racer');
    expect(await recommend()).not.toContain('runner');
    expect(await record('racer')).toEqual({ kind: 'recorded', interactions: 2 });
    expect(await recommend({ first: 1 })).toEqual(['trail']);
    expect(await recommend({ first: 3 })).toHaveLength(3);
  });

  it('include it where that is asked for', async () => {
    await record('runner');
    expect((await recommend({ excludeSeen: false }))[0]).toBe('runner');
    expect(await recommend({ excludeSeen: false })).toHaveLength(5);
  });

  it('can be of one category, which they then fill', async () => {
    await record('runner');
    expect((await recommend({ category: 'kitchen' })).sort()).toEqual(['kettle', 'pan']);
    expect(await recommend({ category: 'kitchen', first: 1 })).toHaveLength(1);
    expect(await recommend({ category: '' })).toEqual([]);
  });

  it('are none for a user of whom nothing is known, and none of the tastes of others', async () => {
    await record('runner');
    expect(await recommend({ userId: 'bob' })).toEqual([]);
    await record('kettle', { userId: 'bob' });
    expect((await recommend({ userId: 'bob', first: 1 }))[0]).toBe('pan');
    expect((await recommend({ first: 1 }))[0]).toBe('racer');
  });

  it('follow weight', async () => {
    await record('kettle');
    await record('runner', { weight: 10 });
    expect((await recommend({ first: 1 }))[0]).toBe('racer');
    await record('kettle', { weight: 1_000 });
    expect((await recommend({ first: 1 }))[0]).toBe('pan');
  });

  it('follow age: what is long ago counts less', async () => {
    await record('kettle', { weight: 4 });
    world.clock.advance(3 * dayMs);
    await record('runner');
    expect((await recommend({ first: 1 }))[0]).toBe('racer');
  });

  it('do not show a product that is gone, and keep its influence', async () => {
    await record('runner');
    await gateway.recommendations.deleteProduct('racer');
    expect((await recommend({ first: 1 }))[0]).toBe('trail');
    await gateway.recommendations.deleteProduct('runner');
    expect((await recommend({ first: 1 }))[0]).toBe('trail');
    expect(await record('runner')).toEqual({ kind: 'notFound' });
  });
});

describe('interactions', () => {
  beforeEach(() => index(shop));

  it('count each, however many at once and on however many gateways', async () => {
    const gateways = [gateway, world.gateway()];
    const outcomes = await world.until(atOnce(60, (number) => record('runner', {}, gateways[number % 2])));
    const counts = outcomes.map((outcome) => (outcome.kind === 'recorded' ? outcome.interactions : 0));
    expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, at) => at + 1));
  });

  it('count once under one key', async () => {
    const outcomes = await world.until(atOnce(5, () => record('runner', { idempotencyKey: 'k' })));
    expect(outcomes).toEqual(Array.from({ length: 5 }, () => ({ kind: 'recorded', interactions: 1 })));
    expect(await record('runner')).toEqual({ kind: 'recorded', interactions: 2 });
    await expect(record('racer', { idempotencyKey: 'k' })).rejects.toEqual(failure('IDEMPOTENCY_KEY_REUSED'));
  });

  it('need no model', async () => {
    const away: EmbeddingProvider = { id: 'another', dimensions: 7, embed: () => Promise.reject(new Error('away')) };
    const other = world.gateway({ embeddings: away });
    expect(await record('runner', {}, other)).toEqual({ kind: 'recorded', interactions: 1 });
    expect((await recommend({ first: 1 }, other))[0]).toBe('racer');
    expect(await other.recommendations.similar('runner', 1)).toHaveLength(1);
  });

  it('are kept as many as the limit says, while the taste goes on', async () => {
    await index(Array.from({ length: 50 }, (_, at) => product(`p${at}`, `thing number ${at}`, 'things')));
    for (let count = 0; count < limits.interactionsKeptMax + 20; count += 1)
      await record(`p${count % 50}`, { weight: 1 + (count % 3) });
    expect(await record('runner')).toEqual({ kind: 'recorded', interactions: limits.interactionsKeptMax + 21 });
    expect(await recommend({ category: 'things' })).toEqual([]);
  });
});

describe('a taste', () => {
  it('is made again where it forgets at another pace, from what is kept', async () => {
    await index(shop);
    await record('kettle', { weight: 4 });
    world.clock.advance(3 * dayMs);
    await record('runner');
    const slow = world.gateway({ tasteHalfLifeMs: 1_000 * dayMs });
    // At that pace the kettle still counts four times as much.
    expect((await recommend({ first: 1 }, slow))[0]).toBe('pan');
    expect(await record('pan', {}, slow)).toEqual({ kind: 'recorded', interactions: 3 });
    expect((await recommend({ first: 1, excludeSeen: false }, slow))[0]).toBe('kettle');
  });

  it('is made again where the products have another model', async () => {
    await index(shop);
    await record('runner');
    const inner = new HashedEmbeddings();
    const embeddings: EmbeddingProvider = {
      id: 'half',
      dimensions: 256,
      embed: async (texts) => (await inner.embed(texts)).map((vector) => vector.slice(0, 256)),
    };
    for (const { id } of shop) await gateway.recommendations.deleteProduct(id);
    const other = world.gateway({ embeddings });
    // Nothing is left that it could be made from.
    await other.recommendations.index({ products: [shop[3]!] });
    expect(await recommend({}, other)).toEqual([]);
    await other.recommendations.index({ products: shop });
    expect(await record('runner', {}, other)).toEqual({ kind: 'recorded', interactions: 2 });
    expect((await recommend({ first: 1 }, other))[0]).toBe('racer');
  });

  const makings = { generation: 1, halfLifeMs: 1_000 };
  const vectors = { a: Float32Array.of(1, 0), b: Float32Array.of(0, 1) };
  const step = (taste: Taste | undefined, productId: 'a' | 'b', weight: number, nowMs: number): Taste =>
    decideInteraction(taste, { productId, weight, vector: vectors[productId] }, { ...makings, nowMs });

  it('is the mean by weight and age', () => {
    const first = step(undefined, 'a', 3, 0);
    expect(first).toMatchObject({ mean: Float32Array.of(1, 0), weight: 3, count: 1, seen: ['a'] });
    const second = step(first, 'b', 1, 1_000);
    expect([...second.mean]).toEqual([expect.closeTo(0.6, 6), expect.closeTo(0.4, 6)]);
    expect(second).toMatchObject({ weight: 2.5, updatedAtMs: 1_000, count: 2, seen: ['a', 'b'] });
  });

  it('does not go back in time, and survives a thousand years without use', () => {
    const first = step(undefined, 'a', 1, 5_000);
    expect(step(first, 'b', 1, 4_000)).toMatchObject({ updatedAtMs: 5_000, weight: 2 });
    const late = step(first, 'b', 1, 1e15);
    expect([...late.mean]).toEqual([0, 1]);
  });

  it('is the same made again from its interactions', () => {
    const history = [
      { productId: 'a' as const, weight: 3, atMs: 0 },
      { productId: 'b' as const, weight: 1, atMs: 700 },
      { productId: 'a' as const, weight: 0.5, atMs: 700 },
      { productId: 'b' as const, weight: 2, atMs: 3_000 },
    ];
    let taste: Taste | undefined;
    for (const { productId, weight, atMs } of history) taste = step(taste, productId, weight, atMs);
    const dated = history.map((each) => ({ ...each, vector: vectors[each.productId] }));
    expect(remakeTaste(taste!, dated, { ...makings, dimensions: 2 })).toEqual(taste);
  });

  it('remembers each product once, the latest last, and forgets the earliest', () => {
    let taste = step(step(step(undefined, 'a', 1, 0), 'b', 1, 0), 'a', 1, 0);
    expect(taste.seen).toEqual(['b', 'a']);
    for (let at = 0; at < limits.interactionsKeptMax; at += 1)
      taste = decideInteraction(taste, { productId: `p${at}`, weight: 1, vector: vectors.a }, { ...makings, nowMs: 0 });
    expect(taste.seen).toHaveLength(limits.interactionsKeptMax);
    expect(taste.seen).not.toContain('a');
  });
});

describe('bad input', () => {
  const refused: readonly [string, () => Promise<unknown>][] = [
    ['input.products has 0', () => index([])],
    ['input.products has 51', () => index(Array.from({ length: 51 }, (_, at) => product(`p${at}`, 'x')))],
    ['input.products[1].id names "a" a second time', () => index([product('a', 'x'), product('a', 'y')])],
    ['input.products[0].id', () => index([product('', 'x')])],
    ['input.products[0].name', () => index([{ ...product('a', 'x'), name: '' }])],
    ['input.products[0] is nothing but white space', () => index([{ ...product('a', ' ', ' '), name: ' ' }])],
    ['input.products[0].description', () => index([product('a', 'x'.repeat(4_097))])],
    ['input.products[0].category', () => index([product('a', 'x', 'x'.repeat(257))])],
    ['input.weight is 0', () => record('a', { weight: 0 })],
    ['input.weight is -1', () => record('a', { weight: -1 })],
    ['input.weight is NaN', () => record('a', { weight: NaN })],
    ['input.weight is Infinity', () => record('a', { weight: Infinity })],
    ['input.userId', () => record('a', { userId: '' })],
    ['input.productId', () => record('')],
    ['first is 0', () => recommend({ first: 0 })],
    ['first is 101', () => recommend({ first: 101 })],
    ['category', () => recommend({ category: 'x\ud800' })],
    ['productId', () => gateway.recommendations.similar('', 1)],
  ];

  it.each(refused)('is refused: %s', async (message, run) => {
    const said = { code: 'INVALID_ARGUMENT', message: expect.stringContaining(message) as unknown };
    await expect(run()).rejects.toEqual(expect.objectContaining(said));
    expect(gateway.store.commits).toEqual([]);
  });
});
