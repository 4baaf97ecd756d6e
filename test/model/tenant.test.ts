/** Tenants against their model, in random interleavings of gateways, lost messages, deletions and removals. */
import { runKeys } from './support/api-key-model';
import {
  blindWrites,
  markedLater,
  oneLife,
  resentBlindly,
  uncheckedGate,
  unmarked,
  unreadGate,
} from './support/broken-stores';
import { firstFault, holdsForSeeds } from './support/seeds';
import { runLives } from './support/tenant-model';

describe('a tenant', () => {
  it(
    'is shut between its lives, and no life has or loses anything through another',
    () => holdsForSeeds(200, runLives),
    60_000,
  );
});

describe('an API key', () => {
  it(
    'is made once, shown with one secret, and opens nothing once it was revoked',
    () => holdsForSeeds(200, runKeys),
    60_000,
  );
});

describe('the model of keys finds', () => {
  it.each([
    ['commands that leave no mark', unmarked, 'two keys|secret|keys are left'],
    ['marks in a commit of their own', markedLater, 'two keys|secret|keys are left'],
    ['sending again without a mark', resentBlindly, 'two keys|secret|keys are left'],
    ['revoking whatever stands there', blindWrites, 'revoked twice|opens its tenant after|keys are left|two keys'],
  ] as const)(
    '%s',
    async (_, breakage, expected) => {
      expect(await firstFault(60, (seed) => runKeys(seed, breakage))).toMatch(new RegExp(expected));
    },
    60_000,
  );
});

describe('the model finds', () => {
  it.each([
    ['writes that do not check the gate', uncheckedGate, 'shut|rows of life|earlier life|lost|held'],
    ['reads that do not look at the gate', unreadGate, 'shut|earlier life|lost'],
    ['lives that are stored in one place', oneLife, 'earlier life|lost|rows of life|held'],
    ['tenants that are made and ended whatever stands there', blindWrites, 'shut|rows of life|earlier life|lost|held'],
  ] as const)(
    '%s',
    async (_, breakage, expected) => {
      expect(await firstFault(60, (seed) => runLives(seed, breakage))).toMatch(new RegExp(expected));
    },
    60_000,
  );
});
