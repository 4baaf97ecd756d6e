/**
 * Distances between vectors, as the contract defines them: smaller is nearer. The numbers are 32-bit floats, the sums are
 * doubles, so that what is answered does not depend on any index. A vector of zeros is allowed.
 */

export type VectorDistance = 'cosine' | 'euclidean' | 'innerProduct';

/** COSINE 1 - cos, 1 where a norm is 0; EUCLIDEAN the straight-line length; INNER_PRODUCT the negated product. */
export function distanceBetween(distance: VectorDistance, a: Float32Array, b: Float32Array): number {
  return measureFrom(distance, a)(b);
}

/** The distances from one vector to others of the same length. */
export function measureFrom(distance: VectorDistance, near: Float32Array): (vector: Float32Array) => number {
  if (distance === 'euclidean') return (vector) => Math.sqrt(squaredDifference(near, vector));
  // Without the sign of a negative zero.
  if (distance === 'innerProduct') return (vector) => 0 - product(near, vector);
  const norm = Math.sqrt(product(near, near));
  return (vector) => {
    let sum = 0;
    let square = 0;
    for (let at = 0; at < near.length; at += 1) {
      const number = vector[at]!;
      sum += near[at]! * number;
      square += number * number;
    }
    const norms = norm * Math.sqrt(square);
    // Rounding must not make two equal vectors nearer than equal.
    return norms === 0 ? 1 : Math.min(2, Math.max(0, 1 - sum / norms));
  };
}

function product(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at += 1) sum += a[at]! * b[at]!;
  return sum;
}

function squaredDifference(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at += 1) {
    const difference = a[at]! - b[at]!;
    sum += difference * difference;
  }
  return sum;
}
