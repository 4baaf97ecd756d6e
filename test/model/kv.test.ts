/** Keys and values against their model, in random interleavings of gateways, lost messages and callers that send again. */
import {
  blindWrites,
  forgottenCheck,
  lateExpiry,
  markedLater,
  oneChangeACommit,
  resentBlindly,
  resumesLate,
  unmarked,
} from './support/broken-stores';
import { runChanges, runRegisters, runTransfers } from './support/kv-model';
import { firstFault, holdsForSeeds } from './support/seeds';

// A second or two each; a machine with other work may take its time.
jest.setTimeout(60_000);

describe('keys and values', () => {
  it('are registers, linearizable by version', () => holdsForSeeds(80, runRegisters));
  it('conserve a sum that transactions move', () => holdsForSeeds(60, runTransfers));
  it('show their whole history, however often a reader is interrupted', () => holdsForSeeds(50, runChanges));
});

describe('the model finds', () => {
  it.each([
    ['writes that check nothing', runRegisters, () => blindWrites, 'against its condition'],
    ['commands that leave no mark', runRegisters, () => unmarked, 'times|two answers|refused, and done'],
    ['marks in a commit of their own', runRegisters, () => markedLater, 'times|two answers|refused, and done'],
    [
      'sending again without conditions',
      runRegisters,
      () => resentBlindly,
      'times|against|another time|refused, and done|answered',
    ],
    ['what lives on after its end', runRegisters, () => lateExpiry(30), 'did not stand there|where something was'],
    ['one forgotten condition of two', runTransfers, () => forgottenCheck, 'sum'],
    ['transfers without a mark', runTransfers, () => unmarked, 'transfer'],
    ['a watch that goes on too late', runChanges, () => resumesLate, 'change'],
    ['a watch that shows one change a commit', runChanges, () => oneChangeACommit, 'change'],
  ] as const)('%s', async (_, run, breakage, expected) => {
    expect(await firstFault(60, (seed) => run(seed, breakage()))).toMatch(new RegExp(expected));
  });
});
