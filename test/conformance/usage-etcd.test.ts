/** Usage and quotas on etcd, where sums are written down a moment later. */
import { useEtcd } from '../support/etcd-fixture';
import { describeUsage } from './suite/usage';

describeUsage('the etcd store', useEtcd());
