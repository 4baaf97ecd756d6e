/** The skus of reservations that this process has seen lately, so that settling one needs no read. They never change. */
import { BoundedMap } from '../core/bounded-map';

const reservationsMax = 10_000;
/** Larger ones are read. */
const skusMax = 8;

export class RecentSkus {
  readonly #byId = new BoundedMap<string, readonly string[]>({ entriesMax: reservationsMax });

  get(reservationId: string): readonly string[] | undefined {
    return this.#byId.get(reservationId);
  }

  /** One that is settled is mostly not settled again. */
  delete(reservationId: string): void {
    this.#byId.delete(reservationId);
  }

  add(reservationId: string, skus: readonly string[]): void {
    if (skus.length <= skusMax) this.#byId.set(reservationId, skus);
  }
}
