/** Documents, tastes and fingerprints against their model, in random interleavings of gateways, lost messages and callers that send again. */
import { blindSearch, laggingSearch } from './support/broken-meaning-stores';
import { uncheckedFamily } from './support/broken-session-stores';
import { blindWrites, markedLater, resentBlindly, unmarked } from './support/broken-stores';
import { runDocuments, runDuplicates, runTastes } from './support/meaning-model';
import { firstFault, holdsForSeeds } from './support/seeds';

jest.setTimeout(60_000);

describe('meaning', () => {
  it('stores no two fingerprints that are near, whoever comes at the same time', () =>
    holdsForSeeds(25, runDuplicates));
  it('keeps text, metadata and vector of a document together', () => holdsForSeeds(30, runDocuments));
  it('counts every interaction once, whatever is lost and sent again', () => holdsForSeeds(50, runTastes));
});

describe('the model finds', () => {
  it.each([
    ['fingerprints that check nothing', runDuplicates, blindWrites, 'both stored|taken'],
    [
      'fingerprints that do not check what came since',
      runDuplicates,
      uncheckedFamily('fingerprintTail'),
      'both stored',
    ],
    ['a search for duplicates that finds nothing', runDuplicates, blindSearch, 'both stored'],
    ['a search for duplicates that lags', runDuplicates, laggingSearch, 'both stored|said to be'],
    ['a search for documents that lags', runDocuments, laggingSearch, 'a search'],
    ['documents that are stored again without a mark', runDocuments, unmarked, 'stored 2 times'],
    ['interactions that check nothing', runTastes, blindWrites, 'kept|same number|make'],
    ['interactions that leave no mark', runTastes, unmarked, 'kept 2'],
    ['marks of interactions in a commit of their own', runTastes, markedLater, 'kept 2'],
    ['interactions sent again without a mark', runTastes, resentBlindly, 'kept|counts|number|make'],
  ] as const)('%s', async (_, run, breakage, expected) => {
    const faults = (seed: number): Promise<readonly string[]> => run(seed, breakage).catch(() => []);
    expect(await firstFault(60, faults)).toMatch(new RegExp(expected));
  });
});
