/** What callers may ask of sessions. Tokens are never in a message: one that is not ours is simply not found. */
import { limits } from '../../proto/limits';
import { invalidArgument } from '../core/errors';
import { requireCount, requireInteger, requireText } from '../core/input';
import { requireJson } from '../core/json';
import type { Json } from '../core/json';
import type { NewSession, SessionChange } from './session-decisions';

export interface CreateSession {
  readonly userId: string;
  readonly email?: string | undefined;
  readonly roles: readonly string[];
  /** Any JSON value; default {}. */
  readonly attributes?: unknown;
  readonly ttlMs: number;
  readonly absoluteTtlMs: number;
  readonly maxPerUser?: number | undefined;
  readonly idempotencyKey?: string | undefined;
}

export interface UpdateSession {
  readonly token: string;
  /** Null takes it away. */
  readonly email?: string | null | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly addRoles?: readonly string[] | undefined;
  readonly removeRoles?: readonly string[] | undefined;
  /** A JSON merge patch. */
  readonly attributes?: unknown;
  readonly ifVersion?: string | undefined;
  readonly idempotencyKey?: string | undefined;
}

export const createDefaults = { roles: [], attributes: {}, ttlMs: 3_600_000, absoluteTtlMs: 2_592_000_000 } as const;

const attributesRule = {
  bytesMax: limits.sessionAttributesBytesMax,
  depthMax: limits.sessionAttributesDepthMax,
} as const;

export function requireUserId(field: string, userId: string): void {
  requireText(field, userId, { bytesMax: limits.nameBytesMax });
}

export function requireNewSession(input: CreateSession): NewSession {
  const { userId, email, roles, attributes = {}, ttlMs, absoluteTtlMs, maxPerUser } = input;
  requireUserId('input.userId', userId);
  requireEmail(email);
  requireRoles('input.roles', roles);
  const attributesText = requireJson('input.attributes', attributes ?? {}, attributesRule);
  requireInteger('input.ttlMs', ttlMs, { min: 1, max: limits.ttlMsMax });
  requireInteger('input.absoluteTtlMs', absoluteTtlMs, { min: 1, max: limits.ttlMsMax });
  if (maxPerUser !== undefined)
    requireInteger('input.maxPerUser', maxPerUser, { min: 1, max: limits.sessionsPerUserMax });
  return { userId, email, roles, attributes: attributesText, ttlMs, absoluteTtlMs };
}

export function requireChange(input: UpdateSession): SessionChange {
  const { email, roles, addRoles, removeRoles, attributes } = input;
  requireEmail(email ?? undefined);
  for (const [name, list] of Object.entries({ roles, addRoles, removeRoles }))
    if (list) requireRoles(`input.${name}`, list);
  const both = addRoles?.find((role) => removeRoles?.includes(role));
  if (both !== undefined) throw invalidArgument('input.addRoles', `and removeRoles both name the role "${both}"`);
  if (attributes !== undefined) requireJson('input.attributes', attributes, attributesRule);
  return { email, roles, addRoles, removeRoles, attributes: attributes as Json | undefined };
}

function requireEmail(email: string | undefined): void {
  if (email !== undefined) requireText('input.email', email, { bytesMax: limits.nameBytesMax });
}

function requireRoles(field: string, roles: readonly string[]): void {
  requireCount(field, roles, { min: 0, max: limits.sessionRolesMax });
  for (const [index, role] of roles.entries())
    requireText(`${field}[${index}]`, role, { bytesMax: limits.nameBytesMax });
}
