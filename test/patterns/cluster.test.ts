import type { StoreStatus } from '../../proto/store';
import { Cluster } from '../../src/patterns/cluster';
import { AppError } from '../../src/core/errors';
import { failure, turn, World } from './support/world';

let world: World;
let status: StoreStatus;
let cluster: Cluster;
let asked = 0;
let isAway = false;

beforeEach(async () => {
  world = new World();
  status = await world.base.status();
  asked = 0;
  isAway = false;
  const { base, clock } = world;
  const store = {
    read: base.read.bind(base),
    commit: base.commit.bind(base),
    watch: base.watch.bind(base),
    close: base.close.bind(base),
    search: world.base.search.bind(world.base),
    status: () => {
      asked += 1;
      return isAway ? Promise.reject(new AppError('UNAVAILABLE', 'away')) : Promise.resolve(status);
    },
  };
  cluster = new Cluster(store, clock);
});
afterEach(() => world.close());

const second = async (): Promise<void> => {
  await turn();
  world.clock.advance(1_000);
  await turn();
};

function subscribe() {
  const leaving = new AbortController();
  const seen: StoreStatus[] = [];
  const ended = (async () => {
    for await (const each of cluster.changed(leaving.signal)) seen.push(each);
  })();
  return { seen, ended, leave: () => leaving.abort() };
}

it('shows the status as storage gives it', async () => {
  expect(await cluster.status()).toEqual(status);
});

it('shows the present at once, then what has changed of members, roles and epoch, and nothing else', async () => {
  const subscriber = subscribe();
  await second();
  status = { ...status, revision: status.revision + 5, nowMs: status.nowMs + 1_000 };
  await second();
  expect(subscriber.seen).toHaveLength(1);
  status = { ...status, epoch: 2 };
  await second();
  status = { ...status, nodes: [{ id: 'a', address: 'b', role: 'unreachable' }] };
  await second();
  expect(subscriber.seen.map(({ epoch, nodes }) => [epoch, nodes[0]!.role])).toEqual([
    [1, 'leader'],
    [2, 'leader'],
    [2, 'unreachable'],
  ]);
  subscriber.leave();
  await subscriber.ended;
  await second();
  expect(asked).toBeLessThanOrEqual(6);
});

it('goes on over a storage that is away for a while, and shows what it is when it is back', async () => {
  const subscriber = subscribe();
  await second();
  isAway = true;
  for (let seconds = 0; seconds < 59; seconds += 1) await second();
  isAway = false;
  status = { ...status, epoch: 2 };
  await second();
  expect(subscriber.seen.map(({ epoch }) => epoch)).toEqual([1, 2]);
  subscriber.leave();
  await subscriber.ended;
});

it('ends with UNAVAILABLE where storage stays away for a minute', async () => {
  const subscriber = subscribe();
  await second();
  isAway = true;
  const ended = expect(subscriber.ended).rejects.toEqual(failure('UNAVAILABLE'));
  for (let seconds = 0; seconds < 62; seconds += 1) await second();
  await ended;
});

it('does not begin where storage is away', async () => {
  isAway = true;
  await expect(subscribe().ended).rejects.toEqual(failure('UNAVAILABLE'));
});
