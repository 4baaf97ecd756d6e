/** The memory engine, the executable specification, in this process. */
import { memoryFixture } from '../support/store-fixtures';
import { describeStore } from './suite/describe-store';

describeStore('the memory store', memoryFixture, {
  cannot: [{ ability: 'reopen', reason: 'its data lives in its process' }],
});
