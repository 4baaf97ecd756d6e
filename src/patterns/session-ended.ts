/**
 * Tells of every end of a user's sessions, once. It begins with the live ones and follows their rows: a deletion was a
 * destroySession, an expiry an expiry, and where `ended` has moved, all that it passed are over, although their rows
 * are still there. Whatever happens to a row afterwards (it is swept) is no news. Deletions and expiries carry only the key,
 * which holds the number, and with it the id. Costs one read at the start, one for each time that many ended together, and
 * a number in memory for each live session; no watch of its own. Where the history is gone it reads anew and misses no end of
 * a session that it knew.
 */
import type { Change, KeyRange, Revision, Store } from '../../proto/store';
import type { Clock } from '../core/clock';
import { isAppError } from '../core/errors';
import { familyRange, keyspace } from '../core/keyspace';
import { decodeEnded } from './session-record';
import type { SessionsEnded } from './session-record';

export interface EndedSession {
  readonly number: number;
  readonly reason: 'destroyed' | 'expired';
}

export interface EndsOptions {
  readonly store: Store;
  readonly clock: Pick<Clock, 'sleep'>;
  /** What stands for the user. */
  readonly user: Buffer;
  readonly signal: AbortSignal;
}

/** Live sessions of a page, and between two tries where the history is gone. */
const pageMax = 1_000;
const retryMs = 50;

/** Ends when `signal` aborts; fails as the store's watch does. */
export async function* sessionEnds(options: EndsOptions): AsyncGenerator<EndedSession, void, void> {
  const { store, clock, user, signal } = options;
  const follower = new Follower();
  let revision = follower.begin(await readRows(store, user));
  while (!signal.aborted) {
    try {
      for await (const batch of store.watch(rangesOf(user), { afterRevision: revision, keysOnly: true, signal })) {
        for (const change of batch.changes) {
          const end = follower.follow(change, user);
          if (end) yield end;
        }
        revision = Math.max(revision, batch.revision);
        const ended = follower.mustLearnEnded ? await unlessCutOff(readEnded(store, user)) : undefined;
        if (ended) yield* follower.learnEnded(ended);
      }
      return;
    } catch (error) {
      if (!isAppError(error, 'HISTORY_GONE')) throw error;
    }
    await clock.sleep(retryMs, signal);
    const rows = await readRows(store, user);
    yield* follower.compare(rows);
    revision = follower.begin(rows);
  }
}

interface Rows {
  readonly expiresAtMs: ReadonlyMap<number, number>;
  readonly ended: SessionsEnded;
  /** Of the first page: what later ones show of later changes is followed once more, which changes nothing. */
  readonly revision: Revision;
  readonly nowMs: number;
}

/** What is known of the user's sessions, at the place that has been reached in the history. */
class Follower {
  /** Live ones, with the end of their rows. */
  #expiresAtMs = new Map<number, number>();
  #through = 0;
  /** `ended` has moved: how far is still to be read. */
  mustLearnEnded = false;

  begin({ expiresAtMs, ended, revision }: Rows): Revision {
    this.#expiresAtMs = new Map([...expiresAtMs].filter(([number]) => number > ended.through));
    this.#through = ended.through;
    this.mustLearnEnded = false;
    return revision;
  }

  follow({ kind, key, expiresAtMs }: Change, user: Buffer): EndedSession | undefined {
    if (key.equals(keyspace.sessionsEnded(user))) {
      this.mustLearnEnded ||= kind === 'put';
      return undefined;
    }
    const number = keyspace.sessionNumber(key);
    if (kind === 'put') {
      if (number > this.#through) this.#expiresAtMs.set(number, expiresAtMs);
      return undefined;
    }
    if (!this.#expiresAtMs.delete(number)) return undefined;
    return { number, reason: kind === 'expire' ? 'expired' : 'destroyed' };
  }

  *learnEnded({ through, atMs }: SessionsEnded): Generator<EndedSession, void, void> {
    this.mustLearnEnded = false;
    this.#through = Math.max(this.#through, through);
    for (const [number, expiresAtMs] of this.#expiresAtMs) {
      if (number > through) continue;
      this.#expiresAtMs.delete(number);
      yield { number, reason: expiresAtMs <= atMs ? 'expired' : 'destroyed' };
    }
  }

  /** What has ended between the place that was reached and a later state. */
  *compare({ expiresAtMs: present, ended, nowMs }: Rows): Generator<EndedSession, void, void> {
    yield* this.learnEnded(ended);
    for (const [number, expiresAtMs] of this.#expiresAtMs) {
      if (present.has(number)) continue;
      this.#expiresAtMs.delete(number);
      yield { number, reason: expiresAtMs <= nowMs ? 'expired' : 'destroyed' };
    }
  }
}

function rangesOf(user: Buffer): KeyRange[] {
  return [familyRange('session', user), { start: keyspace.sessionsEnded(user) }];
}

async function readRows(store: Store, user: Buffer): Promise<Rows> {
  const { end, ...range } = familyRange('session', user);
  let { start } = range;
  const expiresAtMs = new Map<number, number>();
  let first: Pick<Rows, 'ended' | 'revision'> | undefined;
  for (;;) {
    const page = { start, end, limit: pageMax, keysOnly: true };
    const { results, revision, nowMs } = await store.read([page, { start: keyspace.sessionsEnded(user) }]);
    const { entries, more } = results[0]!;
    first ??= { ended: decodeEnded(results[1]!.entries[0]?.value), revision };
    for (const entry of entries) expiresAtMs.set(keyspace.sessionNumber(entry.key), entry.expiresAtMs);
    const last = entries.at(-1);
    if (!last || !more) return { ...first, expiresAtMs, nowMs };
    start = keyspace.session(user, keyspace.sessionNumber(last.key) + 1);
  }
}

async function readEnded(store: Store, user: Buffer): Promise<SessionsEnded> {
  const { results } = await store.read([{ start: keyspace.sessionsEnded(user) }]);
  return decodeEnded(results[0]!.entries[0]?.value);
}

/** Undefined where storage cannot be reached: it is tried again at the watch's next sign of life. */
async function unlessCutOff<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (isAppError(error, 'UNAVAILABLE') || isAppError(error, 'DEADLINE_EXCEEDED')) return undefined;
    throw error;
  }
}
