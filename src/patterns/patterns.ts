/** All patterns over one tenant's scope of the store. */
import type { Clock } from '../core/clock';
import type { Ids } from '../core/ids';
import { reservedScope } from '../core/keyspace';
import type { Store } from '../../proto/store';
import type { BatchReport } from '../store/batch';
import type { LaneMemory } from '../store/lane-memory';
import { ScopedStore } from '../store/scoped-store';
import { Transact } from '../store/transact';
import { Cluster } from './cluster';
import { Counters } from './counter';
import { Kv } from './kv';
import { Tenants } from './tenant';
import { TenantAccess } from './tenant-access';
import { ApiKeys } from './tenant-keys';
import type { ServerSecret } from './tenant-keys';
import { TenantRemovals } from './tenant-removal';
import type { RemovalProgress } from './tenant-removal';

export interface PatternsDependencies {
  /** Scoped to one tenant. */
  readonly store: Store;
  /** Shared by the lanes of all tenants of the process. */
  readonly memory: LaneMemory;
  /** Keeps this tenant's records apart from others' in the memory: no two scopes have the same. */
  readonly memoryScope: string;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Told of every batch of every lane. */
  readonly report?: (report: BatchReport) => void;
}

export interface Patterns {
  readonly kv: Kv;
  readonly counters: Counters;
  readonly cluster: Cluster;
  /** The lanes, for metrics. */
  readonly transact: Transact;
}

export function makePatterns(dependencies: PatternsDependencies): Patterns {
  const { store, clock, ids } = dependencies;
  const transact = new Transact(dependencies);
  return {
    kv: new Kv(store, transact),
    counters: new Counters({ store, transact, clock, ids }),
    cluster: new Cluster(store, clock),
    transact,
  };
}

export interface TenancyDependencies extends Pick<PatternsDependencies, 'memory' | 'clock' | 'ids' | 'report'> {
  /** All of it, with every tenant's scope. */
  readonly store: Store;
  readonly serverSecret: ServerSecret;
  /** Whether a tenant that was never created is there all the same: in development mode. */
  readonly unknownExists: boolean;
  /** Told of what the removal of a deleted tenant's data has done. */
  readonly reportRemoval?: (progress: RemovalProgress) => void;
}

/** What is kept about tenants, in the scope that is none of theirs; one for each process. */
export interface Tenancy {
  readonly tenants: Tenants;
  readonly apiKeys: ApiKeys;
  readonly access: TenantAccess;
  readonly removals: TenantRemovals;
}

export function makeTenancy(dependencies: TenancyDependencies): Tenancy {
  const { store: whole, memory, clock, ids, report, serverSecret, unknownExists } = dependencies;
  const store = new ScopedStore(whole, reservedScope);
  const memoryScope = reservedScope.toString('latin1');
  const transact = new Transact({ store, memory, memoryScope, clock, ids, ...(report && { report }) });
  const removals = new TenantRemovals({ whole, store, clock, ids, report: dependencies.reportRemoval });
  const apiKeys = new ApiKeys({ store, transact, ids, serverSecret, unknownExists });
  return {
    tenants: new Tenants({ store, transact, removals, unknownExists }),
    apiKeys,
    access: new TenantAccess({ store, apiKeys, clock }),
    removals,
  };
}
