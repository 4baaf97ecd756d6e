/**
 * One watch on a store that feeds many readers in this process. A change is matched once for each different set of
 * ranges, however many readers have it; points are found by their key. Each reader has a bounded queue; one that passes it
 * is cut off and goes elsewhere for a while. The latest changes are kept in a small ring, so that a reader which comes
 * with a recent position joins without a hole. Readers share what they are given: nobody may change it.
 */
import { storeLimits } from '../../proto/limits';
import type { Change, KeyRange, Revision, Store, WatchBatch } from '../../proto/store';
import type { Clock } from '../core/clock';
import type { AppError } from '../core/errors';
import { toAppError } from '../core/errors';
import { FeedReader } from './feed-reader';
import { WatchIndex } from './watch-index';
import type { WatchFilter } from './watch-index';

export interface SharedFeedOptions {
  readonly clock: Clock;
  /** What the ring keeps, keys and values. */
  readonly ringBytesMax: number;
  /** What waits for one reader, keys and values. */
  readonly bufferBytesMax: number;
}

/** While changes flow, readers whom none concerns are given a mark at this distance; else whenever storage gives one. */
const marksEveryMs = 250;

/** All keys that a store can hold. */
const everything: readonly KeyRange[] = [
  { start: Buffer.alloc(0), end: Buffer.alloc(storeLimits.storedKeyBytesMax + 1, 0xff) },
];

export class SharedFeed {
  readonly #options: SharedFeedOptions;
  readonly #abort = new AbortController();
  readonly #index = new WatchIndex();
  readonly #ring: WatchBatch[] = [];
  #ringBytes = 0;
  /** Every change after it is in the ring. */
  #ringBase: Revision = 0;
  #revision: Revision = 0;
  #nowMs = 0;
  #markedMs = 0;
  #heardMs = 0;
  #isStarted = false;
  #isOver = false;
  #failure: AppError | undefined;
  #onStarted!: (error?: AppError) => void;
  /** Resolves when its first batch has come; rejects where it cannot begin. */
  readonly started: Promise<void>;

  constructor(store: Store, options: SharedFeedOptions) {
    this.#options = options;
    this.started = new Promise((resolve, reject) => (this.#onStarted = (error) => (error ? reject(error) : resolve())));
    // Whoever waits for it hears of a failure; where nobody does, it concerns nobody.
    this.started.catch(() => undefined);
    void this.#pump(store);
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  /** It gives nothing any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Why it is over, where that was not wanted. */
  get failure(): AppError | undefined {
    return this.#failure;
  }

  /** Everything through it has been given to the readers. */
  get revision(): Revision {
    return this.#revision;
  }

  /** When storage last gave it something, in monotonic milliseconds. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** Whether a reader that has everything through `position` can join without a hole. */
  covers(position: Revision): boolean {
    return this.#isStarted && !this.#isOver && position >= this.#ringBase;
  }

  /** A reader of what comes after `position`, which must be covered. Its first batch is there at once. */
  attach(filter: WatchFilter, position: Revision): FeedReader {
    const reader = new FeedReader(position, this.#options.bufferBytesMax);
    const changes: Change[] = [];
    for (const batch of this.#ring) {
      if (batch.revision <= position) continue;
      for (const change of batch.changes) {
        if (change.revision > position && filter.matches(change.key)) changes.push(filter.shown(change));
      }
    }
    reader.begin({ changes, revision: Math.max(position, this.#revision), nowMs: this.#nowMs });
    this.#index.add(filter, reader);
    return reader;
  }

  detach(filter: WatchFilter, reader: FeedReader): void {
    this.#index.remove(filter, reader);
  }

  /** Ends it; readers that are left end too. */
  stop(): void {
    this.#abort.abort();
  }

  async #pump(store: Store): Promise<void> {
    try {
      for await (const batch of store.watch(everything, { signal: this.#abort.signal })) this.#take(batch);
    } catch (error) {
      this.#failure = toAppError(error);
    }
    this.#isOver = true;
    this.#onStarted(this.#failure);
    for (const group of this.#index.groups()) for (const reader of group.readers) reader.end(this.#failure);
  }

  #take(batch: WatchBatch): void {
    this.#revision = batch.revision;
    this.#nowMs = batch.nowMs;
    this.#heardMs = this.#options.clock.monotonicMs();
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#ringBase = batch.revision;
      this.#onStarted();
      return;
    }
    if (batch.changes.length > 0) {
      this.#remember(batch);
      for (const { changes, readers } of this.#index.match(batch.changes)) {
        const part = { changes, revision: batch.revision, nowMs: batch.nowMs };
        const bytes = bytesOf(part);
        for (const reader of readers) reader.push(part, bytes);
      }
    }
    this.#mark(batch);
  }

  #mark({ changes, revision, nowMs }: WatchBatch): void {
    const atMs = this.#options.clock.monotonicMs();
    if (changes.length > 0 && atMs - this.#markedMs < marksEveryMs) return;
    this.#markedMs = atMs;
    const mark: WatchBatch = { changes: [], revision, nowMs };
    for (const group of this.#index.groups()) for (const reader of group.readers) reader.mark(mark);
  }

  #remember(batch: WatchBatch): void {
    this.#ring.push(batch);
    this.#ringBytes += bytesOf(batch);
    while (this.#ringBytes > this.#options.ringBytesMax) {
      const oldest = this.#ring.shift()!;
      this.#ringBytes -= bytesOf(oldest);
      this.#ringBase = oldest.revision;
    }
  }
}

const changeOverheadBytes = 64;

function bytesOf({ changes }: WatchBatch): number {
  let bytes = 0;
  for (const { key, value } of changes) bytes += changeOverheadBytes + key.length + (value?.length ?? 0);
  return bytes;
}
