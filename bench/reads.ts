/**
 * Reads of 10,000 keys with values of 200 bytes, 64 connections: kvGet, kvGetMany of 50 and kvScan of 50, beside the same
 * kvGet answered by a resolver without a store.
 */
import type { HttpServerChild } from './children/no-op-gateway';
import type { Bench } from './support/bench';
import { Child } from './support/child';
import { ask } from './support/graphql-client';
import { makeHttpLoad } from './support/http-load';
import { Program } from './support/program';
import { Rounds } from './support/rounds';
import type { Candidate } from './support/rounds';
import { loadKeys, nameOfKey, valueOfKey } from './support/tenant-store';
import type { World } from './support/world';

const noOp = 'kvGet, no-op resolver';
const get = 'kvGet';
const getMany = 'kvGetMany of 50';
const scan = 'kvScan of 50';
const keys = 10_000;
const valueBytes = 200;
const page = 50;
const variants = 1_000;

const entry = '{ key version value { text } }';
const documents = {
  [get]: `query Get($key: String!) { kvGet(key: $key) ${entry} }`,
  [getMany]: `query Many($keys: [String!]!) { kvGetMany(keys: $keys) ${entry} }`,
  [scan]: `query Scan($prefix: String!) { kvScan(prefix: $prefix, first: ${page}) { nodes ${entry} pageInfo { hasNextPage endCursor } } }`,
} as const;

/** Names that lie apart, so that all of the keys are read. */
function someName(index: number): string {
  return nameOfKey((index * 7_919) % keys);
}

const variables = {
  [get]: Array.from({ length: keys }, (_, index) => ({ key: someName(index) })),
  [getMany]: Array.from({ length: variants }, (_, first) => ({
    keys: Array.from({ length: page }, (_, index) => someName(first * page + index)),
  })),
  // The last two digits are left out: 100 keys begin so.
  [scan]: Array.from({ length: keys / 100 }, (_, index) => ({ prefix: nameOfKey(index * 100).slice(0, -2) })),
} as const;

export const reads: Bench = {
  name: 'reads',
  title: 'Reads, 64 connections',
  async run(world) {
    const program = await Program.start(world);
    await loadKeys(program.storageAddress, { count: keys, valueBytes });
    await requireRight(program.origin);
    const { port, pids } = program;
    const candidates = [await makeNoOp(world)];
    for (const name of [get, getMany, scan] as const) {
      const load = { name, port, pids, connections: 64, expected: '"text"' };
      candidates.push(await makeHttpLoad(world, { ...load, query: documents[name], variables: variables[name] }));
    }
    const rounds = await Rounds.run(world, { name: 'reads', candidates });
    await program.stop();
    const rates = [noOp, get, getMany, scan].map((name) =>
      rounds.row(name, { ratios: name === get ? [rounds.ratio(get, noOp)] : [] }),
    );
    return { rates, values: [], notes: [] };
  },
};

async function makeNoOp(world: World): Promise<Candidate> {
  const gateway = await Child.start<HttpServerChild>(world, { file: 'no-op-gateway.js', config: null });
  const { port } = gateway.started;
  const load = { name: noOp, port, pids: { gateway: gateway.pid }, connections: 64, expected: '"text"' };
  return makeHttpLoad(world, { ...load, query: documents[get], variables: variables[get] });
}

interface Read {
  readonly key: string;
  readonly value: { readonly text: string };
}

/** Each kind of read gives what was put, before it is measured how fast. */
async function requireRight(origin: string): Promise<void> {
  const one = await ask<{ kvGet: Read }>(origin, documents[get], variables[get][1]);
  const many = await ask<{ kvGetMany: Read[] }>(origin, documents[getMany], variables[getMany][1]);
  const scanned = await ask<{ kvScan: { nodes: Read[] } }>(origin, documents[scan], variables[scan][1]);
  if (many.kvGetMany.length !== page || scanned.kvScan.nodes.length !== page)
    throw new Error(`${page} keys were asked for, ${many.kvGetMany.length} and ${scanned.kvScan.nodes.length} given`);
  for (const { key, value } of [one.kvGet, ...many.kvGetMany, ...scanned.kvScan.nodes]) {
    const expected = valueOfKey(Number(key.slice(key.indexOf('-') + 1)), valueBytes);
    if (value.text !== expected) throw new Error(`${key} holds ${value.text}, where ${expected} was put`);
  }
}
