/**
 * JSON Web Tokens of an issuer that the operator trusts. The signature must be asymmetric and by a key of the issuer's set; issuer,
 * audience and expiry are judged, and a token without expiry is none. Claims say tenant and role; without a role a token reads.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type * as Jose from 'jose';
import type { JSONWebKeySet, JWTPayload, JWTVerifyGetKey } from 'jose';
import type { Clock } from '../core/clock';
import { AppError } from '../core/errors';
import { tenantRoles } from '../patterns/tenant-decisions';
import type { TenantRole } from '../patterns/tenant-decisions';
import { requireTenantId } from '../store/tenant-id';
import { BoundedMap } from '../core/bounded-map';

export interface JwtOptions {
  readonly issuer: string;
  readonly audience: string;
  /** The path of a file, or a URL, of a JSON Web Key Set. */
  readonly keySet: string;
  readonly tenantClaim: string;
  readonly roleClaim: string;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export interface JwtClaims {
  readonly tenantId: string;
  readonly role: TenantRole;
  readonly expiresAtMs: number;
}

/** Resolves with undefined where the text is no token of the issuer's; rejects with UNAVAILABLE where its keys cannot be had. */
export type VerifyJwt = (token: string) => Promise<JwtClaims | undefined>;

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** A token that was found right is not verified again for this long: a key may leave the issuer's set. */
const keepMs = 60_000;
const keptMax = 10_000;

/** Throws where the key set is no file that can be read, or none at all. */
export async function makeVerifyJwt(options: JwtOptions): Promise<VerifyJwt> {
  const jose = await import('jose');
  const keys = keysOf(jose, options.keySet);
  const kept = new BoundedMap<string, { readonly claims: JwtClaims; readonly untilMs: number }>({
    entriesMax: keptMax,
  });
  return async (token) => {
    if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined;
    const nowMs = options.clock.nowMs();
    const name = createHash('sha256').update(token).digest('base64');
    const known = kept.get(name);
    if (known && nowMs < known.untilMs) return known.claims;
    const payload = await verified(jose, token, keys, options, nowMs);
    const claims = payload && claimsOf(payload, options);
    if (claims) kept.set(name, { claims, untilMs: Math.min(claims.expiresAtMs, nowMs + keepMs) });
    return claims;
  };
}

function keysOf(jose: typeof Jose, keySet: string): JWTVerifyGetKey {
  if (/^https?:/.test(keySet)) return jose.createRemoteJWKSet(new URL(keySet), { timeoutDuration: 3_000 });
  return jose.createLocalJWKSet(JSON.parse(readFileSync(keySet, 'utf8')) as JSONWebKeySet);
}

async function verified(
  jose: typeof Jose,
  token: string,
  keys: JWTVerifyGetKey,
  { issuer, audience }: JwtOptions,
  nowMs: number,
): Promise<JWTPayload | undefined> {
  const rules = { issuer, audience, algorithms, requiredClaims: ['exp'], currentDate: new Date(nowMs) };
  try {
    return (await jose.jwtVerify(token, keys, rules)).payload;
  } catch (error) {
    const { JWKSTimeout, JOSEError } = jose.errors;
    // Their own codes say that the token is wrong; the rest, that the keys could not be fetched.
    const code = error instanceof JOSEError ? error.code : undefined;
    if (code !== undefined && code !== 'ERR_JOSE_GENERIC' && !(error instanceof JWKSTimeout)) return undefined;
    throw new AppError('UNAVAILABLE', 'the keys of the issuer cannot be fetched: try again', { cause: error });
  }
}

function claimsOf(payload: JWTPayload, { tenantClaim, roleClaim }: JwtOptions): JwtClaims | undefined {
  const role = payload[roleClaim] ?? 'READER';
  const known = tenantRoles.find((each) => each === role);
  if (!known) return undefined;
  try {
    const tenantId = requireTenantId(tenantClaim, payload[tenantClaim]);
    return { tenantId, role: known, expiresAtMs: payload.exp! * 1_000 };
  } catch {
    return undefined;
  }
}
