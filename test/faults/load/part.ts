/** One kind of load: what its workers do again and again, and what must be true of it in the end. */
import type { Clock } from '../../../src/core/clock';
import { makeSeededIds } from '../../../src/core/ids';
import type { Machine } from '../support/bed';
import type { Caller } from '../support/caller';
import type { Count } from '../history/span';

/** What a part works with. */
export interface PartContext {
  readonly machines: readonly Machine[];
  readonly tenantId: string;
  readonly caller: Caller;
  readonly clock: Clock;
  readonly count: Count;
}

export interface Part {
  readonly name: string;
  readonly workers: number;
  /** Before the workers begin. */
  begin?(): Promise<void>;
  /** One step of one worker. */
  step(worker: Worker): Promise<void>;
  /** What is wrong with its history, when all workers have ended; empty: nothing. */
  faults(): Promise<string[]>;
  end?(): Promise<void>;
}

/** A worker's own choices, the same for the same seed whatever the others do, and names that are nobody else's. */
export class Worker {
  readonly name: string;
  /** Among the workers of its part, from 0. */
  readonly index: number;
  readonly #ids: ReturnType<typeof makeSeededIds>;
  #made = 0;
  steps = 0;

  constructor(name: string, seed: number, index: number) {
    this.name = name;
    this.index = index;
    this.#ids = makeSeededIds(seed);
  }

  below(bound: number): number {
    return Math.floor(this.#ids.fraction() * bound);
  }

  isLucky(share: number): boolean {
    return this.#ids.fraction() < share;
  }

  fresh(): string {
    return `${this.name}-${(this.#made += 1)}`;
  }
}
