/**
 * A map that forgets what was not used for long once it holds too many entries or too much weight. What is oldest is given a second
 * chance where it was used since it was last looked at (the CLOCK algorithm of Corbató, 1968), so that a use costs a flag and
 * not a move to the end of a list; of many that were used all the oldest goes, after `chancesMax` of them.
 */
export interface BoundedMapOptions<Key, Value> {
  /** Default: no bound on the number. */
  readonly entriesMax?: number;
  /** Default: no bound on weight. */
  readonly weightMax?: number;
  /** Default: every entry weighs 1. The same for the same entry, always. */
  readonly weigh?: (value: Value, key: Key) => number;
  /** Called for what is forgotten, not for what is deleted. */
  readonly onEvict?: (value: Value) => void;
}

interface Slot<Value> {
  value: Value;
  weight: number;
  isUsed: boolean;
}

/** So many entries are passed over at most to find one to forget: it never takes long. */
const chancesMax = 16;

export class BoundedMap<Key, Value> {
  readonly #slots = new Map<Key, Slot<Value>>();
  readonly #options: BoundedMapOptions<Key, Value>;
  #weight = 0;

  constructor(options: BoundedMapOptions<Key, Value>) {
    this.#options = options;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** Of all entries together. */
  get weight(): number {
    return this.#weight;
  }

  /** The value, which counts as used. */
  get(key: Key): Value | undefined {
    const slot = this.#slots.get(key);
    if (!slot) return undefined;
    slot.isUsed = true;
    return slot.value;
  }

  /** The value, not used by that. */
  peek(key: Key): Value | undefined {
    return this.#slots.get(key)?.value;
  }

  /**
   * Keeps the value, and forgets others for it; one that alone passes the weight is not kept. In the place of an older value it
   * counts as used, and is forgotten itself only where so many others were used as well.
   */
  set(key: Key, value: Value): void {
    const { entriesMax = Infinity, weightMax = Infinity, weigh } = this.#options;
    const weight = weigh?.(value, key) ?? 1;
    const slot = this.#slots.get(key);
    if (weight > weightMax) {
      if (slot) this.delete(key);
      return;
    }
    if (slot) {
      this.#weight += weight - slot.weight;
      slot.value = value;
      slot.weight = weight;
      slot.isUsed = true;
      while (this.#weight > weightMax) this.evict();
      return;
    }
    while (this.#slots.size >= entriesMax || this.#weight + weight > weightMax) if (!this.evict()) return;
    this.#slots.set(key, { value, weight, isUsed: false });
    this.#weight += weight;
  }

  /** Whether there was something. */
  delete(key: Key): boolean {
    const slot = this.#slots.get(key);
    if (!slot) return false;
    this.#slots.delete(key);
    this.#weight -= slot.weight;
    return true;
  }

  /** Forgets what was not used for long; false where there is nothing. */
  evict(): boolean {
    let chances = 0;
    for (const [key, slot] of this.#slots) {
      this.#slots.delete(key);
      if (slot.isUsed && chances < chancesMax) {
        chances += 1;
        slot.isUsed = false;
        this.#slots.set(key, slot);
        continue;
      }
      this.#weight -= slot.weight;
      this.#options.onEvict?.(slot.value);
      return true;
    }
    return false;
  }

  /** Deletes everything. */
  clear(): void {
    this.#slots.clear();
    this.#weight = 0;
  }

  keys(): IterableIterator<Key> {
    return this.#slots.keys();
  }
}
