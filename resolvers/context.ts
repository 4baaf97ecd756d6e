/** What every resolver is given: who asks, and the patterns of the caller's tenant. Made by the gateway, once a request. */
import type { Patterns, Tenancy } from '../src/patterns/patterns';
import type { KeyManager } from '../src/patterns/tenant-keys';

/** Who asks: tenant, role, and whether it is an operator. */
export type RequestCaller = KeyManager;

export interface RequestContext {
  /** From the verified credential; in development mode from `x-tenant-id`. Empty: an operator, who is of no tenant. */
  readonly tenantId: string;
  readonly caller: RequestCaller;
  /** The patterns over the tenant's scope of the store. */
  readonly patterns: Patterns;
  /** What is kept about all tenants. */
  readonly tenancy: Tenancy;
  /** Names the request in logs and in the errors that mask something. */
  readonly requestId: string;
}
