/** The rules of sessions, pure. A session is given to them only where it is live: what has ended is undefined here, and stays so. */
import { limits } from '../../proto/limits';
import { invalidArgument } from '../core/errors';
import { mergePatch, requireJson } from '../core/json';
import type { Json } from '../core/json';
import type { SessionHead, SessionRecord } from './session-record';

/** What a session begins with. */
export interface NewSession {
  readonly userId: string;
  readonly email?: string | undefined;
  readonly roles: readonly string[];
  /** JSON text. */
  readonly attributes: string;
  readonly ttlMs: number;
  readonly absoluteTtlMs: number;
}

/** A change; what is left out stays as it is. */
export interface SessionChange {
  /** Null takes it away. */
  readonly email?: string | null | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly addRoles?: readonly string[] | undefined;
  readonly removeRoles?: readonly string[] | undefined;
  /** A merge patch. */
  readonly attributes?: Json | undefined;
}

/** A user's records outlive the last session by this much, so that clocks of gateways that differ meet them still. */
const headKeepMs = 86_400_000;

/** The record of a session that begins now. */
export function beginSession(session: NewSession, secretHash: string, nowMs: number): SessionRecord {
  const { userId, email, roles, attributes, ttlMs, absoluteTtlMs } = session;
  const absoluteExpiresAtMs = nowMs + absoluteTtlMs;
  return {
    userId,
    ...(email === undefined ? {} : { email }),
    roles: [...new Set(roles)],
    attributes,
    createdAtMs: nowMs,
    lastAccessedAtMs: nowMs,
    expiresAtMs: Math.min(nowMs + ttlMs, absoluteExpiresAtMs),
    absoluteExpiresAtMs,
    ttlMs,
    secretHash,
  };
}

/** The head after the session of that number has begun. */
export function headAfterBegin(head: SessionHead, number: number, { absoluteExpiresAtMs }: SessionRecord): SessionHead {
  const keepUntilMs = Math.max(head.keepUntilMs, absoluteExpiresAtMs + headKeepMs);
  return { last: number, changes: head.changes + 1, keepUntilMs };
}

/** Whether a session is over at that moment. */
export function isOver(
  { expiresAtMs }: Pick<SessionRecord, 'expiresAtMs'>,
  number: number,
  { endedThrough, nowMs }: { readonly endedThrough: number; readonly nowMs: number },
): boolean {
  return number <= endedThrough || nowMs >= expiresAtMs;
}

/** The session with its life extended; undefined where the last one that was recorded is too recent to be worth a write. */
export function decideTouch(session: SessionRecord, nowMs: number): SessionRecord | undefined {
  return nowMs - session.lastAccessedAtMs < session.ttlMs / 10 ? undefined : touched(session, nowMs);
}

/** The session with the change, and its life extended. Throws INVALID_ARGUMENT where it would pass a limit. */
export function decideUpdate(session: SessionRecord, change: SessionChange, nowMs: number): SessionRecord {
  const { email: oldEmail, ...kept } = touched(session, nowMs);
  const email = change.email === undefined ? oldEmail : (change.email ?? undefined);
  return {
    ...kept,
    ...(email === undefined ? {} : { email }),
    roles: changedRoles(session.roles, change),
    attributes: changedAttributes(session.attributes, change.attributes),
  };
}

/** The session under a new token, with its life extended. */
export function decideRotate(session: SessionRecord, secretHash: string, nowMs: number): SessionRecord {
  return { ...touched(session, nowMs), secretHash };
}

/** A session with its number, as a plan over all of a user's sessions sees it. */
export interface LiveSession {
  readonly number: number;
  readonly expiresAtMs: number;
}

/** Through which number sessions end so that one more makes `perUserMax`; `newestFirst`: at least that many where there are. */
export function decideEviction(newestFirst: readonly LiveSession[], perUserMax: number): number | undefined {
  return newestFirst[perUserMax - 1]?.number;
}

function touched(session: SessionRecord, nowMs: number): SessionRecord {
  const { ttlMs, absoluteExpiresAtMs } = session;
  return { ...session, lastAccessedAtMs: nowMs, expiresAtMs: Math.min(nowMs + ttlMs, absoluteExpiresAtMs) };
}

function changedRoles(old: readonly string[], { roles, addRoles = [], removeRoles = [] }: SessionChange): string[] {
  const changed = new Set([...(roles ?? old), ...addRoles]);
  for (const role of removeRoles) changed.delete(role);
  if (changed.size > limits.sessionRolesMax) {
    throw invalidArgument(
      'input.addRoles',
      `would make ${changed.size} roles, at most ${limits.sessionRolesMax} are allowed`,
    );
  }
  return [...changed];
}

function changedAttributes(old: string, patch: Json | undefined): string {
  if (patch === undefined) return old;
  const { sessionAttributesBytesMax: bytesMax, sessionAttributesDepthMax: depthMax } = limits;
  return requireJson('input.attributes', mergePatch(JSON.parse(old) as Json, patch), { bytesMax, depthMax });
}
