/**
 * The one conformance suite of `Store`. Every engine, client and wrapper is held against it, alike; what one cannot do is said
 * with its reason, and shows in the report.
 */
import { describeAttempts } from './attempts';
import { describeCommits } from './commit';
import { describeExpiry } from './expiry';
import type { Ability, MakeFixture, StoreFixture, Suite } from './fixture';
import { describeLifecycle } from './lifecycle';
import { describeLimits } from './limits';
import { describeMarks } from './marks';
import { describeRaces } from './races';
import { describeReads } from './read';
import { describeSearches } from './search';
import { describeWatches } from './watch';
import { WatchReader } from './watch-reader';
import { asCommitted, committed, everything, jumpWall, put, putAll, remove, transaction } from './words';

/** Something that a store cannot do, and why. */
export interface Inability {
  readonly ability: Ability;
  readonly reason: string;
}

export interface SuiteOptions {
  readonly cannot?: readonly Inability[];
}

/** That a store really cannot do something: one that learns it is to say so. */
const proofs: Readonly<Record<Ability, (fixture: StoreFixture) => Promise<void>>> = {
  reopen: async (fixture) => expect(fixture.reopen).toBeUndefined(),
  'own revisions': async ({ store }) => {
    const outcomes = await store.commit(['a', 'b', 'c'].map((key) => transaction([put(key)])));
    expect(new Set(outcomes.map((each) => asCommitted(each).revision)).size).toBeLessThan(3);
  },
  'still revisions': async ({ store }) => {
    const { revision } = await putAll(store, 'a');
    expect((await committed(store, transaction([remove('x')]))).revision).toBeGreaterThan(revision);
  },
  'leave expired': async (fixture) => {
    const { store } = fixture;
    const { revision } = await committed(store, transaction([put('a', 'v', { ttlMs: 100 })]));
    jumpWall(fixture, 100);
    const deleted = await committed(store, transaction([remove('a')]));
    const reader = await WatchReader.begin(store, [everything], { afterRevision: revision });
    await reader.untilChanges(1);
    expect(reader.words()).toEqual([`expire a @${deleted.revision}`]);
    await reader.end();
  },
};

/** Registers the whole suite for the stores that `makeFixture` makes. */
export function describeStore(name: string, makeFixture: MakeFixture, { cannot = [] }: SuiteOptions = {}): void {
  // Waiting is on events; a machine that is busy with other things takes its time for them.
  jest.setTimeout(30_000);
  describe(name, () => {
    const opened: StoreFixture[] = [];
    afterEach(async () => {
      for (const fixture of opened.splice(0)) await fixture.remove();
    });
    const suite: Suite = {
      open: async (options = {}) => {
        const fixture = await makeFixture(options);
        opened.push(fixture);
        return fixture;
      },
      can: (ability) => cannot.every((each) => each.ability !== ability),
    };
    for (const { ability, reason } of cannot) {
      test(`cannot do this: ${ability}, since ${reason}`, async () => proofs[ability](await suite.open()));
    }
    describeReads(suite);
    describeCommits(suite);
    describeMarks(suite);
    describeExpiry(suite);
    describeWatches(suite);
    describeAttempts(suite);
    describeLimits(suite);
    describeLifecycle(suite);
    describeRaces(suite);
    describeSearches(suite);
  });
}
