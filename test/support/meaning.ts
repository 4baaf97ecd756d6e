/** What patterns need of meaning, where a test has nothing to say of it. */
import { HashedEmbeddings } from '../../src/embedding/hashed';
import type { PatternsDependencies } from '../../src/patterns/patterns';

export const dayMs = 86_400_000;

export const meaning: Pick<PatternsDependencies, 'embeddings' | 'tasteHalfLifeMs'> = {
  embeddings: new HashedEmbeddings(),
  tasteHalfLifeMs: dayMs,
};
