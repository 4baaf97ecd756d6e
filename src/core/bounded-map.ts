/** A map that forgets what was used longest ago once it holds too many entries or too much weight. */
export interface BoundedMapOptions<Value> {
  readonly entriesMax: number;
  /** Default: no bound on weight. */
  readonly weightMax?: number;
  /** Default: every entry weighs 1. */
  readonly weigh?: (value: Value) => number;
  /** Called for what is forgotten. */
  readonly onEvict?: (value: Value) => void;
}

export class BoundedMap<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  readonly #options: BoundedMapOptions<Value>;
  #weight = 0;

  constructor(options: BoundedMapOptions<Value>) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The value, which becomes the one used last. */
  get(key: Key): Value | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** Keeps the value; one that alone passes the weight is not kept. */
  set(key: Key, value: Value): void {
    this.delete(key);
    const { entriesMax, weightMax = Number.POSITIVE_INFINITY } = this.#options;
    const weight = this.#weigh(value);
    if (weight > weightMax) return;
    this.#entries.set(key, value);
    this.#weight += weight;
    while (this.#entries.size > entriesMax || this.#weight > weightMax) {
      const [oldest, evicted] = this.#entries.entries().next().value!;
      this.delete(oldest);
      this.#options.onEvict?.(evicted);
    }
  }

  delete(key: Key): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#weight -= this.#weigh(value);
  }

  keys(): IterableIterator<Key> {
    return this.#entries.keys();
  }

  #weigh(value: Value): number {
    return this.#options.weigh?.(value) ?? 1;
  }
}
