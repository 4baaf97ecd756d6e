/** LMDB in this process. */
import { lmdbFixture } from '../support/lmdb-fixture';
import { describeStore } from './suite/describe-store';

describeStore('the lmdb store', lmdbFixture);
