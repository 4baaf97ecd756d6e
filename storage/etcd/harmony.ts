/**
 * Whether members of a batch may share a fate (`sections.ts`). Where a shared section breaks, all of it travels once more, each member apart. That
 * is worth it while it is rare, about one batch in four: so after one that broke the next ones go apart, more of them
 * each time, and fewer again with each that held. Pure.
 */

/** Batches that go apart at the most before sharing is tried again. */
const pauseMax = 512;
const pauseGrowth = 8;

export class Harmony {
  /** Batches that still go apart. */
  #pause = 0;
  #nextPause = 1;

  get mayShare(): boolean {
    return this.#pause === 0;
  }

  /** A batch went apart. */
  wentApart(): void {
    this.#pause = Math.max(0, this.#pause - 1);
  }

  /** The shared sections of a batch were written. */
  held(): void {
    this.#nextPause = Math.max(1, this.#nextPause / 2);
  }

  /** One of them was not. */
  broke(): void {
    this.#nextPause = Math.min(pauseMax, this.#nextPause * pauseGrowth);
    this.#pause = this.#nextPause;
  }
}
