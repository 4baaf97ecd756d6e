/** The provider that asks a server, against one on this machine that behaves well and badly. */
import { ManualClock } from '../../src/core/clock';
import { makeSeededIds } from '../../src/core/ids';
import { OpenAiEmbeddings } from '../../src/embedding/openai';
import type { OpenAiOptions } from '../../src/embedding/openai';
import { EmbeddingServer, answers, breaksOff, hold, refuses, says, vectorOf } from './support/embedding-server';

const key = 'sk-secret-0123456789';
let server: EmbeddingServer;
let clock: ManualClock;
/** Whoever sleeps wakes at once, and the clock has moved on. */
let slept: number[];

beforeEach(async () => {
  server = await EmbeddingServer.start();
  clock = new ManualClock();
  slept = [];
});
afterEach(() => server.stop());

function provider(options: Partial<OpenAiOptions> = {}): OpenAiEmbeddings {
  return new OpenAiEmbeddings({
    url: server.url,
    model: 'm',
    dimensions: 3,
    asksDimensions: false,
    key,
    batchMax: 2,
    partCharsMax: 100,
    timeoutMs: 5_000,
    budgetMs: 20_000,
    clock: {
      after: (delayMs, action) => clock.after(delayMs, action),
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      sleep: (delayMs) => {
        slept.push(delayMs);
        clock.advance(delayMs);
        return Promise.resolve();
      },
    },
    ids: makeSeededIds(1),
    ...options,
  });
}

const unit = (numbers: readonly number[]): unknown[] => {
  const norm = Math.hypot(...numbers);
  return numbers.map((value) => expect.closeTo(value / norm, 5) as unknown);
};
const shown = (vectors: readonly Float32Array[]): number[][] => vectors.map((vector) => [...vector]);
const expected = (...texts: readonly string[]): unknown[] => texts.map((text) => unit(vectorOf(text, 3)));
const unavailable = (message: string): unknown =>
  expect.objectContaining({ code: 'UNAVAILABLE', message: expect.stringContaining(message) as unknown }) as unknown;

describe('a server that answers', () => {
  it('is asked for floats, in batches, with the key, and answers by index', async () => {
    const vectors = await provider().embed(['a', 'bb', 'ccc']);
    expect(shown(vectors)).toEqual(expected('a', 'bb', 'ccc'));
    const bodies = server.asked.items.map(({ body }) => body);
    expect(bodies).toHaveLength(2);
    expect(bodies).toContainEqual({ model: 'm', input: ['a', 'bb'], encoding_format: 'float' });
    expect(server.asked.items[0]).toMatchObject({ path: '/v1/embeddings', authorization: `Bearer ${key}` });
  });

  it('is asked for dimensions where that is set, and without a key where there is none', async () => {
    await provider({ asksDimensions: true, key: undefined, url: `${server.url}/` }).embed(['a']);
    expect(server.asked.items[0]).toMatchObject({ path: '/v1/embeddings', body: { dimensions: 3 } });
    expect(server.asked.items[0]!.authorization).toBeUndefined();
  });

  it('may answer in base64 though floats were asked for', async () => {
    server.next.push(answers((text) => Buffer.from(Float32Array.from(vectorOf(text, 3)).buffer).toString('base64')));
    expect(shown(await provider().embed(['a', 'bb']))).toEqual(expected('a', 'bb'));
  });

  it('is given the parts of a long text, whose vectors are averaged', async () => {
    const [vector] = await provider({ partCharsMax: 5 }).embed(['aaaa bbbb']);
    expect(server.asked.items[0]!.body.input).toEqual(['aaaa', 'bbbb']);
    expect([...vector!]).toEqual(unit(vectorOf('aaaa', 3)));
  });

  it('is never given an empty text', async () => {
    await provider().embed(['', ' ']);
    expect(server.asked.items[0]!.body.input).toEqual(['.', '.']);
    expect(await provider().embed([])).toEqual([]);
  });

  it('is named by model and dimensions', () => {
    expect(provider()).toMatchObject({ id: 'openai/m/3', dimensions: 3 });
  });
});

