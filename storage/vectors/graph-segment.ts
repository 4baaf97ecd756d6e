/**
 * Vectors in a graph (HNSW, of the library usearch): fast however many, and now and then it misses one. Vectors are kept in it at half the
 * size where that costs nothing; they cannot be read back. A removed vector leaves a scar that searches still walk over.
 */
import { Index, ScalarKind } from 'usearch';
import type { IndexConfig, MetricKind } from 'usearch';
import type { SegmentHit } from './segment-hit';

const connectivity = 16;
const expansionAdd = 128;
const expansionSearch = 96;
/** What the graph itself takes for a vector, beside its numbers. */
const linkBytes = 300;
/** Below this, scars are not worth the work. */
const wornFrom = 1_000;

export class GraphSegment {
  readonly #dimensions: number;
  readonly #numberBytes: number;
  readonly #index: Index;
  /** Places of the graph that are or were in use. */
  #places = 0;

  /** `isUnit`: all vectors have the length 1 (or 0), so that half the size is precise enough. */
  constructor(dimensions: number, metric: MetricKind, isUnit: boolean) {
    this.#dimensions = dimensions;
    this.#numberBytes = isUnit ? 2 : 4;
    const config: IndexConfig = {
      dimensions,
      metric,
      quantization: isUnit ? ScalarKind.F16 : ScalarKind.F32,
      connectivity,
      expansion_add: expansionAdd,
      expansion_search: expansionSearch,
      multi: false,
    };
    this.#index = new Index(config);
  }

  get size(): number {
    return this.#index.size();
  }

  get bytes(): number {
    return this.#places * (this.#dimensions * this.#numberBytes + linkBytes);
  }

  /** Most of it is scars: it should be made anew. */
  get isWorn(): boolean {
    return this.#places > wornFrom && this.size < this.#places / 2;
  }

  /** The slot must not be there. */
  add(slot: number, vector: Float32Array): void {
    this.#index.add(BigUint64Array.of(BigInt(slot)), vector, 1);
    this.#places = Math.max(this.#places, this.size);
  }

  remove(slot: number): void {
    this.#index.remove(BigUint64Array.of(BigInt(slot)));
  }

  search(near: Float32Array, count: number): SegmentHit[] {
    const size = this.size;
    if (size === 0) return [];
    const { keys, distances } = this.#index.search(near, Math.min(count, size), 1);
    const hits: SegmentHit[] = [];
    for (let at = 0; at < keys.length; at += 1) hits.push({ slot: Number(keys[at]), distance: distances[at]! });
    return hits;
  }

  save(path: string): void {
    this.#index.save(path);
  }

  /** Only what is surely whole: the library ends the process over a damaged file. */
  load(path: string, places: number): void {
    this.#index.load(path);
    this.#places = Math.max(places, this.size);
  }

  get places(): number {
    return this.#places;
  }
}
