/**
 * Vectors of words and letters alone: quick, the same on every machine, and without any notion of meaning. For tests, and for those who
 * choose it; it never stands in for another model.
 */
import type { EmbedOptions, EmbeddingProvider } from '../core/embedding';
import { gramDimensions, hashedGrams } from './hashed-grams';
import { embeddedText } from './text-model';

export class HashedEmbeddings implements EmbeddingProvider {
  readonly id = 'hashed-1';
  readonly dimensions = gramDimensions;

  async embed(texts: readonly string[], { signal }: EmbedOptions = {}): Promise<readonly Float32Array[]> {
    const vectors: Float32Array[] = [];
    for (const text of texts) {
      signal?.throwIfAborted();
      vectors.push(hashedGrams(embeddedText(text)));
      // A long text takes milliseconds: others have their turn in between.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return vectors;
  }
}
