/** Sessions against their model, in random interleavings of gateways, lost messages, callers that send again, and time. */
import {
  blindWrites,
  forgottenCheck,
  markedLater,
  resentBlindly,
  unconfirmedRefusals,
  unmarked,
} from './support/broken-stores';
import { lateClock, uncheckedFamily } from './support/broken-session-stores';
import { firstFault, holdsForSeeds } from './support/seeds';
import { runCrowd, runLives } from './support/session-model';

jest.setTimeout(60_000);

describe('sessions', () => {
  it('live, change and end as one, whatever is lost and sent again', () => holdsForSeeds(200, runLives));
  it('are never more than a user may have, and end for a reason', () => holdsForSeeds(200, runCrowd));
});

describe('the model finds', () => {
  it.each([
    ['writes that check nothing', runLives, blindWrites, 'dead token|is back|not found'],
    ['commands that leave no mark', runLives, unmarked, 'two answers|refused and stands'],
    ['marks in a commit of their own', runLives, markedLater, 'two answers|refused and stands|not found'],
    ['sending again without a mark', runLives, resentBlindly, 'is back|twice|dead token|went back'],
    ['refusals from a kept state', runLives, unconfirmedRefusals, 'two answers|dead token|not live|not found|refused'],
    [
      'touches that do not check whether all were ended',
      runLives,
      uncheckedFamily('sessionsEnded'),
      'dead token|said to',
    ],
    ['touches that do not check the session', runLives, uncheckedFamily('session'), 'dead token|is back|not found'],
    ['lives that end too late', runLives, lateClock(30), 'not live|is back|said to'],
    ['one check too few', runLives, forgottenCheck, 'dead token|said to|lost'],
    ['sessions that do not check the others', runCrowd, uncheckedFamily('sessionHead'), 'are live where|one id'],
    ['crowds that do not check what was ended', runCrowd, uncheckedFamily('sessionsEnded'), 'is back|said to'],
    ['creations that leave no mark', runCrowd, unmarked, 'two answers|began'],
    ['crowds that check nothing', runCrowd, blindWrites, 'are live where|one id'],
  ] as const)('%s', async (_, run, breakage, expected) => {
    // Broken so, some runs come to no end: such a one says nothing.
    const faults = (seed: number): Promise<readonly string[]> => run(seed, breakage).catch(() => []);
    expect(await firstFault(60, faults)).toMatch(new RegExp(expected));
  });
});
