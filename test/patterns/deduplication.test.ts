import { emptyTail, storedSince, withStored } from '../../src/patterns/deduplication-tail';
import type { Tail } from '../../src/patterns/deduplication-tail';
import { byAngle } from '../support/angles';
import { World, atOnce, failure } from './support/world';
import type { Gateway } from './support/world';

let world: World;
let gateway: Gateway;

beforeEach(() => {
  world = new World();
  gateway = world.gateway({ embeddings: byAngle });
});
afterEach(() => world.close());

const check = (
  id: string,
  content: string,
  more: object = {},
  from = gateway,
): ReturnType<Gateway['deduplication']['check']> =>
  from.deduplication.check({ id, content, threshold: 0.99, collection: 'c', ...more });
const remove = (id: string, from = gateway): Promise<boolean> => from.deduplication.remove(id, 'c');
const stored = { isDuplicate: false, duplicateOf: undefined, method: undefined, stored: true };
const cosine = (degrees: number): unknown => expect.closeTo(Math.cos((degrees * Math.PI) / 180), 5);

describe('a document', () => {
  it('is stored where nothing is near, and says how near the nearest is', async () => {
    expect(await check('a', '0')).toEqual({ ...stored, similarity: 0 });
    expect(await check('b', '60')).toEqual({ ...stored, similarity: cosine(60) });
    expect(await check('c', '30')).toEqual({ ...stored, similarity: cosine(30) });
  });

  it('is a duplicate where one is near enough, and is not stored', async () => {
    await check('a', '0');
    const near = { isDuplicate: true, duplicateOf: 'a', method: 'semantic', similarity: cosine(5), stored: false };
    expect(await check('b', '5')).toEqual(near);
    expect(await check('b', '5', {}, world.gateway({ embeddings: byAngle }))).toEqual(near);
    expect(await check('b', '5', { threshold: 0.999 })).toEqual({ ...stored, similarity: cosine(5) });
  });

  it('is an exact duplicate where the text is the same but for case, punctuation and white space', async () => {
    await check('a', '10 Degrees, north');
    const exact = { isDuplicate: true, duplicateOf: 'a', method: 'exact', similarity: 1, stored: false };
    expect(await check('b', ' 10  DEGREES north!')).toEqual(exact);
    expect(await check('b', '10 degrees north', { threshold: 1 })).toEqual(exact);
  });

  it('of a threshold of 1 is a duplicate of what means just the same', async () => {
    await check('a', '10 degrees');
    expect(await check('b', '10 other words', { threshold: 1 })).toMatchObject({ method: 'semantic', similarity: 1 });
    expect(await check('c', '10.5', { threshold: 1 })).toMatchObject({ stored: true });
  });

  it('under its own id is an update and never its own duplicate', async () => {
    await check('a', '0');
    expect(await check('a', '0')).toEqual({ ...stored, similarity: 0 });
    expect(await check('a', '1')).toEqual({ ...stored, similarity: 0 });
    // The old text is free, the new one is taken.
    expect(await check('b', '1 ')).toMatchObject({ duplicateOf: 'a', method: 'exact' });
    expect(await check('a', '80')).toMatchObject({ stored: true });
    expect(await check('b', '1')).toMatchObject({ stored: true });
  });

  it('updated into the text of another is its duplicate, and keeps the fingerprint that it has', async () => {
    await check('a', '0');
    await check('b', '90');
    expect(await check('b', '0')).toMatchObject({ isDuplicate: true, duplicateOf: 'a', stored: false });
    expect(await check('b', '1')).toMatchObject({ duplicateOf: 'a', method: 'semantic' });
    expect(await check('c', '90')).toMatchObject({ duplicateOf: 'b', method: 'exact' });
  });

  it('can be stored again when its twin was removed', async () => {
    await check('a', '0');
    expect(await remove('a')).toBe(true);
    expect(await remove('a')).toBe(false);
    expect(await check('b', '0')).toEqual({ ...stored, similarity: 0 });
    expect(await remove('z')).toBe(false);
  });

  it('is compared within its collection alone', async () => {
    await check('a', '0');
    expect(await check('b', '0', { collection: 'other' })).toMatchObject({ stored: true });
    expect(await gateway.deduplication.remove('a', 'other')).toBe(false);
    expect(await gateway.deduplication.remove('a', 'none')).toBe(false);
  });
});

