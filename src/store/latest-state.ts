/**
 * The newest state of something, again whenever it changed: for subscribers to whom only the newest counts. Changes that come
 * faster than they are shown are merged, the last always comes. When a change wakes a thousand subscribers of the same
 * thing, one read answers them all, with the same object. While storage is away a subscriber waits, as its watch does; where the
 * history is gone it reads anew, and misses nothing.
 */
import type { KeyRange, Revision, Store } from '../../proto/store';
import type { Clock } from '../core/clock';
import { isAppError } from '../core/errors';

/** A state as it was read; undefined: there is no such thing. */
export interface StateRead<T> {
  readonly state: T | undefined;
  readonly revision: Revision;
}

export interface LatestStateOptions<T> {
  readonly store: Store;
  readonly clock: Pick<Clock, 'sleep'>;
  /** One subscriber is sent at most one state in this time. */
  readonly everyMs: number;
  /** What it is read from. */
  readonly rangesOf: (name: string) => readonly KeyRange[];
  /** One snapshot of all of it. */
  readonly read: (name: string) => Promise<StateRead<T>>;
}

/** The reads that subscribers of one thing share. */
interface Shared<T> {
  subscribers: number;
  latest: StateRead<T> | undefined;
  reading: Promise<StateRead<T>> | undefined;
}

export class LatestState<T extends object> {
  readonly #options: LatestStateOptions<T>;
  readonly #shared = new Map<string, Shared<T>>();
  /** Of states that were shown. */
  readonly #revisions = new WeakMap<T, Revision>();

  constructor(options: LatestStateOptions<T>) {
    this.#options = options;
  }

  /**
   * The state now, where there is one, then the newest after every change that leaves one. `after`: a state that was shown before, behind
   * which it goes on. Ends when `signal` aborts.
   */
  async *of(name: string, signal: AbortSignal, after?: T): AsyncGenerator<T, void, void> {
    const { clock, everyMs, read } = this.#options;
    const shared = this.#join(name);
    try {
      const revision = after && this.#revisions.get(after);
      let shown = revision === undefined ? await read(name) : { state: undefined, revision };
      if (shown.state !== undefined) yield this.#noted(shown.state, shown.revision);
      while (!signal.aborted) {
        try {
          for await (const next of this.#after(name, shared, { revision: shown.revision, signal })) {
            shown = next;
            if (next.state === undefined) continue;
            yield this.#noted(next.state, next.revision);
            await clock.sleep(everyMs, signal);
          }
          return;
        } catch (error) {
          if (!isAppError(error, 'HISTORY_GONE')) throw error;
        }
        await clock.sleep(everyMs, signal);
        shown = await read(name);
        if (shown.state !== undefined && !signal.aborted) yield this.#noted(shown.state, shown.revision);
      }
    } finally {
      this.#leave(name, shared);
    }
  }

  #noted(state: T, revision: Revision): T {
    this.#revisions.set(state, revision);
    return state;
  }

  /** The state after each change behind a revision, absence too; changes that came while it was read are in it. */
  async *#after(
    name: string,
    shared: Shared<T>,
    { revision, signal }: { readonly revision: Revision; readonly signal: AbortSignal },
  ): AsyncGenerator<StateRead<T>, void, void> {
    const { store, rangesOf } = this.#options;
    let shown = revision;
    let newest = revision;
    for await (const batch of store.watch(rangesOf(name), { afterRevision: revision, keysOnly: true, signal })) {
      for (const change of batch.changes) newest = Math.max(newest, change.revision);
      if (newest <= shown) continue;
      const next = await unlessCutOff(this.#atLeast(name, shared, newest));
      // Cut off: it is tried again at the watch's next sign of life.
      if (!next) continue;
      shown = next.revision;
      yield next;
    }
  }

  async #atLeast(name: string, shared: Shared<T>, revision: Revision): Promise<StateRead<T>> {
    for (let tries = 1; ; tries += 1) {
      if (shared.latest && shared.latest.revision >= revision) return shared.latest;
      shared.reading ??= this.#options.read(name).finally(() => (shared.reading = undefined));
      const read = await shared.reading;
      if (!shared.latest || read.revision > shared.latest.revision) shared.latest = read;
      // A read that was running may have begun before that revision; the one after it has not.
      if (tries === 2) return read;
    }
  }

  #join(name: string): Shared<T> {
    let shared = this.#shared.get(name);
    if (!shared) this.#shared.set(name, (shared = { subscribers: 0, latest: undefined, reading: undefined }));
    shared.subscribers += 1;
    return shared;
  }

  #leave(name: string, shared: Shared<T>): void {
    shared.subscribers -= 1;
    if (shared.subscribers === 0) this.#shared.delete(name);
  }
}

/** Undefined where storage cannot be reached. */
async function unlessCutOff<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (isAppError(error, 'UNAVAILABLE') || isAppError(error, 'DEADLINE_EXCEEDED')) return undefined;
    throw error;
  }
}
