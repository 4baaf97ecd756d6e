/** NoriKV's face of the program itself: the same data as over GraphQL, kill -9 in between, a backup that can be imported. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Metadata, credentials, status } from '@grpc/grpc-js';
import { norikvService } from '../../proto/norikv-wire';
import type { ClusterView } from '../../proto/norikv-wire';
import { readBackup, verifyBackup } from '../../storage/backup/backup-file';
import { ensureBuilt, startProgram, temporaryDirectory } from './support/program';
import type { Program } from './support/program';

jest.setTimeout(60_000);
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
const programs: Program[] = [];
const clients: Client[] = [];

beforeAll(ensureBuilt, 300_000);
beforeEach(async () => {
  directory = await temporaryDirectory();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(programs.splice(0).map((each) => each.destroy()));
  await directory.remove();
});

async function start(): Promise<{ program: Program; client: Client }> {
  const program = startProgram(directory.path, { NORIGATE_NORIKV_PORT: '0', NORIGATE_NORIKV_TENANT: 'default' });
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
  service: 'Kv' | 'Admin',
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

async function firstEpoch(client: Client): Promise<number> {
  const { path, requestSerialize, responseDeserialize } = norikvService('Meta')['WatchCluster']!;
  const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {}, new Metadata());
  stream.on('error', () => undefined);
  for await (const view of stream) return (view as ClusterView).epoch;
  throw new Error('the watch ended without a view');
}

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
