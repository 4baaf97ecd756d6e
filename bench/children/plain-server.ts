/** What Node itself costs: a body parsed as JSON, an answer written as JSON, and no GraphQL at all. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { behave } from '../support/child-side';
import type { HttpServerChild } from './no-op-gateway';

behave<HttpServerChild>(
  () =>
    new Promise((resolve) => {
      const server = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.once('end', () => {
          const { query } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { query: string };
          const body = JSON.stringify({ data: { hello: query.slice(0, 0) + 'hello' } });
          response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
          response.end(body);
        });
      });
      server.listen(0, '127.0.0.1', () => resolve({ started: { port: (server.address() as AddressInfo).port } }));
    }),
);
