/**
 * The storage process: opens the data, serves it over gRPC, and stops when it is told to, or when the process that
 * started it is gone. What it cannot run with is said in one message, with exit code 1.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Store } from '../../proto/store';
import { refuseHalfImported } from '../../storage/backup/import-data';
import { refuseTaken } from '../../storage/listen-address';
import { openStore } from '../../storage/open';
import type { OpenStoreOptions } from '../../storage/open';
import type { Portable } from '../../storage/portable';
import { serveStore } from '../../storage/server';
import type { ServerTls } from '../../storage/server';
import { openSnapshotDirectory } from '../../storage/vectors/snapshot-directory';
import { ThreadIndexes } from '../../storage/vectors/thread-indexes';
import { VectorStore } from '../../storage/vectors/vector-store';
import type { Config } from '../config';
import type { Clock } from '../core/clock';
import type { AppError } from '../core/errors';
import { toAppError } from '../core/errors';
import type { Ids } from '../core/ids';
import type { Lifecycle } from '../core/lifecycle';
import type { Logger } from '../core/telemetry';
import { indexReporter } from './index-progress';
import { startNorikvFace } from './norikv-face';
import { makeProgressBars } from './progress-bars';
import { ensureSecret } from './server-secret';
import { clockReporter } from './storage-clock';
import { isStorageOrder } from './storage-messages';
import type { StorageReport } from './storage-messages';

export interface RunStorageOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  /** Stops everything and ends the process. */
  readonly end: (code: number) => void;
}

/** A storage process whose parent was killed may hold the directory for a moment longer. */
const takeover = { withinMs: 2_000, pauseMs: 100 } as const;
/** etcd may begin later than we do, as after a loss of power, and elects a leader first. */
const waitForEtcd = { withinMs: 60_000, pauseMs: 500 } as const;

/** Starts it; resolves when it listens. Throws where it cannot run. */
export async function runStorage(options: RunStorageOptions): Promise<void> {
  const { config, logger, lifecycle } = options;
  if (process.connected) obeyParent(options);
  try {
    // The socket lies there too, whatever the engine.
    mkdirSync(config.DATA_DIR, { recursive: true, mode: 0o700 });
    const data = await openSoon(options);
    const store = await withIndexes(data, options);
    lifecycle.onStop('data', () => store.close());
    await refuseHalfImported(store);
    ensureSecret(config, options.ids);
    const tls = serverTlsOf(config);
    const server = await serveStore({
      store,
      address: config.storageAddress,
      clock: options.clock,
      backup: { store: data, ids: options.ids },
      ...(tls && { tls }),
    });
    lifecycle.onStop('storage', () => server.stop(config.NORIGATE_STOP_DEADLINE_MS));
    const norikv = await startNorikvFace({ ...options, store, data });
    if (norikv) {
      lifecycle.onStop('norikv', () => norikv.stop(config.NORIGATE_STOP_DEADLINE_MS));
      logger.info({ address: norikv.address, tenant: config.NORIGATE_NORIKV_TENANT }, 'norikv listens');
    }
    const { engine } = await store.status();
    const place = config.NORIGATE_ETCD_ENDPOINTS?.addresses.join(',') ?? config.DATA_DIR;
    logger.info({ address: server.address, engine, data: place }, 'storage listens');
    await tellParent({ kind: 'listening', address: server.address, engine });
  } catch (error) {
    await tellParent({ kind: 'failed', message: toAppError(error).message });
    throw error;
  }
}

/** With indexes for its vectors, which are written down where the data is. */
async function withIndexes(store: Store, { config, clock, logger }: RunStorageOptions): Promise<Store> {
  const isKept = config.NORIGATE_ENGINE !== 'memory';
  const snapshots = isKept
    ? await openSnapshotDirectory(join(config.DATA_DIR, 'vectors'), store).catch((error: unknown) => {
        logger.warn({ err: error }, 'vector indexes cannot be written down');
        return undefined;
      })
    : undefined;
  return new VectorStore({
    store,
    makeIndexes: () => new ThreadIndexes(),
    clock,
    memoryBytesMax: config.NORIGATE_VECTOR_MEMORY_BYTES_MAX,
    snapshots,
    snapshotEveryMs: config.NORIGATE_VECTOR_SNAPSHOT_MS,
    report: indexReporter({ logger, clock, showProgress: makeProgressBars(process.stderr) }),
  });
}

