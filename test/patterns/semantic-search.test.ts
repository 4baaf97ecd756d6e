import type { EmbeddingProvider } from '../../src/core/embedding';
import { AppError } from '../../src/core/errors';
import { HashedEmbeddings } from '../../src/embedding/hashed';
import { tryDecodeOpaque } from '../../src/core/opaque';
import { documentNodeId } from '../../src/patterns/semantic-search';
import { byAngle } from '../support/angles';
import { World, atOnce, failure } from './support/world';
import type { Gateway } from './support/world';

let world: World;
let gateway: Gateway;

beforeEach(() => {
  world = new World();
  gateway = world.gateway();
});
afterEach(() => world.close());

const document = (id: string, content: string, metadata?: unknown): { id: string; title: string; content: string } => ({
  id,
  title: `About ${id}`,
  content,
  ...(metadata === undefined ? {} : { metadata }),
});
const index = (
  documents: ReturnType<typeof document>[],
  more: object = {},
): ReturnType<Gateway['semanticSearch']['index']> =>
  gateway.semanticSearch.index({ collection: 'docs', documents, ...more });
const find = async (query: string, more: object = {}, from = gateway): Promise<string[]> => {
  const { hits } = await from.semanticSearch.search({ query, collection: 'docs', first: 10, ...more });
  return hits.map(({ document: { id } }) => id);
};

/** Another model, of the same or of other dimensions. */
function otherModel(dimensions = 512): EmbeddingProvider {
  const inner = new HashedEmbeddings();
  return {
    id: 'other',
    dimensions,
    embed: async (texts) => (await inner.embed(texts)).map((vector) => vector.slice(0, dimensions)),
  };
}

describe('indexing', () => {
  it('stores documents that are found by title and content, on every gateway, at once', async () => {
    const answer = await index([
      document('bread', 'yeast and flour'),
      document('ships', 'sails and harbours', { a: 1 }),
    ]);
    expect(answer).toEqual({
      indexed: 2,
      documents: [
        { id: 'bread', collection: 'docs', title: 'About bread', content: 'yeast and flour', metadata: undefined },
        { id: 'ships', collection: 'docs', title: 'About ships', content: 'sails and harbours', metadata: { a: 1 } },
      ],
    });
    expect(await find('flour', { first: 1 }, world.gateway())).toEqual(['bread']);
    expect(await find('about ships', { first: 1 })).toEqual(['ships']);
  });

  it('replaces a document with its vector and metadata as one', async () => {
    await index([document('a', 'yeast and flour', { tag: 'old' }), document('b', 'rails and trains')]);
    await index([document('a', 'sails and harbours')]);
    expect(await find('sails harbours', { first: 1 })).toEqual(['a']);
    expect(await find('anything', { filter: { tag: 'old' } })).toEqual([]);
    expect(await gateway.semanticSearch.get('a', 'docs')).toMatchObject({
      content: 'sails and harbours',
      metadata: undefined,
    });
    const { hits } = await gateway.semanticSearch.search({ query: 'yeast flour', collection: 'docs', first: 10 });
    expect(hits.map(({ document: { content } }) => content)).not.toContain('yeast and flour');
  });

  it('answers a replay with how many it stored, and with the documents as they are now', async () => {
    const input = { idempotencyKey: 'k' };
    await index([document('a', 'one'), document('b', 'two')], input);
    await index([document('a', 'three')]);
    await gateway.semanticSearch.delete('b', 'docs');
    const replay = await index([document('a', 'one'), document('b', 'two')], input);
    expect(replay).toMatchObject({ indexed: 2, documents: [{ id: 'a', content: 'three' }] });
    expect(await find('two')).toEqual(['a']);
    await expect(index([document('a', 'other')], input)).rejects.toEqual(failure('IDEMPOTENCY_KEY_REUSED'));
  });

  it('begins a collection once, however many are first', async () => {
    const gateways = [gateway, world.gateway(), world.gateway()];
    await world.until(
      atOnce(30, (number) =>
        gateways[number % 3]!.semanticSearch.index({
          collection: 'docs',
          documents: [document(`d${number}`, 'the same')],
        }),
      ),
    );
    expect(new Set(await find('the same', { first: 100 })).size).toBe(30);
  });

  it('embeds before anything is written: a failure of the model changes nothing', async () => {
    const broken: EmbeddingProvider = {
      id: 'hashed-1',
      dimensions: 512,
      embed: () => Promise.reject(new AppError('UNAVAILABLE', 'the embedding model hashed-1 is away')),
    };
    const away = world.gateway({ embeddings: broken });
    const input = { collection: 'docs', documents: [document('a', 'x')] };
    await expect(away.semanticSearch.index(input)).rejects.toEqual(failure('UNAVAILABLE'));
    await expect(away.semanticSearch.search({ query: 'x', collection: 'docs', first: 1 })).rejects.toEqual(
      failure('UNAVAILABLE'),
    );
    expect(away.store.commits).toEqual([]);
    await index([document('a', 'x')]);
    expect(await away.semanticSearch.get('a', 'docs')).toMatchObject({ id: 'a' });
    expect(await away.semanticSearch.delete('a', 'docs')).toBe(true);
  });
});

