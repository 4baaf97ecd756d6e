/** How a text is prepared for the models of this machine, and how a long one becomes one vector. */
import { canonicalText } from '../core/canonical-text';
import { chunksOf } from './chunks';
import { concatenated, toUnit, weightedMean } from './unit-vector';
import { hashedGrams } from './hashed-grams';

/** Of a longer text the model would leave out the rest: it reads 128 tokens. */
const chunkCharsMax = 400;
/** Reading more takes seconds, and moves the mean by little. */
const chunksMax = 32;
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

/** The mix of meaning and wording: 0.8 of the cosine is the model's, 0.2 that of hashed words and letters. */
export async function embedMixed(text: string, embedShort: EmbedShort): Promise<Float32Array> {
  const prepared = embeddedText(text);
  const chunks = chunksOf(prepared, { charsMax: chunkCharsMax, chunksMax });
  const vectors: ArrayLike<number>[] = [];
  // One after the other: a batch is as long as its longest member, and takes the memory of all.
  for (const chunk of chunks) vectors.push((await embedShort([chunk]))[0]!);
  const meaning = weightedMean(
    vectors,
    chunks.map(({ length }) => length),
  );
  const wording = hashedGrams(prepared);
  return toUnit(
    concatenated([
      { vector: meaning, scale: meaningScale },
      { vector: wording, scale: wordingScale },
    ]),
  );
}
