/**
 * The way to etcd: one channel for each endpoint, one of which is used; the next one takes its place when a call on it breaks or
 * passes its deadline (a paused member is found by nothing else). A member that was left is asked for its state until it answers, and only then
 * used again: so that while a leader is elected, the paused one is not waited for a second time. A read is tried on one endpoint after the other until its
 * time is over; a write is sent once, and its caller decides what a lost answer means. With a user, calls carry a token, which is
 * asked for again when etcd no longer takes it.
 */
import { readFileSync } from 'node:fs';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { Client, Metadata, credentials, status } from '@grpc/grpc-js';
import type { Clock } from '../../src/core/clock';
import { AppError, toAppError } from '../../src/core/errors';
import type { Method, WatchResponse } from './messages';
import { methods } from './messages';

/** Files (PEM) for TLS. */
export interface EtcdTls {
  /** The authority that signed etcd's certificates; left out: those that Node trusts. */
  readonly caFile?: string;
  /** What we show of ourselves, where etcd asks for it. */
  readonly certFile?: string;
  readonly keyFile?: string;
}

export interface ChannelOptions {
  /** `host:port` each; at least one. */
  readonly endpoints: readonly string[];
  readonly clock: Clock;
  readonly tls?: EtcdTls;
  readonly user?: string;
  readonly password?: string;
  /** How long one call on one endpoint may take; default 1,000 ms. */
  readonly callMs?: number;
  /** How long a read is tried on all of them; default 4,000 ms. */
  readonly readMs?: number;
}

/** A call that failed, with gRPC's code. */
export class EtcdFailure extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'EtcdFailure';
    this.code = code;
  }

  /** Whether a write that failed so may have been applied all the same. */
  get isAmbiguous(): boolean {
    return ambiguousCodes.has(this.code);
  }
}

/** CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE. */
const ambiguousCodes: ReadonlySet<number> = new Set([1, 2, 4, 13, 14]);
/** etcd closes connections that ping more often than every 5 s. */
const keepaliveMs = 6_000;
/** Between two tries of a read on all endpoints. */
const pauseMs = 50;
/** A token that is younger is not doubted: asking for one costs etcd as much as a hash of a password does. */
const tokenMsMin = 1_000;
/** Between two looks at a member that does not answer. */
const probeMs = 200;
/** A member that has not answered for so long is dialled anew: it may be back at another address, where the old connection does not lead. */
const redialMs = 2_000;

