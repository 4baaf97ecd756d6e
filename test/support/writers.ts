/**
 * Writers that count up, each on a key of its own, by compare-and-set. Nobody else writes its key: so a writer meets no
 * conflict, unless with a commit of its own that it was told is unknown, and no step is lost; whoever watches must see
 * 1, 2, 3 … on every key.
 */
import type { Store, WatchBatch } from '../../proto/store';
import { isAppError } from '../../src/core/errors';

const prefix = 'writer/';
const keyOf = (writer: number): Buffer => Buffer.from(`${prefix}${writer}`);

export class Writers {
  readonly #store: Store;
  readonly #running: Promise<void>[];
  #isOver = false;
  #acknowledged = 0;
  /** What each writer knows to stand. */
  readonly counts: number[];
  readonly unknown: number[] = [];
  readonly #waiting: { readonly atLeast: number; readonly resolve: () => void }[] = [];

  constructor(store: Store, count: number) {
    this.#store = store;
    this.counts = Array.from({ length: count }, () => 0);
    this.#running = this.counts.map((_, writer) => this.#write(writer));
  }

  /** Resolves when so many more commits were acknowledged. */
  progress(commits: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ atLeast: this.#acknowledged + commits, resolve }));
  }

  /** Resolves when all have come to an end; rejects with what went wrong for one of them. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }

  /** What stands in the store for each writer. */
  async stored(): Promise<number[]> {
    const { results } = await this.#store.read(this.counts.map((_, writer) => ({ start: keyOf(writer) })));
    return results.map(({ entries }) => Number(entries[0]?.value.toString() ?? 0));
  }

  async #write(writer: number): Promise<void> {
    let revision = 0;
    let unresolved: number | undefined;
    while (!this.#isOver) {
      const next = this.counts[writer]! + 1;
      const value = Buffer.from(String(next));
      const key = keyOf(writer);
      try {
        const [outcome] = await this.#store.commit([
          { checks: [{ key, revision }], writes: [{ kind: 'put', key, value, history: 'value' }] },
        ]);
        if (outcome!.kind === 'committed') revision = outcome!.revision;
        else {
          // What was given up may still be applied after a look that did not find it; nothing else can be in the way.
          const entry = outcome!.kind === 'conflict' ? outcome!.entries[0] : undefined;
          const isOwn = unresolved === next && entry?.value.toString() === String(next);
          if (!isOwn) throw new Error(`writer ${writer} at ${next} met ${JSON.stringify(outcome)}`);
          revision = entry!.revision;
        }
      } catch (error) {
        if (isAppError(error, 'UNAVAILABLE')) continue;
        if (!isAppError(error, 'OUTCOME_UNKNOWN')) throw error;
        this.unknown.push(next);
        unresolved = next;
        const standing = await this.#lookUp(writer);
        if (standing.count !== next && standing.count !== next - 1)
          throw new Error(`writer ${writer} at ${next} found ${standing.count}`);
        revision = standing.revision;
        this.counts[writer] = standing.count;
        continue;
      }
      this.counts[writer] = next;
      this.#acknowledged += 1;
      for (const { atLeast, resolve } of this.#waiting) if (this.#acknowledged >= atLeast) resolve();
    }
  }

  /** Reads until storage answers. */
  async #lookUp(writer: number): Promise<{ count: number; revision: number }> {
    for (;;) {
      try {
        const { results } = await this.#store.read([{ start: keyOf(writer) }]);
        const entry = results[0]!.entries[0];
        return { count: Number(entry?.value.toString() ?? 0), revision: entry?.revision ?? 0 };
      } catch (error) {
        if (!isAppError(error, 'UNAVAILABLE') && !isAppError(error, 'DEADLINE_EXCEEDED')) throw error;
      }
    }
  }
}

/** Watches all writers from its construction on; fails at the first hole, double or step back. */
export class WritersWatch {
  readonly #iterator: AsyncIterator<WatchBatch>;
  readonly #running: Promise<void>;
  readonly started: Promise<void>;
  readonly seen = new Map<string, number>();
  #through = 0;
  #onBatch: (() => void) | undefined;

  constructor(store: Store) {
    const range = { start: Buffer.from(prefix), end: Buffer.from(`${prefix}\xff`, 'latin1') };
    this.#iterator = store.watch([range])[Symbol.asyncIterator]();
    this.started = this.#iterator.next().then(() => undefined);
    this.#running = this.started.then(() => this.#run());
    this.#running.catch(() => this.#onBatch?.());
  }

  /** Resolves when everything through the revision was seen; rejects with what was wrong. */
  async until(revision: number): Promise<void> {
    while (this.#through < revision) {
      await Promise.race([this.#running, new Promise<void>((resolve) => (this.#onBatch = resolve))]);
    }
  }

  async end(): Promise<void> {
    await this.#iterator.return!();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (;;) {
      const { value, done } = (await this.#iterator.next()) as IteratorResult<WatchBatch, undefined>;
      if (done) return;
      for (const { key, value: bytes } of value.changes) {
        const expected = (this.seen.get(key.toString()) ?? 0) + 1;
        const count = Number(bytes!.toString());
        if (count !== expected) throw new Error(`${key.toString()}: the watch gave ${count} where ${expected} was due`);
        this.seen.set(key.toString(), count);
      }
      this.#through = value.revision;
      this.#onBatch?.();
    }
  }
}