describe('searching', () => {
  beforeEach(async () => {
    await index([
      document('a', 'sails and harbours', { kind: 'sea', year: 1999 }),
      document('b', 'harbours and cranes', { kind: 'sea' }),
      document('c', 'harbours of the sky', { kind: 'air' }),
      document('d', 'nothing in common', { kind: 'none' }),
    ]);
  });

  it('gives the nearest first, with scores, and as many as asked for', async () => {
    const { hits, model } = await gateway.semanticSearch.search({
      query: 'About a: sails and harbours',
      collection: 'docs',
      first: 2,
    });
    expect(hits.map(({ document: { id } }) => id)).toEqual(['a', 'b']);
    expect(hits[0]!.score).toBeCloseTo(1, 5);
    expect(hits[1]!.score).toBeLessThan(hits[0]!.score);
    expect(model).toBe('hashed-1');
  });

  it('filters by metadata, and leaves out what is not near enough', async () => {
    expect(await find('harbours', { filter: { kind: 'sea' } })).toEqual(expect.arrayContaining(['a', 'b']));
    expect(await find('harbours', { filter: { kind: 'sea' } })).toHaveLength(2);
    expect(await find('harbours', { filter: { kind: ['air', 'none'] } })).toEqual(['c', 'd']);
    expect(await find('About a: sails and harbours', { minScore: 0.999 })).toEqual(['a']);
    expect(await find('harbours', { minScore: -1 })).toHaveLength(4);
  });

  it('does not find what was deleted', async () => {
    expect(await gateway.semanticSearch.delete('a', 'docs')).toBe(true);
    expect(await gateway.semanticSearch.delete('a', 'docs')).toBe(false);
    expect(await find('sails')).not.toContain('a');
    expect(await gateway.semanticSearch.get('a', 'docs')).toBeUndefined();
  });

  it('finds nothing in a collection that nobody began, and looks into no other', async () => {
    expect(await find('harbours', { collection: 'empty' })).toEqual([]);
    expect(await gateway.semanticSearch.get('a', 'empty')).toBeUndefined();
    expect(await gateway.semanticSearch.delete('a', 'empty')).toBe(false);
    await index([document('z', 'harbours')], { collection: 'other' });
    expect(await find('harbours', { collection: 'other' })).toEqual(['z']);
    expect(await find('harbours')).not.toContain('z');
  });

  it('is found by its global id, and nothing is by one that we never gave', async () => {
    const id = documentNodeId({ id: 'a', collection: 'docs' });
    const payload = tryDecodeOpaque('documentNode', id)!.toString('utf8');
    expect(await gateway.semanticSearch.byNodeId(payload)).toMatchObject({ id: 'a', collection: 'docs' });
    for (const other of [
      '',
      'a',
      '{}',
      '[]',
      '["docs"]',
      '["docs",1]',
      '["docs",""]',
      '["docs","\\ud800"]',
      '["x","a"]',
    ])
      expect(await gateway.semanticSearch.byNodeId(other)).toBeUndefined();
  });
});