export class EtcdChannel {
  readonly #options: ChannelOptions;
  readonly #callMs: number;
  readonly #clients: Client[];
  /** Of members that are asked for their state, by address. */
  readonly #others = new Map<string, Client>();
  readonly #listeners = new Set<() => void>();
  #current = 0;
  /** Endpoints that were left and have not answered since. */
  readonly #suspects = new Set<number>();
  /** Endpoints left since a call was last answered. */
  #failures = 0;
  #token: Promise<string> | undefined;
  #tokenSinceMs = 0;
  #isClosed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#callMs = options.callMs ?? 1_000;
    this.#clients = options.endpoints.map((endpoint) => makeClient(endpoint, options.tls));
  }

  /** Sends a call once, on the endpoint that is used now. Rejects with EtcdFailure. */
  async once<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
    const at = this.#current;
    try {
      const response = await this.#authorized(at, method, request);
      this.#failures = 0;
      return response;
    } catch (error) {
      if ((error as EtcdFailure).isAmbiguous) this.#leave(at);
      throw error;
    }
  }

  /** Sends a call that may be repeated, until it is answered. Rejects with UNAVAILABLE where nobody answers in time, else with EtcdFailure. */
  async ask<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
    const { clock, readMs = 4_000 } = this.#options;
    const beganMs = clock.monotonicMs();
    for (;;) {
      try {
        return await this.once(method, request);
      } catch (error) {
        const failure = error as EtcdFailure;
        if (!failure.isAmbiguous) throw failure;
        if (this.#isClosed || clock.monotonicMs() - beganMs >= readMs) throw unreachable(failure);
        await clock.sleep(pauseMs);
      }
    }
  }

  /** Asks one endpoint, and no other. */
  askAt<Request, Response>(endpoint: string, method: Method<Request, Response>, request: Request): Promise<Response> {
    const at = this.#options.endpoints.indexOf(endpoint);
    if (at >= 0) return this.#authorized(at, method, request);
    let client = this.#others.get(endpoint);
    if (!client) this.#others.set(endpoint, (client = makeClient(endpoint, this.#options.tls)));
    return this.#authorized(client, method, request);
  }

  /** Forgets members that are not there any more. */
  keepOnly(endpoints: ReadonlySet<string>): void {
    for (const [endpoint, client] of this.#others) {
      if (endpoints.has(endpoint)) continue;
      client.close();
      this.#others.delete(endpoint);
    }
  }

  /** A watch on the endpoint that is used now. */
  async watch(): Promise<ClientDuplexStream<Parameters<typeof methods.watch.encode>[0], WatchResponse>> {
    const client = this.#clients[this.#current]!;
    const metadata = await this.#metadata(client);
    const { path, encode, decode } = methods.watch;
    return client.makeBidiStreamRequest(path, encode, decode, metadata);
  }

  /** Calls `listener` whenever another endpoint is used from now on. Returns how to stop that. */
  onLeave(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Uses another endpoint, where there is one. */
  leave(): void {
    this.#leave(this.#current);
  }

  /** A watch was refused, which says no more than that: perhaps the token is over. A new one is asked for, if that was not just done. */
  doubtToken(): void {
    if (this.#options.clock.monotonicMs() - this.#tokenSinceMs >= tokenMsMin) this.#token = undefined;
  }

  close(): void {
    this.#isClosed = true;
    for (const client of [...this.#clients, ...this.#others.values()]) client.close();
  }

  async #authorized<Request, Response>(
    at: number | Client,
    method: Method<Request, Response>,
    request: Request,
  ): Promise<Response> {
    const client = typeof at === 'number' ? this.#clients[at]! : at;
    const metadata = await this.#metadata(client);
    const used = this.#token;
    try {
      return await this.#call(client, method, request, metadata);
    } catch (error) {
      if (!used || !isTokenRefused(error as EtcdFailure)) throw error;
      // Of many calls that were refused with it, the first one asks for another.
      if (this.#token === used) this.#token = undefined;
      return this.#call(client, method, request, await this.#metadata(client));
    }
  }

  async #metadata(client: Client): Promise<Metadata> {
    const metadata = new Metadata();
    const { user, password = '' } = this.#options;
    if (user === undefined) return metadata;
    if (!this.#token) {
      const answer = this.#call(client, methods.authenticate, { name: user, password }, new Metadata());
      this.#token = answer.then(({ token }) => token);
      this.#tokenSinceMs = this.#options.clock.monotonicMs();
    }
    const asked = this.#token;
    try {
      metadata.set('token', await asked);
    } catch (error) {
      if (this.#token === asked) this.#token = undefined;
      throw error;
    }
    return metadata;
  }

  #call<Request, Response>(
    client: Client,
    { path, encode, decode }: Method<Request, Response>,
    request: Request,
    metadata: Metadata,
  ): Promise<Response> {
    if (this.#isClosed) return Promise.reject(new EtcdFailure(status.CANCELLED, 'the store is closed'));
    const callMs = this.#callMs * patience(this.#failures);
    return new Promise((resolve, reject) => {
      let isLate = false;
      const call = client.makeUnaryRequest(path, encode, decode, request, metadata, {}, (error, response) => {
        cancelTimer();
        if (!error) return resolve(response!);
        const code = isLate ? status.DEADLINE_EXCEEDED : error.code;
        reject(new EtcdFailure(code, isLate ? `no answer within ${callMs} ms` : error.details || error.message));
      });
      const cancelTimer = this.#options.clock.after(callMs, () => {
        isLate = true;
        call.cancel();
      });
    });
  }

  #leave(from: number): void {
    if (this.#current !== from) return;
    this.#failures += 1;
    void this.#suspect(from);
    const others = this.#clients.map((_, index) => (from + 1 + index) % this.#clients.length);
    this.#current = others.find((each) => !this.#suspects.has(each)) ?? others[0]!;
    for (const listener of this.#listeners) listener();
  }

  /** Asks an endpoint for its state until it answers, now and then on a new connection. */
  async #suspect(at: number): Promise<void> {
    if (this.#suspects.has(at)) return;
    this.#suspects.add(at);
    const { clock } = this.#options;
    let dialledMs = clock.monotonicMs();
    while (!this.#isClosed) {
      try {
        await this.#authorized(at, methods.status, {});
        break;
      } catch (error) {
        // It answers, if only to refuse.
        if (!(error as EtcdFailure).isAmbiguous) break;
        if (clock.monotonicMs() - dialledMs >= redialMs && !this.#isClosed) {
          this.#redial(at);
          dialledMs = clock.monotonicMs();
        }
        await clock.sleep(probeMs);
      }
    }
    this.#suspects.delete(at);
  }

  #redial(at: number): void {
    const { endpoints, tls } = this.#options;
    try {
      const fresh = makeClient(endpoints[at]!, tls);
      this.#clients[at]!.close();
      this.#clients[at] = fresh;
    } catch {
      // The files of TLS are not there, as while they are replaced: the old connection is tried on.
    }
  }
}

/**
 * What a call is given of its time after so many failures in a row. Little at first: a member that another leader was elected meanwhile
 * for answers at once, and one that waits for a leader of before never does. Then more and more: perhaps all of them are slow.
 */
function patience(failures: number): number {
  if (failures === 0) return 1;
  if (failures <= 6) return 0.3;
  return failures <= 9 ? 0.6 : 2;
}

export function unreachable(cause: Error): AppError {
  return new AppError('UNAVAILABLE', `etcd does not answer: ${cause.message}`, { cause });
}

/** What a failure of etcd means to a caller of the store. Its own words are for the log; a client sees what it can act on. */
export function toStoreError(thrown: unknown): AppError {
  if (!(thrown instanceof EtcdFailure)) return toAppError(thrown);
  const { code, message } = thrown;
  if (thrown.isAmbiguous) return unreachable(thrown);
  if (isFull(thrown))
    return new AppError('UNAVAILABLE', `etcd has no room left (${message}); nothing was written`, { cause: thrown });
  if (code === status.RESOURCE_EXHAUSTED)
    return new AppError('OVERLOADED', `etcd has more to do than it can: ${message}`, { cause: thrown });
  if (isCompacted(thrown))
    return new AppError('UNAVAILABLE', 'etcd was compacted while it was read: nothing was done', { cause: thrown });
  if (isRefusedUser(thrown))
    return new AppError('UNAVAILABLE', `etcd refuses this storage process: ${message}`, { cause: thrown });
  return new AppError('INTERNAL', `etcd refused a request: ${message}`, { cause: thrown });
}

/** Whether etcd says that it has no room. It may have applied what took the last of it all the same. */
export function isFull(thrown: unknown): boolean {
  return thrown instanceof EtcdFailure && thrown.code === status.RESOURCE_EXHAUSTED && thrown.message.includes('space');
}

/** Whether a read was of a revision that etcd no longer has. */
export function isCompacted(thrown: unknown): boolean {
  return thrown instanceof EtcdFailure && thrown.code === status.OUT_OF_RANGE;
}

/** It is over, or of before the users of etcd changed. */
function isTokenRefused({ code, message }: EtcdFailure): boolean {
  return (
    code === status.UNAUTHENTICATED ||
    message.includes('invalid auth token') ||
    message.includes('revision of auth store is old')
  );
}

/** What etcd says, in several codes, to those whom it does not know or who may not. */
function isRefusedUser({ code, message }: EtcdFailure): boolean {
  const byCode = code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED;
  return byCode || message.includes('auth') || message.includes('user name is empty');
}

function makeClient(endpoint: string, tls: EtcdTls | undefined): Client {
  return new Client(endpoint, channelCredentials(tls), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': 2_000,
    // etcd breaks connections that ping while nothing is asked on them.
    'grpc.keepalive_permit_without_calls': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    // Left out: 30 s, in which a name would lead to where its member was.
    'grpc.dns_min_time_between_resolutions_ms': 1_000,
    'grpc-node.flow_control_window': 4_194_304,
  });
}

function channelCredentials(tls: EtcdTls | undefined): ReturnType<typeof credentials.createInsecure> {
  if (!tls) return credentials.createInsecure();
  const read = (file: string | undefined): Buffer | null => (file === undefined ? null : readFileSync(file));
  return credentials.createSsl(read(tls.caFile), read(tls.keyFile), read(tls.certFile));
}
