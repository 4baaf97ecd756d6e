/** A server that behaves like one of embeddings, as well or as badly as a test tells it. */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Collector } from './collector';

export interface Asked {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: Readonly<Record<string, unknown>> & { readonly input: readonly string[] };
}

/** What it does with one request; `hold` leaves it without an answer. */
export type Behaviour = (asked: Asked, response: ServerResponse) => unknown;

export class EmbeddingServer {
  readonly asked = new Collector<Asked>();
  /** What is done with the next requests; after them, what is right. */
  readonly next: Behaviour[] = [];
  readonly dimensions: number;
  readonly #server: Server;

  private constructor(dimensions: number) {
    this.dimensions = dimensions;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(dimensions = 3): Promise<EmbeddingServer> {
    const server = new EmbeddingServer(dimensions);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const asked: Asked = {
      path: request.url!,
      authorization: request.headers.authorization,
      body: JSON.parse(Buffer.concat(chunks).toString('utf8')) as Asked['body'],
    };
    const behaviour = this.next.shift() ?? answers((text) => vectorOf(text, this.dimensions));
    behaviour(asked, response);
    this.asked.add(asked);
  }
}

/** A vector that says which text it is of. */
export function vectorOf(text: string, dimensions: number): number[] {
  return Array.from({ length: dimensions }, (_, index) => (index === 0 ? text.length : index));
}

const json = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
};

/** The right answer, with what `make` gives for each text. */
export const answers =
  (make: (text: string) => unknown): Behaviour =>
  ({ body }, response) =>
    json(response, 200, {
      object: 'list',
      // Not in order: the index counts.
      data: body.input.map((text, index) => ({ object: 'embedding', index, embedding: make(text) })).reverse(),
      model: 'm',
      usage: { prompt_tokens: 1, total_tokens: 1 },
    });

/** The answer as it is given. */
export const says =
  (body: unknown): Behaviour =>
  (_, response) =>
    json(response, 200, body);

export const refuses =
  (status: number, headers: Readonly<Record<string, string>> = {}): Behaviour =>
  ({ authorization }, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ error: { message: `Incorrect API key provided: ${authorization}`, code: 'bad' } }));
  };

export const breaksOff: Behaviour = (_, response) => response.destroy();
export const hold: Behaviour = () => undefined;
