/** What every resolver is given: who asks, and the patterns of the caller's tenant. Made by the gateway, once a request. */
import type { Patterns } from '../src/patterns/patterns';

export interface RequestContext {
  /** From the verified credential; in development mode from `x-tenant-id`. */
  readonly tenantId: string;
  /** The patterns over the tenant's scope of the store. */
  readonly patterns: Patterns;
  /** Names the request in logs and in the errors that mask something. */
  readonly requestId: string;
}