describe('the model of a collection', () => {
  it('stays: another one is refused, for searching and for writing, and what needs none still works', async () => {
    await index([document('a', 'one')]);
    const other = world.gateway({ embeddings: otherModel() });
    const message = expect.stringContaining(
      'holds vectors of the embedding model hashed-1 (512 dimensions)',
    ) as unknown;
    const refusal = expect.objectContaining({ code: 'INVALID_ARGUMENT', message }) as unknown;
    await expect(other.semanticSearch.index({ collection: 'docs', documents: [document('b', 'two')] })).rejects.toEqual(
      refusal,
    );
    await expect(other.semanticSearch.search({ query: 'x', collection: 'docs', first: 1 })).rejects.toEqual(refusal);
    expect(await other.semanticSearch.get('a', 'docs')).toMatchObject({ id: 'a' });
    expect(await find('two')).toEqual(['a']);
  });

  it('can change when nothing is left, and the first model is then the other one', async () => {
    await index([document('a', 'one'), document('b', 'two')]);
    const other = world.gateway({ embeddings: otherModel(100) });
    for (const id of ['a', 'b']) await other.semanticSearch.delete(id, 'docs');
    await other.semanticSearch.index({ collection: 'docs', documents: [document('c', 'three')] });
    expect(await find('three', {}, other)).toEqual(['c']);
    // This one knew the old head.
    await expect(find('three')).rejects.toEqual(failure('INVALID_ARGUMENT'));
    await expect(index([document('d', 'four')])).rejects.toEqual(failure('INVALID_ARGUMENT'));
    expect(await gateway.semanticSearch.get('c', 'docs')).toMatchObject({ id: 'c' });
    expect(await gateway.semanticSearch.get('a', 'docs')).toBeUndefined();
  });

  it('does not change while something is stored at the same time', async () => {
    await index([document('a', 'one')]);
    await gateway.semanticSearch.delete('a', 'docs');
    const other = world.gateway({ embeddings: otherModel() });
    const both = await world.until(
      Promise.allSettled([
        index([document('b', 'two')]),
        other.semanticSearch.index({ collection: 'docs', documents: [document('c', 'three')] }),
      ]),
    );
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('bad input', () => {
  const refused: readonly [string, () => Promise<unknown>][] = [
    ['input.documents has 0', () => index([])],
    ['input.documents has 51', () => index(Array.from({ length: 51 }, (_, at) => document(`d${at}`, 'x')))],
    ['input.documents[1].id names "a" a second time', () => index([document('a', 'x'), document('a', 'y')])],
    ['input.documents[0].id is 0 bytes', () => index([document('', 'x')])],
    ['input.documents[0].title', () => index([{ id: 'a', title: 'x'.repeat(1_025), content: '' }])],
    ['input.documents[0].content', () => index([document('a', 'x'.repeat(65_537))])],
    ['input.documents[0] has neither', () => index([{ id: 'a', title: ' ', content: '\n' }])],
    ['input.documents[0].metadata must be', () => index([document('a', 'x', [1])])],
    ['unpaired surrogate', () => index([document('a', 'x\ud800')])],
    [
      'input.documents come to',
      () => index(Array.from({ length: 50 }, (_, at) => document(`d${at}`, 'x'.repeat(30_000)))),
    ],
    ['input.collection', () => index([document('a', 'x')], { collection: '' })],
    ['query is 0 bytes', () => find('')],
    ['query is nothing', () => find(' \n')],
    ['query', () => find('x'.repeat(65_537))],
    ['first is 0', () => find('x', { first: 0 })],
    ['first is 1001', () => find('x', { first: 1_001 })],
    ['minScore is 1.1', () => find('x', { minScore: 1.1 })],
    ['minScore is NaN', () => find('x', { minScore: NaN })],
    ['filter must be', () => find('x', { filter: 'kind' })],
    ['is 257 bytes long', () => gateway.semanticSearch.get('x'.repeat(257), 'docs')],
    ['collection', () => gateway.semanticSearch.delete('x', '')],
  ];

  it.each(refused)('is refused: %s', async (message, run) => {
    const said = expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(message) as unknown,
    });
    await expect(run()).rejects.toEqual(said);
    expect(gateway.store.commits).toEqual([]);
  });

  it('is a search that would answer more than 4 MB, and one for fewer is none', async () => {
    const quick = world.gateway({ embeddings: byAngle });
    const content = 'x'.repeat(65_000);
    for (let batch = 0; batch < 5; batch += 1) {
      const documents = Array.from({ length: 15 }, (_, at) => ({ id: `d${batch}-${at}`, title: String(at), content }));
      await quick.semanticSearch.index({ collection: 'docs', documents });
    }
    await expect(find('0', { first: 75 }, quick)).rejects.toEqual(failure('INVALID_ARGUMENT'));
    expect(await find('0', { first: 50 }, quick)).toHaveLength(50);
  });

  it('is not 50 documents of the usual size', async () => {
    const documents = Array.from({ length: 50 }, (_, at) => document(`d${at}`, `"quoted" ${'\\ '.repeat(5_000)}`));
    expect(await index(documents)).toMatchObject({ indexed: 50 });
  });
});
