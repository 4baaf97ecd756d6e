/** A client of a server of LMDB, over a unix socket. */
import { lmdbFixture } from '../support/lmdb-fixture';
import { servedFixture } from '../support/store-fixtures';
import { describeStore } from './suite/describe-store';

describeStore('the gRPC store over lmdb', servedFixture(lmdbFixture));
