/**
 * Serves a Store over gRPC, on a unix socket that only its owner can open, or on TCP. It keeps nothing between calls: what it
 * promises is what the store behind it promises. A stop answers what runs, within a deadline, and ends watches so that their
 * readers know to go on elsewhere.
 */
import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { storeLimits } from '../proto/limits';
import type { Store } from '../proto/store';
import { storeService } from '../proto/wire-types';
import { backupService } from '../proto/backup-wire';
import type { Clock } from '../src/core/clock';
import { AppError } from '../src/core/errors';
import type { Ids } from '../src/core/ids';
import { backupCalls } from './backup/backup-calls';
import { clearSocketPath, unixPath } from './listen-address';
import type { Portable } from './portable';
import { SessionCall } from './session-call';
import { serveWatch } from './watch-call';

/** Files (PEM) for TLS. */
export interface ServerTls {
  readonly certFile: string;
  readonly keyFile: string;
  /** With it, only clients that show a certificate of this authority are served. */
  readonly clientCaFile?: string;
}

export interface StoreServerOptions {
  /** Is not closed by the server. */
  readonly store: Store;
  /** `unix:/path`, or `host:port` (port 0: any free one). */
  readonly address: string;
  readonly clock: Clock;
  readonly tls?: ServerTls;
  /** What exports and imports go to; left out: they are not served. */
  readonly backup?: { readonly store: Store & Portable; readonly ids: Ids };
}

export interface StoreServer {
  /** Where it listens, with the port that it got. */
  readonly address: string;
  /** Stops gracefully; after `deadlineMs` (default 5,000) what still runs is cut off. */
  stop(deadlineMs?: number): Promise<void>;
}

/** Starts to serve. Throws INVALID_ARGUMENT or UNAVAILABLE where it cannot listen, with the address and the reason. */
export async function serveStore(options: StoreServerOptions): Promise<StoreServer> {
  const { store, clock } = options;
  const { storeId } = await store.status();
  const stopping = new AbortController();
  // Every watch listens to it.
  setMaxListeners(0, stopping.signal);
  const sessions = new Set<SessionCall>();
  const watches = new Set<Promise<void>>();
  const server = new Server({
    'grpc.max_receive_message_length': storeLimits.messageBytesMax + 1_024,
    'grpc.max_send_message_length': -1,
    // Finds clients that are gone without a word (TCP); a client's own pings are always allowed.
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
  });
  server.addService(storeService, {
    session: (call: ServerDuplexStream<Buffer, Buffer>) => {
      const session = new SessionCall(call, store, (ended) => sessions.delete(ended));
      sessions.add(session);
      if (stopping.signal.aborted) session.stop();
    },
    watch: (call: ServerWritableStream<Buffer, Buffer>) => {
      const served = serveWatch(call, { store, storeId, stopping: stopping.signal });
      watches.add(served);
      void served.then(() => watches.delete(served));
    },
  });
  if (options.backup) {
    server.addService(backupService, { ...backupCalls({ ...options.backup, stopping: stopping.signal }) });
  }
  const address = await listen(server, options);

  const stop = async (deadlineMs = 5_000): Promise<void> => {
    stopping.abort();
    for (const session of sessions) session.stop();
    const isDrained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    let cancel: (() => void) | undefined;
    const late = new Promise<void>((resolve) => (cancel = clock.after(deadlineMs, resolve)));
    await Promise.race([isDrained, late]);
    cancel?.();
    server.forceShutdown();
    await Promise.all(watches);
  };
  let stopped: Promise<void> | undefined;
  return { address, stop: (deadlineMs) => (stopped ??= stop(deadlineMs)) };
}

async function listen(server: Server, { address, tls }: StoreServerOptions): Promise<string> {
  const path = unixPath(address);
  if (path !== undefined) await clearSocketPath(path);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials(tls), (error, bound) => {
      if (!error) return resolve(bound);
      reject(new AppError('UNAVAILABLE', `cannot listen on ${address}: ${error.message}`, { cause: error }));
    });
  });
  if (path === undefined) return `${address.slice(0, address.lastIndexOf(':'))}:${port}`;
  await chmod(path, 0o600);
  return address;
}

function credentials(tls: ServerTls | undefined): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure();
  const pair = { cert_chain: readFileSync(tls.certFile), private_key: readFileSync(tls.keyFile) };
  const ca = tls.clientCaFile === undefined ? null : readFileSync(tls.clientCaFile);
  return ServerCredentials.createSsl(ca, [pair], ca !== null);
}
