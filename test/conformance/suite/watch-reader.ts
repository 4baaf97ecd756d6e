/** A reader of a watch that holds every batch against what watches promise, and keeps the changes. */
import type { Change, KeyRange, Revision, Store, WatchBatch, WatchOptions } from '../../../proto/store';
import { systemClock } from '../../../src/core/clock';
import { bytes, textOf } from './words';

/** A watch that owes something and gives nothing for so long has lost it. */
const patienceMs = 10_000;

/** How changes of one revision stand: by key, and where a put replaces what has expired, the expiry first. */
export function compareChanges(a: Change, b: Change): number {
  return a.revision - b.revision || Buffer.compare(a.key, b.key) || rank(a) - rank(b);
}

function rank({ kind }: Change): number {
  return kind === 'expire' ? 0 : 1;
}

/** A change in a few words: kind, key, revision. */
export function wordsOf({ kind, key, revision }: Change): string {
  return `${kind} ${textOf(key)} @${revision}`;
}

export class WatchReader {
  readonly #iterator: AsyncIterator<WatchBatch>;
  readonly #isKeysOnly: boolean;
  readonly changes: Change[] = [];
  readonly batches: WatchBatch[] = [];
  /** Everything through it has been given; -1 before the first batch. */
  through: Revision = -1;
  nowMs = 0;

  constructor(store: Store, ranges: readonly KeyRange[], options: WatchOptions = {}) {
    this.#iterator = store.watch(ranges, options)[Symbol.asyncIterator]();
    this.#isKeysOnly = options.keysOnly ?? false;
    if (options.afterRevision !== undefined) this.through = options.afterRevision;
  }

  /** A reader that has its first batch. */
  static async begin(store: Store, ranges: readonly KeyRange[], options?: WatchOptions): Promise<WatchReader> {
    const reader = new WatchReader(store, ranges, options);
    await reader.next();
    return reader;
  }

  /** The next batch; undefined when the watch has ended. Throws what is wrong with it. */
  async next(): Promise<WatchBatch | undefined> {
    const { value, done } = (await this.#given()) as IteratorResult<WatchBatch, undefined>;
    if (done) return undefined;
    this.#judge(value);
    this.changes.push(...value.changes);
    this.batches.push(value);
    this.through = value.revision;
    this.nowMs = value.nowMs;
    return value;
  }

  /** Pulls until everything through a revision was given. */
  async until(revision: Revision): Promise<this> {
    while (this.through < revision) if (!(await this.next())) throw new Error(`the watch ended before ${revision}`);
    return this;
  }

  /** Pulls until it has so many changes. */
  async untilChanges(count: number): Promise<this> {
    while (this.changes.length < count) {
      if (!(await this.next())) throw new Error(`the watch ended after ${this.changes.length} of ${count} changes`);
    }
    return this;
  }

  /** Pulls until a change came that is looked for, and gives it. */
  async untilChange(holds: (change: Change) => boolean): Promise<Change> {
    for (let from = 0; ;) {
      for (; from < this.changes.length; from += 1) if (holds(this.changes[from]!)) return this.changes[from]!;
      if (!(await this.next())) throw new Error('the watch ended before the change came');
    }
  }

  /** Pulls to the end of the watch; rejects with what ended it. */
  async drain(): Promise<void> {
    while (await this.next());
  }

  async end(): Promise<void> {
    await this.#iterator.return!();
  }

  /** What came so far, in a few words each. */
  words(): string[] {
    return this.changes.map(wordsOf);
  }

  async #given(): Promise<IteratorResult<WatchBatch>> {
    let cancel = (): void => undefined;
    const silence = new Promise<never>((_, reject) => {
      const error = new Error(`the watch gave nothing for ${patienceMs} ms after ${this.through}`);
      cancel = systemClock.after(patienceMs, () => reject(error));
    });
    try {
      return await Promise.race([this.#iterator.next(), silence]);
    } finally {
      cancel();
    }
  }

  #judge({ changes, revision, nowMs }: WatchBatch): void {
    if (revision < this.through) throw new Error(`a batch through ${revision} after one through ${this.through}`);
    if (nowMs < this.nowMs) throw new Error(`a batch of ${nowMs} ms after one of ${this.nowMs} ms`);
    let previous = this.changes.at(-1);
    for (const change of changes) {
      const where = `${wordsOf(change)} in a batch through ${revision}`;
      if (change.revision <= this.through || change.revision > revision) {
        throw new Error(`${where}, though everything through ${this.through} had been given`);
      }
      if (previous && compareChanges(previous, change) >= 0) throw new Error(`${where} after ${wordsOf(previous)}`);
      if (change.kind !== 'put' && (change.value !== undefined || change.expiresAtMs !== 0)) {
        throw new Error(`${where} with a value or an expiry`);
      }
      if (this.#isKeysOnly && change.value !== undefined) throw new Error(`${where} with a value in a keysOnly watch`);
      previous = change;
    }
  }
}

/** What a watch of everything says of the state: puts and removals applied in order. */
export function replay(changes: readonly Change[]): Record<string, string> {
  const state = new Map<string, string>();
  for (const { kind, key, value } of changes) {
    if (kind === 'put') state.set(textOf(key), textOf(value ?? bytes('')));
    else state.delete(textOf(key));
  }
  return Object.fromEntries(state);
}
