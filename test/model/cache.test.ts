/** The near cache against its model, in random interleavings of gateways whose feeds lag, writers and lost messages. */
import { deaf, lateFills, runCoherence } from './support/cache-model';
import { firstFault, holdsForSeeds } from './support/seeds';

it(
  'the cache reads its own writes, never brings back what was, and in the end shows what stands',
  () => holdsForSeeds(200, runCoherence),
  60_000,
);

describe('the model finds', () => {
  it.each([
    ['a cache that does not hear what its feed says', { store: deaf }, 'in the end'],
    ['a read that puts an old value back', { store: lateFills }, 'shows'],
    ['writes of its own that come by the feed alone', { isUnnoticed: true }, 'was acknowledged'],
  ] as const)('%s', async (_, fault, expected) => {
    expect(await firstFault(60, (seed) => runCoherence(seed, fault))).toMatch(expected);
  });
});
