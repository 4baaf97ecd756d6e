/** etcd with TLS and certificates on both sides, and etcd with users: who is let in, who is not and hears why, and tokens that end. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Store } from '../../proto/store';
import { systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { EtcdChannel } from '../../storage/etcd/channel';
import { openEtcdStore } from '../../storage/etcd/etcd-store';
import type { EtcdOptions } from '../../storage/etcd/etcd-store';
import { feed } from '../../storage/etcd/feed';
import { Layout } from '../../storage/etcd/layout';
import { methods } from '../../storage/etcd/messages';
import { EtcdCluster } from '../support/etcd';
import { Authority, SecureEtcd } from '../support/secure-etcd';

jest.setTimeout(30_000);

const run = promisify(execFile);

const open = (etcd: EtcdOptions): Promise<Store> =>
  openEtcdStore({ etcd: { readMs: 1_000, ...etcd }, clock: systemClock, ids: systemIds, name: 'secured' });

/** Writes, reads and watches. Throws where one of them does not work. */
async function use(store: Store, name = 'key'): Promise<void> {
  const [key, value] = [Buffer.from(name), Buffer.from(systemIds.uuid())];
  const { revision } = await store.read([{ start: key }]);
  const [outcome] = await store.commit([{ checks: [], writes: [{ kind: 'put', key, value, history: 'value' }] }]);
  expect(outcome!.kind).toBe('committed');
  const { results } = await store.read([{ start: key }]);
  expect(results[0]!.entries[0]!.value).toEqual(value);
  for await (const { changes } of store.watch([{ start: key }], { afterRevision: revision }))
    if (changes.some((change) => change.kind === 'put' && change.value?.equals(value))) break;
}

describe('TLS', () => {
  let authority: Authority;
  let stranger: Authority;
  let etcd: SecureEtcd;
  let client: { readonly certFile: string; readonly keyFile: string };
  beforeAll(async () => {
    [authority, stranger] = await Promise.all([Authority.make(), Authority.make()]);
    client = await authority.sign('storage');
    etcd = await SecureEtcd.start(authority, { caFile: authority.caFile, ...client });
  }, 30_000);
  afterAll(async () => {
    await etcd.stop();
    await Promise.all([authority.remove(), stranger.remove()]);
  });

  test('with the right authority and certificate everything works, the members are seen too', async () => {
    const store = await open({ endpoints: [etcd.endpoint], tls: { caFile: authority.caFile, ...client } });
    await use(store);
    expect((await store.status()).nodes).toEqual([{ id: 'm0', address: etcd.endpoint, role: 'leader' }]);
    await store.close();
  });

  const refused: readonly (readonly [string, () => Promise<EtcdOptions['tls']>, RegExp])[] = [
    [
      'an authority that did not sign for etcd',
      () => Promise.resolve({ caFile: stranger.caFile, ...client }),
      /self-signed|certificate/,
    ],
    ['no certificate of its own', () => Promise.resolve({ caFile: authority.caFile }), /etcd does not answer/],
    [
      'a certificate that a stranger signed',
      async () => ({ caFile: authority.caFile, ...(await stranger.sign('storage')) }),
      /etcd does not answer/,
    ],
    ['no TLS at all', () => Promise.resolve(undefined), /etcd does not answer/],
  ];
  test.each(refused)('with %s it does not open, and says so', async (_what, tlsOf, message) => {
    const tls = await tlsOf();
    const opened = open({ endpoints: [etcd.endpoint], ...(tls && { tls }) });
    await expect(opened).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringMatching(message) });
  });

  test('a file that is not there is named', async () => {
    const opened = open({ endpoints: [etcd.endpoint], tls: { caFile: join(authority.directory, 'none.pem') } });
    await expect(opened).rejects.toMatchObject({ message: expect.stringContaining('none.pem') });
  });
});

