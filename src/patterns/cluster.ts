/** The storage tier as this gateway sees it. Reads the store's status; costs one round trip a look. */
import type { Store, StoreStatus } from '../../proto/store';
import type { Clock } from '../core/clock';
import { isAppError } from '../core/errors';

const lookEveryMs = 1_000;
/** As long as other subscriptions wait for a storage that is away. */
const awayMsMax = 60_000;

export class Cluster {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  status(): Promise<StoreStatus> {
    return this.#store.status();
  }

  /**
   * The status now, then whenever members, roles or epoch changed, within about a second. Throws where storage is away at its
   * beginning, or later for more than a minute. Ends when `signal` aborts.
   */
  async *changed(signal: AbortSignal): AsyncGenerator<StoreStatus, void, void> {
    let shown: string | undefined;
    let heardAtMs = this.#clock.monotonicMs();
    while (!signal.aborted) {
      const status = await this.#statusUnlessAway(
        shown !== undefined && this.#clock.monotonicMs() - heardAtMs < awayMsMax,
      );
      if (status) {
        heardAtMs = this.#clock.monotonicMs();
        const { storeId, epoch, nodes } = status;
        const seen = JSON.stringify({ storeId, epoch, nodes });
        if (seen !== shown) yield status;
        shown = seen;
      }
      await this.#clock.sleep(lookEveryMs, signal);
    }
  }

  async #statusUnlessAway(mayBeAway: boolean): Promise<StoreStatus | undefined> {
    try {
      return await this.#store.status();
    } catch (error) {
      if (mayBeAway && (isAppError(error, 'UNAVAILABLE') || isAppError(error, 'DEADLINE_EXCEEDED'))) return undefined;
      throw error;
    }
  }
}
