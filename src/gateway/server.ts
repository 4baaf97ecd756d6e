/**
 * The HTTP server: a thin node:http handler that guards, routes, and hands over. It listens when told to, and stops in
 * order: no new work, what runs finishes, sockets close with 1001.
 */
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RequestContext } from '../../resolvers/context';
import { Gateway } from './gateway';
import type { GatewayOptions } from './gateway';
import { Graphiql } from './graphiql';
import type { GraphiqlOptions } from './graphiql';
import { GraphqlHttp } from './graphql-http';
import { refusalOf } from './guards';
import type { GuardOptions } from './guards';
import { HttpRefusal, send, sendRefusal } from './http-io';
import { extendGatewaySchema } from './extend-schema';
import type { SchemaExtension } from './extend-schema';
import { buildGatewaySchema, printGatewaySchema } from './schema';
import type { SchemaOptions } from './schema';
import { WebSockets } from './websocket';

export type { RequestContext };

export interface GatewayServerOptions extends Omit<GatewayOptions, 'schema' | 'ownRoles'>, SchemaOptions {
  /** Fields of an application beside ours; left out: none. */
  readonly extension?: SchemaExtension | undefined;
  readonly allowedOrigins: readonly string[];
  /** Whether requests must name a loopback host: where everyone is let in. */
  readonly isLoopbackOnly: boolean;
  /** PEM of certificate chain and key; left out: plain HTTP. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
  readonly graphiql: GraphiqlOptions;
  readonly bodyBytesMax: number;
  readonly operationsPerSocketMax: number;
  readonly connectionsMax: number;
  readonly slowConsumerMs: number;
  /** Between signs of life on open subscriptions: pings of WebSockets, comments of event streams. */
  readonly heartbeatMs: number;
  /** Whether storage answers; asked for by /readyz. Resolves or rejects within about a second. */
  readonly isStorageReady: () => Promise<boolean>;
  /** The text of `/metrics`; left out: that of this process. */
  readonly showMetrics?: (() => Promise<string>) | undefined;
}

export interface GatewayServer {
  readonly gateway: Gateway;
  /** The SDL of the schema that is served. */
  readonly sdl: string;
  /** Begins to listen; resolves with the port. Rejects where the address is taken. */
  listen(port: number, host: string): Promise<number>;
  /** Says "not ready" and ends keep-alive connections, while it still answers. */
  drain(): void;
  /** Finishes what runs, ends subscriptions, closes sockets; when `signal` aborts, without waiting any longer. */
  stop(signal: AbortSignal): Promise<void>;
}

/** Makes a gateway that does not listen yet. Throws where the resolver classes, or the application's fields, do not make a schema. */
export async function createGateway(options: GatewayServerOptions): Promise<GatewayServer> {
  const ours = buildGatewaySchema(options);
  const extended = options.extension && extendGatewaySchema(ours, options.extension);
  const schema = extended?.schema ?? ours;
  const gateway = new Gateway({ ...options, schema, ownRoles: extended?.roles });
  const graphqlHttp = new GraphqlHttp(gateway, options);
  await graphqlHttp.start();
  return new HttpGateway({ options, gateway, graphqlHttp, sdl: printGatewaySchema(schema) });
}

interface Parts {
  readonly options: GatewayServerOptions;
  readonly gateway: Gateway;
  readonly graphqlHttp: GraphqlHttp;
  readonly sdl: string;
}

class HttpGateway implements GatewayServer {
  readonly gateway: Gateway;
  readonly sdl: string;
  readonly #options: GatewayServerOptions;
  readonly #graphqlHttp: GraphqlHttp;
  readonly #graphiql: Graphiql;
  readonly #webSockets: WebSockets;
  readonly #server: Server;
  readonly #guards: GuardOptions;
  #isDraining = false;

