/** What the models run on: the engine in memory, unless a test file says otherwise. */
import type { Store } from '../../../proto/store';
import type { ManualClock } from '../../../src/core/clock';
import { makeMemoryEngine } from '../../../storage/engines/memory';
import { LocalStore } from '../../../storage/local-store';

export interface ModelStorage {
  readonly store: Store;
  /** The newest revision that anybody was told of. */
  revision(): number;
  /** Resolves when nothing that it was asked for is still being done; at once where everything is done at once. */
  settled(): Promise<void>;
  /** Resolves when that is done, too, which goes on by itself at this time: sweeping. */
  quiet(): Promise<void>;
}

export type MakeModelStorage = (clock: ManualClock) => ModelStorage;

const inMemory: MakeModelStorage = (clock) => {
  const engine = makeMemoryEngine();
  const store = new LocalStore({ engine, clock });
  const quiet = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return { store, revision: () => engine.state().revision, settled: () => Promise.resolve(), quiet };
};

let make = inMemory;

/** Has all models of this test file run on something else. */
export function useModelStorage(other: MakeModelStorage): void {
  make = other;
}

export const makeModelStorage: MakeModelStorage = (clock) => make(clock);
