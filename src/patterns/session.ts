/**
 * Sessions that nothing revives once they are destroyed, rotated away or expired.
 *
 * Promises: a token opens its session until the very millisecond at which it ends, on every gateway, and never again. Stores one row a session
 * (with the SHA-256 of the token's secret, never the token), and two small rows a user: a head, written whenever a session begins
 * or is destroyed, and `ended`, the number through which all of the user's sessions are over, so that ending any
 * number of them is one put. Costs: a read is one trip (row and `ended`); touch, update and rotate one commit that checks
 * `ended`, and one read before where the gateway has not seen the session lately; what looks at all of a user's sessions
 * (maxPerUser, destroyUserSessions) reads them first, and its commit checks that none began or was destroyed since. Fails with
 * INVALID_ARGUMENT, IDEMPOTENCY_KEY_REUSED, CONTENTION and the store's own failures; a token that is not ours is simply not found.
 */
import { limits } from '../../proto/limits';
import type { Revision, Store } from '../../proto/store';
import type { Clock } from '../core/clock';
import type { Ids } from '../core/ids';
import { requireInteger, requireText, requireVersion } from '../core/input';
import { families, keyspace } from '../core/keyspace';
import { sha256 } from '../core/secret';
import type { SecretSource } from '../core/secret';
import { rememberAsJson } from '../store/remember';
import type { Settled, Transact } from '../store/transact';
import { beginSession, decideRotate, decideTouch, decideUpdate, isOver } from './session-decisions';
import { sessionEnds } from './session-ended';
import { createDefaults, requireChange, requireNewSession, requireUserId } from './session-input';
import type { CreateSession, UpdateSession } from './session-input';
import { UserTurns, begin, planEviction, requireCurrent } from './session-plans';
import { decodeEnded, decodeSession, sessionSecretBytes } from './session-record';
import type { SessionRecord } from './session-record';
import { opens, putEnded, putHead, putSession, readUserSessions, seeHead, seeSession } from './session-rows';
import type { UserSessions } from './session-rows';
import {
  derivedSecret,
  makeToken,
  parseSessionId,
  parseToken,
  requireSessionCursor,
  sessionId,
  userReference,
} from './session-token';
import type { SessionPlace } from './session-token';

/** A session as it is read. */
export interface Session extends Omit<SessionRecord, 'secretHash' | 'ttlMs'> {
  /** Global; may be shown and logged. */
  readonly id: string;
  readonly number: number;
  readonly revision: Revision;
}

export interface SessionPage {
  readonly sessions: readonly Session[];
  readonly hasMore: boolean;
}

export interface OpenedSession {
  readonly kind: 'opened';
  readonly token: string;
  readonly session: Session;
}

/** The token opens no session (any more). */
export interface InvalidSession {
  readonly kind: 'invalid';
}

export type SessionOutcome =
  | { readonly kind: 'session'; readonly session: Session }
  | InvalidSession
  /** The session has another version. */
  | { readonly kind: 'conflict'; readonly current: Session };
export type RotateOutcome = OpenedSession | InvalidSession;

export interface RotateSession {
  readonly token: string;
  readonly idempotencyKey?: string | undefined;
}

export interface SessionEnd {
  readonly sessionId: string;
  readonly userId: string;
  readonly reason: 'destroyed' | 'expired';
}

export interface SessionDependencies {
  readonly store: Store;
  readonly transact: Transact;
  readonly clock: Clock;
  readonly ids: Ids;
  /** The tenant's own: users and replayed tokens are derived from it. */
  readonly secret: SecretSource;
}

/** What is said of a session before its commit gives it a revision. `record` is left out of a mark that it would not fit. */
interface Answered {
  readonly kind: 'session' | 'conflict';
  readonly record?: SessionRecord | undefined;
  readonly revision: Revision;
  /** Of the new token, where a rotation has an idempotencyKey. */
  readonly salt?: string | undefined;
}
type Answer = Answered | InvalidSession;
interface Begun {
  readonly number: number;
  readonly createdAtMs: number;
  readonly salt?: string | undefined;
}

/** Rows of ended sessions that are removed at once; the others go when their time is over. */
const sweptMax = 200;
/** What fits a mark beside its header. */
const markedBytesMax = 3_800;

