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

/** Something that a store cannot do, and why. */
export interface Inability {
  readonly ability: Ability;
  readonly reason: string;
}

export interface SuiteOptions {
  readonly cannot?: readonly Inability[];
}

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
      test(`cannot ${ability}: ${reason}`, async () => {
        expect((await suite.open())[ability]).toBeUndefined();
      });
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
