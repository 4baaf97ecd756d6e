/**
 * GraphQL over WebSocket (`graphql-transport-ws`): the protocol is graphql-ws's, the delivery ours. Payloads are written
 * straight to the socket, as bytes that equal subscriptions share (`delivery.ts`), as fast as the socket takes them (`peer.ts`).
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { GraphQLError } from 'graphql';
import type { ExecutionResult } from 'graphql';
import { handleProtocols, makeServer } from 'graphql-ws';
import type { Server, SubscribePayload } from 'graphql-ws';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { AppError, isAppError } from '../core/errors';
import { toClientError } from './errors';
import type { ClientError, ErrorScene } from './errors';
import { presentedByConnection } from './authentication';
import type { Caller, Presented } from './authentication';
import { MessageHead } from './delivery';
import type { Operation } from './executor';
import type { ExecutionRequest, Gateway } from './gateway';
import { Peer } from './peer';
import { shownResult } from './shown-result';
import type { Subscriber, SubscriptionEnd } from './subscriptions';

export interface WebSocketOptions {
  readonly messageBytesMax: number;
  /** Operations open at once on one socket. */
  readonly operationsMax: number;
  readonly slowConsumerMs: number;
  /** Between pings; a socket that leaves one unanswered until the next is given up. */
  readonly heartbeatMs: number;
}

const closeCodes = {
  goingAway: 1001,
  badRequest: 4400,
  tryAgainLater: 1013,
  unauthorized: 4401,
  forbidden: 4403,
  internal: 4500,
} as const;

interface Extra {
  readonly socket: WebSocket;
  readonly peer: Peer;
  readonly request: IncomingMessage;
  /** What came with the connection: judged anew for every operation. */
  presented: Presented;
}

/** Rides on the arguments that graphql-ws hands from onSubscribe to subscribe. */
interface Arguments {
  readonly id: string;
  readonly extra: Extra;
  readonly caller: Caller;
  readonly operation: Operation;
  readonly payload: SubscribePayload;
  readonly scene: ErrorScene;
}

export class WebSockets {
  readonly #gateway: Gateway;
  readonly #options: WebSocketOptions;
  readonly #server: WebSocketServer;
  readonly #protocol: Server<Extra>;

  constructor(gateway: Gateway, options: WebSocketOptions) {
    this.#gateway = gateway;
    this.#options = options;
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: options.messageBytesMax,
      handleProtocols,
      perMessageDeflate: false,
    });
    this.#protocol = this.#makeProtocol();
  }

  /** Takes an upgrade that has passed the guards. */
  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, stream, head, (socket) => this.#opened(socket, stream, request));
  }

  /** Closes every socket with 1001; resolves when they are closed, or drops them when `signal` aborts. */
  async close(signal: AbortSignal): Promise<void> {
    const closed = [...this.#server.clients].map(
      (socket) =>
        new Promise<void>(
          (resolve) => void (socket.readyState === socket.CLOSED ? resolve() : socket.once('close', resolve)),
        ),
    );
    for (const socket of this.#server.clients) socket.close(closeCodes.goingAway, 'the server is stopping');
    const drop = (): void => {
      for (const socket of this.#server.clients) socket.terminate();
    };
    signal.addEventListener('abort', drop, { once: true });
    if (signal.aborted) drop();
    await Promise.all(closed);
    signal.removeEventListener('abort', drop);
  }

  #opened(socket: WebSocket, stream: Duplex, request: IncomingMessage): void {
    const { connections } = this.#gateway.metrics;
    connections.inc();
    const peer = new Peer(socket, stream, { ...this.#options, clock: this.#gateway.clock });
    const extra: Extra = { socket, peer, request, presented: { authorization: undefined, tenantId: undefined } };
    // A broken frame or a message that is too large: ws closes the socket itself, with the right code.
    socket.on('error', (error) => this.#gateway.logger.debug({ err: error }, 'a WebSocket failed'));
    const closed = this.#protocol.opened(
      {
        protocol: socket.protocol,
        send: (data) => peer.send(data),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (listener) =>
          void socket.on('message', (data) => {
            listener(String(data)).catch((error: unknown) => {
              this.#gateway.logger.error({ err: error }, 'a WebSocket message failed');
              socket.close(closeCodes.internal, 'Internal error');
            });
          }),
      },
      extra,
    );
    socket.once('close', (code, reason) => {
      connections.dec();
      void closed(code, String(reason));
    });
  }

  #makeProtocol(): Server<Extra> {
    return makeServer<Record<string, unknown>, Extra>({
      connectionInitWaitTimeout: 10_000,
      onConnect: async ({ connectionParams, extra }) => {
        try {
          extra.presented = presentedByConnection(extra.request.headers, connectionParams ?? {});
          await this.#gateway.authenticate(extra.presented);
          return true;
        } catch (error) {
          const reason = error instanceof AppError ? error.message : 'refused';
          extra.socket.close(closeCodeOf(error), cutTo(reason, reasonBytesMax));
          return false;
        }
      },
      onSubscribe: async ({ extra, subscriptions }, id, payload) => {
        const scene = this.#gateway.scene();
        try {
          const { operationsMax } = this.#options;
          if (Object.keys(subscriptions).length > operationsMax)
            throw new AppError(
              'OVERLOADED',
              `this connection has ${operationsMax} operations open, which is the limit`,
            );
          const caller = await this.#gateway.authenticate(extra.presented);
          const admission = await this.#gateway.admit(caller, scene);
          if (admission?.refusal) throw admission.refusal;
          const operation = this.#gateway.prepare(payload);
          const args: Arguments = { id, extra, caller, operation, payload, scene };
          return {
            schema: this.#gateway.executor.schema,
            document: operation.document,
            operationName: payload.operationName ?? null,
            norigate: args,
          };
        } catch (error) {
          return (Array.isArray(error) ? error : [error]).map((each) => asGraphQLError(each, scene));
        }
      },
      execute: async (given) => {
        const { caller, operation, payload, scene } = argumentsOf(given);
        const arrivedMs = this.#gateway.clock.monotonicMs();
        const request = { operation, inputs: payload.variables ?? {}, caller, scene, arrivedMs };
        const result = await this.#runInTurn(request);
        const { data, errors } = shownResult(result, scene);
        return {
          ...(data === undefined ? {} : { data: data as Record<string, unknown> }),
          ...(errors ? { errors: errors.map(preformatted) } : {}),
        };
      },
      subscribe: (given) => this.#subscribe(argumentsOf(given)),
      onError: (_context, _id, _payload, errors) =>
        errors.flatMap((error) => {
          const { originalError } = error;
          if (originalError instanceof ShownErrors) return originalError.errors;
          return [toClientError(error, this.#gateway.scene())];
        }),
    });
  }

  async #runInTurn(request: ExecutionRequest): Promise<ExecutionResult> {
    const { tenantId } = request.caller;
    try {
      await this.#gateway.beginTurn(tenantId);
    } catch (error) {
      return { errors: [error as GraphQLError] };
    }
    try {
      return await this.#gateway.execute(request);
    } finally {
      this.#gateway.endTurn(tenantId);
    }
  }

  /** To graphql-ws an iterator that yields nothing; `next` resolves when the subscription is over. */
  async #subscribe({ id, extra, caller, operation, payload, scene }: Arguments): Promise<AsyncGenerator<never>> {
    const { peer } = extra;
    const head = new MessageHead(id);
    let finish!: (how: SubscriptionEnd) => void;
    const ended = new Promise<SubscriptionEnd>((resolve) => (finish = resolve));
    const subscriber: Subscriber = {
      outlet: peer.outlet,
      deliver: (delivery) => peer.deliver(delivery, head),
      end: finish,
    };
    const opened = await this.#gateway.subscribe({
      operation,
      operationName: payload.operationName,
      inputs: payload.variables ?? {},
      caller,
      scene,
      subscriber,
      lastEventId: undefined,
    });
    // An error from the resolver ends the operation before it began: `error`, not `next`.
    if ('errors' in opened) return failing(opened.errors);
    const release = peer.hold(opened);
    return emptyGenerator(
      async () => {
        const how = await ended;
        release();
        if (how.kind === 'failed') throw new ShownErrors(how.errors);
        return { done: true, value: undefined };
      },
      () => {
        opened.close();
        finish({ kind: 'stopped' });
      },
    );
  }
}

