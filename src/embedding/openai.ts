/**
 * Any server with the interface of OpenAI's `POST /embeddings`: OpenAI itself, Azure's and Ollama's compatible addresses, vLLM, text-embeddings-inference.
 *
 * Promises: vectors of this model with these dimensions and of length 1, or a failure that names the model and what was wrong: another
 * number of vectors, another number of dimensions, a number that is none. Long texts are cut and their vectors averaged. Costs: a request
 * for `batchMax` parts. 408, 429, 5xx and broken connections are tried again, after what Retry-After says, else with backoff and
 * full jitter, for as long as `budgetMs` lasts; then UNAVAILABLE. The key is in no message and follows no redirection.
 */
import { backoffDelayMs } from '../core/backoff';
import type { Clock } from '../core/clock';
import type { EmbedOptions, EmbeddingProvider } from '../core/embedding';
import { AppError } from '../core/errors';
import type { Ids } from '../core/ids';
import { chunksOf } from './chunks';
import { parseEmbeddings } from './openai-answer';
import { postJson } from './openai-http';
import { Slots } from './slots';
import { weightedMean } from './unit-vector';

export interface OpenAiOptions {
  /** Where `/embeddings` lies, such as https://api.openai.com/v1. */
  readonly url: string;
  readonly model: string;
  readonly dimensions: number;
  /** Whether the model is asked for that many dimensions; one that has only one number of them refuses to be asked. */
  readonly asksDimensions: boolean;
  readonly key: string | undefined;
  /** Parts of texts in a request. */
  readonly batchMax: number;
  /** Characters of a part. */
  readonly partCharsMax: number;
  /** Of one request. */
  readonly timeoutMs: number;
  /** Of one call of `embed`, all its tries included. */
  readonly budgetMs: number;
  readonly clock: Pick<Clock, 'after' | 'sleep' | 'monotonicMs' | 'nowMs'>;
  readonly ids: Pick<Ids, 'fraction'>;
  /** Requests under way at once, and those that wait for their turn. Defaults 8 and 1,000. */
  readonly requestsMax?: number;
  readonly waitingMax?: number;
}

/** Tries are apart by this, where the server does not say. */
const retryBackoff = { baseMs: 250, capMs: 8_000 };
const partsOfTextMax = 64;

export class OpenAiEmbeddings implements EmbeddingProvider {
  readonly id: string;
  readonly dimensions: number;
  readonly #options: OpenAiOptions;
  readonly #slots: Slots;

  constructor(options: OpenAiOptions) {
    const { model, dimensions, requestsMax = 8, waitingMax = 1_000 } = options;
    // With another number of dimensions a model gives other vectors.
    this.id = `openai/${model}/${dimensions}`;
    this.dimensions = dimensions;
    this.#options = options;
    this.#slots = new Slots({ runningMax: requestsMax, waitingMax });
  }

  async embed(texts: readonly string[], { signal }: EmbedOptions = {}): Promise<readonly Float32Array[]> {
    const { partCharsMax, batchMax, clock, budgetMs } = this.#options;
    const untilMs = clock.monotonicMs() + budgetMs;
    const partsOfTexts = texts.map((text) =>
      // An empty text has no vector; servers refuse it, or answer with noise.
      chunksOf(text.trim() || '.', { charsMax: partCharsMax, chunksMax: partsOfTextMax }),
    );
    const parts = partsOfTexts.flat();
    const batches = Array.from({ length: Math.ceil(parts.length / batchMax) }, (_, index) =>
      parts.slice(index * batchMax, (index + 1) * batchMax),
    );
    const ended = new AbortController();
    const either = signal ? AbortSignal.any([signal, ended.signal]) : ended.signal;
    try {
      const vectors = (await Promise.all(batches.map((batch) => this.#withRetries(batch, untilMs, either)))).flat();
      let at = 0;
      return partsOfTexts.map((own) =>
        weightedMean(
          vectors.slice(at, (at += own.length)),
          own.map(({ length }) => length),
        ),
      );
    } finally {
      // Where one batch failed, the others are not waited for.
      ended.abort(new Error('another part of the same call failed'));
    }
  }

  async #withRetries(batch: readonly string[], untilMs: number, signal: AbortSignal): Promise<Float32Array[]> {
    const { clock, ids } = this.#options;
    for (let tries = 1; ; tries += 1) {
      const send = (): Promise<Outcome> => this.#request(batch, untilMs - clock.monotonicMs(), signal);
      const outcome = await this.#slots.run(send, signal, () => this.#tooMany());
      if (outcome.kind === 'vectors') return outcome.vectors;
      const delayMs = outcome.retryAfterMs ?? backoffDelayMs(tries, retryBackoff, ids);
      const isWorthIt = outcome.isRetryable && clock.monotonicMs() + delayMs < untilMs;
      if (!isWorthIt) throw this.#unavailable(outcome);
      await clock.sleep(delayMs, signal);
    }
  }

  async #request(batch: readonly string[], leftMs: number, signal: AbortSignal): Promise<Outcome> {
    const { url, model, dimensions, asksDimensions, key, timeoutMs, clock } = this.#options;
    if (leftMs <= 0) return { kind: 'refused', what: 'has had no time for it', isRetryable: false };
    const answer = await postJson({
      url: `${url.replace(/\/+$/, '')}/embeddings`,
      body: { model, input: batch, encoding_format: 'float', ...(asksDimensions ? { dimensions } : {}) },
      key,
      timeoutMs: Math.min(timeoutMs, leftMs),
      bytesMax: bytesOfAnswerMax(batch.length, dimensions),
      clock,
      signal,
    });
    if (answer.kind === 'refused') return answer;
    const vectors = parseEmbeddings(answer.json, { count: batch.length, dimensions });
    if (typeof vectors === 'string') return { kind: 'refused', what: vectors, isRetryable: false };
    return { kind: 'vectors', vectors };
  }

  #tooMany(): AppError {
    return new AppError('OVERLOADED', `too many requests wait for the embedding model ${this.id}: try again later`);
  }

  #unavailable({ what, retryAfterMs }: Refused): AppError {
    const details = retryAfterMs === undefined ? {} : { retryAfterMs };
    return new AppError('UNAVAILABLE', `the embedding model ${this.id} ${what}: nothing was done`, { details });
  }
}

/** Why there are no vectors. */
export interface Refused {
  readonly kind: 'refused';
  /** Goes on after the name of the model. */
  readonly what: string;
  readonly isRetryable: boolean;
  /** What the server asked for. */
  readonly retryAfterMs?: number | undefined;
}

type Outcome = { readonly kind: 'vectors'; readonly vectors: Float32Array[] } | Refused;

/** A number takes some 25 characters; the rest is room for what servers add. */
function bytesOfAnswerMax(count: number, dimensions: number): number {
  return 1_048_576 + count * (dimensions * 32 + 1_024);
}
