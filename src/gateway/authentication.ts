/**
 * Who a caller is: from the credential that comes with a request, and in development mode, where there is none, from
 * `x-tenant-id`. A credential is an API key, a JWT, or the operator's key. One that is sent must be right, in development
 * mode too. A tenant that was deleted lets nobody in; where credentials are required a tenant must have been created.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Revision } from '../../proto/store';
import type { Clock } from '../core/clock';
import { AppError } from '../core/errors';
import type { Claim, TenantAccess, TenantLife } from '../patterns/tenant-access';
import type { TenantRole } from '../patterns/tenant-decisions';
import { defaultTenant, requireTenantId } from '../store/tenant-id';
import type { VerifyJwt } from './jwt';

/** What came with a request, read but not judged. */
export interface Presented {
  readonly authorization: string | undefined;
  /** Checked for its form. Of no meaning beside a tenant's credential. */
  readonly tenantId: string | undefined;
}

/** Whoever asks. */
export interface Caller {
  /** Empty: an operator where credentials are required, who is of no tenant. */
  readonly tenantId: string;
  readonly role: TenantRole;
  /** Manages tenants. */
  readonly isOperator: boolean;
  /** Milliseconds since 1970 at which the credential ends; left out: it does not by itself. */
  readonly expiresAtMs?: number | undefined;
  /** The snapshot in which its tenant was found open; left out: that was not looked at yet. */
  readonly asOf?: Revision | undefined;
  /** Left out: no API key. */
  readonly apiKey?: Claim['apiKey'];
}

export interface Authentication {
  /** Rejects with UNAUTHENTICATED, FORBIDDEN (the credential is right and its tenant shut), or the store's failure. */
  authenticate(presented: Presented): Promise<Caller>;
  /**
   * Calls `end` once with the reason when what the caller may has ended: its key was revoked, its tenant deleted, its token has
   * expired. Resolves with what lets go of it; rejects where it has ended already.
   */
  hold(caller: Caller, end: (reason: AppError) => void): Promise<() => void>;
}

export interface AuthenticationOptions {
  /** Whether everyone needs a credential. */
  readonly isRequired: boolean;
  readonly operatorKey?: string | undefined;
  readonly verifyJwt?: VerifyJwt | undefined;
  readonly access: Pick<TenantAccess, 'apiKey' | 'life' | 'forget' | 'hold'>;
  readonly clock: Clock;
}

/** What came over HTTP. Throws INVALID_ARGUMENT where the id of the tenant is none. */
export function presentedByHeaders(headers: IncomingHttpHeaders): Presented {
  const given = headers['x-tenant-id'];
  // Node reads header bytes as latin-1; ids are UTF-8.
  const text = given === undefined ? undefined : Buffer.from(String(given), 'latin1').toString('utf8');
  return {
    authorization: headers.authorization,
    tenantId: text === undefined ? undefined : requireTenantId('x-tenant-id', text),
  };
}

/** The same over WebSocket: `connectionParams` stand before the headers of the upgrade. */
export function presentedByConnection(
  headers: IncomingHttpHeaders,
  parameters: Readonly<Record<string, unknown>>,
): Presented {
  let { authorization, tenantId }: { authorization: unknown; tenantId: unknown } = {
    authorization: headers.authorization,
    tenantId: undefined,
  };
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined || value === null) continue;
    const lower = name.toLowerCase();
    if (lower === 'authorization' && value !== '') authorization = value;
    if (lower === 'x-tenant-id') tenantId = requireTenantId('x-tenant-id', value);
  }
  if (authorization !== undefined && typeof authorization !== 'string') throw unknownCredential();
  return {
    authorization,
    tenantId: (tenantId as string | undefined) ?? presentedByHeaders(headers).tenantId,
  };
}

export function makeAuthentication(options: AuthenticationOptions): Authentication {
  const { isRequired, access, clock, verifyJwt } = options;
  const operatorHash = options.operatorKey === undefined ? undefined : hashOf(options.operatorKey);

  /** The snapshot in which the tenant was open; rejects where it lets nobody in. `incarnation`: the life that the credential is of. */
  const requireOpen = async (tenantId: string, incarnation?: number): Promise<Revision> => {
    const isRight = ({ isOpen, isCreated, incarnation: present }: TenantLife): boolean =>
      isOpen && (isCreated || !isRequired) && (incarnation ?? present) === present;
    let life = await access.life(tenantId);
    if (!isRight(life)) {
      // What is remembered may be a moment old, and the tenant made since.
      access.forget(tenantId);
      life = await access.life(tenantId);
    }
    if (isRight(life)) return life.asOf;
    if (incarnation !== undefined) throw unknownCredential();
    throw new AppError('FORBIDDEN', `there is no tenant "${tenantId}"`);
  };

  const byCredential = async (credential: string, tenantId: string | undefined): Promise<Caller> => {
    const hash = hashOf(credential);
    if (operatorHash && timingSafeEqual(hash, operatorHash))
      return { tenantId: isRequired ? '' : (tenantId ?? defaultTenant), role: 'ADMIN', isOperator: true };
    const key = await access.apiKey(credential, hash.toString('base64'));
    if (key) {
      const { id, tenantId: own, role, asOf } = key;
      const openAsOf = await requireOpen(own, key.incarnation);
      return { tenantId: own, role, isOperator: false, asOf: openAsOf, apiKey: { id, asOf } };
    }
    const claims = await verifyJwt?.(credential);
    if (!claims) throw unknownCredential();
    return { ...claims, isOperator: false, asOf: await requireOpen(claims.tenantId) };
  };

  const hold: Authentication['hold'] = async (caller, end) => {
    const { tenantId, apiKey, expiresAtMs } = caller;
    let isOver = false;
    let release = (): void => undefined;
    let cancel = (): void => undefined;
    const letGo = (): void => {
      isOver = true;
      cancel();
      release();
    };
    const finish = (reason: AppError): void => {
      if (isOver) return;
      letGo();
      end(reason);
    };
    const look = (): void => {
      const leftMs = expiresAtMs! - clock.nowMs();
      if (leftMs <= 0) finish(new AppError('UNAUTHENTICATED', 'the token has expired'));
      else cancel = clock.after(Math.min(leftMs, timerMsMax), look);
    };
    if (tenantId !== '') {
      const asOf = caller.asOf ?? (await requireOpen(tenantId));
      const reason = new AppError('UNAUTHENTICATED', 'the credential was revoked, or its tenant deleted');
      release = access.hold({ tenantId, asOf, apiKey }, () => finish(reason));
    }
    if (!isOver && expiresAtMs !== undefined) look();
    return letGo;
  };

  return {
    async authenticate({ authorization, tenantId }) {
      if (authorization !== undefined) return byCredential(bearerOf(authorization), tenantId);
      if (isRequired) throw new AppError('UNAUTHENTICATED', 'a credential is needed: send Authorization: Bearer …');
      return { tenantId: tenantId ?? defaultTenant, role: 'ADMIN', isOperator: operatorHash === undefined };
    },
    hold,
  };
}

/** Timers end at 2^31 ms. */
const timerMsMax = 86_400_000;

function bearerOf(authorization: string): string {
  const [, credential] = /^bearer +([^\s]+) *$/i.exec(authorization) ?? [];
  if (credential === undefined) throw unknownCredential();
  return credential;
}

function hashOf(credential: string): Buffer {
  return createHash('sha256').update(credential).digest();
}

function unknownCredential(): AppError {
  return new AppError('UNAUTHENTICATED', 'the credential is not known, or is no longer valid');
}