/** Errors on their way through graphql-ws, to be shown as they are. */
class ShownErrors extends Error {
  readonly errors: readonly ClientError[];

  constructor(errors: readonly ClientError[]) {
    super(errors[0]?.message);
    this.name = 'ShownErrors';
    this.errors = errors;
  }
}

/** A close frame has no room for more. */
const reasonBytesMax = 120;

function cutTo(text: string, bytesMax: number): string {
  let cut = text.slice(0, bytesMax);
  while (Buffer.byteLength(cut) > bytesMax) cut = cut.slice(0, -1);
  return cut;
}

/** How a connection that is not let in is closed. */
function closeCodeOf(error: unknown): number {
  if (isAppError(error, 'UNAUTHENTICATED')) return closeCodes.unauthorized;
  if (isAppError(error, 'FORBIDDEN')) return closeCodes.forbidden;
  return isAppError(error, 'INVALID_ARGUMENT') ? closeCodes.badRequest : closeCodes.tryAgainLater;
}

function argumentsOf(given: unknown): Arguments {
  return (given as { norigate: Arguments }).norigate;
}

function asGraphQLError(error: unknown, scene: ErrorScene): GraphQLError {
  return preformatted(toClientError(error, scene));
}

/** An error that is shown as it is. */
function preformatted(shown: ClientError): GraphQLError {
  const error = new GraphQLError(shown.message, { originalError: new ShownErrors([shown]) });
  Object.defineProperty(error, 'toJSON', { value: () => shown });
  return error;
}

function failing(errors: readonly ClientError[]): AsyncGenerator<never> {
  return emptyGenerator(
    () => Promise.reject(new ShownErrors(errors)),
    () => undefined,
  );
}

/** A generator's face over `run`, whose `return` works at once, also while `run` waits. */
function emptyGenerator(run: () => Promise<IteratorResult<never>>, close: () => void): AsyncGenerator<never> {
  const finish = (): Promise<IteratorResult<never>> => {
    close();
    return Promise.resolve({ done: true, value: undefined });
  };
  const generator = {
    next: run,
    return: finish,
    throw: finish,
    [Symbol.asyncIterator]: () => generator,
    [Symbol.asyncDispose]: async () => void (await finish()),
  };
  return generator as unknown as AsyncGenerator<never>;
}
