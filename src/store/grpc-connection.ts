/**
 * One connection to storage: a channel of its own, the Session stream on it and the Watch calls. It lives from its hello
 * to its first fault; then everything on it ends, and its owner makes another one. Nothing is sent again here.
 */
import { readFileSync } from 'node:fs';
import type { ClientDuplexStream, ClientReadableStream } from '@grpc/grpc-js';
import { Client, Metadata, credentials } from '@grpc/grpc-js';
import { storeLimits } from '../../proto/limits';
import { faultOfServer, protocolMajor, protocolMinor } from '../../proto/protocol';
import type { WatchBatch } from '../../proto/store';
import { decodeServerMessage, decodeWatchBatch, encodeHello, encodeWatchRequest } from '../../proto/wire';
import type { Hello, Reply, WatchRequest } from '../../proto/wire';
import { fromStatus } from '../../proto/wire-failure';
import { storeService } from '../../proto/wire-types';
import type { CancelTimer, Clock } from '../core/clock';
import { AppError, toAppError } from '../core/errors';

/** Files (PEM) for TLS. */
export interface ClientTls {
  /** The authority that signed the server's certificate; left out: those that Node trusts. */
  readonly caFile?: string;
  /** What the client shows of itself, where the server asks for it. */
  readonly certFile?: string;
  readonly keyFile?: string;
}

export interface ConnectionOptions {
  /** `unix:/path` or `host:port`. */
  readonly address: string;
  readonly tls?: ClientTls;
  readonly clock: Clock;
  /** How long the server may take until its hello. */
  readonly helloMs: number;
  /** A ping after this much silence, and how long its answer may take. */
  readonly keepaliveMs: number;
}

export interface ConnectionEvents {
  /** Once, when operations may be sent. */
  onOpen(connection: GrpcConnection, hello: Hello): void;
  onReplies(replies: readonly Reply[]): void;
  /** More may be sent after `send` said no. */
  onDrain(): void;
  /** Once, unless it was closed by its owner: nothing comes any more. */
  onLost(connection: GrpcConnection, error: AppError): void;
}

const ownHello: Hello = {
  major: protocolMajor,
  minor: protocolMinor,
  storeId: '',
  engine: '',
  limits: { messageBytesMax: 0, readRangesMax: 0, commitTransactionsMax: 0 },
  revision: 0,
};

export class GrpcConnection {
  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #client: Client;
  readonly #session: ClientDuplexStream<Buffer, Buffer>;
  readonly #watches = new Set<ClientReadableStream<Buffer>>();
  #cancelHelloTimer: CancelTimer;
  #hello: Hello | undefined;
  #isOver = false;
  #heardMs: number;
  /** False while the stream is full. */
  canSend = true;

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.#heardMs = options.clock.monotonicMs();
    this.#client = new Client(options.address, channelCredentials(options.tls), {
      'grpc.max_receive_message_length': storeLimits.messageBytesMax + 1_024,
      'grpc.max_send_message_length': -1,
      'grpc.keepalive_time_ms': options.keepaliveMs,
      'grpc.keepalive_timeout_ms': options.keepaliveMs,
      'grpc.keepalive_permit_without_calls': 1,
      // Trying again is this side's own business: a fresh channel has no backoff that a later try would have to wait for.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc-node.flow_control_window': 1_048_576,
    });
    const { path, requestSerialize, responseDeserialize } = storeService.session;
    this.#session = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
    this.#session.on('data', (bytes: Buffer) => this.#onMessage(bytes));
    this.#session.on('error', (error) => this.#lose(fromStatus(error)));
    this.#session.on('end', () => this.#lose(new AppError('UNAVAILABLE', 'storage ended the connection')));
    this.#session.on('drain', () => {
      this.canSend = true;
      if (!this.#isOver) this.#events.onDrain();
    });
    this.#session.write(encodeHello(ownHello));
    this.#cancelHelloTimer = options.clock.after(options.helloMs, () => {
      this.#lose(
        new AppError('UNAVAILABLE', `storage did not answer on ${options.address} within ${options.helloMs} ms`),
      );
    });
  }

  /** What the server said of itself; only after onOpen. */
  get hello(): Hello {
    if (!this.#hello) throw new AppError('INTERNAL', 'a connection was used before its hello');
    return this.#hello;
  }

  /** When something last came on the stream, in monotonic milliseconds. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** Sends an encoded message. Past `canSend` it waits in memory. */
  send(message: Buffer): void {
    if (!this.#session.write(message)) this.canSend = false;
  }

  /**
   * Batches of one Watch call. Throws what ended it: UNAVAILABLE where the connection broke. Ends when the signal aborts.
   */
  async *watch(request: WatchRequest, signal: AbortSignal): AsyncGenerator<WatchBatch, void, undefined> {
    if (this.#isOver) throw new AppError('UNAVAILABLE', 'the connection to storage is closed');
    const { path, requestSerialize, responseDeserialize } = storeService.watch;
    const encoded = encodeWatchRequest(request);
    const call = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      encoded,
      new Metadata(),
    );
    const cancel = (): void => call.cancel();
    // The iteration throws errors too; this listener takes the one that comes when nobody iterates any more.
    call.on('error', () => undefined);
    this.#watches.add(call);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      if (signal.aborted) return;
      for await (const bytes of call) {
        yield decodeWatchBatch(bytes as Buffer);
        if (signal.aborted) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      throw error instanceof AppError ? error : fromStatus(error as Error);
    } finally {
      signal.removeEventListener('abort', cancel);
      this.#watches.delete(call);
      call.cancel();
    }
    throw new AppError('UNAVAILABLE', 'storage ended the watch');
  }

  /** Ends everything on it; no event comes any more. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelHelloTimer();
    this.#session.cancel();
    for (const call of this.#watches) call.cancel();
    this.#client.close();
  }

  /** Gives it up as broken, as when storage is silent. */
  fail(error: AppError): void {
    this.#lose(error);
  }

  #onMessage(bytes: Buffer): void {
    if (this.#isOver) return;
    this.#heardMs = this.#options.clock.monotonicMs();
    try {
      const { hello, replies } = decodeServerMessage(bytes);
      if (this.#hello) return this.#events.onReplies(replies);
      const fault = hello ? faultOfServer(hello.major) : 'what answers there is no storage of norigate';
      if (!hello || fault !== undefined) return this.#lose(new AppError('UNAVAILABLE', fault!));
      this.#hello = hello;
    } catch (error) {
      return this.#lose(toAppError(error));
    }
    this.#cancelHelloTimer();
    this.#events.onOpen(this, this.#hello);
  }

  #lose(error: AppError): void {
    if (this.#isOver) return;
    this.close();
    this.#events.onLost(this, error);
  }
}

/** Of a channel to storage. */
export function channelCredentials(tls: ClientTls | undefined): ReturnType<typeof credentials.createInsecure> {
  if (!tls) return credentials.createInsecure();
  const read = (file: string | undefined): Buffer | null => (file === undefined ? null : readFileSync(file));
  return credentials.createSsl(read(tls.caFile), read(tls.keyFile), read(tls.certFile));
}
