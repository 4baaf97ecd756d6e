/**
 * What waits under numbers that are given in turn, of 32 bits. A Map would do, were it not for V8's collector: an outgrown table of a Map
 * refers to the next one, and still to all that it held; once one of them is old, as any full collection makes it, so becomes whatever comes
 * and goes after it, with all that it refers to: two thirds of what became old under searches. Here a place is emptied where it is.
 * Places are kept for all numbers since the first that still waits: what waits for seconds costs 8 bytes for each that came since.
 */
const placesMin = 64;

export class Arrivals<T extends object> {
  /** As many as a power of 2. */
  #places = new Array<T | undefined>(placesMin);
  /** The number of the oldest that may be there. */
  #first: number;
  /** Numbers since then. */
  #span = 0;
  #size = 0;

  constructor(firstNumber = 1) {
    this.#first = firstNumber;
  }

  get size(): number {
    return this.#size;
  }

  /** The number of what is added next. */
  get nextNumber(): number {
    return (this.#first + this.#span) >>> 0;
  }

  add(item: T): number {
    if (this.#span === this.#places.length) this.#grow();
    const number = this.nextNumber;
    this.#places[this.#placeOf(number)] = item;
    this.#span += 1;
    this.#size += 1;
    return number;
  }

  get(number: number): T | undefined {
    return (number - this.#first) >>> 0 < this.#span ? this.#places[this.#placeOf(number)] : undefined;
  }

  /** Whether there was something. */
  delete(number: number): boolean {
    if (this.get(number) === undefined) return false;
    this.#places[this.#placeOf(number)] = undefined;
    this.#size -= 1;
    while (this.#span > 0 && this.#places[this.#placeOf(this.#first)] === undefined) {
      this.#first = (this.#first + 1) >>> 0;
      this.#span -= 1;
    }
    return true;
  }

  /** All that are there now, in the order in which they came; those that are deleted meanwhile are left out. */
  *values(): IterableIterator<T> {
    const end = this.nextNumber;
    for (let number = this.#first; number !== end; number = (number + 1) >>> 0) {
      const item = this.get(number);
      if (item) yield item;
    }
  }

  #placeOf(number: number): number {
    return number & (this.#places.length - 1);
  }

  #grow(): void {
    const items = Array.from({ length: this.#span }, (_, at) => this.get((this.#first + at) >>> 0));
    this.#places = new Array<T | undefined>(2 * this.#places.length);
    for (const [at, item] of items.entries()) this.#places[this.#placeOf(this.#first + at)] = item;
  }
}
