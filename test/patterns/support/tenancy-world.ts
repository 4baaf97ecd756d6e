/** Gateways that know of tenants, over one store in memory: each with a tenancy and a memory of its own. */
import { createHmac } from 'node:crypto';
import { makeSeededIds } from '../../../src/core/ids';
import { reservedScope } from '../../../src/core/keyspace';
import { makePatterns, makeTenancy } from '../../../src/patterns/patterns';
import type { Patterns, Tenancy } from '../../../src/patterns/patterns';
import type { RemovalProgress } from '../../../src/patterns/tenant-removal';
import { LaneMemory } from '../../../src/store/lane-memory';
import { TenantStore } from '../../../src/store/tenant-store';
import { HookedStore } from './hooked-store';
import { World } from './world';
import { meaning } from '../../support/meaning';

export interface TenancyGateway extends Tenancy {
  /** What goes from this gateway to the store. */
  readonly store: HookedStore;
  readonly progress: RemovalProgress[];
  /** The patterns of the tenant's present life, as this gateway finds it now. */
  patternsOf(tenantId: string): Patterns;
}

export interface TenancyOptions {
  /** Default false: tenants must have been created. */
  readonly unknownExists?: boolean;
  readonly serverSecret?: string;
}

/** Whoever may do everything with keys. */
export const operator = { tenantId: '', role: 'ADMIN', isOperator: true } as const;
export const adminOf = (tenantId: string) => ({ tenantId, role: 'ADMIN', isOperator: false }) as const;

export class TenancyWorld extends World {
  #made = 0;

  tenancy({ unknownExists = false, serverSecret = 'secret' }: TenancyOptions = {}): TenancyGateway {
    const store = new HookedStore(this.base);
    const progress: RemovalProgress[] = [];
    const memory = new LaneMemory();
    const { clock } = this;
    const ids = makeSeededIds(1_000 + (this.#made += 1));
    const tenancy = makeTenancy({
      store,
      memory,
      clock,
      ids,
      serverSecret: () => createHmac('sha256', serverSecret).digest(),
      unknownExists,
      reportRemoval: (each) => void progress.push(each),
    });
    let scopes = 0;
    const patternsOf = (tenantId: string): Patterns => {
      const life = () => tenancy.access.scopeOf(tenantId);
      const memoryScope = `${tenantId}\0${(scopes += 1)}`;
      const scoped = new TenantStore(store, {
        life,
        quota: () => tenancy.access.quotaOf(tenantId),
        onOver: () => undefined,
      });
      return makePatterns({
        store: scoped,
        memory,
        memoryScope,
        clock,
        ids,
        secret: () => Buffer.alloc(32, 7),
        ...meaning,
      });
    };
    return { ...tenancy, store, progress, patternsOf };
  }

  /** Everything that is stored, scopes included, as hexadecimal. */
  async rows(prefix = ''): Promise<string[]> {
    const { results } = await this.base.read([{ start: Buffer.alloc(0), end: Buffer.alloc(1_900, 0xff) }]);
    return results[0]!.entries
      .map(({ key, value }) => `${key.toString('hex')} ${value.toString('hex')}`)
      .filter((row) => row.startsWith(prefix));
  }
}

/** Of what is kept about tenants, and of tenants' own data. */
export const reservedPrefix = reservedScope.toString('hex');
export const tenantsPrefix = '54';
