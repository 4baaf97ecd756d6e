/**
 * Which requests are looked at at all, whoever sends them. In development mode everyone on this machine is let in; the guards
 * see to it that a web page which merely runs on this machine is not: neither by a name that resolves to loopback (DNS
 * rebinding), nor by a request from another origin. Where credentials are required any name may lead here.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isLoopback } from '../core/loopback';

export interface GuardOptions {
  /** Origins beside our own that are let in. */
  readonly allowedOrigins: readonly string[];
  readonly isTls: boolean;
  /** Whether the host must be a loopback name. */
  readonly isLoopbackOnly: boolean;
}

/** Why a request with these headers is refused, or undefined. Both guards hold for every path. */
export function refusalOf(headers: IncomingHttpHeaders, options: GuardOptions): string | undefined {
  const host = headers.host;
  if (options.isLoopbackOnly && (host === undefined || !isLoopback(hostNameOf(host))))
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
