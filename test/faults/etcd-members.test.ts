/**
 * Three members of etcd that are killed and paused, under the load of two storage processes: nothing acknowledged is lost, nothing is
 * done twice, watches have neither hole nor double, and it goes on within seconds.
 */
import type { Store } from '../../proto/store';
import { systemClock } from '../../src/core/clock';
import { makeSeededIds, systemIds } from '../../src/core/ids';
import { openEtcdStore } from '../../storage/etcd/etcd-store';
import { EtcdCluster } from '../support/etcd';
import { Load } from '../support/load';
import { StubbornStore } from '../support/stubborn-store';
import { Writers, WritersWatch } from '../support/writers';

jest.setTimeout(60_000);

const seed = systemClock.nowMs() % 1_000_000;

let cluster: EtcdCluster;
let inner: Store[];
let first: StubbornStore;
let second: StubbornStore;
beforeEach(async () => {
  cluster = await EtcdCluster.start({ members: 3, isDurable: true });
  const open = (name: string): Promise<Store> =>
    openEtcdStore({ etcd: { endpoints: cluster.endpoints }, clock: systemClock, ids: systemIds, name });
  inner = [await open('first'), await open('second')];
  [first, second] = inner.map((store) => new StubbornStore(store)) as [StubbornStore, StubbornStore];
});
afterEach(async () => {
  await Promise.all([first, second].map((store) => store.close()));
  await cluster.stop();
});

/** What a member suffers, and how it comes back. */
const faults: readonly {
  readonly name: string;
  readonly isLeader: boolean;
  /** How long nothing may be written after it. A paused member is found by the deadlines of calls alone. */
  readonly goneMsMax: number;
  readonly strike: (member: number) => Promise<void>;
  readonly mend: (member: number) => void;
}[] = [
  {
    name: 'the leader is killed',
    goneMsMax: 3_000,
    isLeader: true,
    strike: (member) => cluster.kill(member),
    mend: (member) => cluster.restart(member),
  },
  {
    name: 'the leader is paused',
    goneMsMax: 5_000,
    isLeader: true,
    strike: async (member) => cluster.signal(member, 'SIGSTOP'),
    mend: (member) => cluster.signal(member, 'SIGCONT'),
  },
  {
    name: 'a follower is killed',
    goneMsMax: 3_000,
    isLeader: false,
    strike: (member) => cluster.kill(member),
    mend: (member) => cluster.restart(member),
  },
];

test.each(faults)(
  '$name: nothing is lost, nothing is doubled, and writing goes on (seed ' + seed + ')',
  async (fault) => {
    const watch = new WritersWatch(inner[0]!);
    await watch.started;
    const load = await Load.begin(first, makeSeededIds(seed));
    const writers = new Writers(second, 16);
    for (let round = 0; round < 2; round += 1) {
      await Promise.all([load.progress(200), writers.progress(200)]);
      const leader = await cluster.leader();
      const member = fault.isLeader ? leader : (leader + 1) % 3;
      await fault.strike(member);
      const struckMs = systemClock.monotonicMs();
      // What was on its way is not counted: a whole command from here on.
      await Promise.all(
        [first, second].map((store) => store.nextAcknowledgement().then(() => store.nextAcknowledgement())),
      );
      const goneMs = systemClock.monotonicMs() - struckMs;
      expect(goneMs).toBeLessThan(fault.goneMsMax);
      await Promise.all([load.progress(100), writers.progress(100)]);
      fault.mend(member);
    }
    await Promise.all([load.progress(200), writers.progress(200)]);
    await Promise.all([load.stop(), writers.stop()]);
    await load.verify(second);
    const stored = await writers.stored();
    expect(stored).toEqual(writers.counts);
    await watch.until((await second.status()).revision);
    expect([...watch.seen.values()].sort((a, b) => a - b)).toEqual([...stored].sort((a, b) => a - b));
    await watch.end();
  },
);

test('the status shows who leads, who follows and who cannot be reached', async () => {
  const roles = async (): Promise<string[]> => (await first.status()).nodes.map(({ role }) => role).sort();
  expect(await roles()).toEqual(['follower', 'follower', 'leader']);
  const leader = await cluster.leader();
  await cluster.kill(leader);
  const until = async (expected: readonly string[]): Promise<void> => {
    while (JSON.stringify(await roles()) !== JSON.stringify(expected)) await systemClock.sleep(50);
  };
  await until(['follower', 'leader', 'unreachable']);
  const { nodes, epoch } = await second.status();
  expect(nodes.find(({ role }) => role === 'unreachable')!.id).toBe(`m${leader}`);
  cluster.restart(leader);
  await until(['follower', 'follower', 'leader']);
  expect((await second.status()).epoch).toBe(epoch);
});
