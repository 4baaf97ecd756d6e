/** A store in memory under a clock that the test holds, and gateways over it: each with lanes and a memory of its own. */
import { ManualClock } from '../../../src/core/clock';
import { makeSeededIds } from '../../../src/core/ids';
import { tenantScope } from '../../../src/core/keyspace';
import { makePatterns } from '../../../src/patterns/patterns';
import type { Patterns, PatternsDependencies } from '../../../src/patterns/patterns';
import type { BatchReport } from '../../../src/store/batch';
import { LaneMemory } from '../../../src/store/lane-memory';
import { ScopedStore } from '../../../src/store/scoped-store';
import type { RetentionOptions } from '../../../storage/engine';
import { makeMemoryEngine } from '../../../storage/engines/memory';
import { LocalStore } from '../../../storage/local-store';
import { meaning } from '../../support/meaning';
import { HookedStore } from './hooked-store';

export interface Gateway extends Patterns {
  readonly store: HookedStore;
  readonly reports: BatchReport[];
}

export class World {
  readonly clock = new ManualClock();
  readonly base: LocalStore;
  #gateways = 0;

  constructor(retention: Partial<RetentionOptions> = {}) {
    this.base = new LocalStore({ engine: makeMemoryEngine({ retention }), clock: this.clock });
  }

  gateway(given: Partial<typeof meaning> & Pick<PatternsDependencies, 'holdsOfItemMax'> = {}): Gateway {
    const scope = tenantScope('tenant', 1);
    const store = new HookedStore(new ScopedStore(this.base, scope));
    const reports: BatchReport[] = [];
    const patterns = makePatterns({
      store,
      memory: new LaneMemory(),
      memoryScope: scope.toString('latin1'),
      clock: this.clock,
      ids: makeSeededIds((this.#gateways += 1)),
      secret: () => Buffer.alloc(32, 7),
      ...meaning,
      ...given,
      report: (report) => reports.push(report),
    });
    return { ...patterns, store, reports };
  }

  /** Waits for something that waits for timers: moves the clock on, a millisecond a turn. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const note = (): void => void (isSettled = true);
    promise.then(note, note);
    while (!isSettled) {
      await turn();
      if (!isSettled) this.clock.advance(1);
    }
    return promise;
  }

  close(): Promise<void> {
    return this.base.close();
  }
}

/** The end of this turn of the event loop, after all that is ready has run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Runs an action `count` times at once. */
export function atOnce<T>(count: number, action: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => action(index)));
}

/** A failure with this code. */
export function failure(code: string): unknown {
  return expect.objectContaining({ code }) as unknown;
}
