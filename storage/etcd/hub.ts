/**
 * Watches of the store over one watch of etcd. What etcd gives is offered to every watcher, in a bounded buffer; one that began in the
 * past, or whose reader was slow, has a stream of its own from etcd until it has caught up, held back by its reader. Marks are
 * given only while it is certain that nothing is missing: a linearizable read shows how far etcd is, and the watch has come as far.
 */
import type { KeyRange, Revision, WatchBatch, WatchOptions } from '../../proto/store';
import type { CancelTimer, Clock } from '../../src/core/clock';
import { AppError, toAppError } from '../../src/core/errors';
import { historyGone } from '../engine';
import { Watcher } from '../watcher';
import type { EtcdChannel } from './channel';
import { feed, goneError } from './feed';
import type { FeedPage } from './feed';
import type { Layout } from './layout';

export interface HubOptions {
  readonly channel: EtcdChannel;
  readonly layout: Layout;
  readonly clock: Clock;
  readonly transportClock: Clock;
  readonly nowMs: () => number;
  readonly oldestRevision: () => Revision;
  /** The newest revision of all of etcd, by a linearizable read. */
  readonly newestRevision: () => Promise<Revision>;
  /** Writes something of ours, so that the watch passes what others than us wrote. */
  readonly nudge: () => Promise<void>;
  readonly onPage: (page: FeedPage) => void;
  /** The watch has left out what came before this revision. */
  readonly onHole: (revision: Revision) => void;
  /** What etcd gives makes no sense: the store cannot go on. */
  readonly onFatal: (error: AppError) => void;
  /** Where it begins: everything through it is known. */
  readonly revision: Revision;
}

/** A watcher that was given nothing for this long is given a mark; three ticks stay below the promised 500 ms. */
const tickMs = 150;
/** The watch has not come as far as etcd is for so long: another member may know better. */
const stallMsMax = 1_500;

const reachMs = 100;
/** So long the watch may take to bring what was written: then it was perhaps not ours, and never comes. */
const nudgeMs = 75;
/** Rows that the shared watch keeps in mind, some 20 MB. */
const rowsMax = 100_000;

