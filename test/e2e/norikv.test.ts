/** NoriKV's face of the program itself: the same data as over GraphQL, kill -9 in between, a backup that can be imported. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Metadata, credentials, status } from '@grpc/grpc-js';
import { norikvService } from '../../proto/norikv-wire';
import type { ClusterView } from '../../proto/norikv-wire';
import { readBackup, verifyBackup } from '../../storage/backup/backup-file';
import { EtcdCluster } from '../support/etcd';
import { ensureBuilt, startProgram, temporaryDirectory } from './support/program';
import type { Program } from './support/program';

jest.setTimeout(60_000);
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
const programs: Program[] = [];
const clients: Client[] = [];
let cluster: EtcdCluster | undefined;

beforeAll(ensureBuilt, 300_000);
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(programs.splice(0).map((each) => each.destroy()));
  await cluster?.stop();
  cluster = undefined;
  await directory.remove();
});

async function start(environment: Record<string, string> = {}): Promise<{ program: Program; client: Client }> {
  const face = { NORIGATE_NORIKV_PORT: '0', NORIGATE_NORIKV_TENANT: 'default' };
  const program = startProgram(directory.path, { ...face, ...environment });
  programs.push(program);
  await program.ready();
  const { address } = await program.logged('norikv listens');
  // As the SDKs do: pings on a connection that is idle.
  const options = { 'grpc.keepalive_time_ms': 10_000, 'grpc.keepalive_permit_without_calls': 1 };
  const client = new Client(String(address), credentials.createInsecure(), options);
  clients.push(client);
  return { program, client };
}

function call(
  client: Client,
  service: 'Kv' | 'Admin' | 'Vector',
  name: string,
  request: object,
): Promise<Record<string, unknown>> {
  const { path, requestSerialize, responseDeserialize } = norikvService(service)[name]!;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, new Metadata(), (error, answer) =>
      error ? reject(error) : resolve(answer as Record<string, unknown>),
    );
  });
}

async function firstView(client: Client): Promise<ClusterView> {
  const { path, requestSerialize, responseDeserialize } = norikvService('Meta')['WatchCluster']!;
  const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {}, new Metadata());
  stream.on('error', () => undefined);
  for await (const view of stream) return view as ClusterView;
  throw new Error('the watch ended without a view');
}

const firstEpoch = async (client: Client): Promise<number> => (await firstView(client)).epoch;

const key = Buffer.from('k');

it('has the data of GraphQL; a put that is sent again after kill -9 is one; the epoch rises', async () => {
  const first = await start();
  const put = { key, value: Buffer.from('one'), idempotencyKey: 'a' };
  const answer = await call(first.client, 'Kv', 'Put', put);
  const epoch = await firstEpoch(first.client);
  expect(await first.program.query('{ kvGet(key: "k") { value { text } version } }')).toMatchObject({
    data: { kvGet: { value: { text: 'one' }, version: String((answer['version'] as { index: number }).index) } },
  });
  await first.program.query('mutation { kvPut(input: { key: "k", value: { text: "two" } }) { __typename } }');
  for (const pid of await first.program.children()) process.kill(pid, 'SIGKILL');
  first.program.process.kill('SIGKILL');
  await first.program.ended;

  const second = await start();
  expect(await call(second.client, 'Kv', 'Put', put)).toEqual(answer);
  expect(String((await call(second.client, 'Kv', 'Get', { key }))['value'])).toBe('two');
  expect(await firstEpoch(second.client)).toBeGreaterThan(epoch);
  await expect(call(second.client, 'Kv', 'Put', { ...put, value: Buffer.from('x') })).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
  });
});

it('makes a backup of the tenant, in place of the one before, and is shut with the tenant', async () => {
  const { program, client } = await start();
  await call(client, 'Kv', 'Put', { key, value: Buffer.from('one') });
  await call(client, 'Admin', 'SnapshotShard', { id: 1 });
  await Promise.all([1, 2, 3].map((id) => call(client, 'Admin', 'SnapshotShard', { id })));
  const backups = await readdir(join(directory.path, 'norikv-backups'));
  expect(backups).toHaveLength(1);
  const { head, totals } = await verifyBackup(readBackup(join(directory.path, 'norikv-backups', backups[0]!)));
  expect(head.tenant).toMatchObject({ id: 'default' });
  expect(totals.records).toBe(1);
  const deleted = await program.query('mutation { deleteTenant(id: "default") }');
  expect(deleted.errors).toBeUndefined();
  await expect(call(client, 'Kv', 'Get', { key })).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
});

it('goes from one machine to a cluster and back: no version of before is one, the epoch rises, vectors are found', async () => {
  cluster = await EtcdCluster.start();
  const etcd = {
    NORIGATE_ENGINE: 'etcd',
    NORIGATE_ETCD_ENDPOINTS: cluster.endpoints.join(','),
    NORIGATE_SECRET: 'a secret of this test that is long enough',
  };
  const file = (name: string): string => join(directory.path, `${name}.backup`);
  const command = async (environment: Record<string, string>, ...args: readonly string[]): Promise<void> => {
    const program = startProgram(directory.path, environment, args);
    programs.push(program);
    expect(await program.ended).toMatchObject({ code: 0 });
  };
  const first = await start({ NORIGATE_SECRET: etcd.NORIGATE_SECRET });
  const { version } = await call(first.client, 'Kv', 'Put', { key, value: Buffer.from('one') });
  await call(first.client, 'Vector', 'CreateIndex', { namespace: 'v', dimensions: 2, distance: 1 });
  await call(first.client, 'Vector', 'Insert', { namespace: 'v', id: 'a', vector: [1, 2] });
  expect(
    await first.program.query('{ vectorSearch(namespace: "v", near: { vector: [1, 2] }, k: 1) { matches { id } } }'),
  ).toEqual({
    data: { vectorSearch: { matches: [{ id: 'a' }] } },
  });
  let epoch = await firstEpoch(first.client);
  await command({}, 'export', file('first'));
  await command({ ...etcd, DATA_DIR: join(directory.path, 'gateway') }, 'import', file('first'));
  await command({ ...etcd, DATA_DIR: join(directory.path, 'gateway') }, 'export', file('second'));
  const lmdb = { ...etcd, NORIGATE_ENGINE: 'lmdb', NORIGATE_ETCD_ENDPOINTS: '' };
  await command({ ...lmdb, DATA_DIR: join(directory.path, 'back') }, 'import', file('second'));
  for (const environment of [
    {
      ...etcd,
      DATA_DIR: join(directory.path, 'gateway'),
      NORIGATE_NORIKV_HOST: '0.0.0.0',
      NORIGATE_NORIKV_ADVERTISE: '127.0.0.1',
    },
    { ...lmdb, DATA_DIR: join(directory.path, 'back') },
  ]) {
    const { client } = await start(environment);
    const view = await firstView(client);
    expect(view.epoch).toBeGreaterThan(epoch);
    epoch = view.epoch;
    expect(view.nodes).toEqual([
      expect.objectContaining({ addr: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as unknown }),
    ]);
    await expect(call(client, 'Kv', 'Put', { key, value: key, ifMatch: version })).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
    });
    const { matches } = await call(client, 'Vector', 'Search', { namespace: 'v', query: [1, 2], k: 5 });
    expect(matches).toEqual([expect.objectContaining({ id: 'a', distance: 0 })]);
    expect(await call(client, 'Admin', 'SnapshotShard', { id: 1 })).toMatchObject({ id: 1 });
  }
});