describe('users', () => {
  let directory: string;
  let cluster: EtcdCluster;
  const password = 'a password: of "many" characters';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'norigate-tokens-'));
    const [key, pub] = [join(directory, 'key.pem'), join(directory, 'pub.pem')];
    await run('openssl', ['genrsa', '-out', key, '2048']);
    await run('openssl', ['rsa', '-in', key, '-pubout', '-out', pub]);
    // A token of this kind ends at its time, used or not.
    const token = `jwt,pub-key=${pub},priv-key=${key},sign-method=RS256,ttl=1s`;
    cluster = await EtcdCluster.start({ args: ['--auth-token', token, '--bcrypt-cost', '4'] });
    for (const name of ['root', 'storage']) await asRoot(['user', 'add', `${name}:${password}`], 'before');
    await asRoot(['user', 'grant-role', 'root', 'root'], 'before');
    // As the documents have it: no more than its prefix.
    await asRoot(['role', 'add', 'norigate'], 'before');
    const granted = ['--prefix=true', 'readwrite', 'norigate/'];
    await asRoot(['role', 'grant-permission', 'norigate', ...granted], 'before');
    await asRoot(['user', 'grant-role', 'storage', 'norigate'], 'before');
    await asRoot(['auth', 'enable'], 'before');
  });
  afterEach(async () => {
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** `before`: while nobody need say who they are. */
  async function asRoot(args: readonly string[], when: 'before' | 'after' = 'after'): Promise<void> {
    const who = when === 'after' ? ['--user', `root:${password}`] : [];
    const { endpoint } = cluster.members[0]!;
    await run('etcdctl', ['--endpoints', endpoint, ...who, ...args], { env: { ...process.env, ETCDCTL_API: '3' } });
  }

  /** How many tokens etcd has given. */
  async function tokensGiven(): Promise<number> {
    const text = await (await fetch(`http://${cluster.endpoints[0]!}/metrics`)).text();
    const line = /^grpc_server_handled_total\{grpc_code="OK",grpc_method="Authenticate".*\} (\d+)$/m.exec(text);
    return Number(line?.[1] ?? 0);
  }

  test('with name, password and rights to its prefix it may also compact', async () => {
    const channel = new EtcdChannel({ endpoints: cluster.endpoints, clock: systemClock, user: 'storage', password });
    const { header } = await channel.once(methods.range, { key: Buffer.from('norigate/') });
    await channel.once(methods.compact, { revision: header!.revision });
    await expect(channel.once(methods.range, { key: Buffer.from('elsewhere') })).rejects.toMatchObject({ code: 7 });
    channel.close();
  });

  test('with name and password everything works, longer than a token lasts', async () => {
    const store = await open({ endpoints: cluster.endpoints, user: 'storage', password });
    const before = await tokensGiven();
    await use(store);
    const untilMs = systemClock.monotonicMs() + 2_500;
    while (systemClock.monotonicMs() < untilMs) await use(store);
    expect(await tokensGiven()).toBeGreaterThanOrEqual(before + 2);
    await store.close();
  });

  test('a token that etcd takes no longer, since its users changed, is asked for anew', async () => {
    const channel = new EtcdChannel({ endpoints: cluster.endpoints, clock: systemClock, user: 'storage', password });
    const store = await open({ endpoints: cluster.endpoints, user: 'storage', password });
    await use(store);
    await asRoot(['user', 'add', 'somebody:else']);
    await Promise.all([use(store, 'one'), use(store, 'other')]);
    const key = Buffer.from('norigate/');
    await channel.ask(methods.range, { key });
    await asRoot(['user', 'add', 'another:one']);
    await channel.once(methods.range, { key });
    channel.close();
    await store.close();
  });

  test('a watch that begins with a token that is over begins with another one', async () => {
    const store = await open({ endpoints: cluster.endpoints, user: 'storage', password });
    const channel = new EtcdChannel({ endpoints: cluster.endpoints, clock: systemClock, user: 'storage', password });
    const key = Buffer.from('norigate/');
    const { header } = await channel.ask(methods.range, { key });
    const overMs = systemClock.monotonicMs() + 1_100;
    while (systemClock.monotonicMs() < overMs) await use(store);
    const ending = new AbortController();
    const options = { channel, layout: new Layout('norigate/'), transportClock: systemClock, oldestRevision: () => 0 };
    for await (const { commits } of feed({ ...options, signal: ending.signal }, header!.revision))
      if (commits.length > 0) break;
    channel.close();
    await store.close();
  });

  test.each([
    ['a wrong password', { user: 'storage', password: 'wrong' }],
    ['a user that there is not', { user: 'nobody', password }],
    ['no user', {}],
  ])('with %s it does not open, and says that etcd refuses it', async (_what, who) => {
    await expect(open({ endpoints: cluster.endpoints, ...who })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('etcd refuses this storage process'),
    });
  });

  test('a user who may not write is told so, and nothing is written; when he may, it goes on', async () => {
    const store = await open({ endpoints: cluster.endpoints, user: 'storage', password });
    await use(store);
    await asRoot(['user', 'revoke-role', 'storage', 'norigate']);
    const put = { kind: 'put', key: Buffer.from('other'), value: Buffer.from('v'), history: 'value' } as const;
    const [outcome] = await store.commit([{ checks: [], writes: [put] }]);
    expect(outcome).toMatchObject({
      kind: 'failed',
      error: { code: 'UNAVAILABLE', message: expect.stringContaining('etcd refuses this storage process') },
    });
    await asRoot(['user', 'grant-role', 'storage', 'norigate']);
    const { results } = await store.read([{ start: put.key }]);
    expect(results[0]!.entries).toEqual([]);
    await use(store);
    await store.close();
  });
});
