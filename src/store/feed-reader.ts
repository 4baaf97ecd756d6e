/** One reader of a shared feed: a bounded queue between the feed, which never waits, and somebody who pulls. */
import type { Revision, WatchBatch } from '../../proto/store';
import type { AppError } from '../core/errors';

export class FeedReader {
  readonly #bytesMax: number;
  #queue: { readonly batch: WatchBatch; readonly bytes: number }[] = [];
  #bytes = 0;
  /** Everything through it is in the queue or was taken. */
  #position: Revision;
  #state: 'live' | 'cut off' | 'ended' = 'live';
  #failure: AppError | undefined;
  #wake: (() => void) | undefined;

  constructor(position: Revision, bytesMax: number) {
    this.#position = position;
    this.#bytesMax = bytesMax;
  }

  /** What it begins with; never too large. */
  begin(batch: WatchBatch): void {
    this.#queue.push({ batch, bytes: 0 });
    this.#position = batch.revision;
  }

  /** Gives it changes of its ranges, in commit order. Past the bound everything that waits is dropped, and it is cut off. */
  push(batch: WatchBatch, bytes: number): void {
    if (this.#state !== 'live' || batch.revision <= this.#position) return;
    const isJoining = batch.changes[0]!.revision <= this.#position;
    const fresh = isJoining
      ? { ...batch, changes: batch.changes.filter((change) => change.revision > this.#position) }
      : batch;
    this.#bytes += bytes;
    if (this.#bytes > this.#bytesMax && this.#queue.length > 0) {
      this.#state = 'cut off';
      this.#queue = [];
    } else {
      this.#queue.push({ batch: fresh, bytes });
      this.#position = batch.revision;
    }
    this.#wake?.();
  }

  /** Tells it that nothing else concerned it so far. Marks do not add up: a later one replaces one that waits. */
  mark(mark: WatchBatch): void {
    if (this.#state !== 'live' || mark.revision < this.#position) return;
    const last = this.#queue.at(-1);
    if (last && mark.revision === this.#position) return;
    if (last?.batch.changes.length === 0) this.#queue.pop();
    this.#queue.push({ batch: mark, bytes: 0 });
    this.#position = mark.revision;
    this.#wake?.();
  }

  /** Nothing comes after what waits. */
  end(failure: AppError | undefined): void {
    if (this.#state === 'live') this.#state = 'ended';
    this.#failure = failure;
    this.#wake?.();
  }

  /**
   * The next batch; undefined when it was cut off or the signal aborted, or the feed ended well. Throws the feed's failure, after what waits.
   */
  async next(signal: AbortSignal): Promise<WatchBatch | undefined> {
    if (this.#queue.length === 0 && this.#state === 'live' && !signal.aborted) await this.#wait(signal);
    if (signal.aborted) return undefined;
    const first = this.#queue.shift();
    if (first) {
      this.#bytes -= first.bytes;
      return first.batch;
    }
    if (this.#failure && this.#state === 'ended') throw this.#failure;
    return undefined;
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wake = undefined;
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
