/** Sessions as the SDL shows them. Tokens are in a payload only, never in a message. */
import { ErrorCode } from '../schema/common';
import type {
  CreateSessionPayload,
  Session,
  SessionConnection,
  SessionInvalid,
  SessionResult,
} from '../schema/session';
import { sessionCursor } from '../src/patterns/session-token';
import type { OpenedSession, Session as Read, SessionOutcome, SessionPage } from '../src/patterns/session';
import { toConnection } from './shapes';

/** Its attributes are parsed only where they are asked for. */
class SessionView implements Session {
  readonly kind = 'Session';
  readonly id: string;
  readonly userId: string;
  readonly email: string | null;
  readonly roles: readonly string[];
  readonly createdAt: number;
  readonly lastAccessedAt: number;
  readonly expiresAt: number;
  readonly absoluteExpiresAt: number;
  readonly version: string;
  readonly #attributes: string;

  constructor(session: Read) {
    this.id = session.id;
    this.userId = session.userId;
    this.email = session.email ?? null;
    this.roles = session.roles;
    this.createdAt = session.createdAtMs;
    this.lastAccessedAt = session.lastAccessedAtMs;
    this.expiresAt = session.expiresAtMs;
    this.absoluteExpiresAt = session.absoluteExpiresAtMs;
    this.version = String(session.revision);
    this.#attributes = session.attributes;
  }

  get attributes(): unknown {
    return JSON.parse(this.#attributes);
  }
}

export function toSession(session: Read): Session {
  return new SessionView(session);
}

export function toSessionConnection(
  { sessions, hasMore }: SessionPage,
  after: string | null | undefined,
): SessionConnection {
  const cursors = new Map(sessions.map((session) => [session.id, sessionCursor(session)]));
  return toConnection({
    nodes: sessions.map(toSession),
    cursorOf: ({ id }) => cursors.get(id)!,
    hasNextPage: hasMore,
    hasPreviousPage: after !== undefined && after !== null,
  });
}

export function toPayload({ token, session }: OpenedSession): CreateSessionPayload {
  return { kind: 'CreateSessionPayload', token, session: toSession(session) };
}

export function toInvalid(): SessionInvalid {
  return {
    kind: 'SessionInvalid',
    code: ErrorCode.SESSION_INVALID,
    message: 'the token opens no session: it never did, or the session has ended or has another token now',
    retryable: false,
  };
}

export function toResult(outcome: SessionOutcome): SessionResult {
  if (outcome.kind === 'invalid') return toInvalid();
  if (outcome.kind === 'session') return toSession(outcome.session);
  return {
    kind: 'SessionConflict',
    code: ErrorCode.VERSION_CONFLICT,
    message: `the session is at version ${outcome.current.revision}, not at the one that was asked for`,
    retryable: false,
    current: toSession(outcome.current),
  };
}
