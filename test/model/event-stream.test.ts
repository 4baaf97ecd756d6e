/** Event streams against their model, in random interleavings of gateways, lost messages, stalled writers and readers that are interrupted. */
import { unwritten } from './support/broken-events';
import { apart, unchecked } from './support/changed-store';
import {
  blindWrites,
  forgottenCheck,
  markedLater,
  resentBlindly,
  unconfirmedRefusals,
  unmarked,
} from './support/broken-stores';
import { runAppends, runReaders } from './support/event-model';
import { firstFault, holdsForSeeds } from './support/seeds';

jest.setTimeout(60_000);

describe('events', () => {
  it('are appended whole, once and in order, whatever is lost and sent again', () => holdsForSeeds(200, runAppends));
  it('are read and followed once, in order, none missing, by whoever goes on where he was', () =>
    holdsForSeeds(200, runReaders));
});

describe('the model finds', () => {
  it.each([
    ['writes that check nothing', runAppends, blindWrites, 'came after|of nothing|changed|position|elsewhere'],
    ['one check too few', runAppends, forgottenCheck, 'changed|done|elsewhere|twice|position|two answers'],
    ['appends that do not check the tail', runAppends, unchecked('eventTail'), 'came after|position'],
    ['appends that do not check the stream', runAppends, unchecked('eventStream'), 'changed|expected|ahead|missing'],
    ['ids that are not checked', runAppends, unchecked('eventId'), 'elsewhere|twice|two answers|done'],
    ['events in a commit of their own', runAppends, apart('event'), 'missing'],
    ['ids in a commit of their own', runAppends, apart('eventId'), 'elsewhere'],
    ['places in a commit of their own', runAppends, apart('eventPlace'), 'of nothing|came after|not at its position'],
    ['places in a commit of their own, as readers see it', runReaders, apart('eventPlace'), 'of nothing|came after'],
    ['heads in a commit of their own', runAppends, apart('eventStream'), 'ahead'],
    ['a tail in a commit of its own', runAppends, apart('eventTail'), 'behind the tail'],
    ['ids that are not kept', runAppends, unwritten('eventId'), 'elsewhere'],
    ['commands that leave no mark', runAppends, unmarked, 'two answers|twice|expected|refused'],
    ['marks in a commit of their own', runAppends, markedLater, 'two answers|twice|expected|refused|came to'],
    ['sending again without a mark', runAppends, resentBlindly, 'changed|position|came after|elsewhere'],
    ['refusals from a kept state', runAppends, unconfirmedRefusals, 'was not|two answers|refused|again'],
  ] as const)('%s', async (_, run, breakage, expected) => {
    // Broken so, some runs come to no end: such a one says nothing.
    const faults = (seed: number): Promise<readonly string[]> => run(seed, breakage).catch(() => []);
    expect(await firstFault(60, faults)).toMatch(new RegExp(expected));
  });
});
