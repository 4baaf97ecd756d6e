/**
 * The change feed of a tenant's cache: one watch of its keys, without values, which shares the watch of the process. It runs from the
 * first use to a while after the last. It is alive as long as it has brought something, a mark at least, within 1.5 s; what was silent for
 * longer may have missed anything, so that its cache is emptied.
 */
import type { Change, KeyRange, Store } from '../../proto/store';
import type { Clock } from '../core/clock';

export interface CacheFeedOptions {
  readonly store: Pick<Store, 'watch'>;
  readonly clock: Clock;
  readonly range: KeyRange;
  readonly onChange: (change: Change) => void;
  /** Changes may have been missed. */
  readonly onGap: () => void;
}

/** Marks come at least every 500 ms. */
const silenceMsMax = 1_500;
/** Without a use for so long it ends. */
const idleMs = 60_000;
/** After an end that nobody wanted, before it begins anew. */
const pauseMs = 500;

export class CacheFeed {
  readonly #options: CacheFeedOptions;
  #stop: AbortController | undefined;
  /** Undefined: it has not begun. */
  #heardMs: number | undefined;
  #usedMs = 0;
  #notBeforeMs = 0;
  #nowMs = 0;

  constructor(options: CacheFeedOptions) {
    this.#options = options;
  }

  /** Whether what changes is heard of, at that monotonic millisecond, which is now. Being asked is a use: it begins where it has not. */
  isAlive(nowMs: number): boolean {
    this.#usedMs = nowMs;
    if (!this.#stop && nowMs >= this.#notBeforeMs) this.#begin();
    return this.#heardMs !== undefined && nowMs - this.#heardMs <= silenceMsMax;
  }

  /** The storage clock, never ahead of it; 0: not known. */
  storageMs(): number {
    return this.#nowMs;
  }

  #begin(): void {
    const stop = new AbortController();
    this.#stop = stop;
    void this.#follow(stop.signal).finally(() => this.#end());
    this.#watchIdle(stop);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { store, range, clock, onChange, onGap } = this.#options;
    try {
      for await (const { changes, nowMs } of store.watch([range], { keysOnly: true, signal })) {
        const heardMs = clock.monotonicMs();
        if (this.#heardMs !== undefined && heardMs - this.#heardMs > silenceMsMax) onGap();
        for (const change of changes) onChange(change);
        this.#heardMs = heardMs;
        this.#nowMs = nowMs;
      }
    } catch {
      // Whatever it was: it is over, the cache is not used, and the next use begins anew.
    }
  }

  #end(): void {
    this.#stop = undefined;
    this.#heardMs = undefined;
    this.#nowMs = 0;
    this.#notBeforeMs = this.#options.clock.monotonicMs() + pauseMs;
    this.#options.onGap();
  }

  #watchIdle(stop: AbortController): void {
    this.#options.clock.after(idleMs, () => {
      if (this.#stop !== stop) return;
      if (this.#options.clock.monotonicMs() - this.#usedMs >= idleMs) stop.abort();
      else this.#watchIdle(stop);
    });
  }
}
