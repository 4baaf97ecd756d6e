/**
 * Commands that rest on more than one record of a user: on all of the user's sessions, which were read before, or on a number that
 * was guessed. The decision checks that it still holds (the head counts what begins and ends); where it does not, the
 * command reads or guesses again, a bounded number of times.
 */
import type { Store } from '../../proto/store';
import { backoffDelayMs } from '../core/backoff';
import type { Clock } from '../core/clock';
import { AppError, isAppError } from '../core/errors';
import type { Ids } from '../core/ids';
import { families, keyspace } from '../core/keyspace';
import { Gates } from '../store/gate';
import type { View } from '../store/transact';
import { beginSession, decideEviction, headAfterBegin } from './session-decisions';
import type { NewSession } from './session-decisions';
import type { SessionHead } from './session-record';
import { putEnded, putHead, putSession, readUserSessions, seeEnded, seeHead } from './session-rows';
import type { UserSessions } from './session-rows';
import type { SessionPlace } from './session-token';

/** What was read or guessed before a decision does not hold any more: a signal between decision and method. */
class Outdated extends Error {
  constructor(readonly last: number) {
    super('another session of the user began or ended meanwhile');
  }
}

const triesMax = 12;
const retryBackoff = { baseMs: 1, capMs: 50 };
/** Numbers of a user's sessions rise with time, so that one can be guessed without a read: so many a millisecond. */
const numbersPerMs = 16;
const numberMax = 2 ** 47;
const lastNumbersMax = 100_000;

/** Turns of this process on each user's sessions, and the numbers that it knows of. */
export class UserTurns {
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #gates = new Gates();
  /** The highest number known, by user. */
  readonly #lastNumbers = new Map<string, number>();

  constructor({ clock, ids }: { readonly clock: Clock; readonly ids: Ids }) {
    this.#clock = clock;
    this.#ids = ids;
  }

  /** Runs what changes the user's head and rests on nothing else. */
  besides<T>(user: Buffer, run: () => Promise<T>): Promise<T> {
    return this.#gates.shared(user.toString('latin1'), run);
  }

  /**
   * Runs what rests on a reading or a guess until that holds; CONTENTION where it never does. `isAlone`: nothing else of this process
   * changes the user's head meanwhile.
   */
  untilCurrent<T>(user: Buffer, run: () => Promise<T>, { isAlone }: { readonly isAlone: boolean }): Promise<T> {
    const id = user.toString('latin1');
    const all = (): Promise<T> => this.#untilCurrent(id, run);
    return isAlone ? this.#gates.exclusive(id, all) : this.#gates.shared(id, all);
  }

  /** A number above all that this process knows of; where another one was faster, the decision finds out. */
  nextNumber(user: Buffer): number {
    const id = user.toString('latin1');
    const byTime = Math.min(Math.floor(this.#clock.nowMs()) * numbersPerMs, numberMax);
    const number = Math.max((this.#lastNumbers.get(id) ?? 0) + 1, byTime);
    this.#remember(id, number);
    return number;
  }

  async #untilCurrent<T>(id: string, run: () => Promise<T>): Promise<T> {
    for (let tries = 1; tries <= triesMax; tries += 1) {
      if (tries > 2) await this.#clock.sleep(backoffDelayMs(tries - 2, retryBackoff, this.#ids));
      try {
        return await run();
      } catch (error) {
        if (!isAppError(error) || !(error.cause instanceof Outdated)) throw error;
        this.#remember(id, error.cause.last);
      }
    }
    throw new AppError(
      'CONTENTION',
      `sessions of the user began or ended on other gateways ${triesMax} times in a row: nothing was written, try again`,
    );
  }

  #remember(id: string, number: number): void {
    const known = this.#lastNumbers.get(id) ?? 0;
    this.#lastNumbers.delete(id);
    this.#lastNumbers.set(id, Math.max(known, number));
    if (this.#lastNumbers.size > lastNumbersMax) this.#lastNumbers.delete(this.#lastNumbers.keys().next().value!);
  }
}

/** Which sessions a new one ends, as far as it was read. */
export interface Eviction {
  readonly sessions: UserSessions;
  readonly through: number | undefined;
}

export async function planEviction(store: Store, user: Buffer, perUserMax: number): Promise<Eviction> {
  const sessions = await readUserSessions(store, user, { atLeast: perUserMax, newestFirst: true });
  return { sessions, through: decideEviction(sessions.live, perUserMax) };
}

export interface Beginning {
  readonly place: SessionPlace;
  readonly session: NewSession;
  readonly secretHash: string;
  readonly plan: Eviction | undefined;
}

/** Begins a session where its number is free and the plan still holds; answers when. */
export function begin(view: View, { place, session, secretHash, plan }: Beginning): number {
  const { user, number } = place;
  const head = plan ? requireCurrent(view, user, plan.sessions) : seeHead(view, user);
  if (number <= head.last) throw new Outdated(head.last);
  const record = beginSession(session, secretHash, view.nowMs);
  const next = headAfterBegin(head, number, record);
  putSession(view, place, record);
  putHead(view, user, next);
  if (plan?.through !== undefined) {
    putEnded(view, user, { through: plan.through, head: next });
    // That one is over by `ended` already. Its row goes at once, so that none gather where one ends at every beginning.
    view.delete(keyspace.session(user, plan.through), families.session.history);
  }
  return record.createdAtMs;
}

/** The head, where no session of the user has begun or ended since that reading, and none of it expires before the commit. */
export function requireCurrent(
  view: View,
  user: Buffer,
  { head: readHead, ended: readEnded, live }: UserSessions,
): SessionHead {
  const head = seeHead(view, user);
  const isChanged = head.changes !== readHead.changes || seeEnded(view, user).through !== readEnded.through;
  const soonestMs = live.reduce((soonest, { expiresAtMs }) => Math.min(soonest, expiresAtMs), Infinity);
  if (isChanged || view.nowMs >= soonestMs) throw new Outdated(head.last);
  view.relyUntil(soonestMs);
  return head;
}
