/**
 * Tokens and ids of sessions. A token is what opens a session and is never stored:
 *
 *     secret (32 bytes) | user (16 bytes, a keyed hash of the user's id) | the session's number (6 bytes), as base64url
 *
 * so that it leads to its row in one trip, whose hash of the secret then has to fit. The id of a session is user and number
 * alone: it may be shown and logged, and nothing of a token follows from it.
 */
import { keyedHash } from '../core/secret';
import { encodeOpaque, requireCursor } from '../core/opaque';
import { uint48 } from '../core/tuple';
import { sessionSecretBytes } from './session-record';

export interface SessionPlace {
  /** 16 bytes that stand for the user. */
  readonly user: Buffer;
  readonly number: number;
}

export interface SessionToken extends SessionPlace {
  readonly secret: Buffer;
}

const userBytes = 16;
const numberBytes = 6;

/** What stands for a user in keys, tokens and ids. */
export function userReference(serverSecret: Buffer, userId: string): Buffer {
  return keyedHash(serverSecret, 'session user', userId).subarray(0, userBytes);
}

/** The secret of the token that a command with an idempotencyKey makes: the same from the same salt. */
export function derivedSecret(serverSecret: Buffer, salt: Buffer): Buffer {
  return keyedHash(serverSecret, 'session token', salt);
}

export function makeToken({ secret, user, number }: SessionToken): string {
  return Buffer.concat([secret, user, uint48(number)]).toString('base64url');
}

/** Undefined where it is not a token that we ever gave. */
export function parseToken(token: string): SessionToken | undefined {
  const bytes = exactly(token, sessionSecretBytes + userBytes + numberBytes);
  return bytes && { secret: bytes.subarray(0, sessionSecretBytes), ...placeIn(bytes, sessionSecretBytes) };
}

/** The global id of a session. */
export function sessionId(place: SessionPlace): string {
  return encodeOpaque('sessionNode', Buffer.from(placeText(place), 'latin1'));
}

/** The place that the payload of a global id names; undefined where it names none. */
export function parseSessionId(payload: string): SessionPlace | undefined {
  const bytes = exactly(payload, userBytes + numberBytes);
  return bytes && placeIn(bytes, 0);
}

/** The cursor of a list behind a session. */
export function sessionCursor({ number }: Pick<SessionPlace, 'number'>): string {
  return encodeOpaque('sessions', uint48(number));
}

/** Throws INVALID_ARGUMENT where it is no cursor of a list of sessions. */
export function requireSessionCursor(field: string, cursor: string): number {
  const payload = requireCursor(field, 'sessions', cursor);
  return payload.length === numberBytes ? payload.readUIntBE(0, numberBytes) : 0;
}

function placeText({ user, number }: SessionPlace): string {
  return Buffer.concat([user, uint48(number)]).toString('base64url');
}

function placeIn(bytes: Buffer, from: number): SessionPlace {
  const numberAt = from + userBytes;
  return { user: bytes.subarray(from, numberAt), number: bytes.readUIntBE(numberAt, numberBytes) };
}

const base64url = /^[\w-]*$/;

/** The bytes of a base64url text, where it is the only way to write just as many bytes. */
function exactly(text: string, bytesCount: number): Buffer | undefined {
  if (text.length !== Math.ceil((bytesCount * 4) / 3)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== bytesCount) return undefined;
  // Only bits that are left over in the last character can be written in several ways: a token has none.
  const isOnlyWay = bytesCount % 3 === 0 ? base64url.test(text) : bytes.toString('base64url') === text;
  return isOnlyWay ? bytes : undefined;
}
