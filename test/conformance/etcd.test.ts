/** etcd, one member of it, with a store in this process. */
import { useEtcd } from '../support/etcd-fixture';
import type { Inability } from './suite/describe-store';
import { describeStore } from './suite/describe-store';

const cannot: readonly Inability[] = [
  { ability: 'own revisions', reason: 'independent transactions travel in one transaction of etcd' },
  {
    ability: 'still revisions',
    reason: 'a transaction leaves a row of its batch, whether it changes anything else or not',
  },
  { ability: 'leave expired', reason: 'whether a row has expired is not known where it is deleted' },
];

describeStore('the etcd store', useEtcd(), { cannot });