function serverTlsOf(config: Config): ServerTls | undefined {
  const {
    NORIGATE_STORAGE_TLS_CERT: certFile,
    NORIGATE_STORAGE_TLS_KEY: keyFile,
    NORIGATE_STORAGE_TLS_CA: clientCaFile,
  } = config;
  if (certFile === undefined || keyFile === undefined || config.storageAddress.startsWith('unix:')) return undefined;
  return clientCaFile === undefined ? { certFile, keyFile } : { certFile, keyFile, clientCaFile };
}

/** Where etcd is, as configured. */
export function etcdOptionsOf(config: Config): Pick<OpenStoreOptions, 'etcd'> {
  const {
    NORIGATE_ETCD_ENDPOINTS: endpoints,
    NORIGATE_ETCD_USER: user,
    NORIGATE_ETCD_PASSWORD: password,
    NORIGATE_ETCD_TLS_CA: caFile,
    NORIGATE_ETCD_TLS_CERT: certFile,
    NORIGATE_ETCD_TLS_KEY: keyFile,
  } = config;
  if (!endpoints) return {};
  const isSecure = endpoints.isSecure || caFile !== undefined || certFile !== undefined;
  const files = {
    ...(caFile !== undefined && { caFile }),
    ...(certFile !== undefined && { certFile }),
    ...(keyFile !== undefined && { keyFile }),
  };
  return {
    etcd: {
      endpoints: endpoints.addresses,
      prefix: config.NORIGATE_ETCD_PREFIX,
      ...(isSecure && { tls: files }),
      ...(user !== undefined && { user }),
      ...(password !== undefined && { password }),
    },
  };
}

/** Opens the store; tries again for a while, since the child of a parent that has just been killed may still be ending, or etcd still be on its way. */
async function openSoon({ config, clock, ids, logger, end }: RunStorageOptions): Promise<Store & Portable> {
  const options: OpenStoreOptions = {
    engine: config.NORIGATE_ENGINE,
    directory: config.DATA_DIR,
    clock,
    ids,
    address: config.storageAddress,
    ...etcdOptionsOf(config),
    retention: {
      logKeepMs: config.NORIGATE_HISTORY_MS,
      logBytesMax: config.NORIGATE_HISTORY_BYTES_MAX,
      markKeepMs: config.NORIGATE_MARK_KEEP_MS,
    },
    onClock: clockReporter(logger),
    onFatal(error) {
      logger.fatal({ err: error }, 'storage cannot go on');
      end(1);
    },
  };
  if (config.NORIGATE_ENGINE !== 'etcd') return trySoon(clock, takeover, () => openStore(options));
  await trySoon(clock, takeover, () => refuseTaken(config.storageAddress));
  return trySoon(
    clock,
    waitForEtcd,
    () => openStore(options),
    (error) => logger.warn({ reason: error.message, withinMs: waitForEtcd.withinMs }, 'storage waits for etcd'),
  );
}

interface Patience {
  readonly withinMs: number;
  readonly pauseMs: number;
}

/** Tries again while it is UNAVAILABLE, for so long. */
async function trySoon<T>(
  clock: Clock,
  { withinMs, pauseMs }: Patience,
  action: () => Promise<T>,
  onFirst: (error: AppError) => void = () => undefined,
): Promise<T> {
  const startMs = clock.monotonicMs();
  for (let tries = 1; ; tries += 1) {
    try {
      return await action();
    } catch (thrown) {
      const error = toAppError(thrown);
      if (error.code !== 'UNAVAILABLE' || clock.monotonicMs() - startMs > withinMs) throw thrown;
      if (tries === 1) onFirst(error);
      await clock.sleep(pauseMs);
    }
  }
}

/**
 * Stops on the parent's word, or when the parent is gone. Signals are the parent's business: Ctrl-C reaches both
 * processes, and storage must outlive the requests that the gateway still finishes.
 */
function obeyParent({ logger, end }: RunStorageOptions): void {
  process.on('message', (message) => {
    if (isStorageOrder(message)) end(0);
  });
  process.on('disconnect', () => {
    logger.debug('the process that started storage is gone');
    end(0);
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
}

function tellParent(report: StorageReport): Promise<void> {
  return new Promise((resolve) => {
    if (!process.send || !process.connected) return resolve();
    process.send(report, undefined, undefined, () => resolve());
  });
}
