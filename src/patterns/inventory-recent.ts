/** The skus of reservations that this process has seen lately, so that settling one needs no read. They never change. */

const reservationsMax = 10_000;
/** Larger ones are read. */
const skusMax = 8;

export class RecentSkus {
  readonly #byId = new Map<string, readonly string[]>();

  get(reservationId: string): readonly string[] | undefined {
    return this.#byId.get(reservationId);
  }

  add(reservationId: string, skus: readonly string[]): void {
    if (skus.length > skusMax) return;
    this.#byId.set(reservationId, skus);
    if (this.#byId.size > reservationsMax) this.#byId.delete(this.#byId.keys().next().value!);
  }
}
