/** NoriKV's face of a tenant, on every engine, with a client that is built from its proto. */
import type { Client } from '@grpc/grpc-js';
import { Metadata } from '@grpc/grpc-js';
import { norikvService } from '../../proto/norikv-wire';
import type { Store } from '../../proto/store';
import type { Clock, ManualClock } from '../../src/core/clock';
import { systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { Vectors } from '../../src/patterns/vector';
import { LaneMemory } from '../../src/store/lane-memory';
import { Transact } from '../../src/store/transact';
import { makeMemoryEngine } from '../../storage/engines/memory';
import { openEtcdStore } from '../../storage/etcd/etcd-store';
import { LocalStore } from '../../storage/local-store';
import { EtcdCluster } from './etcd';

/** What its clients dial. */
export const addressOf = (port: number): string => `127.0.0.1:${port}`;

export type FaceEngine = 'memory' | 'etcd';

/** Registers what the engine needs for a test file; opens a store of its own each time. */
export function useEngine(engine: FaceEngine): (clock: ManualClock) => Promise<Store> {
  let cluster: EtcdCluster | undefined;
  beforeAll(async () => {
    if (engine === 'etcd') cluster = await EtcdCluster.start();
  }, 30_000);
  afterAll(() => cluster?.stop());
  return async (clock) => {
    if (!cluster) return new LocalStore({ engine: makeMemoryEngine(), clock });
    const etcd = { endpoints: cluster.endpoints, prefix: `test-${systemIds.uuid()}/` };
    return openEtcdStore({ etcd, clock, transportClock: systemClock, ids: systemIds, name: 'under test' });
  };
}

/** The vectors of a tenant as the face is given them; with another `face` as somebody else is. */
export function vectorsOf(store: Store, clock: Clock, face = 'norikv '): Vectors {
  const transact = new Transact({ store, memory: new LaneMemory(), memoryScope: '', clock, ids: systemIds });
  return new Vectors({ store, transact, clock, ids: systemIds, face });
}

export function callNorikv<Answer>(
  client: Client,
  service: 'Kv' | 'Admin' | 'Vector',
  name: string,
  request: object,
): Promise<Answer> {
  const { path, requestSerialize, responseDeserialize } = norikvService(service)[name]!;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, new Metadata(), (error, answer) =>
      error ? reject(error) : resolve(answer as Answer),
    );
  });
}
