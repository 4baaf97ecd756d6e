/** A user's sessions in the store: their keys, how a decision sees one, and how many of them are read together. */
import { limits } from '../../proto/limits';
import type { Entry, KeyRange, Revision, Store } from '../../proto/store';
import { isSameText, sha256 } from '../core/secret';
import { familyRange, families, keyspace } from '../core/keyspace';
import type { View } from '../store/transact';
import { decodeEnded, decodeHead, decodeSession, encodeEnded, encodeHead, encodeSession } from './session-record';
import type { SessionHead, SessionRecord, SessionsEnded } from './session-record';
import { isOver } from './session-decisions';
import type { LiveSession } from './session-decisions';
import type { SessionPlace, SessionToken } from './session-token';

/** A session as a decision sees it. */
export interface SeenSession {
  readonly record: SessionRecord;
  /** 0 where an earlier command of the same batch wrote it. */
  readonly revision: Revision;
  /** The storage clock, never before the session's last change. */
  readonly nowMs: number;
}

/** The live session that a token opens; undefined where it opens none (any more). */
export function seeSession(view: View, { user, number, secret }: SessionToken): SeenSession | undefined {
  const row = view.get(keyspace.session(user, number));
  const endedThrough = seeEnded(view, user).through;
  if (!row) return undefined;
  const record = decodeSession(row.value);
  const nowMs = Math.max(view.nowMs, record.lastAccessedAtMs);
  if (!opens(secret, record) || isOver(record, number, { endedThrough, nowMs })) return undefined;
  view.relyUntil(record.expiresAtMs);
  return { record, revision: row.revision, nowMs };
}

export function seeHead(view: View, user: Buffer): SessionHead {
  return decodeHead(view.get(keyspace.sessionHead(user))?.value);
}

export function seeEnded(view: View, user: Buffer): SessionsEnded {
  return decodeEnded(view.get(keyspace.sessionsEnded(user))?.value);
}

export function putSession(view: View, { user, number }: SessionPlace, record: SessionRecord): void {
  const ttlMs = ttlUntil(view, record.expiresAtMs);
  view.put(keyspace.session(user, number), encodeSession(record), { ttlMs, history: families.session.history });
}

/** The head, for as long as it has to be known. */
export function putHead(view: View, user: Buffer, head: SessionHead): void {
  const ttlMs = ttlUntil(view, head.keepUntilMs);
  view.put(keyspace.sessionHead(user), encodeHead(head), { ttlMs, history: families.sessionHead.history });
}

/** Ends all sessions through a number, for as long as any of them could still be there. */
export function putEnded(
  view: View,
  user: Buffer,
  end: { readonly through: number; readonly head: SessionHead },
): void {
  const ttlMs = ttlUntil(view, end.head.keepUntilMs);
  const value = encodeEnded({ through: end.through, atMs: view.nowMs });
  view.put(keyspace.sessionsEnded(user), value, { ttlMs, history: families.sessionsEnded.history });
}

function ttlUntil({ nowMs }: View, atMs: number): number {
  return Math.min(Math.max(atMs - nowMs, 1), limits.ttlMsMax);
}

/** Whether this is the secret of the session's token. */
export function opens(secret: Buffer, { secretHash }: Pick<SessionRecord, 'secretHash'>): boolean {
  return isSameText(sha256(secret), secretHash);
}

// --- many of them ------------------------------------------------------------------------------------------------

export interface StoredSession extends LiveSession {
  readonly record: SessionRecord;
  readonly revision: Revision;
}

/** All that was live of a user when it was read, in a state that the head and `ended` identify. */
export interface UserSessions {
  readonly head: SessionHead;
  readonly ended: SessionsEnded;
  readonly live: readonly StoredSession[];
  /** Whether there may be more than was asked for. */
  readonly more: boolean;
}

export interface Wanted {
  /** Live ones at most, beyond what one page brings. */
  readonly atLeast: number;
  readonly newestFirst?: boolean;
  /** Only those with a higher number. */
  readonly after?: number;
  /** One page of bytes is enough. */
  readonly mayEndEarly?: boolean;
}

/** Reads the live sessions of a user, oldest first unless asked otherwise: one trip a page. */
export async function readUserSessions(store: Store, user: Buffer, wanted: Wanted): Promise<UserSessions> {
  const { atLeast, newestFirst = false, after = 0, mayEndEarly = false } = wanted;
  let { start, end } = familyRange('session', user);
  if (after > 0) start = keyspace.session(user, after + 1);
  let state: Pick<UserSessions, 'head' | 'ended'> | undefined;
  const live: StoredSession[] = [];
  for (;;) {
    const limit = Math.min(atLeast, pageMax);
    const page: KeyRange = { start, end, limit, reverse: newestFirst, bytesMax: limits.pageBytesMax };
    const stateKeys = state ? [] : [keyspace.sessionHead(user), keyspace.sessionsEnded(user)];
    const { results, nowMs } = await store.read([page, ...stateKeys.map((key) => ({ start: key }))]);
    const [rows, head, ended] = results;
    state ??= { head: decodeHead(head!.entries[0]?.value), ended: decodeEnded(ended!.entries[0]?.value) };
    const endedThrough = state.ended.through;
    for (const entry of rows!.entries) {
      const session = toStored(entry);
      if (!isOver(session, session.number, { endedThrough, nowMs })) live.push(session);
    }
    const last = rows!.entries.at(-1);
    const isFull = mayEndEarly && live.length > 0 && rows!.entries.length < limit;
    if (!last || !rows!.more || live.length >= atLeast || isFull) {
      return { ...state, live, more: rows!.more };
    }
    const reached = keyspace.sessionNumber(last.key);
    // Those that were ended together are the oldest, and over, however many of their rows there still are.
    if (newestFirst && reached <= endedThrough) return { ...state, live, more: false };
    if (newestFirst) end = last.key;
    else start = keyspace.session(user, Math.max(reached, endedThrough) + 1);
  }
}

/** Rows of one page. */
const pageMax = 1_000;

function toStored({ key, value, revision }: Entry): StoredSession {
  const record = decodeSession(value);
  return { number: keyspace.sessionNumber(key), expiresAtMs: record.expiresAtMs, record, revision };
}
