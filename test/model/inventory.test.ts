/** Inventory against its model, in random interleavings of gateways, lost messages, callers that send again, and time. */
import {
  dueApart,
  holdsApart,
  itemUnchecked,
  lateClock,
  movementsApart,
  noExpiry,
  reservationsApart,
  reservationUnchecked,
  untimely,
} from './support/broken-inventory';
import {
  blindWrites,
  forgottenCheck,
  markedLater,
  resentBlindly,
  unconfirmedRefusals,
  unmarked,
} from './support/broken-stores';
import { runInventory } from './support/inventory-model';
import { firstFault, holdsForSeeds } from './support/seeds';

const minute = 60_000;

describe('inventory', () => {
  it(
    'sells nothing twice and loses nothing, whatever is lost, sent again, or ends meanwhile',
    () => holdsForSeeds(210, runInventory),
    minute,
  );
});

describe('the model finds', () => {
  it.each([
    ['writes that check nothing', blindWrites, 'found|held|reserved|due'],
    ['a forgotten check', forgottenCheck, 'found|held|reserved'],
    ['commands that leave no mark', unmarked, 'two answers'],
    ['marks in a commit of their own', markedLater, 'two answers'],
    ['sending again without a mark', resentBlindly, 'two answers|moved|reserved'],
    ['refusals from a kept state', unconfirmedRefusals, 'not found|never was'],
    ['items that are not checked', itemUnchecked, 'reserved|due'],
    ['reservations that are not checked', reservationUnchecked, 'reserved|was held'],
    ['ends that are judged before the commit, not in it', untimely, 'was held, then expired|never was'],
    ['ends that are judged by a clock of one’s own', lateClock(20), 'expired|never was'],
    ['holds that never end', noExpiry, 'reserved|due'],
    ['movements in a commit of their own', movementsApart, 'movements|never was'],
    ['holds in a commit of their own', holdsApart, 'reserved'],
    ['what is due in a commit of its own', dueApart, 'due'],
    ['reservations in a commit of their own', reservationsApart, 'reserved'],
  ] as const)(
    '%s',
    async (_, breakage, expected) => {
      expect(await firstFault(400, (seed) => runInventory(seed, breakage))).toMatch(new RegExp(expected));
    },
    minute,
  );
});