export class EtcdHub {
  readonly #options: HubOptions;
  readonly #watchers = new Set<Watcher>();
  /** Those who wait for the watch to come to a revision. */
  readonly #reachings = new Set<{ readonly revision: Revision; readonly finish: () => void }>();
  readonly #stopping = new AbortController();
  #published: Revision;
  #seen: Revision;
  #cancelTick: CancelTimer | undefined;
  #isLooking = false;
  /** The watch is to come to this revision before marks are given again. */
  #aim: { readonly revision: Revision; readonly sinceMs: number } | undefined;
  #isEnded = false;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#published = this.#seen = options.revision;
    void this.#run();
  }

  /** The newest revision that any caller was told of. */
  get seen(): Revision {
    return this.#seen;
  }

  /** Everything through it came from etcd's watch. */
  get published(): Revision {
    return this.#published;
  }

  noteSeen(revision: Revision): void {
    if (revision > this.#seen) this.#seen = revision;
  }

  /** As `Store.watch`; the signal must end when the iteration does. */
  async *watch(
    ranges: readonly KeyRange[],
    { afterRevision, keysOnly = false }: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    if (this.#isEnded) throw new AppError('UNAVAILABLE', 'the store is closed');
    const after = await this.#begin(afterRevision);
    if (signal.aborted || this.#isEnded) return;
    const watcher = new Watcher({ ranges, keysOnly, position: after, isBehind: after < this.#published });
    this.#add(watcher);
    const wake = (): void => watcher.end(undefined);
    signal.addEventListener('abort', wake, { once: true });
    try {
      if (!watcher.isBehind) {
        // What was told of already should be in its first batch.
        await this.#reached(this.#seen);
        yield { ...(watcher.take() ?? { changes: [], revision: watcher.position }), nowMs: this.#options.nowMs() };
      }
      for (;;) {
        if (watcher.isBehind && !watcher.isEnded) yield* this.#catchUp(watcher, signal);
        else await watcher.ready();
        if (signal.aborted) return;
        const taken = watcher.take();
        if (taken) yield { ...taken, nowMs: this.#options.nowMs() };
        else if (watcher.isEnded) return;
      }
    } finally {
      signal.removeEventListener('abort', wake);
      this.#remove(watcher);
    }
  }

  /** Ends every watch. */
  end(): void {
    this.#isEnded = true;
    this.#stopping.abort();
    this.#cancelTick?.();
    for (const watcher of this.#watchers) watcher.end(undefined);
  }

  /** Where a watch begins. Throws HISTORY_GONE. */
  async #begin(afterRevision: Revision | undefined): Promise<Revision> {
    if (afterRevision === undefined || afterRevision > this.#seen) this.noteSeen(await this.#options.newestRevision());
    const after = afterRevision ?? this.#seen;
    const oldestRevision = this.#options.oldestRevision();
    if (after <= this.#seen && after >= oldestRevision) return after;
    throw historyGone(after, { revision: this.#seen, oldestRevision });
  }

  /** From a stream of its own, until it is where the shared one is. */
  async *#catchUp(watcher: Watcher, signal: AbortSignal): AsyncGenerator<WatchBatch, void, undefined> {
    const { channel, layout, transportClock, oldestRevision } = this.#options;
    const ending = new AbortController();
    const end = (): void => ending.abort();
    for (const each of [signal, this.#stopping.signal]) each.addEventListener('abort', end, { once: true });
    try {
      if (watcher.position < oldestRevision()) throw goneError(watcher.position, oldestRevision());
      const options = { channel, layout, transportClock, oldestRevision, signal: ending.signal };
      for await (const { commits, through } of feed(options, watcher.position)) {
        const changes = commits.flatMap((commit) => watcher.matching(commit));
        watcher.caughtUp(through, through >= this.#published);
        this.noteSeen(through);
        const isLive = !watcher.isBehind;
        yield this.#batch(watcher, changes);
        // While its reader took this, it may have been cut off again.
        if (isLive) return;
      }
    } finally {
      for (const each of [signal, this.#stopping.signal]) each.removeEventListener('abort', end);
      ending.abort();
    }
  }

  /** Resolves when the watch has come to a revision, or a moment later: it may be one of others than us. */
  async #reached(revision: Revision): Promise<void> {
    if (this.#published >= revision) return;
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        cancel();
        this.#reachings.delete(reaching);
        resolve();
      };
      const reaching = { revision, finish };
      const cancel = this.#options.transportClock.after(reachMs, finish);
      this.#reachings.add(reaching);
    });
  }

  #batch(watcher: Watcher, changes: WatchBatch['changes']): WatchBatch {
    return { changes, revision: watcher.position, nowMs: this.#options.nowMs() };
  }

  async #run(): Promise<void> {
    const { channel, layout, transportClock, oldestRevision, onPage } = this.#options;
    const options = { channel, layout, transportClock, oldestRevision, signal: this.#stopping.signal, rowsMax };
    while (!this.#isEnded) {
      try {
        for await (const page of feed(options, this.#published)) {
          onPage(page);
          this.#published = page.through;
          this.noteSeen(page.through);
          if (page.commits.length > 0) for (const watcher of this.#watchers) watcher.offer(page.commits, page.through);
          for (const { revision, finish } of this.#reachings) if (page.through >= revision) finish();
        }
      } catch (thrown) {
        const failure = toAppError(thrown);
        for (const watcher of this.#watchers) watcher.end(failure);
        if (failure.code !== 'HISTORY_GONE') return this.#options.onFatal(failure);
        // It was away for longer than history is kept, or somebody else has cut that: nobody can go on where they were.
        const { oldest = 0 } = failure.details as { readonly oldest?: number };
        this.#published = Math.max(this.#published, this.#seen, oldestRevision(), oldest);
        this.#options.onHole(this.#published);
        await transportClock.sleep(tickMs, this.#stopping.signal);
      }
    }
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
      this.#scheduleTick();
      if (!this.#isLooking) void this.#look();
    });
  }

  /** Gives marks where the watch has come as far as etcd is. */
  async #look(): Promise<void> {
    const { newestRevision, nudge, channel, transportClock } = this.#options;
    this.#isLooking = true;
    try {
      const newest = await newestRevision();
      const nowMs = transportClock.monotonicMs();
      // What was newest a moment ago: whoever shares etcd with us may write to it all the time.
      const aim = (this.#aim ??= { revision: newest, sinceMs: nowMs });
      if (this.#published < aim.revision && nowMs - aim.sinceMs >= nudgeMs) {
        await nudge();
        await this.#reached(aim.revision);
      }
      if (this.#published >= aim.revision) {
        this.#aim = undefined;
        for (const watcher of this.#watchers) watcher.tick(this.#published);
      } else if (nowMs - aim.sinceMs > stallMsMax) {
        this.#aim = undefined;
        channel.leave();
      }
    } catch {
      // etcd does not answer: no mark is given.
    } finally {
      this.#isLooking = false;
    }
  }
}
