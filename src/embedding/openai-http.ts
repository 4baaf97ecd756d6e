/** One POST of JSON, with a timeout, a bound on the answer, and no word of the key in what it says of a failure. */
import type { Clock } from '../core/clock';
import type { Refused } from './openai';

export interface PostOptions {
  readonly url: string;
  readonly body: object;
  readonly key: string | undefined;
  readonly timeoutMs: number;
  /** Of the answer. */
  readonly bytesMax: number;
  readonly clock: Pick<Clock, 'after' | 'nowMs'>;
  readonly signal: AbortSignal;
}

export type PostAnswer = { readonly kind: 'answered'; readonly json: unknown } | Refused;

/** Rejects only with the signal's reason. */
export async function postJson(options: PostOptions): Promise<PostAnswer> {
  const { url, body, key, timeoutMs, bytesMax, clock, signal } = options;
  const late = new AbortController();
  const cancel = clock.after(timeoutMs, () => late.abort());
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
      body: JSON.stringify(body),
      // Whoever a redirection leads to is not who the key is for.
      redirect: 'manual',
      signal: AbortSignal.any([late.signal, signal]),
    });
    if (!response.ok) {
      await response.body?.cancel();
      return refusal(response, clock.nowMs());
    }
    const text = await boundedText(response, bytesMax);
    if (text === undefined)
      return { kind: 'refused', what: `answered with more than ${bytesMax} bytes`, isRetryable: false };
    return { kind: 'answered', json: JSON.parse(text) as unknown };
  } catch (error) {
    signal.throwIfAborted();
    if (late.signal.aborted)
      return { kind: 'refused', what: `did not answer within ${Math.round(timeoutMs)} ms`, isRetryable: true };
    if (error instanceof SyntaxError)
      return { kind: 'refused', what: 'answered with what is no JSON', isRetryable: true };
    return { kind: 'refused', what: `cannot be reached (${reasonOf(error)})`, isRetryable: true };
  } finally {
    cancel();
  }
}

/** What the answer's status means. Its text stays unread: servers repeat parts of a key in it. */
function refusal({ status, headers }: Response, nowMs: number): Refused {
  const isRetryable = status === 408 || status === 429 || status >= 500;
  const hints: Readonly<Record<number, string>> = {
    400: ', a bad request: the model may not know `dimensions`, or its name is another one',
    401: ', unauthorized: look at NORIGATE_EMBEDDINGS_KEY',
    403: ', forbidden: look at NORIGATE_EMBEDDINGS_KEY',
    404: ', not found: look at NORIGATE_EMBEDDINGS_URL and NORIGATE_EMBEDDINGS_MODEL',
    429: ', too many requests',
  };
  const what = `answered with status ${status}${hints[status] ?? ''}`;
  return { kind: 'refused', what, isRetryable, retryAfterMs: isRetryable ? retryAfterMs(headers, nowMs) : undefined };
}

/** Retry-After as milliseconds: seconds, or a date (RFC 9110, 10.2.3). Undefined where it says neither. */
function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const text = headers.get('retry-after')?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1_000);
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

async function boundedText(response: Response, bytesMax: number): Promise<string | undefined> {
  if (!response.body) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the rest.
    if (bytes > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The system's own word for it, such as ECONNREFUSED, which lies some causes deep. */
function reasonOf(error: unknown): string {
  let at = error as { readonly code?: unknown; readonly cause?: unknown } | undefined;
  for (let depth = 0; at && depth < 5; depth += 1) {
    if (typeof at.code === 'string') return at.code;
    at = at.cause as typeof at;
  }
  return 'the connection failed';
}
