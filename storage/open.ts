/** Opens a store over the engine that is asked for. */
import type { Store } from '../proto/store';
import type { Clock } from '../src/core/clock';
import type { AppError } from '../src/core/errors';
import type { Ids } from '../src/core/ids';
import type { RetentionOptions } from './engine';
import { openLmdbEngine } from './engines/lmdb';
import { makeMemoryEngine } from './engines/memory';
import { LocalStore } from './local-store';
import type { Portable } from './portable';

export interface OpenStoreOptions {
  readonly engine: 'lmdb' | 'memory';
  /** Of the data; made where there is none. */
  readonly directory: string;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Where others reach it, for its status. */
  readonly address?: string;
  readonly retention?: Partial<RetentionOptions>;
  /** The store cannot go on: the process should end. */
  readonly onFatal?: (error: AppError) => void;
}

/** Throws UNAVAILABLE where the data belongs to another process, INTERNAL where it is damaged or of a later format. */
export async function openStore(options: OpenStoreOptions): Promise<Store & Portable> {
  const { engine: name, directory, clock, ids, address, retention, onFatal } = options;
  const kept = retention ? { retention } : {};
  const engine =
    name === 'memory'
      ? makeMemoryEngine({ storeId: ids.uuid(), ...kept })
      : await openLmdbEngine({ directory, ids, ...kept });
  return new LocalStore({ engine, clock, ...(address !== undefined && { address }), ...(onFatal && { onFatal }) });
}
