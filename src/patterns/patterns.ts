/** All patterns over one tenant's scope of the store. */
import type { Clock } from '../core/clock';
import type { Ids } from '../core/ids';
import type { SecretSource } from '../core/secret';
import type { Store } from '../../proto/store';
import type { BatchReport } from '../store/batch';
import type { LaneMemory } from '../store/lane-memory';
import { Transact } from '../store/transact';
import { Cluster } from './cluster';
import { Counters } from './counter';
import { Elections } from './election';
import { Inventory } from './inventory';
import { InventoryExpiry } from './inventory-expiry';
import { Reservations } from './inventory-reservations';
import { Kv } from './kv';
import { Sessions } from './session';
import { RateLimits } from './rate-limit';

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
  /** Told of every batch of every lane. */
  readonly report?: (report: BatchReport) => void;
}

export interface Patterns {
  readonly kv: Kv;
  readonly counters: Counters;
  readonly elections: Elections;
  readonly inventory: Inventory;
  readonly reservations: Reservations;
  readonly rateLimits: RateLimits;
  /** What the gateway keeps of its own callers: no caller's identifier reaches it. */
  readonly requestLimits: RateLimits;
  readonly cluster: Cluster;
  readonly sessions: Sessions;
  /** The lanes, for metrics. */
  readonly transact: Transact;
}

export function makePatterns(dependencies: PatternsDependencies): Patterns {
  const { store, clock, ids, secret } = dependencies;
  const transact = new Transact(dependencies);
  const expiry = new InventoryExpiry({ store, transact, clock });
  return {
    kv: new Kv(store, transact),
    counters: new Counters({ store, transact, clock, ids }),
    elections: new Elections({ store, transact, clock, ids }),
    inventory: new Inventory({ store, transact, clock, expiry }),
    reservations: new Reservations({ store, transact, ids, expiry }),
    rateLimits: new RateLimits({ store, transact }),
    requestLimits: new RateLimits({ store, transact, family: 'requestLimit' }),
    cluster: new Cluster(store, clock),
    sessions: new Sessions({ store, transact, clock, ids, secret }),
    transact,
  };
}
