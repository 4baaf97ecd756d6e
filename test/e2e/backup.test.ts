/** `norigate export` and `norigate import`, as processes: from a tier that runs, into one that is made, and one tenant into one that serves. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EtcdCluster } from '../support/etcd';
import { ensureBuilt, startProgram, temporaryDirectory } from './support/program';
import type { Program } from './support/program';

const settings = { NORIGATE_SECRET: 'a secret of this test that is long enough', NORIGATE_EMBEDDINGS: 'hashed' };
let source: Awaited<ReturnType<typeof temporaryDirectory>>;
let target: Awaited<ReturnType<typeof temporaryDirectory>>;
const programs: Program[] = [];
const clusters: EtcdCluster[] = [];

jest.setTimeout(60_000);
beforeAll(ensureBuilt, 300_000);
beforeEach(async () => {
  [source, target] = await Promise.all([temporaryDirectory(), temporaryDirectory()]);
});
afterEach(async () => {
  await Promise.all(programs.splice(0).map((each) => each.destroy()));
  await Promise.all(clusters.splice(0).map((each) => each.stop()));
  await Promise.all([source.remove(), target.remove()]);
});

function run(directory: string, args: readonly string[] = [], environment: Record<string, string> = {}): Program {
  const program = startProgram(directory, { ...settings, ...environment }, args);
  programs.push(program);
  return program;
}

async function command(
  directory: string,
  ...args: readonly string[]
): Promise<{ code: number | null; stderr: string }> {
  return run(directory, args).ended;
}

async function ask(program: Program, query: string, tenant = 'default'): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json', 'x-tenant-id': tenant };
  const response = await fetch(`${program.origin}/graphql`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ query }),
  });
  const { data, errors } = (await response.json()) as { data: Record<string, unknown>; errors?: unknown };
  expect(errors).toBeUndefined();
  return data;
}

/** Something of every pattern. */
const write = `mutation {
  kvPut(input: { key: "k", value: { text: "one" } }) { __typename ... on KvPutSuccess { version } }
  short: kvPut(input: { key: "short", value: { text: "lived" }, ttlMs: 86400000 }) { __typename }
  incrementCounter(input: { name: "c", by: 7, idempotencyKey: "once" }) { ... on IncrementCounterSuccess { value } }
  createInventoryItem(input: { sku: "s", quantity: 10 }) { __typename }
  reserveInventory(input: { lines: [{ sku: "s", quantity: 4 }], holdMs: 86400000 }) { __typename }
  campaign(input: { election: "e", candidateId: "a", leaseMs: 86400000 }) { __typename }
  createSession(input: { userId: "u" }) { __typename }
  appendEvents(input: { streamId: "stream", events: [{ type: "a", data: { n: 1 } }, { type: "b", data: { n: 2 } }] }) { __typename }
  vectorCreateIndex(input: { namespace: "colors", dimensions: 3, distance: EUCLIDEAN }) { __typename }
  vectorInsert(input: { namespace: "colors", vectors: [{ id: "navy", vector: [0, 0, 128] }, { id: "sky", vector: [135, 206, 235] }] }) { __typename }
  checkRateLimit(input: { identifier: "ada", policies: [{ limit: 3, windowMs: 86400000 }], cost: 2 }) { __typename }
  cachePut(input: { key: "cached", value: { json: { a: 1 } } }) { __typename }
  sharded: createCounter(input: { name: "sharded", shards: 4, initialValue: 5 }) { __typename }
  indexDocuments(input: { documents: [{ id: "d", title: "Sourdough", content: "Flour, water and patience" }] }) { indexed }
  indexProducts(input: { products: [{ id: "p1", name: "Running Shoes" }, { id: "p2", name: "Trail Shoes" }] }) { indexed }
  recordInteraction(input: { userId: "u", productId: "p1" }) { __typename }
  checkAndStoreDocument(input: { id: "f", content: "The quick brown fox" }) { stored }
}`;
/** Again, and once more than is allowed. */
const increment =
  'mutation { incrementCounter(input: { name: "c", by: 7, idempotencyKey: "once" }) { ... on IncrementCounterSuccess { value } } }';
const limit =
  'mutation { checkRateLimit(input: { identifier: "ada", policies: [{ limit: 3, windowMs: 86400000 }], cost: 2 }) { allowed } }';
const duplicate =
  'mutation { checkAndStoreDocument(input: { id: "g", content: "The quick brown fox" }) { duplicateOf stored } }';
const read = `{
  kvGet(key: "k") { value { text } }
  short: kvGet(key: "short") { value { text } expiresAt }
  counter(name: "c") { value }
  inventoryItem(sku: "s") { quantity reserved available movements(first: 10) { nodes { type quantity } } }
  election(name: "e") { leader { candidateId fencingToken } }
  eventStream(id: "stream") { events(first: 10) { nodes { id type version position } } }
  allEvents(first: 10) { nodes { id position } }
  vectorIndex(namespace: "colors") { size }
  vectorSearch(namespace: "colors", near: { vector: [1, 1, 120] }, k: 2) { matches { id distance } }
  sessionsOfUser(userId: "u") { nodes { id userId } }
  sharded: counter(name: "sharded") { value shards }
  cachedOne: kvGet(key: "cached") { value { json } }
  semanticSearch(query: "patience") { hits { score document { id title } } }
  recommendations(userId: "u") { score product { id name } }
}`;

