/** A Store in a few lines, without expiry, limits or history bounds: for tests of what stands between a Store and its caller. */
import type {
  Change,
  CommitOutcome,
  Entry,
  KeyRange,
  ReadResult,
  SearchOutcome,
  Store,
  StoreStatus,
  Transaction,
  WatchBatch,
  WatchOptions,
} from '../../proto/store';
import { systemClock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';

/** Distance of progress marks. */
const markEveryMs = 50;

const nameOf = (key: Buffer): string => key.toString('latin1');

export class TinyStore implements Store {
  readonly entries = new Map<string, Entry>();
  readonly log: Change[] = [];
  readonly attempts = new Map<string, CommitOutcome>();
  revision = 0;
  watchesOpen = 0;
  #wakers = new Set<() => void>();
  #isClosed = false;
  constructor(readonly storeId = 'tiny') {}

  read(ranges: readonly KeyRange[]): Promise<ReadResult> {
    if (this.#isClosed) return Promise.reject(new AppError('UNAVAILABLE', 'the store is closed'));
    const all = [...this.entries.values()].sort((a, b) => a.key.compare(b.key));
    const results = ranges.map((range) => {
      const found = all.filter(({ key }) => isIn(range, key));
      if (range.reverse) found.reverse();
      const entries = found.slice(0, range.limit ?? 10_000);
      return { entries, more: found.length > entries.length };
    });
    return Promise.resolve({ results, revision: this.revision, nowMs: systemClock.nowMs() });
  }

  commit(transactions: readonly Transaction[]): Promise<readonly CommitOutcome[]> {
    if (this.#isClosed) return Promise.reject(new AppError('UNAVAILABLE', 'the store is closed'));
    return Promise.resolve(transactions.map((each) => this.#apply(each)));
  }

  async *watch(ranges: readonly KeyRange[], options: WatchOptions = {}): AsyncGenerator<WatchBatch> {
    let at = options.afterRevision ?? this.revision;
    this.watchesOpen += 1;
    try {
      for (let isFirst = true; !options.signal?.aborted && !this.#isClosed; isFirst = false) {
        const changes = this.log.filter(
          (change) => change.revision > at && ranges.some((range) => isIn(range, change.key)),
        );
        if (isFirst || this.revision > at || changes.length > 0) {
          at = Math.max(at, this.revision);
          const shown = options.keysOnly ? changes.map((change) => ({ ...change, value: undefined })) : changes;
          yield { changes: shown, revision: at, nowMs: systemClock.nowMs() };
        }
        if (options.signal?.aborted || this.#isClosed) return;
        if (this.revision > at) continue;
        const wake = new AbortController();
        const waker = (): void => wake.abort();
        this.#wakers.add(waker);
        options.signal?.addEventListener('abort', waker, { once: true });
        await systemClock.sleep(markEveryMs, wake.signal);
        this.#wakers.delete(waker);
        options.signal?.removeEventListener('abort', waker);
        if (!wake.signal.aborted) yield { changes: [], revision: at, nowMs: systemClock.nowMs() };
      }
    } finally {
      this.watchesOpen -= 1;
    }
  }

  /** It has no vectors. */
  search(): Promise<SearchOutcome> {
    return Promise.resolve({ kind: 'found', hits: [], revision: this.revision });
  }

  status(): Promise<StoreStatus> {
    const { storeId, revision } = this;
    return Promise.resolve({
      engine: 'tiny',
      storeId,
      epoch: 1,
      revision,
      nowMs: systemClock.nowMs(),
      oldestRevision: 0,
      nodes: [],
    });
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const wake of this.#wakers) wake();
    return Promise.resolve();
  }

  #apply({ checks, writes, attemptId }: Transaction): CommitOutcome {
    const attempt = attemptId && nameOf(attemptId);
    const before = attempt === undefined ? undefined : this.attempts.get(attempt);
    if (before) return before;
    const nowMs = systemClock.nowMs();
    const entries = checks.flatMap(({ key }) => this.entries.get(nameOf(key)) ?? []);
    if (checks.some(({ key, revision }) => (this.entries.get(nameOf(key))?.revision ?? 0) !== revision)) {
      return { kind: 'conflict', entries, marks: [], revision: this.revision, nowMs };
    }
    if (writes.length > 0) this.revision += 1;
    for (const write of writes) {
      const { key, kind } = write;
      const value = write.kind === 'put' ? write.value : undefined;
      if (value) this.entries.set(nameOf(key), { key, value, revision: this.revision, expiresAtMs: 0 });
      else this.entries.delete(nameOf(key));
      this.log.push({ kind, key, revision: this.revision, value, expiresAtMs: 0 });
    }
    for (const wake of this.#wakers) wake();
    const outcome: CommitOutcome = { kind: 'committed', revision: this.revision, nowMs };
    if (attempt !== undefined && writes.length > 0) this.attempts.set(attempt, outcome);
    return outcome;
  }
}

function isIn({ start, end }: KeyRange, key: Buffer): boolean {
  return end === undefined ? key.equals(start) : key.compare(start) >= 0 && key.compare(end) < 0;
}
