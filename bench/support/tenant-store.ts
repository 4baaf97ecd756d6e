/** The store as the gateway's default tenant has it: what is written here is found by GraphQL, and the reverse. */
import type { CommitOutcome, KeyRange, ReadResult, Transaction, Write } from '../../proto/store';
import { systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { keyspace, tenantScope } from '../../src/core/keyspace';
import { defaultTenant } from '../../src/store/tenant-id';
import { GrpcStore } from '../../src/store/grpc-store';
import { ScopedStore } from '../../src/store/scoped-store';

export interface TenantStore {
  /** As it is stored, without the scope. */
  keyOf(key: string): Buffer;
  read(ranges: readonly KeyRange[]): Promise<ReadResult>;
  commit(transactions: readonly Transaction[]): Promise<readonly CommitOutcome[]>;
  close(): Promise<void>;
}

/** Connects to a storage process. */
export function openTenantStore(address: string): TenantStore {
  const store = new GrpcStore({ address, clock: systemClock, ids: systemIds, deadlineMs: 30_000 });
  const scoped = new ScopedStore(store, tenantScope(defaultTenant, 1));
  return {
    keyOf: keyspace.kv,
    read: (ranges) => scoped.read(ranges),
    commit: (transactions) => scoped.commit(transactions),
    close: () => store.close(),
  };
}

export interface LoadKeysOptions {
  readonly count: number;
  readonly valueBytes: number;
  /** Told now and then how many are in. */
  readonly onProgress?: (done: number) => void;
}

const putsPerTransaction = 100;
const transactionsPerCommit = 16;
const commitsInFlight = 4;

/** The name of one of the keys that `loadKeys` puts. */
export function nameOfKey(index: number): string {
  return `key-${String(index).padStart(9, '0')}`;
}

/** The value that it puts there: text, another one for every key. */
export function valueOfKey(index: number, valueBytes: number): string {
  return String(index).padEnd(valueBytes, '.');
}

/** Puts so many keys. Throws where one was not written. */
export async function loadKeys(address: string, { count, valueBytes, onProgress }: LoadKeysOptions): Promise<void> {
  const store = openTenantStore(address);
  let next = 0;
  const putSome = async (): Promise<void> => {
    while (next < count) {
      const transactions: Transaction[] = [];
      for (let each = 0; each < transactionsPerCommit && next < count; each += 1) {
        const writes: Write[] = [];
        for (let put = 0; put < putsPerTransaction && next < count; put += 1, next += 1) {
          const value = Buffer.from(valueOfKey(next, valueBytes));
          writes.push({ kind: 'put', key: store.keyOf(nameOfKey(next)), value, history: 'value' });
        }
        transactions.push({ checks: [], writes });
      }
      for (const outcome of await store.commit(transactions)) {
        if (outcome.kind !== 'committed') throw new Error(`a key was not written: ${JSON.stringify(outcome)}`);
      }
      onProgress?.(next);
    }
  };
  await Promise.all(Array.from({ length: commitsInFlight }, putSome));
  await store.close();
}