describe('a server that is in trouble', () => {
  it.each([
    ['429', refuses(429)],
    ['500', refuses(500)],
    ['503', refuses(503)],
    ['a connection that breaks', breaksOff],
    ['what is no JSON', says('<html>')],
  ])('is asked again after %s', async (_, behaviour) => {
    server.next.push(behaviour, behaviour);
    expect(shown(await provider().embed(['a']))).toEqual(expected('a'));
    expect(server.asked.items).toHaveLength(3);
  });

  it.each([
    ['seconds', (): string => '3'],
    ['a date', (): string => new Date(clock.nowMs() + 3_000).toUTCString()],
  ])('is asked again when it says, in %s', async (_, say) => {
    server.next.push(refuses(429, { 'retry-after': say() }));
    await provider().embed(['a']);
    expect(slept).toEqual([3_000]);
  });

  it('is given up where it wants more time than there is, and the caller hears how much', async () => {
    server.next.push(refuses(429, { 'retry-after': '60' }));
    await expect(provider().embed(['a'])).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'the embedding model openai/m/3 answered with status 429, too many requests: nothing was done',
      details: { retryAfterMs: 60_000 },
    });
    expect(server.asked.items).toHaveLength(1);
  });

  it('is given up when the budget is spent', async () => {
    server.next.push(...Array.from({ length: 200 }, () => refuses(500)));
    await expect(provider({ budgetMs: 3_000 }).embed(['a'])).rejects.toEqual(unavailable('answered with status 500'));
    expect(clock.monotonicMs()).toBeLessThanOrEqual(3_000);
    expect(server.asked.items.length).toBeGreaterThan(1);
  });

  it('is asked again when it is slow, and given up when no time is left', async () => {
    server.next.push(hold);
    const vectors = provider({ timeoutMs: 1_000 }).embed(['a']);
    await server.asked.atLeast(1);
    clock.advance(1_000);
    expect(shown(await vectors)).toEqual(expected('a'));
    server.next.push(hold);
    const failed = provider({ timeoutMs: 1_000, budgetMs: 1_000 }).embed(['a']);
    await server.asked.atLeast(3);
    clock.advance(1_000);
    await expect(failed).rejects.toEqual(unavailable('did not answer within 1000 ms'));
  });

  it('cannot be reached', async () => {
    const own = provider({ budgetMs: 1_000 });
    await server.stop();
    await expect(own.embed(['a'])).rejects.toEqual(unavailable('cannot be reached (ECONNREFUSED)'));
    server = await EmbeddingServer.start();
  });
});

describe('an answer that cannot be right', () => {
  const embedding = [1, 2, 3];
  it.each([
    ['answered with 2 dimensions', answers(() => [1, 2])],
    ['answered with 4 dimensions', answers(() => Buffer.alloc(16, 1).toString('base64'))],
    ['answered with 1 vectors where 2', says({ data: [{ index: 0, embedding }] })],
    ['what is no number', says('{"data":[{"index":0,"embedding":[1,2,1e999]},{"index":1,"embedding":[1,2,3]}]}')],
    ['what is no number', answers(() => [1, null, 3])],
    ['what is no number', answers(() => Buffer.alloc(12, 0xff).toString('base64'))],
    ['a vector of zeros', answers(() => [0, 0, 0])],
    ['what is no vector', answers(() => 'ab=')],
    ['what is no vector', answers(() => ({ 0: 1 }))],
    ['an order that is none', says({ data: [0, 0].map((index) => ({ index, embedding })) })],
    ['an order that is none', says({ data: [0, 2].map((index) => ({ index, embedding })) })],
    ['without a list', says({ embeddings: [] })],
    ['without a list', says('null')],
    ['more than', says(`{"data":"${'x'.repeat(3_000_000)}"}`)],
  ])('is refused: %s', async (message, behaviour) => {
    server.next.push(behaviour);
    await expect(provider().embed(['a', 'b'])).rejects.toEqual(unavailable(message));
    expect(server.asked.items).toHaveLength(1);
  });

  it.each([
    [400, 'a bad request'],
    [401, 'NORIGATE_EMBEDDINGS_KEY'],
    [404, 'NORIGATE_EMBEDDINGS_URL'],
  ])('is not asked for again after %i, and the key is not in what is said', async (status, message) => {
    server.next.push(refuses(status));
    const error: unknown = await provider()
      .embed(['a'])
      .catch((thrown: unknown) => thrown);
    expect(error).toEqual(unavailable(message));
    expect(String((error as Error).stack)).not.toContain(key);
    expect(server.asked.items).toHaveLength(1);
  });

  it('does not lead the key elsewhere', async () => {
    const other = await EmbeddingServer.start();
    server.next.push(refuses(307, { location: `${other.url}/embeddings` }));
    await expect(provider().embed(['a'])).rejects.toEqual(unavailable('status 307'));
    expect(other.asked.items).toEqual([]);
    await other.stop();
  });
});

describe('many callers', () => {
  it('have so many requests under way, so many waiting, and no more', async () => {
    server.next.push(hold);
    const own = provider({ requestsMax: 1, waitingMax: 1 });
    const leaving = new AbortController();
    const first = own.embed(['a'], { signal: leaving.signal });
    await server.asked.atLeast(1);
    const second = own.embed(['bb']);
    await expect(own.embed(['c'])).rejects.toMatchObject({ code: 'OVERLOADED' });
    leaving.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    expect(shown(await second)).toEqual(expected('bb'));
  });

  it('may leave while they wait', async () => {
    server.next.push(hold);
    const own = provider({ requestsMax: 1 });
    const [holding, leaving] = [new AbortController(), new AbortController()];
    const first = own.embed(['a'], { signal: holding.signal });
    await server.asked.atLeast(1);
    const second = own.embed(['b'], { signal: leaving.signal });
    const third = own.embed(['cc']);
    leaving.abort(new Error('left'));
    await expect(second).rejects.toThrow('left');
    holding.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    expect(shown(await third)).toEqual(expected('cc'));
  });
});
