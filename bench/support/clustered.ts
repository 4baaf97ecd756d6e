/** Vectors in clusters, as embeddings are: centres, and noise around them. The same seed gives the same ones. */
import { makeSeededIds } from '../../src/core/ids';

const clusters = 500;

export class Clustered {
  readonly #dimensions: number;
  readonly #centres: readonly Float32Array[];
  readonly #fraction: () => number;

  constructor(seed: number, dimensions: number) {
    const ids = makeSeededIds(seed);
    this.#fraction = () => ids.fraction();
    this.#dimensions = dimensions;
    this.#centres = Array.from({ length: clusters }, () => this.#noise(2));
  }

  next(): Float32Array {
    const centre = this.#centres[Math.floor(this.#fraction() * clusters)]!;
    const noise = this.#noise(1.5);
    for (let at = 0; at < noise.length; at += 1) noise[at]! += centre[at]!;
    return noise;
  }

  take(count: number): Float32Array[] {
    return Array.from({ length: count }, () => this.next());
  }

  #noise(width: number): Float32Array {
    const fraction = this.#fraction;
    return Float32Array.from({ length: this.#dimensions }, () => (fraction() + fraction() - 1) * width);
  }
}
