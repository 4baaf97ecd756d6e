/**
 * One connection that speaks just enough HTTP/1.1 to make load cheaply: a request at a time, written as it stands; answers with a
 * content-length. A whole answer in one chunk, which is the rule, is read where it lies, without a copy.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** What has come; it is valid during the call alone. */
export interface Answer {
  readonly status: number;
  /** Head and body. */
  readonly bytes: Buffer;
  readonly bodyStart: number;
  readonly bodyEnd: number;
}

export interface HttpConnectionEvents {
  onAnswer(connection: HttpConnection, answer: Answer): void;
  /** It is broken, or what came is no answer. */
  onFailure(connection: HttpConnection, why: string): void;
}

const bufferBytes = 65_536;
const headEnd = Buffer.from('\r\n\r\n');
const lengthNames = [Buffer.from('content-length: '), Buffer.from('Content-Length: ')];

export class HttpConnection {
  /** When the request that is in flight was sent, by `performance.now`: kept here for whoever sends it. */
  askedMs = 0;
  readonly #socket: Socket;
  readonly #events: HttpConnectionEvents;
  /** The beginning of an answer that came in parts. */
  #pending = Buffer.alloc(0);
  #isClosed = false;

  private constructor(port: number, events: HttpConnectionEvents) {
    this.#events = events;
    this.#socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: Buffer.alloc(bufferBytes),
        callback: (count, buffer) => {
          this.#take(buffer as Buffer, count);
          return true;
        },
      },
    });
  }

  static open(port: number, events: HttpConnectionEvents): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const connection = new HttpConnection(port, events);
      const socket = connection.#socket;
      socket.once('connect', () => resolve(connection));
      socket.on('error', (error) => {
        reject(error);
        connection.#fail(error.message);
      });
      socket.on('close', () => connection.#fail('the server closed the connection'));
    });
  }

  send(request: Buffer): void {
    this.askedMs = performance.now();
    this.#socket.write(request);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #fail(why: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#events.onFailure(this, why);
  }

  #take(chunk: Buffer, count: number): void {
    if (this.#pending.length === 0) return this.#read(chunk, count);
    const bytes = Buffer.concat([this.#pending, chunk.subarray(0, count)]);
    this.#pending = Buffer.alloc(0);
    this.#read(bytes, bytes.length);
  }

  /** `bytes` may hold more than has come: what an earlier answer left behind. */
  #read(bytes: Buffer, count: number): void {
    const head = bytes.indexOf(headEnd);
    if (head < 0 || head + headEnd.length > count) return this.#keep(bytes, count);
    const length = lengthIn(bytes, head);
    if (length === undefined) return this.#fail(`an answer without a length: ${bytes.toString('latin1', 0, head)}`);
    const bodyStart = head + headEnd.length;
    const bodyEnd = bodyStart + length;
    if (bodyEnd > count) return this.#keep(bytes, count);
    if (bodyEnd < count) return this.#fail('more came than one answer');
    // "HTTP/1.1 200 OK"
    const status = digit(bytes, 9) * 100 + digit(bytes, 10) * 10 + digit(bytes, 11);
    this.#events.onAnswer(this, { status, bytes, bodyStart, bodyEnd });
  }

  #keep(bytes: Buffer, count: number): void {
    this.#pending = Buffer.from(bytes.subarray(0, count));
  }
}

function digit(bytes: Buffer, at: number): number {
  return bytes[at]! - 48;
}

function lengthIn(bytes: Buffer, head: number): number | undefined {
  for (const name of lengthNames) {
    const found = bytes.indexOf(name);
    if (found < 0 || found > head) continue;
    let length = 0;
    for (let at = found + name.length; at < bytes.length && bytes[at] !== 13; at += 1)
      length = length * 10 + digit(bytes, at);
    return length;
  }
  return undefined;
}

/** A POST of GraphQL, as it goes over the wire. */
export function graphqlRequest(
  { port, tenantId }: { readonly port: number; readonly tenantId?: string },
  query: string,
  variables?: object,
): Buffer {
  const body = JSON.stringify(variables ? { query, variables } : { query });
  const head = [
    'POST /graphql HTTP/1.1',
    `host: 127.0.0.1:${port}`,
    'accept: */*',
    'content-type: application/json',
    ...(tenantId === undefined ? [] : [`x-tenant-id: ${tenantId}`]),
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** What is wrong with an answer that should have data, and holds this text; undefined: nothing. */
export function faultOf({ status, bytes, bodyStart, bodyEnd }: Answer, expected: Buffer): string | undefined {
  const body = bytes.subarray(bodyStart, bodyEnd);
  if (status === 200 && body.includes(expected) && !body.includes('"errors"')) return undefined;
  return `status ${status}: ${body.toString('utf8', 0, 500)}`;
}
