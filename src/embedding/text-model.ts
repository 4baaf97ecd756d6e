/** How a text is prepared for the models of this machine, and how a long one becomes one vector. */
import { canonicalText } from '../core/canonical-text';
import { chunksOf } from './chunks';
import { concatenated, toUnit, weightedMean } from './unit-vector';
import { hashedGrams } from './hashed-grams';

/** Of a longer text the model would leave out the rest: it reads 128 tokens. */
const chunkCharsMax = 400;
/** Reading more takes seconds, and moves the mean by little. */
const chunksMax = 32;
const batchMax = 8;
/** The parts of the mix, of which the squares are their shares in a cosine. */
const meaningScale = Math.sqrt(0.8);
const wordingScale = Math.sqrt(0.2);

/** The canonical text without articles, which say nothing of what a text is about; never empty. */
export function embeddedText(text: string): string {
  const canonical = canonicalText(text);
  const bare = canonical.replace(/(?<=^|\s)(?:an?|the)(?:\s|$)/g, '').trim();
  return bare || canonical || '.';
}

/** Gives a vector for each of some short texts. */
export type EmbedShort = (texts: readonly string[]) => Promise<readonly ArrayLike<number>[]>;

/** The mix of meaning and wording, a vector for each text: 0.8 of a cosine is the model's, 0.2 that of hashed words and letters. */
export async function embedMixed(texts: readonly string[], embedShort: EmbedShort): Promise<Float32Array[]> {
  const prepared = texts.map(embeddedText);
  const chunksOfTexts = prepared.map((text) => chunksOf(text, { charsMax: chunkCharsMax, chunksMax }));
  const vectors = await embedInBatches(chunksOfTexts.flat(), embedShort);
  let at = 0;
  return prepared.map((text, index) => {
    const chunks = chunksOfTexts[index]!;
    const weights = chunks.map(({ length }) => length);
    const meaning = weightedMean(vectors.slice(at, (at += chunks.length)), weights);
    const wording = hashedGrams(text);
    return toUnit(
      concatenated([
        { vector: meaning, scale: meaningScale },
        { vector: wording, scale: wordingScale },
      ]),
    );
  });
}

/** Several short ones at once cost a third of the same one by one; the memory of a batch has a bound. */
async function embedInBatches(chunks: readonly string[], embedShort: EmbedShort): Promise<ArrayLike<number>[]> {
  const vectors: ArrayLike<number>[] = [];
  for (let at = 0; at < chunks.length; at += batchMax)
    vectors.push(...(await embedShort(chunks.slice(at, at + batchMax))));
  return vectors;
}
