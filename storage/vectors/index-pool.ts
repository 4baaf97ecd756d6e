/**
 * The indexes that there are. A namespace gets one when it is first searched, and keeps it while memory allows: the least lately used
 * go when there are too many, or when they take too much, and come back when they are asked for, from their snapshot where they have
 * one. One that is larger than all that is allowed is none for a while. One that has become poor is made anew beside the old one.
 */
import type { SearchRequest, Store, StoreStatus } from '../../proto/store';
import type { CancelTimer, Clock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import { IndexFeed } from './index-feed';
import type { IndexProgress } from './index-feed';
import type { IndexSettings, IndexState, Indexes } from './indexes';
import { placeOf } from './snapshot-directory';
import type { SnapshotDirectory } from './snapshot-directory';

/** What becomes of an index that is made from its rows, or could not be written down. */
export type IndexReport =
  | (IndexProgress & { readonly kind: 'reading'; readonly index: number })
  | { readonly kind: 'fault'; readonly error: AppError };

export interface IndexPoolOptions {
  readonly store: Store;
  /** Called when there is something to index, and again where what it made has failed. */
  readonly makeIndexes: () => Indexes;
  readonly clock: Clock;
  /** What all indexes take in memory; default 1 GiB. */
  readonly memoryBytesMax?: number;
  /** Indexes at once; default 256: each follows all commits of the store. */
  readonly indexesMax?: number;
  /** From how many vectors on an index has a graph; default 5,000. */
  readonly graphFrom?: number;
  /** Where indexes are written down; left out: nowhere. */
  readonly snapshots?: SnapshotDirectory | undefined;
  /** How often; at the end too. Default 300,000. */
  readonly snapshotEveryMs?: number;
  readonly report?: ((report: IndexReport) => void) | undefined;
}

/** What an index is of. */
interface Subject {
  readonly name: string;
  readonly rows: SearchRequest['rows'];
  readonly settings: Omit<IndexSettings, 'graphFrom'>;
}

const tooLargeKeepMs = 600_000;
const tooLargeMax = 10_000;
/** Of a close, before the thread is ended. */
const closeMs = 5_000;
/** Between two threads. */
const indexesPauseMs = 1_000;

export class IndexPool {
  readonly #options: IndexPoolOptions;
  /** By name; the least lately used first. */
  readonly #feeds = new Map<string, IndexFeed>();
  /** The one that was last found. */
  #latest: IndexFeed | undefined;
  /** Those that are made anew beside one that has become poor. */
  readonly #renewing = new Map<string, IndexFeed>();
  /** Those that were let go and are not over yet. */
  readonly #leaving = new Map<string, Promise<void>>();
  /** Namespaces that are too large, and until when that is believed. */
  readonly #tooLarge = new Map<string, number>();
  /** How far those are that are made from their rows, by number. */
  readonly #reading = new Map<number, IndexProgress>();
  #indexes: Indexes | undefined;
  #nextIndexesMs = -Infinity;
  #lastIndex = 0;
  #cancelSave: CancelTimer | undefined;
  #isClosed = false;

  constructor(options: IndexPoolOptions) {
    this.#options = options;
    if (options.snapshots) this.#scheduleSave();
  }

  /** The index of what is searched, ready or not; undefined: it has none, and cannot have one now. */
  find(request: SearchRequest): IndexFeed | undefined {
    const name = nameOf(request);
    if (this.#isClosed || this.#isTooLarge(name)) return undefined;
    let known = this.#feeds.get(name);
    if (known?.isOver) {
      this.#letGo(name);
      known = undefined;
    }
    const feed = known ?? this.#open(subjectOf(name, request), true);
    if (!feed || feed === this.#latest) return feed;
    // To the end: the order is that of use.
    this.#feeds.delete(name);
    this.#feeds.set(name, feed);
    this.#latest = feed;
    if (feed !== known) this.#makeRoom(name);
    return feed;
  }

  /** What all of them are like. */
  states(): IndexState[] {
    return Array.from(this.#feeds.values(), ({ state }) => state);
  }

  /** Rows that were read for those that are being made from them, of how many; undefined: there is none. */
  reading(): StoreStatus['indexing'] {
    if (this.#reading.size === 0) return undefined;
    let [rows, total] = [0, 0];
    for (const each of this.#reading.values()) {
      rows += each.rows;
      total += each.total ?? 0;
    }
    return { rows, total };
  }

  /** Writes down what has changed since the last time, one after the other: there is one thread. */
  async save(): Promise<void> {
    for (const feed of [...this.#feeds.values()]) await feed.save();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelSave?.();
    for (const name of [...this.#feeds.keys()]) this.#letGo(name);
    for (const feed of this.#renewing.values()) void feed.stop();
    await this.#inTime(Promise.all(this.#leaving.values()));
    await this.#indexes?.stop();
  }

  /** A snapshot that takes long is given up: the data below has to be closed as well. */
  async #inTime(leaving: Promise<unknown>): Promise<void> {
    const isOver = new AbortController();
    await Promise.race([leaving.finally(() => isOver.abort()), this.#options.clock.sleep(closeMs, isOver.signal)]);
  }

  #open(subject: Subject, isFromSnapshot: boolean): IndexFeed | undefined {
    const indexes = this.#liveIndexes();
    if (!indexes) return undefined;
    const { store, graphFrom = 5_000, snapshots, report } = this.#options;
    const { name, rows, settings } = subject;
    const index = (this.#lastIndex += 1);
    const feed: IndexFeed = new IndexFeed({
      store,
      indexes,
      index,
      rows,
      settings: { ...settings, graphFrom },
      snapshot: snapshots && placeOf(snapshots, rows, settings),
      isFromSnapshot,
      after: this.#leaving.get(name),
      onState: (state) => {
        if (this.#feeds.get(name) !== feed) return;
        this.#makeRoom(name);
        if (state.isWorn) this.#renew(feed, subject);
      },
      onProgress: (progress) => {
        // Of those whose rows are not counted nobody can say how far they are.
        if (progress.total !== undefined && !feed.isOver) this.#reading.set(index, progress);
        report?.({ kind: 'reading', index, ...progress });
      },
      onFault: (error) => report?.({ kind: 'fault', error }),
    });
    const settle = (): void => void this.#reading.delete(index);
    feed.ready.then(settle, settle);
    return feed;
  }

  /** The old one answers until the new one is ready. */
  #renew(old: IndexFeed, subject: Subject): void {
    const { name } = subject;
    const next = this.#renewing.has(name) ? undefined : this.#open(subject, false);
    if (!next) return;
    this.#renewing.set(name, next);
    const settle = (isReady: boolean): void => {
      this.#renewing.delete(name);
      const isWanted = isReady && !this.#isClosed && this.#feeds.get(name) === old;
      if (isWanted) this.#feeds.set(name, next);
      void (isWanted ? old : next).stop();
    };
    next.ready.then(
      () => settle(true),
      () => settle(false),
    );
  }

  /** Those of the thread that lives; a thread that has ended is followed by another, though not at once. */
  #liveIndexes(): Indexes | undefined {
    const { clock, makeIndexes } = this.#options;
    if (this.#indexes && !this.#indexes.isStopped) return this.#indexes;
    if (clock.monotonicMs() < this.#nextIndexesMs) return undefined;
    this.#nextIndexesMs = clock.monotonicMs() + indexesPauseMs;
    this.#indexes = makeIndexes();
    return this.#indexes;
  }

  /** Lets the least lately used go, never the one of that name. Throws where that one is too large by itself. */
  #makeRoom(name: string): void {
    const { memoryBytesMax = 1_073_741_824, indexesMax = 256, clock } = this.#options;
    let bytes = 0;
    for (const [other, feed] of this.#feeds) {
      if (feed.isOver) this.#letGo(other);
      else bytes += feed.state.bytes;
    }
    for (const [other, feed] of this.#feeds) {
      if (bytes <= memoryBytesMax && this.#feeds.size <= indexesMax) return;
      if (other === name) continue;
      bytes -= feed.state.bytes;
      this.#letGo(other);
    }
    if (bytes <= memoryBytesMax) return;
    // What is thrown ends it.
    this.#feeds.delete(name);
    this.#tooLarge.set(name, clock.monotonicMs() + tooLargeKeepMs);
    if (this.#tooLarge.size > tooLargeMax) this.#tooLarge.delete(this.#tooLarge.keys().next().value!);
    const rule = `is more than the ${memoryBytesMax} that all may take`;
    throw new AppError('OVERLOADED', `a vector index of ${bytes} bytes ${rule}`);
  }

  #isTooLarge(name: string): boolean {
    const untilMs = this.#tooLarge.get(name);
    if (untilMs === undefined) return false;
    if (untilMs > this.#options.clock.monotonicMs()) return true;
    this.#tooLarge.delete(name);
    return false;
  }

  #letGo(name: string): void {
    const feed = this.#feeds.get(name)!;
    this.#feeds.delete(name);
    const leaving = feed.stop({ isSaved: true }).finally(() => {
      if (this.#leaving.get(name) === leaving) this.#leaving.delete(name);
    });
    this.#leaving.set(name, leaving);
  }

  #scheduleSave(): void {
    const { clock, snapshotEveryMs = 300_000 } = this.#options;
    this.#cancelSave = clock.after(snapshotEveryMs, () => {
      void this.save().finally(() => {
        if (!this.#isClosed) this.#scheduleSave();
      });
    });
  }
}

function subjectOf(name: string, { rows, near, distance, isExact }: SearchRequest): Subject {
  return {
    name,
    // Of their own: those of the request are views of a message.
    rows: { start: Buffer.from(rows.start), end: Buffer.from(rows.end) },
    settings: { dimensions: near.length, distance, isExact },
  };
}

function nameOf({ rows, near, distance, isExact }: SearchRequest): string {
  return `${near.length} ${distance} ${isExact} ${rows.start.toString('latin1')} ${rows.end.toString('latin1')}`;
}
