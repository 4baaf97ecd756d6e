/** A Store behind a real gRPC server on a unix socket in a directory of its own, and clients to it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../../proto/store';
import { systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { GrpcStore } from '../../src/store/grpc-store';
import type { GrpcStoreOptions } from '../../src/store/grpc-store';
import { serveStore } from '../../storage/server';
import type { StoreServer } from '../../storage/server';

export class ServedStore {
  readonly directory: string;
  readonly address: string;
  readonly #clients: GrpcStore[] = [];
  #server: StoreServer | undefined;

  private constructor(directory: string) {
    this.directory = directory;
    this.address = `unix:${join(directory, 'storage.sock')}`;
  }

  static async start(store: Store): Promise<ServedStore> {
    const served = new ServedStore(await mkdtemp(join(tmpdir(), 'norigate-')));
    await served.serve(store);
    return served;
  }

  /** Serves another store (or the same one again) at the address, after `stopServer`. */
  async serve(store: Store): Promise<void> {
    this.#server = await serveStore({ store, address: this.address, clock: systemClock });
  }

  async stopServer(deadlineMs?: number): Promise<void> {
    await this.#server?.stop(deadlineMs);
    this.#server = undefined;
  }

  client(options: Partial<GrpcStoreOptions> = {}): GrpcStore {
    const client = new GrpcStore({ address: this.address, clock: systemClock, ids: systemIds, ...options });
    this.#clients.push(client);
    return client;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.stopServer(0);
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Resolves when operations reach storage. */
export function whenReady(store: GrpcStore, isReady = true): Promise<void> {
  if (store.isReady() === isReady) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = store.onStateChange((state) => {
      if (state !== isReady) return;
      stop();
      resolve();
    });
  });
}
