/** How texts are cut, hashed and averaged before and after a model. */
import { chunksOf } from '../../src/embedding/chunks';
import { hashedGrams, stemOf } from '../../src/embedding/hashed-grams';
import { HashedEmbeddings } from '../../src/embedding/hashed';
import { embedMixed, embeddedText } from '../../src/embedding/text-model';
import { weightedMean } from '../../src/embedding/unit-vector';

const cosine = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, index) => sum + value * b[index]!, 0);

describe('chunks', () => {
  it('are cut at spaces, lose no word, and are no longer than allowed', () => {
    const text = Array.from({ length: 300 }, (_, index) => `word${index}`).join(' ');
    const chunks = chunksOf(text, { charsMax: 100, chunksMax: 1_000 });
    expect(chunks.join(' ')).toBe(text);
    expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(100);
  });

  it('of one long word are cut between characters', () => {
    const chunks = chunksOf('😀'.repeat(50), { charsMax: 7, chunksMax: 1_000 });
    expect(chunks.join('')).toBe('😀'.repeat(50));
    expect(chunks.every((chunk) => chunk.isWellFormed())).toBe(true);
  });

  it('of a very long text are taken at equal distances, its beginning among them', () => {
    const text = Array.from({ length: 1_000 }, (_, index) => String(1_000 + index)).join(' ');
    const chunks = chunksOf(text, { charsMax: 4, chunksMax: 4 });
    expect(chunks).toEqual(['1000', '1250', '1500', '1750']);
  });

  it('of no text are one that is empty', () => {
    expect(chunksOf('', { charsMax: 4, chunksMax: 4 })).toEqual(['']);
    expect(chunksOf('     ', { charsMax: 2, chunksMax: 4 })).toEqual(['']);
  });
});

describe('hashed words', () => {
  it.each([
    ['jumps', 'jumped'],
    ['jumping', 'jump'],
    ['cities', 'city'],
    ['boxes', 'box'],
    ['hopped', 'hop'],
    ['making', 'makes'],
  ])('take %s and %s for one word', (one, other) => {
    expect(stemOf(one)).toBe(stemOf(other));
  });

  it.each(['glass', 'bus', 'this', 'iphone12', 'été', '1990s', 'ing', 'thing'])('leave %s alone', (word) => {
    expect(stemOf(word)).toBe(word);
  });

  it('make vectors of length 1 that are near where words are shared, and far where none is', () => {
    const [one, same, other] = ['running shoes for trails', 'trail running shoe', 'tax law of maritime trade'].map(
      (text) => hashedGrams(text),
    );
    expect(cosine(one!, one!)).toBeCloseTo(1, 5);
    expect(cosine(one!, same!)).toBeGreaterThan(0.6);
    expect(Math.abs(cosine(one!, other!))).toBeLessThan(0.25);
  });

  it('tell numbers apart', () => {
    const [one, other] = ['invoice 48213 is due', 'invoice 97560 is due'].map((text) => hashedGrams(text));
    expect(cosine(one!, other!)).toBeLessThan(0.9);
  });

  it('of nothing are a vector of zeros, not of NaN', () => {
    expect([...hashedGrams('')].every((value) => value === 0)).toBe(true);
  });
});

describe('the text that is embedded', () => {
  it.each([
    ['The quick brown fox jumps over the lazy dog.', 'quick brown fox jumps over lazy dog'],
    ['A B', 'b'],
    ['the', 'the'],
    ['a an the', 'a an the'],
    ['  ', '.'],
    ['theatre and anthem', 'theatre and anthem'],
  ])('of %j is %j', (text, embedded) => {
    expect(embeddedText(text)).toBe(embedded);
  });
});

describe('the mix', () => {
  /** A model that knows two words. */
  const model = (texts: readonly string[]): Promise<number[][]> =>
    Promise.resolve(texts.map((text) => (text.includes('sea') ? [3, 0] : [0, 5])));

  it('has the model for 0.8 of the cosine and the wording for 0.2', async () => {
    const [one, other] = await embedMixed(['deep sea', 'warm sea'], model);
    const wording = cosine(hashedGrams('deep sea'), hashedGrams('warm sea'));
    expect(cosine(one!, one!)).toBeCloseTo(1, 5);
    expect(cosine(one!, other!)).toBeCloseTo(0.8 + 0.2 * wording, 5);
  });

  it('averages the parts of a long text by their length', async () => {
    const [long] = await embedMixed([`${'sea '.repeat(100)}${'land '.repeat(20)}`], model);
    const [sea, land] = [long![0]!, long![1]!];
    expect(sea).toBeGreaterThan(land);
    expect(land).toBeGreaterThan(0);
  });
});

describe('many texts', () => {
  it('go to the model in batches with a bound, and come back in order', async () => {
    const sizes: number[] = [];
    const counting = (texts: readonly string[]): Promise<number[][]> => {
      sizes.push(texts.length);
      return Promise.resolve(texts.map((text) => [Number(text), 1]));
    };
    const vectors = await embedMixed(
      Array.from({ length: 20 }, (_, at) => String(at)),
      counting,
    );
    expect(sizes).toEqual([8, 8, 4]);
    expect(vectors.map((vector) => Math.round(vector[0]! / vector[1]!))).toEqual(
      Array.from({ length: 20 }, (_, at) => at),
    );
  });
});

describe('a mean', () => {
  it('counts each vector by its weight, and has length 1', () => {
    const mean = weightedMean([Float32Array.of(1, 0), Float32Array.of(0, 1)], [3, 4]);
    expect([...mean]).toEqual([expect.closeTo(0.6, 5), expect.closeTo(0.8, 5)]);
  });
});

describe('the hashed provider', () => {
  const provider = new HashedEmbeddings();

  it('gives one vector of its dimensions for each text, in order', async () => {
    const [one, other] = await provider.embed(['ships', 'trains']);
    expect([...one!]).toEqual([...hashedGrams('ships')]);
    expect([...other!]).toEqual([...hashedGrams('trains')]);
    expect(one).toHaveLength(provider.dimensions);
    expect(await provider.embed([])).toEqual([]);
  });

  it('is given up with its signal', async () => {
    const aborted = AbortSignal.abort(new Error('enough'));
    await expect(provider.embed(['ships'], { signal: aborted })).rejects.toThrow('enough');
  });
});