export class Sessions {
  readonly #store: Store;
  readonly #transact: Transact;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #secret: SecretSource;
  readonly #turns: UserTurns;

  constructor({ store, transact, clock, ids, secret }: SessionDependencies) {
    this.#store = store;
    this.#transact = transact;
    this.#clock = clock;
    this.#ids = ids;
    this.#secret = secret;
    this.#turns = new UserTurns({ clock, ids });
  }

  /** The live session that the token opens. Does not extend it. */
  get(token: string): Promise<Session | undefined> {
    const parsed = parseToken(token);
    return parsed ? this.#read(parsed, parsed.secret) : Promise.resolve(undefined);
  }

  /** The live session with this payload of a global id. */
  byId(payload: string): Promise<Session | undefined> {
    const place = parseSessionId(payload);
    return place ? this.#read(place) : Promise.resolve(undefined);
  }

  /** A page of the user's live sessions, oldest first. */
  async list(userId: string, first: number, after: string | undefined): Promise<SessionPage> {
    requireUserId('userId', userId);
    requireInteger('first', first, { min: 1, max: limits.pageEntriesMax });
    const behind = after === undefined ? 0 : requireSessionCursor('after', after);
    const user = this.#userOf(userId);
    const wanted = { atLeast: first + 1, after: behind, mayEndEarly: true };
    const { live, more } = await readUserSessions(this.#store, user, wanted);
    const sessions = live
      .slice(0, first)
      .map(({ number, record, revision }) => toSession({ user, number }, record, revision));
    return { sessions, hasMore: live.length > first || more };
  }

  /** Begins a session. With maxPerUser, ends the oldest ones beyond it in the same commit. */
  async create(input: CreateSession): Promise<OpenedSession> {
    const session = requireNewSession(input);
    const { maxPerUser, idempotencyKey } = input;
    const user = this.#userOf(session.userId);
    const { secret, salt } = this.#newSecret(idempotencyKey);
    const remembered = rememberAsJson<Begun>({ mutation: 'createSession', input, defaults: createDefaults });
    const run = async (): Promise<Settled<Begun>> => {
      const plan = maxPerUser === undefined ? undefined : await planEviction(this.#store, user, maxPerUser);
      const number = this.#turns.nextNumber(user);
      const secretHash = sha256(secret);
      const ended = plan ? [keyspace.sessionsEnded(user)] : [];
      const evicted = plan?.through === undefined ? [] : [keyspace.session(user, plan.through)];
      return this.#transact.run<Begun>({
        records: [keyspace.sessionHead(user), ...ended],
        rows: [keyspace.session(user, number), ...evicted],
        decide: (view) => {
          const createdAtMs = begin(view, { place: { user, number }, session, secretHash, plan });
          return { number, createdAtMs, salt };
        },
        remembered,
      });
    };
    const settled = await this.#turns.untilCurrent(user, run, { isAlone: maxPerUser !== undefined });
    const { number, createdAtMs, salt: usedSalt } = settled.outcome;
    // A replay has the same input as the first run, so that all of the first answer can be made again.
    const record = beginSession(session, '', createdAtMs);
    const place = { user, number };
    return {
      kind: 'opened',
      token: makeToken({ ...place, secret: this.#secretOf(usedSalt, secret) }),
      session: toSession(place, record, settled.revision),
    };
  }

  /** Extends the session; within a tenth of its ttl after the last time that was recorded, answers it as it is. */
  async touch(token: string): Promise<SessionOutcome> {
    const parsed = parseToken(token);
    if (!parsed) return { kind: 'invalid' };
    const settled = await this.#transact.run<Answer>({
      ...rowsOf(parsed),
      decide: (view) => {
        const seen = seeSession(view, parsed);
        if (!seen) return { kind: 'invalid' };
        const next = decideTouch(seen.record, seen.nowMs);
        if (!next) return { kind: 'session', record: seen.record, revision: seen.revision };
        putSession(view, parsed, next);
        return { kind: 'session', record: next, revision: 0 };
      },
    });
    return this.#outcomeOf(parsed, settled);
  }

