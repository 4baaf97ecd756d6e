/**
 * Vectors: 100,000 of 384 dimensions in clusters (fewer where runs are shorter than 3 s). Inserts in batches of 100 and searches over HTTP, beside
 * the library of the index called directly; recall against measuring all of them, before and after 30 % deletes; filters; kvGet while the
 * index is built, beside kvGet without it; a restart until the first strong search.
 */
import type { HttpServerChild } from './children/no-op-gateway';
import type { VectorLibrary } from './children/vector-library';
import { atLeast, atMost } from './support/bench';
import type { Bench, ValueRow } from './support/bench';
import { Child } from './support/child';
import { Clustered } from './support/clustered';
import { ask, forEach } from './support/graphql-client';
import { makeHttpLoad } from './support/http-load';
import { median } from './support/measured';
import type { Measured } from './support/measured';
import { cpuMsOf } from './support/process-figures';
import { Program } from './support/program';
import { Rounds, durationMs } from './support/rounds';
import type { World } from './support/world';

const seed = 384;
const dimensions = 384;
const k = 10;
const countMax = 100_000;
const secondsOfAll = 3;
const batch = 100;
const batchesAtOnce = 8;
const recallQueries = 50;
const deletedPart = 0.3;
const firstTriesMax = 24;
const namespace = 'bench';

const library = 'the library itself, called directly';
const search = 'vectorSearch, 64 connections';
const noOp = 'kvGet, no-op resolver, 64 connections';

const searchQuery = `query Near($near: VectorNearInput!, $filter: JSON) {
  vectorSearch(namespace: "${namespace}", near: $near, k: ${k}, filter: $filter) { matches { id distance metadata } }
}`;
const getQuery = 'query Get($key: String!) { kvGet(key: $key) { key value { text } } }';

interface Match {
  readonly id: string;
  readonly distance: number;
  readonly metadata: Readonly<Record<string, number>>;
}

export const vectors: Bench = {
  name: 'vectors',
  title: 'Vectors of 384 dimensions, in clusters',
  async run(world) {
    const count = Math.min(countMax, Math.round((countMax * world.options.seconds) / secondsOfAll));
    const made = new Clustered(seed, dimensions);
    const all = new Map(made.take(count).entries());
    const queries = made.take(500);
    const values: ValueRow[] = [{ name: 'vectors', value: count, unit: '' }];

    const direct = await Child.start<VectorLibrary>(world, {
      file: 'vector-library.js',
      config: { seed, count, dimensions, k },
    });
    let program = await Program.start(world);
    values.push(...(await insertAll(world, program, all, direct.started.addsPerSecond)));
    values.push(...(await readWhileBuilding(world, program)));
    values.push(...(await recallOf(program, '', all, queries)));

    const rounds = await Rounds.run(world, {
      name: 'vectors',
      candidates: [
        { name: library, run: (spec) => direct.run(spec, durationMs(spec)) },
        await makeHttpLoad(world, {
          name: search,
          port: program.port,
          pids: program.pids,
          connections: 64,
          query: searchQuery,
          variables: queries.map((vector) => ({ near: { vector: [...vector] } })),
          expected: '"matches"',
        }),
        await makeNoOp(world),
      ],
    });

    values.push(...(await filtered(program, queries)));
    await deleteSome(world, program, all);
    values.push(...(await recallOf(program, ` after ${deletedPart * 100} % deletes`, all, queries)));
    const { directory } = program;
    await program.stop();
    const startMs = performance.now();
    program = await Program.start(world, { directory });
    await nearWhenRead(program, { near: { vector: [...queries[0]!] } });
    const seconds = (performance.now() - startMs) / 1_000;
    values.push({
      name: 'start until a strong search is answered',
      value: seconds,
      unit: 's',
      target: atMost(seconds, 5, '≤ 5 s'),
    });
    await program.stop();
    await direct.stop();

    const toLibrary = rounds.ratio(search, library);
    const toNoOp = rounds.ratio(search, noOp);
    return {
      rates: [
        rounds.row(library),
        rounds.row(search, {
          ratios: [toLibrary, toNoOp],
          targets: [atLeast(toLibrary.value, 0.7, '≥ 0.7 × the library')],
        }),
        rounds.row(noOp),
      ],
      values,
      notes: [
        'Everything runs on this one machine: the thread of the index, storage, the gateway and the makers of load share its cores.',
      ],
    };
  },
};

