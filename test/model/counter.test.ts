/** Counters against their model, in random interleavings of gateways, lost messages and callers that send again. */
import {
  blindWrites,
  forgottenCheck,
  markedLater,
  resentBlindly,
  unconfirmedRefusals,
  unmarked,
} from './support/broken-stores';
import { runBounds, runResets, runSums } from './support/counter-model';
import { firstFault, holdsForSeeds } from './support/seeds';

// A second or two each; a machine with other work may take its time.
jest.setTimeout(60_000);

describe('counters', () => {
  it('count every acknowledged increment once, whatever is lost and sent again', () => holdsForSeeds(80, runSums));
  it('never pass a bound, and refuse by the truth alone', () => holdsForSeeds(60, runBounds));
  it('keep that up while they are set, deleted and made anew with other shards', () => holdsForSeeds(80, runResets));
});

describe('the model finds', () => {
  it.each([
    ['writes that check nothing', runSums, blindWrites, 'increment'],
    ['commands that leave no mark', runSums, unmarked, 'increment'],
    ['marks in a commit of their own', runSums, markedLater, 'increment'],
    ['sending again without a mark', runSums, resentBlindly, 'increment'],
    ['refusals from a kept state', runBounds, unconfirmedRefusals, 'answered from before'],
    ['bounds that are not checked at the write', runBounds, blindWrites, 'increment|passes|come to'],
    ['increments of a shard that do not check the head', runResets, forgottenCheck, 'increment'],
    ['resets without a mark', runResets, unmarked, 'increment|set to'],
  ] as const)('%s', async (_, run, breakage, expected) => {
    expect(await firstFault(60, (seed) => run(seed, breakage))).toMatch(new RegExp(expected));
  });
});
