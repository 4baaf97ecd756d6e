/**
 * Where an export comes from and an import goes to: the storage process that runs, or, where none does, the data directory itself, which
 * this process then has open alone.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Metadata } from '@grpc/grpc-js';
import { backupService, exportRequestCodec, importResultCodec } from '../../proto/backup-wire';
import { storeLimits } from '../../proto/limits';
import type { Store } from '../../proto/store';
import { fromStatus } from '../../proto/wire-failure';
import type { BackupPart } from '../../storage/backup/backup-parts';
import { exportData } from '../../storage/backup/export-data';
import { importData, refuseHalfImported } from '../../storage/backup/import-data';
import type { Imported } from '../../storage/backup/import-data';
import { decodePart, encodePart } from '../../storage/backup/part-message';
import { answers, unixPath } from '../../storage/listen-address';
import { openStore } from '../../storage/open';
import { everyKey } from '../../storage/portable';
import type { Config } from '../config';
import type { Clock } from '../core/clock';
import { AppError } from '../core/errors';
import type { Ids } from '../core/ids';
import { channelCredentials } from '../store/grpc-connection';
import { storageTlsOf } from './client-tls';
import { etcdOptionsOf } from './run-storage';
import { socketAddress } from './socket-address';

export interface BackupAccess {
  /** In words. */
  readonly where: string;
  export(tenantId: string | undefined): AsyncIterable<BackupPart>;
  import(parts: AsyncIterable<BackupPart>, tenantId: string | undefined): Promise<Imported>;
  close(): Promise<void>;
}

export interface BackupAccessOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Whether the data directory must be there already. */
  readonly isExport: boolean;
}

/** Throws INVALID_ARGUMENT where there is nothing to export, and what opening the data throws. */
export async function openBackupAccess(options: BackupAccessOptions): Promise<BackupAccess> {
  const { config } = options;
  const address = socketAddress(config.storageAddress);
  if (config.NORIGATE_STORAGE !== undefined) return remoteAccess(config, address);
  const path = unixPath(address);
  if (path !== undefined && existsSync(path) && (await answers({ path }))) return remoteAccess(config, address);
  return localAccess(options);
}

async function localAccess({ config, clock, ids, isExport }: BackupAccessOptions): Promise<BackupAccess> {
  const { NORIGATE_ENGINE: engine, DATA_DIR: directory } = config;
  if (engine === 'memory')
    throw new AppError(
      'INVALID_ARGUMENT',
      `no storage runs at ${config.storageAddress}, and the engine memory keeps nothing`,
    );
  if (engine === 'lmdb' && isExport && !existsSync(join(directory, 'norigate.json')))
    throw new AppError('INVALID_ARGUMENT', `there is no data in ${directory}, and no storage runs there: see DATA_DIR`);
  const retention = {
    logKeepMs: config.NORIGATE_HISTORY_MS,
    logBytesMax: config.NORIGATE_HISTORY_BYTES_MAX,
    markKeepMs: config.NORIGATE_MARK_KEEP_MS,
  };
  // On etcd it is one storage process more, for as long as it takes.
  const address = `${isExport ? 'export' : 'import'} ${ids.uuid()}`;
  const ofEtcd = engine === 'etcd' ? { address, ...etcdOptionsOf(config) } : {};
  const store = await openStore({ engine, directory, clock, ids, retention, ...ofEtcd });
  if (isExport) {
    await refuseUnlessWhole(store, config).catch(async (error: unknown) => {
      await store.close();
      throw error;
    });
  }
  return {
    where: config.NORIGATE_ETCD_ENDPOINTS?.addresses.join(',') ?? directory,
    export: (tenantId) => exportData(store, { tenantId }, ids),
    import: (parts, tenantId) => importData(store, parts, { isAlone: true, tenantId }),
    close: () => store.close(),
  };
}

/** Half of a store is no backup, nor is what lies under a prefix of etcd that nobody has written to. */
async function refuseUnlessWhole(store: Store, config: Config): Promise<void> {
  await refuseHalfImported(store);
  if (config.NORIGATE_ENGINE !== 'etcd') return;
  const { results } = await store.read([{ ...everyKey, limit: 1, keysOnly: true }]);
  if (results[0]!.entries.length > 0) return;
  const rule = 'see NORIGATE_ETCD_ENDPOINTS and NORIGATE_ETCD_PREFIX';
  throw new AppError('INVALID_ARGUMENT', `there is no data in etcd under ${config.NORIGATE_ETCD_PREFIX}: ${rule}`);
}

function remoteAccess(config: Config, address: string): BackupAccess {
  const client = new Client(address, channelCredentials(storageTlsOf(config, address)), {
    'grpc.max_receive_message_length': storeLimits.messageBytesMax,
    'grpc.max_send_message_length': -1,
  });
  return {
    where: `storage at ${address}`,
    export: (tenantId) => remoteExport(client, tenantId),
    import: (parts) => remoteImport(client, parts),
    close() {
      client.close();
      return Promise.resolve();
    },
  };
}

async function* remoteExport(client: Client, tenantId: string | undefined): AsyncGenerator<BackupPart, void, void> {
  const { path, requestSerialize, responseDeserialize } = backupService.export;
  const request = exportRequestCodec.encode(tenantId === undefined ? {} : { tenantId });
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, new Metadata());
  try {
    for await (const bytes of call) yield decodePart(bytes as Buffer);
  } catch (error) {
    throw fromStatus(error as Error);
  } finally {
    call.cancel();
  }
}

async function remoteImport(client: Client, parts: AsyncIterable<BackupPart>): Promise<Imported> {
  const { path, requestSerialize, responseDeserialize } = backupService.import;
  let isAnswered = false;
  let wake: () => void = () => undefined;
  let settle: { resolve: (imported: Imported) => void; reject: (error: Error) => void };
  const answer = new Promise<Imported>((resolve, reject) => (settle = { resolve, reject }));
  // It may be there before the last part is sent: what was refused need not be sent to its end.
  answer.catch(() => undefined);
  const onAnswer = (error: Error | null, bytes?: Buffer): void => {
    isAnswered = true;
    wake();
    if (error) settle.reject(fromStatus(error));
    else settle.resolve(importResultCodec.decode(bytes!));
  };
  const call = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, new Metadata(), onAnswer);
  call.on('drain', () => wake());
  try {
    for await (const part of parts) {
      if (isAnswered) break;
      if (!call.write(encodePart(part)) && !isAnswered) await new Promise<void>((resolve) => (wake = resolve));
    }
  } catch (error) {
    call.cancel();
    throw error;
  }
  call.end();
  return answer;
}
