/** Arithmetic on vectors. */

/** The vector at length 1, in place; one of length 0 stays as it is. */
export function toUnit(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const norm = Math.sqrt(squares);
  if (norm > 0) for (let index = 0; index < vector.length; index += 1) vector[index]! /= norm;
  return vector;
}

/** The mean of the vectors, each counted by its weight, at length 1. */
export function weightedMean(vectors: readonly ArrayLike<number>[], weights: readonly number[]): Float32Array {
  const mean = new Float32Array(vectors[0]!.length);
  for (const [which, vector] of vectors.entries()) {
    const weight = weights[which]!;
    for (let index = 0; index < mean.length; index += 1) mean[index]! += weight * vector[index]!;
  }
  return toUnit(mean);
}

/** The vectors behind each other, so that the cosine of two such is the mean of the parts' cosines by the squares of their scales. */
export function concatenated(
  parts: readonly { readonly vector: Float32Array; readonly scale: number }[],
): Float32Array {
  const whole = new Float32Array(parts.reduce((length, { vector }) => length + vector.length, 0));
  let at = 0;
  for (const { vector, scale } of parts) for (const value of vector) whole[at++] = scale * value;
  return whole;
}