async function insertAll(
  world: World,
  { origin }: Program,
  all: ReadonlyMap<number, Float32Array>,
  addsPerSecond: number,
): Promise<ValueRow[]> {
  await ask(origin, 'mutation($i: VectorCreateIndexInput!) { vectorCreateIndex(input: $i) { __typename } }', {
    i: { namespace, dimensions },
  });
  world.say(`vectors: inserting ${all.size}`);
  const ids = [...all.keys()];
  const startMs = performance.now();
  let next = 0;
  const insert = async (): Promise<void> => {
    for (let from = (next += batch) - batch; from < ids.length; from = (next += batch) - batch) {
      const some = ids.slice(from, from + batch).map((id) => ({
        id: String(id),
        vector: [...all.get(id)!],
        metadata: { tenth: id % 10, hundredth: id % 100, thousandth: id % 1_000 },
      }));
      const query =
        'mutation($i: VectorInsertInput!) { vectorInsert(input: $i) { ... on VectorInsertSuccess { inserted } } }';
      const { vectorInsert } = await ask<{ vectorInsert: { inserted: number } }>(origin, query, {
        i: { namespace, vectors: some },
      });
      if (vectorInsert.inserted !== some.length) throw new Error(`a batch came to ${JSON.stringify(vectorInsert)}`);
    }
  };
  await Promise.all(Array.from({ length: batchesAtOnce }, insert));
  const perSecond = all.size / ((performance.now() - startMs) / 1_000);
  const ratio = perSecond / addsPerSecond;
  return [
    { name: 'adds/s of the library itself', value: addsPerSecond, unit: 'vectors/s' },
    { name: `inserts/s over HTTP, ${batchesAtOnce} batches of ${batch} at once`, value: perSecond, unit: 'vectors/s' },
    { name: 'inserts to adds', value: ratio, unit: '×', target: atLeast(ratio, 0.6, '≥ 0.6 ×') },
  ];
}

/** kvGet before the index is asked for, and while it is built. */
async function readWhileBuilding(world: World, program: Program): Promise<ValueRow[]> {
  const { origin, port, pids } = program;
  await ask(origin, 'mutation($i: KvPutInput!) { kvPut(input: $i) { __typename } }', {
    i: { key: 'k', value: { text: 'v' } },
  });
  const load = await makeHttpLoad(world, {
    name: 'kvGet',
    port,
    pids,
    connections: 8,
    query: getQuery,
    variables: [{ key: 'k' }],
    expected: '"text"',
  });
  const run = (): Promise<Measured> => load.run({ warmMs: 300, measureMs: world.options.seconds * 1_000, pids: {} });
  world.say('vectors: kvGet, idle and during a build');
  const idle = await run();
  const startMs = performance.now();
  const first = nearWhenRead(program, { near: { vector: Array.from({ length: dimensions }, () => 1) } });
  const busy = await run();
  await first;
  await untilQuiet(pids['storage']!);
  const ratio = busy.p99Ms / idle.p99Ms;
  return [
    { name: 'kvGet p99, idle', value: idle.p99Ms, unit: 'ms' },
    { name: 'kvGet p99 during the build', value: busy.p99Ms, unit: 'ms', target: atMost(ratio, 3, '≤ 3 × idle') },
    { name: 'the index read and built', value: (performance.now() - startMs) / 1_000, unit: 's' },
  ];
}

/** Until the thread of the indexes has nothing to do any more. */
async function untilQuiet(pid: number): Promise<void> {
  const lookMs = 500;
  for (let before = cpuMsOf(pid); ;) {
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    const now = cpuMsOf(pid);
    if (!(now - before > lookMs / 10)) return;
    before = now;
  }
}

