/** The storage tier as this gateway sees it. Reads the store's status; costs one round trip a look. */
import type { Clock } from '../core/clock';
import type { Store, StoreStatus } from '../../proto/store';

const lookEveryMs = 1_000;

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

  /** The status now, then whenever members, roles or epoch changed, within about a second. Ends when `signal` aborts. */
  async *changed(signal: AbortSignal): AsyncGenerator<StoreStatus, void, void> {
    let shown: string | undefined;
    while (!signal.aborted) {
      const status = await this.#store.status();
      const { storeId, epoch, nodes } = status;
      const seen = JSON.stringify({ storeId, epoch, nodes });
      if (seen !== shown) yield status;
      shown = seen;
      await this.#clock.sleep(lookEveryMs, signal);
    }
  }
}
