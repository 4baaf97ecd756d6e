/** A model of two dimensions for tests: a text begins with a number, which is the angle of its vector in degrees. */
import type { EmbeddingProvider } from '../../src/core/embedding';

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

export const byAngle: EmbeddingProvider = {
  id: 'angle',
  dimensions: 2,
  embed: (texts) =>
    Promise.resolve(
      texts.map((text) => {
        const angle = radians(Number.parseFloat(text));
        return Float32Array.of(Math.cos(angle), Math.sin(angle));
      }),
    ),
};

/** The cosine between two texts. */
export function similarityOf(one: string, other: string): number {
  return Math.cos(radians(Number.parseFloat(one) - Number.parseFloat(other)));
}