async function near({ origin }: Program, variables: object): Promise<readonly Match[]> {
  const { vectorSearch } = await ask<{ vectorSearch: { matches: Match[] } }>(origin, searchQuery, variables);
  return vectorSearch.matches;
}

/** The first search waits for the rows to be read, but not for longer than any search: on a busy machine it is asked again. */
async function nearWhenRead(program: Program, variables: object): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await near(program, variables);
      return;
    } catch (error) {
      if (tries === firstTriesMax || !String(error).includes('DEADLINE_EXCEEDED')) throw error;
    }
  }
}

async function recallOf(
  program: Program,
  after: string,
  all: ReadonlyMap<number, Float32Array>,
  queries: readonly Float32Array[],
): Promise<ValueRow[]> {
  let found = 0;
  let nearest = 0;
  for (const query of queries.slice(0, recallQueries)) {
    const wanted = nearestOf(all, query);
    const matches = await near(program, { near: { vector: [...query] } });
    found += matches.filter(({ id }) => wanted.has(id)).length;
    if (matches[0]?.id === [...wanted][0]) nearest += 1;
  }
  const value = found / (recallQueries * k);
  const ofFirst = nearest / recallQueries;
  return [
    { name: `recall@10${after}`, value, unit: '', target: atLeast(value, 0.95, '≥ 0.95') },
    { name: `the very nearest is found${after}`, value: ofFirst, unit: '', target: atLeast(ofFirst, 0.99, '≥ 0.99') },
  ];
}

/** By measuring all of them; the nearest first. */
function nearestOf(all: ReadonlyMap<number, Float32Array>, query: Float32Array): ReadonlySet<string> {
  const measured = Array.from(all, ([id, vector]) => {
    let product = 0;
    let square = 0;
    for (let at = 0; at < vector.length; at += 1) {
      product += query[at]! * vector[at]!;
      square += vector[at]! * vector[at]!;
    }
    return { id, cosine: product / Math.sqrt(square) };
  });
  measured.sort((a, b) => b.cosine - a.cosine);
  return new Set(measured.slice(0, k).map(({ id }) => String(id)));
}

async function filtered(program: Program, queries: readonly Float32Array[]): Promise<ValueRow[]> {
  const rows: ValueRow[] = [];
  for (const [name, percent] of [
    ['tenth', '10 %'],
    ['hundredth', '1 %'],
    ['thousandth', '0.1 %'],
  ] as const) {
    const times: number[] = [];
    for (const query of queries.slice(0, recallQueries)) {
      const startMs = performance.now();
      const matches = await near(program, { near: { vector: [...query] }, filter: { [name]: 3 } });
      times.push(performance.now() - startMs);
      if (matches.length < k || matches.some(({ metadata }) => metadata[name] !== 3))
        throw new Error(`a filter of ${percent} gave ${JSON.stringify(matches)}`);
    }
    rows.push({ name: `k matches of a filter that ${percent} match: median`, value: median(times), unit: 'ms' });
  }
  return rows;
}

async function deleteSome(world: World, { origin }: Program, all: Map<number, Float32Array>): Promise<void> {
  world.say('vectors: deleting some');
  const gone = [...all.keys()].filter((id) => id % 10 < deletedPart * 10);
  const query = 'mutation($i: VectorDeleteInput!) { vectorDelete(input: $i) }';
  await forEach(gone, async (id) => {
    await ask(origin, query, { i: { namespace, id: String(id) } });
    all.delete(id);
  });
}

async function makeNoOp(world: World): ReturnType<typeof makeHttpLoad> {
  const gateway = await Child.start<HttpServerChild>(world, { file: 'no-op-gateway.js', config: null });
  return makeHttpLoad(world, {
    name: noOp,
    port: gateway.started.port,
    pids: { gateway: gateway.pid },
    connections: 64,
    query: getQuery,
    variables: [{ key: 'k' }],
    expected: '"text"',
  });
}
