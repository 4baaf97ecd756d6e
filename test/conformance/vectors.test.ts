/** The store with indexes, over LMDB: a Store, whose searches use a graph from a few vectors on. */
import { systemClock } from '../../src/core/clock';
import { VectorStore } from '../../storage/vectors/vector-store';
import { lmdbFixture } from '../support/lmdb-fixture';
import { LocalIndexes } from '../support/local-indexes';
import { wrappedFixture } from '../support/store-fixtures';
import type { MakeFixture } from './suite/fixture';
import { describeStore } from './suite/describe-store';

const withIndexes = (make: MakeFixture): MakeFixture =>
  wrappedFixture(make, (store, clock) => {
    const makeIndexes = (): LocalIndexes => new LocalIndexes(systemClock);
    return new VectorStore({ store, clock, makeIndexes, graphFrom: 32 });
  });

describeStore('the store with vector indexes over lmdb', withIndexes(lmdbFixture));
