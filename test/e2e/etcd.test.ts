/** Replicated storage as it is run: three members of etcd, two storage processes, a gateway beside each; machines go and it goes on. */
import { systemClock } from '../../src/core/clock';
import { EtcdCluster } from '../support/etcd';
import { until } from './support/collector';
import type { Program } from './support/program';
import { useTier } from './support/tier';

jest.setTimeout(90_000);

const tier = useTier();
let cluster: EtcdCluster;
beforeEach(async () => {
  cluster = await EtcdCluster.start({ members: 3, isDurable: true });
});
afterEach(() => cluster.stop());

const environmentOf = (name: string): Record<string, string> => ({
  NORIGATE_ENGINE: 'etcd',
  NORIGATE_ETCD_ENDPOINTS: cluster.endpoints.join(','),
  NORIGATE_SECRET: 'the same secret on every machine',
  DATA_DIR: `${tier.directoryPath()}/${name}`,
});

async function startStorage(name: string): Promise<Program> {
  const storage = tier.start(['storage'], environmentOf(name));
  await storage.logged('storage listens');
  return storage;
}

/** A storage process and the gateway beside it. */
async function startMachine(name: string): Promise<{ readonly storage: Program; readonly gateway: Program }> {
  const environment = environmentOf(name);
  const storage = await startStorage(name);
  const gateway = await tier.start(['gateway'], environment).ready();
  await until(async () => (await fetch(`${gateway.origin}/readyz`)).status === 200);
  return { storage, gateway };
}

interface Node {
  readonly id: string;
  readonly role: string;
}

function rolesOf(nodes: readonly Node[]): string {
  return nodes
    .map(({ role }) => role)
    .sort()
    .join(' ');
}

const increment = `mutation ($key: String) {
  incrementCounter(input: { name: "visits", idempotencyKey: $key }) { __typename }
}`;

test('a machine that starts before etcd waits for it, and can be stopped meanwhile', async () => {
  for (const index of [0, 1, 2]) await cluster.kill(index);
  const machine = tier.start([], environmentOf('early'));
  const stopped = tier.start([], environmentOf('stopped'));
  await Promise.all([machine, stopped].map((each) => each.logged('storage waits for etcd')));
  stopped.process.kill('SIGTERM');
  expect((await stopped.ended).code).toBe(0);
  for (const index of [0, 1, 2]) cluster.restart(index);
  await machine.ready();
  await until(async () => (await fetch(`${machine.origin}/readyz`)).status === 200);
  expect((await machine.query(increment)).errors).toBeUndefined();
});

test('two machines count together while members and a storage process are killed: to the last one', async () => {
  const [first, second] = await Promise.all(['first', 'second'].map(startMachine));
  expect(await first!.gateway.query('{ cluster { engine nodes { role } } }')).toMatchObject({
    data: { cluster: { engine: 'etcd', nodes: [{}, {}, {}] } },
  });
  let acknowledged = 0;
  let isOver = false;
  /** Sends each until it is answered, under its idempotency key. */
  const count = async ({ gateway }: { gateway: Program }, worker: string): Promise<void> => {
    for (let number = 0; !isOver; number += 1) {
      const variables = { key: `${worker}/${number}` };
      for (;;) {
        const { data, errors } = await gateway.query(increment, variables);
        if (!errors && data) break;
        for (const { extensions } of errors ?? []) expect(extensions).toMatchObject({ retryable: true });
        await systemClock.sleep(20);
      }
      acknowledged += 1;
    }
  };
  const counting = ['a', 'b', 'c', 'd'].map((name, index) => count(index % 2 ? first! : second!, name));
  const progress = async (more: number): Promise<void> => {
    const aim = acknowledged + more;
    await until(() => Promise.resolve(acknowledged >= aim));
  };
  await progress(50);
  const leader = await cluster.leader();
  const changes = second!.gateway.client().iterate<{ clusterChanged: { nodes: Node[] } }>({
    query: 'subscription { clusterChanged { nodes { id role } } }',
  });
  await cluster.kill(leader);
  await progress(50);
  // The gateway of the other machine tells of it by itself: who is gone, and that another one leads.
  for await (const { data } of changes) {
    const { nodes } = data!.clusterChanged;
    if (rolesOf(nodes) !== 'FOLLOWER LEADER UNREACHABLE') continue;
    expect(nodes.find(({ role }) => role === 'UNREACHABLE')!.id).toBe(`m${leader}`);
    break;
  }
  cluster.restart(leader);
  second!.storage.process.kill('SIGKILL');
  await second!.storage.ended;
  await startStorage('second');
  await progress(50);
  isOver = true;
  await Promise.all(counting);
  for (const { gateway } of [first!, second!])
    expect(await gateway.query('{ counter(name: "visits") { value } }')).toMatchObject({
      data: { counter: { value: acknowledged } },
    });
});
