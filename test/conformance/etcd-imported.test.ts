/** etcd with what it shows of revisions far above its own, as after an import. */
import { etcdCannot, useEtcd } from '../support/etcd-fixture';
import { describeStore } from './suite/describe-store';

describeStore('the etcd store after an import', useEtcd({ floor: 1_000_000_000_000 }), { cannot: etcdCannot });
