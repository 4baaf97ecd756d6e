/**
 * What a caller must be to use each root field, in one table. A field that is not in it is for operators alone, and a test
 * holds the table against the contract, so that a new one cannot be forgotten. Judged before anything of an operation runs.
 */
import type { OperationTypeNode } from 'graphql';
import { AppError } from '../core/errors';
import { isRoleEnough } from '../patterns/tenant-decisions';
import type { TenantRole } from '../patterns/tenant-decisions';
import type { Operation } from './executor';

/** A role within the tenant, or whoever manages tenants. */
export type NeededRole = TenantRole | 'OPERATOR';

const all = <Role extends NeededRole>(role: Role, ...fields: readonly string[]): Readonly<Record<string, Role>> =>
  Object.fromEntries(fields.map((field) => [field, role]));

/** The root fields of the contract, those that are not built yet among them. */
export const fieldRoles: Readonly<Record<OperationTypeNode, Readonly<Record<string, NeededRole>>>> = {
  query: {
    ...all('READER', '__typename', '__schema', '__type', 'node', 'nodes', 'tenant', 'cluster'),
    ...all('READER', 'kvGet', 'kvGetMany', 'kvScan', 'vectorIndex', 'vectorIndexes', 'vectorGet', 'vectorSearch'),
    ...all('READER', 'counter', 'counters', 'session', 'sessionsOfUser', 'inventoryItem', 'inventoryItems'),
    ...all('READER', 'reservation', 'rateLimit', 'election', 'eventStream', 'eventStreams', 'allEvents'),
    ...all('READER', 'cached', 'cacheStats', 'semanticSearch', 'document', 'product', 'recommendations'),
    ...all('READER', 'similarProducts'),
    ...all('OPERATOR', 'tenantById', 'tenants'),
  },
  mutation: {
    ...all('READER', '__typename'),
    ...all('WRITER', 'kvPut', 'kvDelete', 'kvTransact'),
    ...all('WRITER', 'vectorCreateIndex', 'vectorDropIndex', 'vectorInsert', 'vectorDelete'),
    ...all('WRITER', 'createCounter', 'incrementCounter', 'setCounter', 'deleteCounter'),
    ...all('WRITER', 'createSession', 'touchSession', 'updateSession', 'rotateSession'),
    ...all('WRITER', 'destroySession', 'destroyUserSessions'),
    ...all('WRITER', 'createInventoryItem', 'adjustInventory', 'reserveInventory', 'commitReservation'),
    ...all('WRITER', 'releaseReservation', 'extendReservation', 'checkRateLimit', 'resetRateLimit'),
    ...all('WRITER', 'campaign', 'renewLeadership', 'resignLeadership'),
    ...all('WRITER', 'appendEvents', 'saveSnapshot', 'deleteEventStream'),
    ...all('WRITER', 'cachePut', 'cacheDelete', 'invalidateCache', 'invalidateAllCache'),
    ...all('WRITER', 'indexDocuments', 'deleteDocument', 'indexProducts', 'deleteProduct', 'recordInteraction'),
    ...all('WRITER', 'checkAndStoreDocument', 'removeFingerprint'),
    ...all('ADMIN', 'createApiKey', 'revokeApiKey'),
    ...all('OPERATOR', 'createTenant', 'updateTenant', 'deleteTenant'),
  },
  subscription: {
    ...all('READER', '__typename', 'kvChanges', 'counterChanged', 'inventoryChanged', 'events', 'allEvents'),
    ...all('READER', 'leadershipChanged', 'sessionEnded', 'clusterChanged'),
    // It holds the lease while it is open.
    ...all('WRITER', 'campaign'),
  },
};

/** Root fields that an application added, as `mutation openAccount`. */
export type OwnRoles = ReadonlyMap<string, NeededRole>;

const noOwnRoles: OwnRoles = new Map();

/** Throws FORBIDDEN where the caller may not run this operation: because of one root field, none of it runs. */
export function refuseForbidden(
  { type, rootFields }: Pick<Operation, 'type' | 'rootFields'>,
  { role, isOperator }: { readonly role: TenantRole; readonly isOperator: boolean },
  ownRoles: OwnRoles = noOwnRoles,
): void {
  if (isOperator) return;
  for (const field of rootFields) {
    const roles = fieldRoles[type];
    const needed = ownRoles.get(`${type} ${field}`) ?? (Object.hasOwn(roles, field) ? roles[field]! : 'OPERATOR');
    if (needed === 'OPERATOR') throw new AppError('FORBIDDEN', `${field} is for operators`);
    if (!isRoleEnough(role, needed))
      throw new AppError('FORBIDDEN', `${field} needs the role ${needed}, the credential has ${role}`);
  }
}
