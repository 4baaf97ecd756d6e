/** Starts NoriKV's face of the storage tier, on the data of one tenant: behind that tenant's gate, within its plan. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../../proto/store';
import { writeBackup } from '../../storage/backup/backup-file';
import { exportData } from '../../storage/backup/export-data';
import type { NorikvServer } from '../../storage/norikv/norikv-server';
import { serveNorikv } from '../../storage/norikv/norikv-server';
import type { VectorTier } from '../../storage/norikv/norikv-vector';
import { addressToDial } from '../../storage/norikv/norikv-view';
import type { Portable } from '../../storage/portable';
import type { Config } from '../config';
import type { Clock } from '../core/clock';
import type { Ids } from '../core/ids';
import { reservedScope } from '../core/keyspace';
import { TenantAccess } from '../patterns/tenant-access';
import { Vectors } from '../patterns/vector';
import { LaneMemory } from '../store/lane-memory';
import { ScopedStore } from '../store/scoped-store';
import { TenantStore } from '../store/tenant-store';
import { Transact } from '../store/transact';

export interface NorikvFaceOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly ids: Ids;
  /** What is served. */
  readonly store: Store;
  /** What backups are made of. */
  readonly data: Store & Portable;
}

const folder = 'norikv-backups';

/** Undefined: no port is set. Throws UNAVAILABLE where it cannot listen. */
export async function startNorikvFace(options: NorikvFaceOptions): Promise<NorikvServer | undefined> {
  const { config, clock, store } = options;
  const { NORIGATE_NORIKV_PORT: port, NORIGATE_NORIKV_HOST: host, NORIGATE_NORIKV_TENANT: tenantId } = config;
  if (port === undefined) return undefined;
  const tenant = servedTenant(options, tenantId);
  const vectors = (): VectorTier => tenant().vectors;
  const addressOf = (bound: number): string => {
    const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
    return addressToDial({ host, port: bound, advertised: config.NORIGATE_NORIKV_ADVERTISE, addresses });
  };
  const snapshot = snapshotOf(options);
  return serveNorikv({ store: storeOf(store, tenant), vectors, clock, host, port, addressOf, snapshot });
}

/** One life of the tenant. */
interface ServedTenant {
  readonly store: TenantStore;
  readonly vectors: Vectors;
}

/** The tenant as it is: one that was deleted and made again is served in its new life. */
function servedTenant({ store: whole, clock, ids }: NorikvFaceOptions, tenantId: string): () => ServedTenant {
  const noKeys = { find: () => Promise.resolve(undefined) };
  const access = new TenantAccess({ store: new ScopedStore(whole, reservedScope), apiKeys: noKeys, clock });
  let present: ServedTenant | undefined;
  return () => {
    if (present) return present;
    const store = new TenantStore(whole, {
      life: () => access.scopeOf(tenantId),
      quota: () => access.quotaOf(tenantId),
      onOver: () => (present = undefined),
    });
    const transact = new Transact({ store, memory: new LaneMemory(), memoryScope: '', clock, ids });
    const vectors = new Vectors({ store, transact, clock, ids, face: 'norikv ' });
    return (present = { store, vectors });
  };
}

function storeOf(whole: Store, tenant: () => ServedTenant): Store {
  return {
    read: (ranges, options) => tenant().store.read(ranges, options),
    commit: (transactions, options) => tenant().store.commit(transactions, options),
    watch: (ranges, options) => tenant().store.watch(ranges, options),
    search: (request, options) => tenant().store.search(request, options),
    status: () => whole.status(),
    close: () => Promise.resolve(),
  };
}

/** A backup of the tenant, in the data directory; the one before goes when the new one stands. Calls at one time share it. */
function snapshotOf({ config, data, ids }: NorikvFaceOptions): () => Promise<void> {
  const directory = join(config.DATA_DIR, folder);
  const make = async (): Promise<void> => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const { nowMs } = await data.status();
    const name = `${nowMs}-${ids.uuid()}.backup`;
    await writeBackup(join(directory, name), exportData(data, { tenantId: config.NORIGATE_NORIKV_TENANT }, ids));
    for (const each of await readdir(directory)) if (each !== name) await rm(join(directory, each), { force: true });
  };
  let running: Promise<void> | undefined;
  return () => {
    running ??= make().finally(() => (running = undefined));
    return running;
  };
}
