/**
 * Texts as vectors whose cosine says how near they are in meaning. Patterns know this interface alone; who implements it is said
 * where the gateway is put together (`src/embedding/`).
 */
export interface EmbeddingProvider {
  /**
   * Names the model and how texts are prepared for it: vectors of two ids are not comparable. Kept with everything that was embedded;
   * 1 to `embeddingIdBytesMax` bytes.
   */
  readonly id: string;
  /** Of every vector. */
  readonly dimensions: number;
  /**
   * One vector of length 1 for each text, in order. Rejects with UNAVAILABLE, naming the model, where the model does not answer as it
   * must, and with OVERLOADED where too many wait: never with vectors of another model.
   */
  embed(texts: readonly string[], options?: EmbedOptions): Promise<readonly Float32Array[]>;
}

export interface EmbedOptions {
  /** Gives the call up; the promise rejects then with what the signal says. */
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of a provider's id. */
export const embeddingIdBytesMax = 256;
