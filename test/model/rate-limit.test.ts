/** Rate limits against their model, in random interleavings of gateways whose clocks lag, lost messages and callers that send again. */
import { blindWrites, markedLater, resentBlindly, unconfirmedRefusals, unmarked } from './support/broken-stores';
import {
  aheadOfTime,
  countedFromDecision,
  forgottenEarly,
  hastyRefusals,
  runAlone,
  runWindows,
} from './support/rate-limit-model';
import type { RateLimitFault } from './support/rate-limit-model';
import { firstFault, holdsForSeeds } from './support/seeds';

describe('rate limits', () => {
  it(
    'never admit more than they say, in any window of storage time, and lose or double no spend',
    () => holdsForSeeds(200, runWindows),
    60_000,
  );
  it('let in who comes after retryAfterMs, however the gateways lag', () => holdsForSeeds(200, runAlone), 60_000);
});

describe('the model finds', () => {
  it.each([
    ['writes that check nothing', runWindows, () => ({ store: blindWrites }), 'spent'],
    ['calls that leave no mark', runWindows, () => ({ store: unmarked }), 'mark|left|spent|answer'],
    ['marks in a commit of their own', runWindows, () => ({ store: markedLater }), 'left|mark|answer|spent'],
    ['sending again without a mark', runWindows, () => ({ store: resentBlindly }), 'left|mark|spent|answer'],
    ['refusals from a kept state', runAlone, () => ({ store: unconfirmedRefusals }), 'refused'],
    ['spends dated at the decision', runWindows, countedFromDecision, 'spent'],
    ['a clock that runs ahead', runWindows, () => aheadOfTime, 'spent|left'],
    ['refusals by a clock that lags', runAlone, () => hastyRefusals, 'refused'],
    ['state that is forgotten early', runWindows, () => forgottenEarly, 'spent|left'],
  ] as const)(
    '%s',
    async (_, run, makeFault: () => RateLimitFault, expected) => {
      expect(await firstFault(300, (seed) => run(seed, makeFault()))).toMatch(new RegExp(expected));
    },
    30_000,
  );
});
