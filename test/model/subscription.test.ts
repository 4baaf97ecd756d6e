/** Subscriptions that share sources, against their model, in random interleavings of subscribers that come, go, and stop reading. */
import { firstFault, holdsForSeeds } from './support/seeds';
import { runSubscriptions } from './support/subscription-model';

// A second or two each; a machine with other work may take its time.
jest.setTimeout(60_000);

it('each subscriber is given every entry behind its beginning, once, in order, and waits for nobody', () =>
  holdsForSeeds(200, runSubscriptions()));

it('of several with one source nobody is waited for who is full of something else (a seed that found it)', async () => {
  expect(await runSubscriptions()(684_228)).toEqual([]);
});

describe('the model finds', () => {
  it.each([
    [
      'places that say too little',
      { resumption: { placeOf: ({ version }: { version?: unknown }) => Math.max(0, Number(version) - 1) } },
      'given|go on from',
    ],
    ['places that are all the same', { resumption: { placeOf: () => 0 } }, 'given|go on from'],
    ['a source that goes on too late', { beginsAt: (_: number, length: number) => length }, 'given|stands at'],
    ['a connection that never says that it takes more', { forgetsFull: true }, 'stands at'],
    ['sources that never say that history is done', { resumption: { isCaughtUp: () => false } }, 'times that history'],
  ] as const)('%s', async (_, variant, expected) => {
    expect(await firstFault(100, runSubscriptions(variant))).toMatch(new RegExp(expected));
  });
});
