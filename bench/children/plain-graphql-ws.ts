/**
 * What one builds by hand with `graphql-ws` as its documentation has it: a schema with the same fields, a queue for each subscriber,
 * graphql-js for each delivery. Nothing is stored: a change goes straight to the subscribers.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSchema, graphql } from 'graphql';
import { handleProtocols, makeServer } from 'graphql-ws';
import { WebSocketServer } from 'ws';
import { behave } from '../support/child-side';
import type { HttpServerChild } from './no-op-gateway';

const schema = buildSchema(`
  type Query { hello: String! }
  type Mutation { kvPut(input: KvPutInput!): KvPutSuccess! }
  type Subscription { kvChanges(prefix: String! = ""): KvChange! }
  input KvPutInput { key: String! value: KvValueInput! }
  input KvValueInput { text: String }
  type KvPutSuccess { key: String! }
  enum KvChangeType { PUT DELETE }
  type KvChange { type: KvChangeType! key: String! version: String! entry: KvEntry }
  type KvEntry { value: KvValue! }
  type KvValue { text: String }
`);

/** Milliseconds: as ours has it. Whoever makes the changes waits while others are measured. */
const keepAliveTimeout = 65_000;

type Push = (change: unknown) => void;
const subscribers = new Set<Push>();
let version = 0;

/** A queue between those who publish and one subscriber. */
function subscribe(): AsyncIterableIterator<unknown> {
  const queue: unknown[] = [];
  const waiting: ((result: IteratorResult<unknown>) => void)[] = [];
  const push: Push = (change) => {
    const value = { kvChanges: change };
    const resolve = waiting.shift();
    if (resolve) resolve({ value, done: false });
    else queue.push(value);
  };
  subscribers.add(push);
  return {
    next: () =>
      queue.length > 0
        ? Promise.resolve({ value: queue.shift(), done: false })
        : new Promise((resolve) => waiting.push(resolve)),
    return: () => {
      subscribers.delete(push);
      return Promise.resolve({ value: undefined, done: true });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

const roots = {
  kvChanges: subscribe,
  kvPut({ input: { key, value } }: { input: { key: string; value: { text: string } } }): object {
    const change = { type: 'PUT', key, version: String((version += 1)), entry: { value } };
    for (const push of subscribers) push(change);
    return { key };
  },
};

behave<HttpServerChild>(
  () =>
    new Promise((resolve) => {
      const http = createServer({ keepAliveTimeout }, (request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.once('end', () => {
          const { query } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { query: string };
          void graphql({ schema, source: query, rootValue: roots }).then((result) => {
            const body = JSON.stringify(result);
            response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
            response.end(body);
          });
        });
      });
      const protocol = makeServer({ schema, roots: { subscription: roots } });
      const sockets = new WebSocketServer({ server: http, path: '/graphql', handleProtocols });
      sockets.on('connection', (socket, request) => {
        const closed = protocol.opened(
          {
            protocol: socket.protocol,
            send: (data) =>
              new Promise((sent, failed) => socket.send(data, (error) => (error ? failed(error) : sent()))),
            close: (code, reason) => socket.close(code, reason),
            onMessage: (listener) => void socket.on('message', (data) => void listener(String(data))),
          },
          { socket, request },
        );
        socket.once('close', (code, reason) => void closed(code, String(reason)));
      });
      http.listen(0, '127.0.0.1', () => resolve({ started: { port: (http.address() as AddressInfo).port } }));
    }),
);
