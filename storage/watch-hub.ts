/**
 * Watches inside the storage process. Every commit is offered to every watcher when it stands; a watcher that is pulled in
 * time takes it from a bounded buffer in memory. One that began in the past, or whose reader was slow, reads the change log
 * until it has caught up, then goes on live: what it has is compared by revision, so there is neither hole nor double.
 */
import { storeLimits } from '../proto/limits';
import type { Change, KeyRange, Revision, WatchBatch, WatchOptions } from '../proto/store';
import type { CancelTimer, Clock } from '../src/core/clock';
import { AppError } from '../src/core/errors';
import type { CommitChanges, Engine } from './engine';
import { historyGone } from './engine';
import { Watcher } from './watcher';

export interface WatchHubOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  /** The storage clock. */
  readonly nowMs: () => number;
}

/** A watcher that was given nothing for this long is given a mark; two ticks stay below the promised 500 ms. */
const tickMs = 200;
/** What one look into the log brings. */
const logPageBytes = storeLimits.watchBufferBytesMax;

export class WatchHub {
  readonly #options: WatchHubOptions;
  readonly #watchers = new Set<Watcher>();
  /** Everything through it was offered to the watchers. */
  #published: Revision;
  #seen: Revision;
  #cancelTick: CancelTimer | undefined;
  #failure: AppError | undefined;
  #isEnded = false;

  constructor(options: WatchHubOptions) {
    this.#options = options;
    this.#published = this.#seen = options.engine.state().revision;
  }

  /** The newest revision that any caller has been told of. */
  get seen(): Revision {
    return this.#seen;
  }

  /** A read has shown a state that may be newer than what was published: a watch may begin there. */
  noteSeen(revision: Revision): void {
    if (revision > this.#seen) this.#seen = revision;
  }

  /** Offers what a commit of the engine did. `revision`: of the state after it. */
  publish(commits: readonly CommitChanges[], revision: Revision): void {
    this.#published = revision;
    this.noteSeen(revision);
    if (commits.length > 0) for (const watcher of this.#watchers) watcher.offer(commits, revision);
  }

  /** As `Store.watch`; the signal must end when the iteration does. */
  async *watch(
    ranges: readonly KeyRange[],
    { afterRevision, keysOnly = false }: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    if (this.#isEnded) throw this.#failure ?? new AppError('UNAVAILABLE', 'the store is closed');
    const after = afterRevision ?? this.#published;
    this.#refuseGone(after);
    const watcher = new Watcher({ ranges, keysOnly, position: after, isBehind: after < this.#published });
    this.#add(watcher);
    const wake = (): void => watcher.end(undefined);
    signal.addEventListener('abort', wake, { once: true });
    try {
      if (!watcher.isBehind) yield this.#mark(watcher);
      for (;;) {
        if (!watcher.isBehind) await watcher.ready();
        if (signal.aborted) return;
        const batch = watcher.isBehind && !watcher.isEnded ? this.#fromLog(watcher) : this.#take(watcher);
        if (batch) yield batch;
        else if (watcher.isEnded) return;
      }
    } finally {
      signal.removeEventListener('abort', wake);
      this.#remove(watcher);
    }
  }

  /** Ends every watch: well where the store is closed, with its failure where it cannot go on. */
  end(failure: AppError | undefined): void {
    this.#isEnded = true;
    this.#failure = failure;
    this.#cancelTick?.();
    for (const watcher of this.#watchers) watcher.end(failure);
  }

  #refuseGone(after: Revision): void {
    const { oldestRevision } = this.#options.engine.state();
    if (after <= this.#seen && after >= oldestRevision) return;
    throw historyGone(after, { revision: this.#published, oldestRevision });
  }

  #take(watcher: Watcher): WatchBatch | undefined {
    const taken = watcher.take();
    return taken && { ...taken, nowMs: this.#options.nowMs() };
  }

  #mark(watcher: Watcher): WatchBatch {
    return { changes: [], revision: watcher.position, nowMs: this.#options.nowMs() };
  }

  /** One page of the log; where it reaches to what is published, the watcher is live again. */
  #fromLog(watcher: Watcher): WatchBatch | undefined {
    const { engine, nowMs } = this.#options;
    const { commits, through } = engine.readLog(watcher.position, logPageBytes);
    this.noteSeen(through);
    const changes: Change[] = commits.flatMap((commit) => watcher.matching(commit));
    watcher.caughtUp(through, through >= this.#published);
    return { changes, revision: through, nowMs: nowMs() };
  }

  #add(watcher: Watcher): void {
    this.#watchers.add(watcher);
    if (this.#cancelTick === undefined) this.#scheduleTick();
  }

  #remove(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    this.#cancelTick?.();
    this.#cancelTick = undefined;
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#options.clock.after(tickMs, () => {
      for (const watcher of this.#watchers) watcher.tick(this.#published);
      this.#scheduleTick();
    });
  }
}
