import type { EmbedOptions, EmbeddingProvider } from '../../src/core/embedding';
import { CachedEmbeddings } from '../../src/embedding/cached';

/** A provider that says when it is asked, and answers when it is told to. */
class Told implements EmbeddingProvider {
  readonly id: string;
  readonly dimensions = 2;
  readonly asked: (readonly string[])[] = [];
  readonly signals: (AbortSignal | undefined)[] = [];
  #answers: ((error?: Error) => void)[] = [];

  constructor(id = 'told') {
    this.id = id;
  }

  embed(texts: readonly string[], { signal }: EmbedOptions = {}): Promise<Float32Array[]> {
    this.asked.push(texts);
    this.signals.push(signal);
    return new Promise((resolve, reject) => {
      this.#answers.push((error) =>
        error ? reject(error) : resolve(texts.map((text) => Float32Array.of(text.length, this.asked.length))),
      );
    });
  }

  answer(error?: Error): void {
    for (const answer of this.#answers.splice(0)) answer(error);
  }
}

const bytesMax = 1_000_000;

describe('the cache of embeddings', () => {
  it('asks once for what many ask for at the same time, and never again', async () => {
    const inner = new Told();
    const cache = new CachedEmbeddings(inner, { bytesMax });
    const waiting = [cache.embed(['a', 'b', 'a']), cache.embed(['b', 'c']), cache.embed(['c'])];
    inner.answer();
    const [first, second, third] = await Promise.all(waiting);
    expect(inner.asked).toEqual([['a', 'b'], ['c']]);
    expect(first![0]).toBe(first![2]);
    expect(first![1]).toBe(second![0]);
    expect(third![0]).toBe(second![1]);
    expect(await cache.embed(['c', 'a'])).toEqual([third![0], first![0]]);
    expect(inner.asked).toHaveLength(2);
  });

  it('has the id and the dimensions of its provider, and asks nothing for no texts', async () => {
    const inner = new Told();
    const cache = new CachedEmbeddings(inner, { bytesMax });
    expect([cache.id, cache.dimensions, await cache.embed([])]).toEqual(['told', 2, []]);
    expect(inner.asked).toEqual([]);
  });

  it('fails all who wait with the failure, and remembers none', async () => {
    const inner = new Told();
    const cache = new CachedEmbeddings(inner, { bytesMax });
    const waiting = [cache.embed(['a']), cache.embed(['a', 'b'])];
    inner.answer(new Error('down'));
    expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const again = cache.embed(['a']);
    inner.answer();
    expect(await again).toHaveLength(1);
  });

  it('lets one caller go without failing the others', async () => {
    const inner = new Told();
    const cache = new CachedEmbeddings(inner, { bytesMax });
    const leaving = new AbortController();
    const left = cache.embed(['a'], { signal: leaving.signal });
    const staying = cache.embed(['a']);
    leaving.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    inner.answer();
    expect(await staying).toHaveLength(1);
    expect(inner.signals).toEqual([undefined]);
    await expect(cache.embed(['a'], { signal: leaving.signal })).rejects.toThrow('gone');
  });

  it.each([
    ['entries', { entriesMax: 2, bytesMax }],
    ['bytes', { bytesMax: 2 * (8 + 200) }],
  ])('forgets what was used longest ago past its %s', async (_, options) => {
    const inner = new Told();
    const cache = new CachedEmbeddings(inner, options);
    const ask = async (text: string): Promise<void> => {
      const answer = cache.embed([text]);
      inner.answer();
      await answer;
    };
    for (const text of ['a', 'b', 'a', 'c', 'a', 'b']) await ask(text);
    expect(inner.asked).toEqual([['a'], ['b'], ['c'], ['b']]);
  });

  it('keeps nothing where it may keep nothing', async () => {
    const inner = new Told();
    const cache = new CachedEmbeddings(inner, { bytesMax: 0 });
    for (const text of ['a', 'a']) {
      const answer = cache.embed([text]);
      inner.answer();
      await answer;
    }
    expect(inner.asked).toEqual([['a'], ['a']]);
  });
});
