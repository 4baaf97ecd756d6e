/** A feed of ticks that a test drives: every subscriber is given the same object for the same tick. */
import { subscribeTo } from '../../../resolvers/subscription';
import { AppError } from '../../../src/core/errors';

export interface FeedTick {
  readonly count: number;
  readonly cursor: string;
  readonly padding: string;
}

type Reader = (tick: FeedTick | Error | undefined) => void;

export class SampleFeed {
  static readonly #feeds = new Map<string, SampleFeed>();
  /** How often a resolver has run for a tick. */
  static executions = 0;
  readonly #readers = new Set<Reader>();
  /** Ticks that were pulled by subscribers. */
  pulled = 0;

  static of(tenantId: string): SampleFeed {
    let feed = SampleFeed.#feeds.get(tenantId);
    if (!feed) SampleFeed.#feeds.set(tenantId, (feed = new SampleFeed()));
    return feed;
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  publish(count: number, paddingBytes = 0): void {
    const tick = { count, cursor: `c${count}`, padding: 'x'.repeat(paddingBytes) };
    for (const reader of this.#readers) reader(tick);
  }

  /** Ends every subscription with an error. */
  fail(): void {
    for (const reader of this.#readers) reader(new AppError('UNAVAILABLE', 'storage went away'));
  }

  /** Completes every subscription. */
  finish(): void {
    for (const reader of this.#readers) reader(undefined);
  }

  /** The present state first, then every tick. Ends at once when its reader returns. */
  subscribe(from: number): AsyncIterable<FeedTick> {
    if (from < 0) throw new AppError('INVALID_ARGUMENT', `from is ${from}, it must not be negative`);
    return subscribeTo((signal) => this.#read(signal));
  }

  async *#read(signal: AbortSignal): AsyncGenerator<FeedTick, void, void> {
    const queue: (FeedTick | Error | undefined)[] = [];
    let wake = (): void => undefined;
    const reader: Reader = (tick) => {
      queue.push(tick);
      wake();
    };
    this.#readers.add(reader);
    signal.addEventListener('abort', () => wake(), { once: true });
    try {
      yield { count: -1, cursor: 'start', padding: '' };
      while (!signal.aborted) {
        if (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve));
        if (signal.aborted || queue.length === 0) continue;
        const tick = queue.shift();
        this.pulled += 1;
        if (tick === undefined) return;
        if (tick instanceof Error) throw tick;
        yield tick;
      }
    } finally {
      this.#readers.delete(reader);
    }
  }
}