describe('a backup', () => {
  it('of a tier that runs is the whole of it, in a new data directory', async () => {
    const first = await run(source.path).ready();
    const written = await ask(first, write);
    const before = await ask(first, read);
    const file = join(target.path, 'all.backup');
    expect(await command(source.path, 'export', file)).toMatchObject({ code: 0 });
    expect((await stat(file)).mode & 0o077).toBe(0);
    await ask(first, 'mutation { kvPut(input: { key: "k", value: { text: "after" } }) { __typename } }');

    const data = join(target.path, 'data');
    expect(await command(data, 'import', file)).toMatchObject({ code: 0 });
    const second = await run(data).ready();
    expect(await ask(second, read)).toEqual(before);
    // The same command again is not done again; a version of the old store is none here.
    expect(await ask(second, increment)).toEqual({ incrementCounter: { value: 7 } });
    const { version } = written['kvPut'] as { version: string };
    const stale = `mutation { kvPut(input: { key: "k", value: { text: "x" }, ifVersion: "${version}" }) { __typename } }`;
    expect(await ask(second, stale)).toMatchObject({
      kvPut: { __typename: expect.stringMatching(/Conflict/) as unknown },
    });
    expect(await command(data, 'import', file)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/has data|stop storage/) as unknown,
    });
  });

  it('moves a store from one machine to a cluster, and back, while nobody serves it', async () => {
    const cluster = await EtcdCluster.start();
    clusters.push(cluster);
    const replicated = {
      NORIGATE_ENGINE: 'etcd',
      NORIGATE_ETCD_ENDPOINTS: cluster.endpoints.join(','),
      DATA_DIR: join(target.path, 'gateway'),
    };
    const first = await run(source.path).ready();
    const written = await ask(first, write);
    const before = await ask(first, read);
    const file = join(target.path, 'all.backup');
    expect(await command(source.path, 'export', file)).toMatchObject({ code: 0 });
    const into = (...args: readonly string[]): Program['ended'] => run(target.path, args, replicated).ended;
    const nothing = join(target.path, 'nothing.backup');
    expect(await into('export', nothing)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no data in etcd under norigate/') as unknown,
    });
    expect(await into('import', file)).toMatchObject({ code: 0 });

    const second = await run(target.path, [], replicated).ready();
    expect(await ask(second, '{ cluster { engine } }')).toEqual({ cluster: { engine: 'etcd' } });
    expect(await ask(second, read)).toEqual(before);
    expect(await ask(second, increment)).toEqual({ incrementCounter: { value: 7 } });
    expect(await ask(second, limit)).toMatchObject({ checkRateLimit: { allowed: false } });
    expect(await ask(second, duplicate)).toEqual({ checkAndStoreDocument: { duplicateOf: 'f', stored: false } });
    const { version } = written['kvPut'] as { version: string };
    const stale = `mutation { kvPut(input: { key: "k", value: { text: "x" }, ifVersion: "${version}" }) { __typename } }`;
    expect(await ask(second, stale)).toMatchObject({
      kvPut: { __typename: expect.stringMatching(/Conflict/) as unknown },
    });
    // Through the storage process that runs, and past it.
    expect(await into('import', file)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/stop storage/) as unknown,
    });
    const elsewhere = { ...replicated, DATA_DIR: join(target.path, 'elsewhere') };
    expect(await run(target.path, ['import', file], elsewhere).ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/has data|stop all/) as unknown,
    });
    const running = join(target.path, 'running.backup');
    expect(await into('export', running)).toMatchObject({ code: 0 });
    second.process.kill('SIGTERM');
    await second.ended;
    const back = join(target.path, 'back.backup');
    expect(await into('export', back)).toMatchObject({ code: 0 });
    for (const [name, each] of Object.entries({ running, back })) {
      const data = join(target.path, name);
      expect(await command(data, 'import', each)).toMatchObject({ code: 0 });
      const third = await run(data).ready();
      expect(await ask(third, read)).toEqual(before);
      expect(await ask(third, increment)).toEqual({ incrementCounter: { value: 7 } });
    }
  });

  it('of one tenant goes into a tier that serves others, and is seen there at once', async () => {
    const [first, second] = await Promise.all([run(source.path).ready(), run(target.path).ready()]);
    await ask(first, write, 'shop');
    const before = await ask(first, read, 'shop');
    await ask(second, write, 'other');
    expect(await ask(second, '{ counter(name: "c") { value } }', 'shop')).toEqual({ counter: null });
    const file = join(source.path, 'shop.backup');
    expect(await command(source.path, 'export', file, '--tenant', 'shop')).toMatchObject({ code: 0 });
    expect(await command(target.path, 'import', file, '--tenant', 'shop')).toMatchObject({ code: 0 });
    expect(await ask(second, read, 'shop')).toEqual(before);
    expect(await ask(second, read, 'other')).toMatchObject({ counter: { value: 7 } });
    expect(await command(target.path, 'import', file)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('in this store already') as unknown,
    });
  });

  it('that is damaged changes nothing, and what makes no sense is said', async () => {
    const first = await run(source.path).ready();
    await ask(first, write);
    const file = join(source.path, 'all.backup');
    await command(source.path, 'export', file);
    const bytes = await readFile(file);
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    await writeFile(file, bytes);
    const data = join(target.path, 'data');
    const refused = await command(data, 'import', file);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/is damaged at byte \d+/) as unknown });
    await expect(stat(data)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await command(data, 'export', file)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no data') as unknown,
    });
    expect(await command(data, 'export')).toMatchObject({ code: 2 });
    expect(await command(data, 'gateway', '--tenant', 'x')).toMatchObject({ code: 2 });
  });
});
