/** What the conformance suite needs of a store that it judges. */
import type { Store } from '../../../proto/store';
import type { ManualClock } from '../../../src/core/clock';
import type { RetentionOptions } from '../../../storage/engine';

export interface FixtureOptions {
  /** How long things are kept; the defaults are `defaultRetention`. */
  readonly retention?: Partial<RetentionOptions>;
}

/** A fresh store of one test. */
export interface StoreFixture {
  /** The store that is judged; after `reopen` another one, perhaps. */
  readonly store: Store;
  /** The machine's clock as the store knows it. */
  readonly clock: ManualClock;
  /** What `status` calls the engine. */
  readonly engine: string;
  /** What is put before each key on its way to the engine, which counts it as a part of the key. */
  readonly prefixBytes: number;
  /** Of the key that the store checks in each transaction and reads in each read, for itself; left out: it does not. */
  readonly gateBytes?: number;
  /** Closes the store and opens it again on the same data; left out where the data does not outlive it. */
  reopen?(): Promise<void>;
  /** Closes everything and removes the data. */
  remove(): Promise<void>;
}

export type MakeFixture = (options: FixtureOptions) => Promise<StoreFixture>;

/**
 * What some stores cannot do: keep their data when they are closed; give each transaction of a call a revision of its own; stay at a
 * revision while nothing changes; leave the end of an expired entry that is deleted to the sweeper, rather than announce it there and then.
 */
export type Ability = 'reopen' | 'own revisions' | 'still revisions' | 'leave expired';

/** The fixtures of one `describeStore`. */
export interface Suite {
  /** A fresh store, which is removed after the test. */
  open(options?: FixtureOptions): Promise<StoreFixture>;
  can(ability: Ability): boolean;
}

/** That nothing has changed since a revision, as far as the revision can tell it. */
export function expectStill(suite: Suite, found: number, revision: number): void {
  if (suite.can('still revisions')) expect(found).toBe(revision);
  else expect(found).toBeGreaterThanOrEqual(revision);
}

/** Opens the store of the fixture again; only where the suite can. */
export async function reopen(fixture: StoreFixture): Promise<Store> {
  await fixture.reopen!();
  return fixture.store;
}