describe('many at once', () => {
  it('of the same text on one gateway, one is stored', async () => {
    const results = await atOnce(40, (number) => check(`d${number}`, '45'));
    expect(results.filter((each) => each.stored)).toHaveLength(1);
    const winner = results.findIndex((each) => each.stored);
    expect(results.filter((each) => each.duplicateOf === `d${winner}`)).toHaveLength(39);
  });

  it('of near texts on three gateways, one is stored', async () => {
    const gateways = [gateway, ...Array.from({ length: 2 }, () => world.gateway({ embeddings: byAngle }))];
    const results = await world.until(
      atOnce(60, (number) => check(`d${number}`, String(45 + number / 100), {}, gateways[number % 3])),
    );
    expect(results.filter((each) => each.stored)).toHaveLength(1);
  });

  it('of different texts, all are stored, however many more than the tail names', async () => {
    const gateways = [gateway, world.gateway({ embeddings: byAngle })];
    const results = await world.until(
      atOnce(300, (number) => check(`d${number}`, String(number), { threshold: 0.9999 }, gateways[number % 2])),
    );
    expect(results.filter((each) => each.stored)).toHaveLength(300);
    expect(await check('again', '17', { threshold: 0.9999 })).toMatchObject({ duplicateOf: 'd17' });
  });

  it('cost one search each and one commit for what waits together', async () => {
    await check('first', '0');
    const before = gateway.store.commits.length;
    await atOnce(20, (number) => check(`d${number}`, String(10 + number * 10), { threshold: 0.9999 }));
    expect(gateway.store.commits.length - before).toBeLessThanOrEqual(3);
  });

  it('compare what was stored meanwhile without a new search', async () => {
    const other = world.gateway({ embeddings: byAngle });
    await check('first', '0');
    await check('first', '0', {}, other);
    let searches = 0;
    const search = other.store.search.bind(other.store);
    other.store.search = (...asked) => {
      searches += 1;
      return search(...asked);
    };
    let isFirst = true;
    other.store.beforeCommit = async () => {
      if (!isFirst) return;
      isFirst = false;
      await check('between', '50');
    };
    const late = await world.until(check('late', '51', {}, other));
    expect(late).toMatchObject({ isDuplicate: true, duplicateOf: 'between', similarity: cosine(1) });
    expect(searches).toBe(1);
  });

  it('search again where what was stored meanwhile has been removed', async () => {
    const other = world.gateway({ embeddings: byAngle });
    await check('first', '0');
    let isFirst = true;
    other.store.beforeCommit = async () => {
      if (!isFirst) return;
      isFirst = false;
      await check('between', '50');
      await remove('between');
    };
    expect(await world.until(check('late', '51', {}, other))).toEqual({ ...stored, similarity: cosine(51) });
  });
});

describe('the tail', () => {
  const grown = (count: number, id = (number: number): string => `d${number}`): Tail =>
    Array.from({ length: count }, (_, at) => at + 1).reduce<Tail>(
      (tail, number) => withStored(tail, { id: id(number), hash: String(number) }),
      emptyTail,
    );
  const ids = (tail: Tail, after: number): string[] | undefined => storedSince(tail, after)?.map(({ id }) => id);

  it('names what was stored since', () => {
    const tail = grown(5);
    expect([ids(tail, 5), ids(tail, 3), ids(tail, 0), ids(tail, 9)]).toEqual([
      [],
      ['d4', 'd5'],
      ['d1', 'd2', 'd3', 'd4', 'd5'],
      [],
    ]);
  });

  it('says so where it does not name them all any more', () => {
    expect(ids(grown(200), 72)).toHaveLength(128);
    expect(ids(grown(200), 71)).toBeUndefined();
  });

  it('stays small with long ids, and always names the last', () => {
    const long = grown(200, (number) => String(number).padEnd(256, 'x'));
    expect(JSON.stringify(long).length).toBeLessThan(20_000);
    expect(ids(long, 199)).toHaveLength(1);
  });
});

describe('bad input', () => {
  const refused: readonly [string, () => Promise<unknown>][] = [
    ['input.id', () => check('', '0')],
    ['input.content is 0 bytes', () => check('a', '')],
    ['input.content is nothing', () => check('a', ' \n')],
    ['input.content', () => check('a', 'x'.repeat(65_537))],
    ['input.content holds an unpaired', () => check('a', '\ud800')],
    ['input.threshold is 0', () => check('a', '0', { threshold: 0 })],
    ['input.threshold is -0.1', () => check('a', '0', { threshold: -0.1 })],
    ['input.threshold is 1.01', () => check('a', '0', { threshold: 1.01 })],
    ['input.threshold is NaN', () => check('a', '0', { threshold: NaN })],
    ['input.collection', () => check('a', '0', { collection: '' })],
    ['id', () => remove('')],
  ];

  it.each(refused)('is refused: %s', async (message, run) => {
    const said = { code: 'INVALID_ARGUMENT', message: expect.stringContaining(message) as unknown };
    await expect(run()).rejects.toEqual(expect.objectContaining(said));
    expect(gateway.store.commits).toEqual([]);
  });

  it('is another model for the same collection', async () => {
    await check('a', '0');
    const other = world.gateway();
    await expect(check('b', 'x', {}, other)).rejects.toEqual(failure('INVALID_ARGUMENT'));
    expect(await remove('a', other)).toBe(true);
    expect(await check('b', 'x', {}, other)).toMatchObject({ stored: true });
  });
});
