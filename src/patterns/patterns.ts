/** All patterns over one tenant's scope of the store. */
import type { Clock } from '../core/clock';
import type { EmbeddingProvider } from '../core/embedding';
import type { Ids } from '../core/ids';
import { reservedScope } from '../core/keyspace';
import type { SecretSource } from '../core/secret';
import type { Store } from '../../proto/store';
import type { BatchReport } from '../store/batch';
import type { LaneMemory } from '../store/lane-memory';
import { ScopedStore } from '../store/scoped-store';
import { Transact } from '../store/transact';
import { NoticingStore } from '../store/noticing-store';
import { Cache } from './cache';
import type { CacheBudget, CacheLimits } from './cache-entries';
import { Cluster } from './cluster';
import { Counters } from './counter';
import { Deduplication } from './deduplication';
import { Elections } from './election';
import { Events } from './event-stream';
import { Inventory } from './inventory';
import { DueRows } from './inventory-due-rows';
import { InventoryExpiry } from './inventory-expiry';
import { defaultHoldsOfItemMax } from './inventory-item';
import { Reservations } from './inventory-reservations';
import { Kv } from './kv';
import { Recommendations } from './recommendation';
import { SemanticSearch } from './semantic-search';
import { Sessions } from './session';
import { RateLimits } from './rate-limit';
import { Tenants } from './tenant';
import { TenantAccess } from './tenant-access';
import { ApiKeys } from './tenant-keys';
import type { ServerSecret } from './tenant-keys';
import { TenantRemovals } from './tenant-removal';
import type { RemovalProgress } from './tenant-removal';
import { Vectors } from './vector';

export interface PatternsDependencies {
  /** Scoped to one tenant. */
  readonly store: Store;
  /** Shared by the lanes of all tenants of the process. */
  readonly memory: LaneMemory;
  /** Keeps this tenant's records apart from others' in the memory: no two scopes have the same. */
  readonly memoryScope: string;
  readonly clock: Clock;
  readonly ids: Ids;
  /** The server's secret as this tenant has it. */
  readonly secret: SecretSource;
  /** Shared by all tenants of the process. */
  readonly embeddings: EmbeddingProvider;
  /** After so long an interaction counts half for recommendations. */
  readonly tasteHalfLifeMs: number;
  /** Holds that stand in the record of an inventory item at once; further ones have rows. */
  readonly holdsOfItemMax?: number;
  /** Of the tenant's cache. */
  readonly cacheLimits?: CacheLimits | undefined;
  /** Shared by the caches of all tenants of the process. */
  readonly cacheBudget?: CacheBudget | undefined;
  /** Told of every batch of every lane. */
  readonly report?: (report: BatchReport) => void;
}

export interface Patterns {
  readonly kv: Kv;
  readonly cache: Cache;
  /** The same writes, and the cache refreshed. */
  readonly cachedKv: Pick<Kv, 'put' | 'delete'>;
  readonly counters: Counters;
  readonly semanticSearch: SemanticSearch;
  readonly recommendations: Recommendations;
  readonly deduplication: Deduplication;
  readonly elections: Elections;
  readonly events: Events;
  readonly inventory: Inventory;
  readonly reservations: Reservations;
  /** For whoever finds that holds have ended. */
  readonly expiry: InventoryExpiry;
  readonly rateLimits: RateLimits;
  /** What the gateway keeps of its own callers: no caller's identifier reaches it. */
  readonly requestLimits: RateLimits;
  readonly cluster: Cluster;
  readonly sessions: Sessions;
  readonly vectors: Vectors;
  /** The lanes, for metrics. */
  readonly transact: Transact;
}

export function makePatterns(dependencies: PatternsDependencies): Patterns {
  const { store: unnoticed, clock, ids, secret, cacheLimits, cacheBudget } = dependencies;
  const { embeddings, tasteHalfLifeMs: halfLifeMs, holdsOfItemMax = defaultHoldsOfItemMax } = dependencies;
  const cache = new Cache({ store: unnoticed, clock, limits: cacheLimits, budget: cacheBudget });
  // Every write of every pattern passes here, so that none can forget the cache.
  const store = new NoticingStore(unnoticed, (written) => cache.noticed(written));
  const transact = new Transact({ ...dependencies, store });
  const kv = new Kv(store, transact);
  const expiry = new InventoryExpiry({ store, transact, clock });
  return {
    kv,
    cache,
    cachedKv: {
      put: (input) => cache.writing(input, () => kv.put(input, 'cachePut')),
      delete: (input) => cache.writing({ key: input.key }, () => kv.delete(input)),
    },
    counters: new Counters({ store, transact, clock, ids }),
    semanticSearch: new SemanticSearch({ store, transact, clock, ids, embeddings }),
    recommendations: new Recommendations({ store, transact, ids, embeddings, halfLifeMs }),
    deduplication: new Deduplication({ store, transact, clock, ids, embeddings }),
    elections: new Elections({ store, transact, clock, ids }),
    events: new Events({ store, transact, clock, ids }),
    inventory: new Inventory({ store, transact, clock, expiry }),
    reservations: new Reservations({ store, transact, clock, ids, expiry, holdsOfItemMax }),
    expiry,
    rateLimits: new RateLimits({ store, transact }),
    requestLimits: new RateLimits({ store, transact, family: 'requestLimit' }),
    cluster: new Cluster(store, clock),
    sessions: new Sessions({ store, transact, clock, ids, secret }),
    vectors: new Vectors({ store, transact, clock, ids }),
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

/** What a process does for the stock of all tenants. `patternsOf`: of a tenant's present life. */
export function makeDueRows(
  { store: whole, clock, ids }: Pick<TenancyDependencies, 'store' | 'clock' | 'ids'>,
  patternsOf: (tenantId: string) => Pick<Patterns, 'expiry'>,
): DueRows {
  const store = new ScopedStore(whole, reservedScope);
  return new DueRows({ store, clock, ids, expiryOf: (tenantId) => patternsOf(tenantId).expiry });
}
