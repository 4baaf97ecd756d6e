/**
 * Vectors side by side in one array, searched by measuring each of them: exact, and for some thousands as fast as a graph. Whatever is new
 * lands here, so that it is found at once.
 */
import { exactSearch } from 'usearch';
import type { MetricKind } from 'usearch';
import type { SegmentHit } from './segment-hit';

const growth = 1.5;
const capacityMin = 64;

export class FlatSegment {
  readonly #dimensions: number;
  readonly #metric: MetricKind;
  #numbers = new Float32Array(0);
  /** The slot at each place. */
  readonly #slots: number[] = [];
  readonly #placeOf = new Map<number, number>();

  constructor(dimensions: number, metric: MetricKind) {
    this.#dimensions = dimensions;
    this.#metric = metric;
  }

  get size(): number {
    return this.#slots.length;
  }

  get bytes(): number {
    return this.#numbers.byteLength + this.#slots.length * 64;
  }

  /** The slot must not be there yet. */
  add(slot: number, vector: Float32Array): void {
    const place = this.#slots.length;
    const needed = (place + 1) * this.#dimensions;
    if (needed > this.#numbers.length) this.#resize(Math.max(capacityMin, Math.ceil((place + 1) * growth)));
    this.#numbers.set(vector, place * this.#dimensions);
    this.#slots.push(slot);
    this.#placeOf.set(slot, place);
  }

  /** The last one takes its place. */
  remove(slot: number): void {
    const place = this.#placeOf.get(slot);
    if (place === undefined) return;
    this.#placeOf.delete(slot);
    const last = this.#slots.pop()!;
    if (last !== slot) {
      this.#numbers.copyWithin(
        place * this.#dimensions,
        this.#slots.length * this.#dimensions,
        (this.#slots.length + 1) * this.#dimensions,
      );
      this.#slots[place] = last;
      this.#placeOf.set(last, place);
    }
    if (this.#slots.length * this.#dimensions * 4 < this.#numbers.length && this.#slots.length > capacityMin)
      this.#resize(this.#slots.length * 2);
    else if (this.#slots.length === 0) this.#numbers = new Float32Array(0);
  }

  has(slot: number): boolean {
    return this.#placeOf.has(slot);
  }

  /** A view; valid until the next change. */
  vectorOf(slot: number): Float32Array {
    return this.#at(this.#placeOf.get(slot)!);
  }

  /** All vectors, in the order of the slots; valid until the next change. */
  vectors(): Float32Array {
    return this.#numbers.subarray(0, this.#slots.length * this.#dimensions);
  }

  /** Slots in some order. */
  slots(): readonly number[] {
    return this.#slots;
  }

  /** The nearest `count`, nearest first, by the distance of the metric. */
  search(near: Float32Array, count: number): SegmentHit[] {
    const size = this.#slots.length;
    if (size === 0) return [];
    // The library takes a dataset from the beginning of its buffer, whatever the view says: this one begins there.
    const dataset = new Float32Array(this.#numbers.buffer, 0, size * this.#dimensions);
    const found = exactSearch(dataset, near, this.#dimensions, Math.min(count, size), this.#metric, 1);
    const { keys, distances } = found as { keys: BigUint64Array; distances: Float32Array };
    return Array.from(keys, (place, at) => ({ slot: this.#slots[Number(place)]!, distance: distances[at]! }));
  }

  #at(place: number): Float32Array {
    return this.#numbers.subarray(place * this.#dimensions, (place + 1) * this.#dimensions);
  }

  #resize(vectors: number): void {
    const next = new Float32Array(vectors * this.#dimensions);
    next.set(this.#numbers.subarray(0, this.#slots.length * this.#dimensions));
    this.#numbers = next;
  }
}
