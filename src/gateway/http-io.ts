/** Reading requests and writing answers: bodies with a limit, media types, JSON. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { requestError } from './errors';
import type { ClientError } from './errors';

export const mediaTypes = {
  json: 'application/json',
  response: 'application/graphql-response+json',
  events: 'text/event-stream',
} as const;

export type MediaType = (typeof mediaTypes)[keyof typeof mediaTypes];

/** What stands in the header of an answer. */
export const contentTypes: Readonly<Record<MediaType, string>> = {
  [mediaTypes.json]: `${mediaTypes.json}; charset=utf-8`,
  [mediaTypes.response]: `${mediaTypes.response}; charset=utf-8`,
  [mediaTypes.events]: `${mediaTypes.events}; charset=utf-8`,
};

/** A request that is refused before it is GraphQL; `status` is what HTTP says to it. */
export class HttpRefusal extends Error {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;

  constructor(status: number, message: string, headers: OutgoingHttpHeaders = {}) {
    super(message);
    this.name = 'HttpRefusal';
    this.status = status;
    this.headers = headers;
  }
}

/**
 * Reads the body, at most `bytesMax` of it. Throws HttpRefusal 413 as soon as it is known to be longer, 400 where it is
 * cut off.
 */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const tooLong = (): void =>
      reject(
        new HttpRefusal(413, `The request body is longer than the limit of ${bytesMax} bytes.`, {
          connection: 'close',
        }),
      );
    if (Number(request.headers['content-length'] ?? 0) > bytesMax) return tooLong();
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bytesMax) return void chunks.push(chunk);
      request.removeAllListeners('data');
      request.pause();
      tooLong();
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    // Every request is closed at its end, too. Each comes once: "on" spares what "once" wraps around a listener.
    const cutOff = (): void => {
      if (!request.complete) reject(new HttpRefusal(400, 'The request body was cut off.'));
    };
    request.on('error', cutOff);
    request.on('close', cutOff);
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The JSON of a body. Throws HttpRefusal 400 where it is none, or is not UTF-8. */
export function parseJson(body: Buffer): unknown {
  let text;
  try {
    text = utf8.decode(body);
  } catch {
    throw new HttpRefusal(400, 'The request body is not UTF-8.');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpRefusal(400, 'The request body is not JSON.');
  }
}

/** Throws HttpRefusal 415 where the body is not declared as JSON in UTF-8: a form could send anything else from any web page. */
export function requireJson(request: IncomingMessage): void {
  const [type = '', ...parameters] = (request.headers['content-type'] ?? '')
    .split(';')
    .map((part) => part.trim().toLowerCase());
  const charset = parameters
    .find((each) => each.startsWith('charset='))
    ?.slice('charset='.length)
    .replace(/"/g, '');
  if (type !== mediaTypes.json) throw new HttpRefusal(415, 'The content-type of a POST must be application/json.');
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')
    throw new HttpRefusal(415, 'The charset of a POST must be utf-8.');
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw new HttpRefusal(415, 'The body must not be compressed.');
}

/** What a caller accepts. */
export interface Acceptance {
  /** The media type of a whole answer; undefined: none that there is. Ties go to application/json. */
  readonly whole: MediaType | undefined;
  /** Whether it also, or only, takes server-sent events. */
  readonly events: boolean;
}

const acceptsJson: Acceptance = { whole: mediaTypes.json, events: false };

/** Reads an accept header. Without one, everything is accepted. */
export function readAccept(accept: string | undefined): Acceptance {
  if (accept === undefined || accept === '*/*' || accept === mediaTypes.json) return acceptsJson;
  const ranges = accept.split(',').map((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const quality = Number(parameters.find((each) => each.startsWith('q='))?.slice(2) ?? 1);
    const charset = parameters.find((each) => each.startsWith('charset='))?.slice('charset='.length);
    return { type, quality: charset === undefined || charset === 'utf-8' ? quality : 0 };
  });
  const qualityOf = (...types: readonly string[]): number => {
    for (const type of types) {
      const found = ranges.find((each) => each.type === type);
      if (found) return found.quality;
    }
    return 0;
  };
  const json = qualityOf(mediaTypes.json, 'application/*', '*/*');
  const response = qualityOf(mediaTypes.response, 'application/*', '*/*');
  const best = response > json ? mediaTypes.response : mediaTypes.json;
  return { whole: Math.max(json, response) > 0 ? best : undefined, events: qualityOf(mediaTypes.events) > 0 };
}

const commonHeaders = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' } as const;

/** Writes a whole answer. */
export function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Buffer,
  headers: OutgoingHttpHeaders = {},
): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    ...commonHeaders,
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** Writes an answer that has only errors. */
export function sendErrors(
  response: ServerResponse,
  status: number,
  type: MediaType,
  errors: readonly ClientError[],
  headers: OutgoingHttpHeaders = {},
): void {
  send(response, status, contentTypes[type], `${JSON.stringify({ errors })}\n`, headers);
}

/** Writes what a refusal says, as a GraphQL error. */
export function sendRefusal(response: ServerResponse, refusal: HttpRefusal): void {
  const { message, extensions } = requestError('BAD_REQUEST', refusal.message);
  const code = refusal.status === 403 ? 'FORBIDDEN' : String(extensions['code']);
  sendErrors(
    response,
    refusal.status,
    mediaTypes.json,
    [{ message, extensions: { code, retryable: false } }],
    refusal.headers,
  );
}
