/**
 * Another provider's vectors, remembered: the same text is embedded once, however many ask for it at the same time, and again only when
 * it was forgotten. Kept by SHA-256 of the provider's id and the text, so that no text stays in memory for it; bounded in entries
 * and in bytes. A failure is remembered by nobody, and fails whoever waited for it.
 */
import { BoundedMap } from '../core/bounded-map';
import type { EmbedOptions, EmbeddingProvider } from '../core/embedding';
import { hashParts } from '../core/ids';

export interface EmbeddingCacheOptions {
  /** Default 100,000. */
  readonly entriesMax?: number;
  readonly bytesMax: number;
}

/** Beside its numbers, an entry holds its key and what the map needs. */
const entryOverheadBytes = 200;

export class CachedEmbeddings implements EmbeddingProvider {
  readonly id: string;
  readonly dimensions: number;
  readonly #inner: EmbeddingProvider;
  readonly #kept: BoundedMap<string, Float32Array>;
  readonly #flights = new Map<string, Promise<Float32Array>>();

  constructor(inner: EmbeddingProvider, { entriesMax = 100_000, bytesMax }: EmbeddingCacheOptions) {
    this.id = inner.id;
    this.dimensions = inner.dimensions;
    this.#inner = inner;
    const weigh = (vector: Float32Array): number => vector.byteLength + entryOverheadBytes;
    this.#kept = new BoundedMap({ entriesMax, weightMax: bytesMax, weigh });
  }

  /** The vectors are shared: nobody may change them. */
  async embed(texts: readonly string[], { signal }: EmbedOptions = {}): Promise<readonly Float32Array[]> {
    signal?.throwIfAborted();
    const keys = texts.map((text) => hashParts(this.id, text).toString('latin1'));
    const missing = new Map<string, string>();
    const found = keys.map((key, index) => {
      const known = this.#kept.get(key) ?? this.#flights.get(key);
      if (known === undefined) missing.set(key, texts[index]!);
      return known;
    });
    if (missing.size > 0) this.#launch(missing);
    const all = Promise.all(found.map((known, index) => known ?? this.#flights.get(keys[index]!)!));
    return signal ? unlessAborted(all, signal) : all;
  }

  /** Embeds what is missing, in one call. Others may wait for it too, so no one caller's signal ends it. */
  #launch(missing: ReadonlyMap<string, string>): void {
    const keys = [...missing.keys()];
    const vectors = this.#inner.embed([...missing.values()]);
    for (const [index, key] of keys.entries()) {
      const flight = vectors.then((all) => all[index]!);
      this.#flights.set(key, flight);
      flight.then(
        (vector) => {
          this.#flights.delete(key);
          this.#kept.set(key, vector);
        },
        () => this.#flights.delete(key),
      );
    }
  }
}

/** The promise, or a rejection with the signal's reason as soon as it aborts. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let giveUp: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(signal.reason as Error);
    signal.addEventListener('abort', giveUp, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', giveUp!);
  }
}
