/** Server-sent events by hand: every line as it came, and a reader that can stop reading. */
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Collector } from './collector';

export interface ServerEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: unknown;
}

export interface EventSourceOptions {
  readonly port: number;
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: 'GET' | 'POST';
}

export class RawEventSource {
  readonly events = new Collector<ServerEvent>();
  readonly comments = new Collector<string>();
  /** Resolves when the stream has ended, in order or not. */
  readonly ended: Promise<unknown>;
  readonly answer: IncomingMessage;
  readonly #request: ClientRequest;
  #rest = '';

  private constructor(request: ClientRequest, answer: IncomingMessage) {
    this.#request = request;
    this.answer = answer;
    this.ended = new Promise((resolve) => answer.once('close', resolve));
    answer.on('error', () => undefined);
    answer.setEncoding('utf8').on('data', (text: string) => this.#read(text));
  }

  static async open({ port, query, variables, headers, method = 'POST' }: EventSourceOptions): Promise<RawEventSource> {
    const search = new URLSearchParams({ query, ...(variables && { variables: JSON.stringify(variables) }) });
    const request = httpRequest({
      host: '127.0.0.1',
      port,
      method,
      path: method === 'GET' ? `/graphql?${search}` : '/graphql',
      headers: {
        accept: 'text/event-stream',
        ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
    });
    request.on('error', () => undefined);
    request.end(method === 'POST' ? JSON.stringify({ query, variables }) : undefined);
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    return new RawEventSource(request, answer);
  }

  close(): void {
    this.#request.destroy();
  }

  #read(text: string): void {
    const parts = (this.#rest + text).split('\n\n');
    this.#rest = parts.pop()!;
    for (const part of parts) {
      if (part.startsWith(':')) this.comments.add(part);
      else this.events.add(eventOf(part));
    }
  }
}

function eventOf(part: string): ServerEvent {
  const fields = new Map(
    part.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const data = fields.get('data') ?? '';
  return {
    event: fields.get('event') ?? '',
    id: fields.get('id'),
    data: data === '' ? undefined : (JSON.parse(data) as unknown),
  };
}
