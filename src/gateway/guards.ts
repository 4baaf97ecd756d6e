/**
 * Who may speak to the gateway, and for which tenant. In development mode everyone on this machine may; the guards see to
 * it that a web page which merely runs on this machine may not: neither by a name that resolves to loopback (DNS
 * rebinding), nor by a request from another origin.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { AppError, invalidArgument } from '../core/errors';
import { isLoopback } from '../core/loopback';
import { limits } from '../../proto/limits';

export interface GuardOptions {
  /** Origins beside our own that are let in. */
  readonly allowedOrigins: readonly string[];
  readonly isTls: boolean;
}

/** The tenant of callers who name none. */
export const defaultTenant = 'default';

/**
 * Checks a tenant's id: a string that is not empty, well-formed Unicode without control characters, at most 128 bytes.
 * Throws INVALID_ARGUMENT.
 */
export function checkTenantId(tenantId: unknown): string {
  const field = 'x-tenant-id';
  if (typeof tenantId !== 'string') throw invalidArgument(field, 'must be a string');
  if (tenantId === '') throw invalidArgument(field, 'must not be empty');
  if (/[\p{Surrogate}\u0000-\u001f\u007f\ufffd]/u.test(tenantId))
    throw invalidArgument(field, 'must be well-formed UTF-8 without control characters');
  const bytes = Buffer.byteLength(tenantId);
  if (bytes > limits.tenantIdBytesMax)
    throw invalidArgument(field, `has ${bytes} bytes, the limit is ${limits.tenantIdBytesMax}`);
  return tenantId;
}

/**
 * Development authentication over HTTP: the tenant is what the header says. Throws UNAUTHENTICATED for a credential,
 * since none can be right yet, and INVALID_ARGUMENT for an id that is none.
 */
export function tenantOfHeaders(headers: IncomingHttpHeaders): string {
  if (headers.authorization !== undefined) throw unknownCredential();
  const given = headers['x-tenant-id'];
  if (given === undefined) return defaultTenant;
  // Node reads header bytes as latin-1; ids are UTF-8.
  return checkTenantId(Buffer.from(String(given), 'latin1').toString('utf8'));
}

/** The same over WebSocket: `connectionParams` stand before the headers of the upgrade. */
export function tenantOfConnection(
  headers: IncomingHttpHeaders,
  parameters: Readonly<Record<string, unknown>>,
): string {
  for (const [name, value] of Object.entries(parameters)) {
    const lower = name.toLowerCase();
    if (lower === 'authorization' && value !== undefined && value !== null && value !== '') throw unknownCredential();
    if (lower === 'x-tenant-id' && value !== undefined && value !== null) {
      if (headers.authorization !== undefined) throw unknownCredential();
      return checkTenantId(value);
    }
  }
  return tenantOfHeaders(headers);
}

function unknownCredential(): AppError {
  return new AppError(
    'UNAUTHENTICATED',
    'the credential is not known: in development mode there are none, leave `authorization` out',
  );
}

/** Why a request with these headers is refused, or undefined. Both guards hold for every path. */
export function refusalOf(headers: IncomingHttpHeaders, options: GuardOptions): string | undefined {
  const host = headers.host;
  if (host === undefined || !isLoopback(hostNameOf(host)))
    return `this server answers on loopback names only; the host ${JSON.stringify(host ?? '')} is none`;
  const origin = headers.origin;
  if (origin !== undefined) {
    return isAllowedOrigin(origin, host, options)
      ? undefined
      : `requests from the origin ${JSON.stringify(origin)} are not allowed`;
  }
  // A GET from another site comes without an origin; browsers say what it is all the same.
  const site = headers['sec-fetch-site'];
  const isNavigation = headers['sec-fetch-mode'] === 'navigate';
  if ((site === 'cross-site' || site === 'same-site') && !isNavigation)
    return 'requests from other sites are not allowed';
  return undefined;
}

/** Whether pages of this origin may read our answers. */
export function isAllowedOrigin(origin: string, host: string | undefined, options: GuardOptions): boolean {
  if (options.allowedOrigins.includes(origin)) return true;
  return host !== undefined && origin === `${options.isTls ? 'https' : 'http'}://${host}`.toLowerCase();
}

function hostNameOf(host: string): string {
  return host.startsWith('[') ? host.slice(0, host.indexOf(']') + 1) : host.replace(/:\d*$/, '');
}
