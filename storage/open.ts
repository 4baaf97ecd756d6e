/** Opens a store over the engine that is asked for. */
import { hostname } from 'node:os';
import type { Store } from '../proto/store';
import type { Clock } from '../src/core/clock';
import { AppError } from '../src/core/errors';
import type { Ids } from '../src/core/ids';
import type { RetentionOptions } from './engine';
import { openLmdbEngine } from './engines/lmdb';
import { makeMemoryEngine } from './engines/memory';
import { openEtcdStore } from './etcd/etcd-store';
import type { EtcdOptions, EtcdStoreOptions } from './etcd/etcd-store';
import { LocalStore } from './local-store';
import type { Portable } from './portable';

export interface OpenStoreOptions {
  readonly engine: 'lmdb' | 'etcd' | 'memory';
  /** Where etcd is; what that engine needs. */
  readonly etcd?: EtcdOptions;
  /** Of the data; made where there is none. */
  readonly directory: string;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Where others reach it, for its status. */
  readonly address?: string;
  readonly retention?: Partial<RetentionOptions>;
  /** As `EtcdStoreOptions.onClock`. */
  readonly onClock?: EtcdStoreOptions['onClock'];
  /** The store cannot go on: the process should end. */
  readonly onFatal?: (error: AppError) => void;
}

/**
 * Throws UNAVAILABLE where the data belongs to another process or etcd does not answer, INTERNAL where it is damaged or of a
 * later format.
 */
export async function openStore(options: OpenStoreOptions): Promise<Store & Portable> {
  const { engine: name, directory, clock, ids, address, retention, onFatal, onClock, etcd } = options;
  const kept = retention ? { retention } : {};
  if (name === 'etcd') {
    if (!etcd) throw new AppError('INVALID_ARGUMENT', 'the etcd engine needs the endpoints of etcd');
    const ofEtcd = { etcd, clock, ids, name: `${hostname()} ${address ?? directory}`, ...kept };
    return openEtcdStore({ ...ofEtcd, ...(onFatal && { onFatal }), ...(onClock && { onClock }) });
  }
  const engine =
    name === 'memory'
      ? makeMemoryEngine({ storeId: ids.uuid(), ...kept })
      : await openLmdbEngine({ directory, ids, ...kept });
  return new LocalStore({ engine, clock, ...(address !== undefined && { address }), ...(onFatal && { onFatal }) });
}
