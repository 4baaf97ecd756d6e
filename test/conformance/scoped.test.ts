/** One scope of a store among others. */
import { lmdbFixture } from '../support/lmdb-fixture';
import { memoryFixture, scopedFixture } from '../support/store-fixtures';
import { describeStore } from './suite/describe-store';

describeStore('the scoped store over memory', scopedFixture(memoryFixture), {
  cannot: [{ ability: 'reopen', reason: 'the data of the store under it lives in its process' }],
});
describeStore('the scoped store over lmdb', scopedFixture(lmdbFixture));
