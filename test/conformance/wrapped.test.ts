/** Stores that stand around another one: each is a Store, with nothing lost and nothing changed. */
import { BatchedStore } from '../../src/store/batched-store';
import { SharedWatchStore } from '../../src/store/shared-watch-store';
import { makeTracedStore } from '../../src/store/traced-store';
import { memoryFixture, wrappedFixture } from '../support/store-fixtures';
import { describeStore } from './suite/describe-store';

const cannot = [{ ability: 'reopen', reason: 'the data of the store under it lives in its process' }] as const;

describeStore(
  'the batched store over memory',
  wrappedFixture(memoryFixture, (store) => new BatchedStore(store)),
  { cannot },
);
describeStore(
  'the traced store over memory',
  wrappedFixture(memoryFixture, (store, clock) =>
    makeTracedStore(store, { clock, observer: { onOperation: () => undefined } }),
  ),
  { cannot },
);
describeStore(
  'the store of shared watches over memory',
  wrappedFixture(memoryFixture, (store, clock) => new SharedWatchStore(store, { clock })),
  { cannot },
);
