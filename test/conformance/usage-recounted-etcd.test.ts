/** Usage on etcd whose history somebody else compacts before it was written down: it is counted anew, and comes out true. */
import type { Store } from '../../proto/store';
import { systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { keyspace, tenantScope } from '../../src/core/keyspace';
import { billedBytes, billedScopeLength, decodeUsage, noUsage, usageKey } from '../../src/core/usage';
import type { Usage } from '../../src/core/usage';
import { ScopedStore } from '../../src/store/scoped-store';
import { EtcdChannel } from '../../storage/etcd/channel';
import { openEtcdStore } from '../../storage/etcd/etcd-store';
import { methods } from '../../storage/etcd/messages';
import { differences } from '../../storage/etcd/recount';
import { Network } from '../faults/support/network';
import { EtcdCluster } from '../support/etcd';

jest.setTimeout(30_000);

let cluster: EtcdCluster;
let channel: EtcdChannel;
let network: Network;
let stores: Store[] = [];
beforeAll(async () => {
  cluster = await EtcdCluster.start();
  channel = new EtcdChannel({ endpoints: cluster.endpoints, clock: systemClock });
  network = await Network.start(Number(cluster.endpoints[0]!.split(':')[1]));
}, 30_000);
afterEach(async () => {
  network.treat('pass');
  await Promise.all(stores.map((store) => store.close()));
  stores = [];
}, 20_000);
afterAll(async () => {
  channel?.close();
  await network?.stop();
  await cluster?.stop();
});

let prefix: string;
beforeEach(() => (prefix = `${systemIds.uuid()}/`));

/** The first one that is opened keeps house. */
async function open(name: string, endpoints = cluster.endpoints): Promise<Store> {
  const store = await openEtcdStore({ etcd: { endpoints, prefix }, clock: systemClock, ids: systemIds, name });
  stores.push(store);
  return store;
}

async function compact(): Promise<void> {
  const { header } = await channel.ask(methods.range, { key: Buffer.from('anything') });
  await channel.ask(methods.compact, { revision: header!.revision });
}

const tenants = ['busy', 'quiet', 'gone', 'new'] as const;
const scopeOf = (tenant: string): Buffer => tenantScope(tenant, 1);

async function put(store: Store, tenant: string, keys: readonly string[], value = 'value'): Promise<void> {
  const outcomes = await new ScopedStore(store, scopeOf(tenant)).commit(
    keys.map((key) => ({
      checks: [],
      writes: [{ kind: 'put', key: keyspace.kv(key), value: Buffer.from(value), history: 'value' }],
    })),
  );
  for (const outcome of outcomes) expect(outcome).toMatchObject({ kind: 'committed' });
}

async function remove(store: Store, tenant: string, keys: readonly string[]): Promise<void> {
  const writes = keys.map((key) => ({ kind: 'delete', key: keyspace.kv(key), history: 'value' }) as const);
  await new ScopedStore(store, scopeOf(tenant)).commit(writes.map((write) => ({ checks: [], writes: [write] })));
}

/** What is written down, and what the rows come to, from one snapshot. */
async function usageOf(store: Store, tenant: string): Promise<{ readonly said: Usage; readonly true: Usage }> {
  const scope = scopeOf(tenant);
  const { results } = await store.read([
    { start: usageKey(scope) },
    { start: scope, end: Buffer.concat([scope, Buffer.alloc(8, 0xff)]) },
  ]);
  const [said, rows] = results.map(({ entries }) => entries);
  const sum = rows!.reduce(
    (sum, { key, value }) => ({
      keys: sum.keys + 1,
      bytes: sum.bytes + billedBytes(key, billedScopeLength(key), value.length),
    }),
    noUsage,
  );
  return { said: said![0] ? decodeUsage(said![0].value) : noUsage, true: sum };
}

/** Resolves when what is written down of all tenants is true. */
async function trueAgain(store: Store): Promise<void> {
  for (;;) {
    const usages = await Promise.all(tenants.map((tenant) => usageOf(store, tenant)));
    if (usages.every((each) => JSON.stringify(each.said) === JSON.stringify(each.true))) return;
    await systemClock.sleep(20);
  }
}

const names = (from: number, count: number): string[] => Array.from({ length: count }, (_, at) => `key ${from + at}`);

/** Two stores; the first, which writes usage down, misses what the second writes, since history is compacted before it is back. */
async function missed(
  meanwhile: (other: Store) => Promise<void>,
): Promise<{ readonly first: Store; readonly other: Store }> {
  const first = await open('first', [`127.0.0.1:${network.port}`]);
  const other = await open('other');
  await put(first, 'busy', names(0, 40));
  await put(first, 'quiet', names(0, 3));
  await put(first, 'gone', names(0, 5));
  await trueAgain(other);
  network.treat('cut');
  await meanwhile(other);
  await compact();
  network.treat('pass');
  return { first, other };
}

const meanwhile = async (other: Store): Promise<void> => {
  await put(other, 'busy', names(20, 60), 'another value');
  await remove(other, 'busy', names(0, 10));
  await remove(other, 'gone', names(0, 5));
  await put(other, 'new', names(0, 7));
};

test('comes true again by itself, of tenants that have grown, are gone and are new', async () => {
  const { other } = await missed(meanwhile);
  await trueAgain(other);
  expect((await usageOf(other, 'busy')).said.keys).toBe(70);
  expect((await usageOf(other, 'gone')).said).toEqual(noUsage);
});

test('comes true while others write on', async () => {
  const { other } = await missed(meanwhile);
  const writing = (async () => {
    for (let round = 0; round < 30; round += 1) {
      await put(other, 'busy', names(round * 5, 10), `value ${round}`);
      await remove(other, 'quiet', [`key ${round}`]);
      await put(other, 'new', names(round * 3, 4));
    }
  })();
  await writing;
  await trueAgain(other);
});

test('is what quotas go by, on every storage process', async () => {
  const { first, other } = await missed(meanwhile);
  await trueAgain(other);
  const attempt = async (store: Store, key: string, keysMax: number): Promise<string> => {
    const [outcome] = await new ScopedStore(store, scopeOf('busy')).commit([
      {
        checks: [],
        writes: [{ kind: 'put', key: keyspace.kv(key), value: Buffer.from('v'), history: 'value' }],
        quota: { keysMax },
      },
    ]);
    return outcome!.kind === 'failed' ? outcome!.error.code : outcome!.kind;
  };
  // A row of the other one comes to both before they are asked.
  for (const [index, store] of [first, other].entries()) {
    const keys = (await usageOf(other, 'busy')).true.keys;
    expect(await attempt(store, `more ${index}`, keys)).toBe('QUOTA_EXCEEDED');
    expect(await attempt(store, `more ${index}`, keys + 1)).toBe('committed');
    await trueAgain(other);
  }
});

test('comes true after all storage processes were away', async () => {
  const { other } = await missed(meanwhile);
  network.treat('cut');
  await put(other, 'busy', names(200, 5));
  // Without a word: nobody writes anything down.
  await compact();
  network.treat('pass');
  await Promise.all(stores.splice(0).map((store) => store.close()));
  const later = await open('later');
  await trueAgain(later);
});

describe('what is corrected', () => {
  async function* listed(sums: Readonly<Record<string, number>>) {
    for (const [key, keys] of Object.entries(sums)) yield { key: Buffer.from(key), usage: { keys, bytes: keys } };
  }
  const corrected = async (stands: Record<string, number>, should: Record<string, number>) => {
    const found: [string, number][] = [];
    for await (const { key, usage } of differences(listed(stands), listed(should)))
      found.push([key.toString(), usage.keys]);
    return Object.fromEntries(found);
  };
  test.each([
    ['nothing', {}, {}, {}],
    ['nothing that is right', { a: 1, c: 2 }, { a: 1, c: 2 }, {}],
    ['what is otherwise', { a: 1, b: 2, c: 3 }, { a: 1, b: 5, c: 3 }, { b: 5 }],
    ['what is not written down', { b: 2 }, { a: 1, b: 2, c: 3 }, { a: 1, c: 3 }],
    ['what is gone', { a: 1, b: 2, c: 3 }, { b: 2 }, { a: 0, c: 0 }],
    ['nothing that is gone and said so', { a: 0, b: 2 }, { b: 2 }, {}],
    ['the first and the last', { b: 2 }, { a: 1, d: 4 }, { a: 1, b: 0, d: 4 }],
  ])('is %s', async (_, stands, should, expected) => {
    expect(await corrected(stands, should)).toEqual(expected);
  });
});