  constructor({ options, gateway, graphqlHttp, sdl }: Parts) {
    this.#options = options;
    this.gateway = gateway;
    this.sdl = sdl;
    this.#graphqlHttp = graphqlHttp;
    this.#graphiql = new Graphiql(options.graphiql);
    this.#guards = {
      allowedOrigins: options.allowedOrigins,
      isTls: options.tls !== undefined,
      isLoopbackOnly: options.isLoopbackOnly,
    };
    this.#webSockets = new WebSockets(gateway, {
      messageBytesMax: options.bodyBytesMax,
      operationsMax: options.operationsPerSocketMax,
      slowConsumerMs: options.slowConsumerMs,
      heartbeatMs: options.heartbeatMs,
    });
    const settings = { keepAliveTimeout: 65_000, headersTimeout: 30_000, requestTimeout: 60_000 };
    const handler = (request: IncomingMessage, response: ServerResponse): void => this.#handle(request, response);
    this.#server = options.tls
      ? createHttpsServer({ ...settings, ...options.tls }, handler)
      : createHttpServer(settings, handler);
    this.#server.maxConnections = options.connectionsMax;
    this.#server.on('upgrade', (request, stream, head) => this.#upgrade(request, stream, head));
  }

  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  drain(): void {
    this.#isDraining = true;
  }

  async stop(signal: AbortSignal): Promise<void> {
    this.#isDraining = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    // Sockets first: a subscription that ends on an open one would be told that it is complete.
    const socketsClosed = this.#webSockets.close(signal);
    this.gateway.stopSubscriptions();
    this.#server.closeIdleConnections();
    const drop = (): void => this.#server.closeAllConnections();
    if (signal.aborted) drop();
    else signal.addEventListener('abort', drop, { once: true });
    await socketsClosed;
    await closed;
    signal.removeEventListener('abort', drop);
    await this.#graphqlHttp.stop();
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    response.on('finish', () => this.gateway.metrics.countAnswer(response.statusCode));
    // A connection that stays open would keep a stop waiting.
    if (this.#isDraining) response.setHeader('connection', 'close');
    this.#route(request, response).catch((error: unknown) => {
      if (error instanceof HttpRefusal) sendRefusal(response, error);
      else {
        const { requestId } = this.gateway.scene();
        this.gateway.logger.error({ err: error, requestId }, 'a request failed');
        sendRefusal(response, new HttpRefusal(500, `Internal error (id ${requestId})`));
        if (response.headersSent) response.destroy();
      }
    });
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    const { headers, method } = request;
    const refusal = refusalOf(headers, this.#guards);
    if (refusal !== undefined) throw new HttpRefusal(403, `${refusal}.`);
    if (headers.origin !== undefined) this.#allowOrigin(response, headers.origin);
    if (method === 'OPTIONS') return preflight(response);
    if (path === '/graphql') return await this.#graphqlHttp.handle(request, response, mark < 0 ? '' : url.slice(mark));
    if (method !== 'GET' && method !== 'HEAD')
      throw new HttpRefusal(405, `${path} is read with GET.`, { allow: 'GET, HEAD' });
    await this.#page(response, path, headers.host ?? '');
  }

  async #page(response: ServerResponse, path: string, host: string): Promise<void> {
    const plain = 'text/plain; charset=utf-8';
    switch (path) {
      case '/':
        return send(response, 302, plain, 'See /graphiql\n', { location: '/graphiql' });
      case '/healthz':
        return send(response, 200, plain, 'ok\n');
      case '/readyz': {
        if (this.#isDraining) return send(response, 503, plain, 'stopping\n');
        const isReady = await this.#options.isStorageReady().catch(() => false);
        return isReady
          ? send(response, 200, plain, 'ready\n')
          : send(response, 503, plain, 'storage does not answer\n');
      }
      case '/metrics': {
        const { registry } = this.gateway.metrics;
        return send(response, 200, registry.contentType, await (this.#options.showMetrics?.() ?? registry.metrics()));
      }
      case '/schema.graphql':
        if (!this.#options.allowIntrospection) throw new HttpRefusal(404, 'The schema is not shown here.');
        return send(response, 200, plain, this.sdl);
      default:
        if ((path === '/graphiql' || path.startsWith('/graphiql/')) && this.#graphiql.serve(response, path, host))
          return;
        throw new HttpRefusal(404, `There is nothing at ${path.slice(0, 200)}.`);
    }
  }

  #allowOrigin(response: ServerResponse, origin: string): void {
    response.setHeader('vary', 'origin');
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('access-control-expose-headers', 'ratelimit, ratelimit-policy, retry-after');
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    stream.on('error', (error) => this.gateway.logger.debug({ err: error }, 'an upgrade failed'));
    const refuse = (status: string, why: string): void => {
      stream.end(
        `HTTP/1.1 ${status}\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(why)}\r\nconnection: close\r\n\r\n${why}`,
      );
    };
    const { headers } = request;
    const path = (request.url ?? '').replace(/\?.*$/s, '');
    if (path !== '/graphql') return refuse('404 Not Found', 'WebSockets are at /graphql.');
    if (this.#isDraining) return refuse('503 Service Unavailable', 'The server is stopping.');
    const refusal = refusalOf(headers, this.#guards);
    if (refusal !== undefined) return refuse('403 Forbidden', refusal);
    this.#webSockets.upgrade(request, stream, head);
  }
}

function preflight(response: ServerResponse): void {
  send(response, 204, 'text/plain', '', {
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers':
      'content-type, accept, authorization, last-event-id, x-tenant-id, apollographql-client-name, apollographql-client-version, apollo-require-preflight',
    'access-control-max-age': '600',
  });
}
