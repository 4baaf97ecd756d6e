/** etcd, one member of it, with a store in this process. */
import { etcdCannot, useEtcd } from '../support/etcd-fixture';
import { describeStore } from './suite/describe-store';

describeStore('the etcd store', useEtcd(), { cannot: etcdCannot });