  /** Changes the session, and extends it. Without ifVersion the change is applied to whatever is there. */
  async update(input: UpdateSession): Promise<SessionOutcome> {
    const change = requireChange(input);
    const ifVersion = input.ifVersion === undefined ? undefined : requireVersion('input.ifVersion', input.ifVersion);
    const remembered = rememberAsJson<Answer>({ mutation: 'updateSession', input, keep: markable });
    const parsed = parseToken(input.token);
    if (!parsed) return { kind: 'invalid' };
    const settled = await this.#transact.run<Answer>({
      ...rowsOf(parsed),
      // Of two changes in one commit, the version of the first would stand for the second as well.
      isSolo: true,
      decide: (view) => {
        const seen = seeSession(view, parsed);
        if (!seen) return { kind: 'invalid' };
        const { record, revision } = seen;
        if (ifVersion !== undefined && ifVersion !== revision) return { kind: 'conflict', record, revision };
        const next = decideUpdate(record, change, seen.nowMs);
        putSession(view, parsed, next);
        return { kind: 'session', record: next, revision: 0 };
      },
      remembered,
    });
    return this.#outcomeOf(parsed, settled);
  }

  /** Gives the session a new token, and extends it; the old token is dead in the same commit. */
  async rotate({ token, idempotencyKey }: RotateSession): Promise<RotateOutcome> {
    if (idempotencyKey !== undefined)
      requireText('idempotencyKey', idempotencyKey, { bytesMax: limits.idempotencyKeyBytesMax });
    const parsed = parseToken(token);
    if (!parsed) return { kind: 'invalid' };
    const { secret, salt } = this.#newSecret(idempotencyKey);
    const secretHash = sha256(secret);
    const input = { token, idempotencyKey };
    const settled = await this.#transact.run<Answer>({
      ...rowsOf(parsed),
      isSolo: true,
      decide: (view) => {
        const seen = seeSession(view, parsed);
        if (!seen) return { kind: 'invalid' };
        const record = decideRotate(seen.record, secretHash, seen.nowMs);
        putSession(view, parsed, record);
        return { kind: 'session', record, revision: 0, salt };
      },
      remembered: rememberAsJson({ mutation: 'rotateSession', input, keep: markable }),
    });
    const outcome = await this.#outcomeOf(parsed, settled);
    if (outcome.kind !== 'session' || settled.outcome.kind === 'invalid') return { kind: 'invalid' };
    const newSecret = this.#secretOf(settled.outcome.salt, secret);
    return { kind: 'opened', token: makeToken({ ...parsed, secret: newSecret }), session: outcome.session };
  }

  /** Ends the session; whether it was live. */
  async destroy(token: string): Promise<boolean> {
    const parsed = parseToken(token);
    if (!parsed) return false;
    const { user, number } = parsed;
    const { records, guards } = rowsOf(parsed);
    return this.#turns.besides(user, async () => {
      const { outcome } = await this.#transact.run<boolean>({
        records: [...records, keyspace.sessionHead(user)],
        guards,
        decide: (view) => {
          if (!seeSession(view, parsed)) return false;
          const head = seeHead(view, user);
          view.delete(keyspace.session(user, number), families.session.history);
          putHead(view, user, { ...head, changes: head.changes + 1 });
          return true;
        },
      });
      return outcome;
    });
  }

  /** Ends every session of the user that has begun; how many were live. */
  async destroyAll(userId: string): Promise<number> {
    requireUserId('userId', userId);
    const user = this.#userOf(userId);
    let seen: UserSessions | undefined;
    const end = async (): Promise<number> => {
      const plan = await readUserSessions(this.#store, user, { atLeast: Infinity });
      seen = plan;
      const { outcome } = await this.#transact.run<number>({
        records: [keyspace.sessionsEnded(user)],
        guards: [keyspace.sessionHead(user)],
        decide: (view) => {
          const head = requireCurrent(view, user, plan);
          if (plan.live.length > 0) putEnded(view, user, { through: head.last, head });
          return plan.live.length;
        },
      });
      return outcome;
    };
    const count = await this.#turns.untilCurrent(user, end, { isAlone: true });
    this.#sweep(user, seen);
    return count;
  }

  /** Every end of one of the user's sessions from now on, once. Throws INVALID_ARGUMENT at once. Ends when `signal` aborts. */
  ended(userId: string, signal: AbortSignal): AsyncGenerator<SessionEnd, void, void> {
    requireUserId('userId', userId);
    return this.#ended(userId, signal);
  }

  async *#ended(userId: string, signal: AbortSignal): AsyncGenerator<SessionEnd, void, void> {
    const user = this.#userOf(userId);
    for await (const { number, reason } of sessionEnds({ store: this.#store, clock: this.#clock, user, signal })) {
      yield { sessionId: sessionId({ user, number }), userId, reason };
    }
  }

  /** `secret`: of a token, which has to open it. */
  async #read(place: SessionPlace, secret?: Buffer): Promise<Session | undefined> {
    const { user, number } = place;
    const ranges = [{ start: keyspace.session(user, number) }, { start: keyspace.sessionsEnded(user) }];
    const { results, nowMs } = await this.#store.read(ranges);
    const row = results[0]!.entries[0];
    if (!row) return undefined;
    const record = decodeSession(row.value);
    const endedThrough = decodeEnded(results[1]!.entries[0]?.value).through;
    if (isOver(record, number, { endedThrough, nowMs })) return undefined;
    if (secret && !opens(secret, record)) return undefined;
    return toSession(place, record, row.revision);
  }

  async #outcomeOf(place: SessionPlace, { outcome, revision }: Settled<Answer>): Promise<SessionOutcome> {
    if (outcome.kind === 'invalid') return outcome;
    const session = outcome.record
      ? toSession(place, outcome.record, outcome.revision || revision)
      : // A replay of what did not fit its mark: the session as it is now.
        await this.#read(place);
    if (!session) return { kind: 'invalid' };
    return outcome.kind === 'session' ? { kind: 'session', session } : { kind: 'conflict', current: session };
  }

  /** Removes rows of sessions that have ended for good: nobody waits for it, and what is left goes when its time is over. */
  #sweep(user: Buffer, sessions: UserSessions | undefined): void {
    const keys = (sessions?.live ?? []).slice(0, sweptMax).map(({ number }) => keyspace.session(user, number));
    if (keys.length === 0) return;
    const { history } = families.session;
    const writes = keys.map((key) => ({ kind: 'delete' as const, key, history }));
    const write = { checks: [], writes, done: undefined, refuse: () => undefined };
    this.#transact.write(write, keys).catch(() => undefined);
  }

  #userOf(userId: string): Buffer {
    return userReference(this.#secret(), userId);
  }

  /** The secret of a new token; with an idempotencyKey one that follows from a salt, which its mark keeps. */
  #newSecret(idempotencyKey: string | undefined): { readonly secret: Buffer; readonly salt: string | undefined } {
    const bytes = this.#ids.bytes(sessionSecretBytes);
    if (idempotencyKey === undefined) return { secret: bytes, salt: undefined };
    return { secret: derivedSecret(this.#secret(), bytes), salt: bytes.toString('base64') };
  }

  #secretOf(salt: string | undefined, own: Buffer): Buffer {
    return salt === undefined ? own : derivedSecret(this.#secret(), Buffer.from(salt, 'base64'));
  }
}

/** The rows of a command on one session. */
function rowsOf({ user, number }: SessionPlace): { readonly records: Buffer[]; readonly guards: Buffer[] } {
  return { records: [keyspace.session(user, number)], guards: [keyspace.sessionsEnded(user)] };
}

/** An answer without what it would not be remembered with: the hash, and a record that is too large. */
function markable(answer: Answer): unknown {
  if (answer.kind !== 'session') return { kind: answer.kind };
  const kept = { ...answer, record: { ...answer.record, secretHash: undefined } };
  const fits = Buffer.byteLength(JSON.stringify(kept), 'utf8') <= markedBytesMax;
  return fits ? kept : { ...kept, record: undefined };
}

function toSession(place: SessionPlace, record: SessionRecord, revision: Revision): Session {
  const { userId, email, roles, attributes, createdAtMs, lastAccessedAtMs, expiresAtMs, absoluteExpiresAtMs } = record;
  return {
    id: sessionId(place),
    number: place.number,
    revision,
    userId,
    email,
    roles,
    attributes,
    createdAtMs,
    lastAccessedAtMs,
    expiresAtMs,
    absoluteExpiresAtMs,
  };
}
