/**
 * One counter that 256 connections increment at once, beside the same on 10,000 counters, and beside the recipe that people
 * write by hand (read, compare-and-set, retry after a random pause of up to 10 ms) by 256 callers over the same storage
 * process. Every sum must come out.
 */
import type { BackoffOptions } from '../src/core/backoff';
import type { NaiveCallers } from './children/naive-callers';
import { atLeast } from './support/bench';
import type { Bench, Target } from './support/bench';
import { Child } from './support/child';
import { createCounters, incrementDocument, incrementVariables, incremented, requireSum } from './support/counters';
import { ask } from './support/graphql-client';
import { makeHttpLoad } from './support/http-load';
import { Program } from './support/program';
import { Rounds, durationMs } from './support/rounds';
import type { Candidate } from './support/rounds';
import type { World } from './support/world';

const spread = 'incrementCounter, 10,000 counters, 64 connections';
const single = 'incrementCounter, 1 counter, 256 connections';
const naiveStore = 'naive recipe over the store, 256 callers';
const naivePatient = 'the same with exponential backoff to 1 s';
const naiveHttp = 'naive recipe over kvGet and kvPut, 256 callers';
const jitter: BackoffOptions = { baseMs: 10, capMs: 10 };
const patience: BackoffOptions = { baseMs: 10, capMs: 1_000 };
const callers = 256;
const spreadCounters = 10_000;
const naiveKey = 'naive-counter';

export const hot: Bench = {
  name: 'hot',
  title: 'One hot counter, 256 connections',
  async run(world) {
    const program = await Program.start(world);
    const { origin, port, pids } = program;
    await createCounters(origin, 'many-', spreadCounters);
    await ask(origin, `mutation { kvPut(input: { key: "${naiveKey}", value: { text: "0" } }) { __typename } }`);
    const load = { query: incrementDocument, expected: incremented, port, pids };
    const many = { connections: 64, variables: incrementVariables('many-', spreadCounters) };
    const one = { connections: callers, variables: incrementVariables('one-', 1) };
    const overStore = { kind: 'store', address: program.storageAddress } as const;
    const candidates = [
      await makeHttpLoad(world, { ...load, ...many, name: spread }),
      await makeHttpLoad(world, { ...load, ...one, name: single }),
      await makeNaive(world, { name: naiveStore, over: overStore, backoff: jitter, pids }),
      await makeNaive(world, { name: naivePatient, over: overStore, backoff: patience, pids }),
      await makeNaive(world, { name: naiveHttp, over: { kind: 'http', port }, backoff: jitter, pids }),
    ];
    const rounds = await Rounds.run(world, { name: 'hot', candidates });
    await requireSum(origin, 'many-', rounds.of(spread).answered);
    await requireSum(origin, 'one-', rounds.of(single).answered);
    await requireNaiveSum(
      origin,
      [naiveStore, naivePatient, naiveHttp].reduce((sum, name) => sum + rounds.of(name).answered, 0),
    );
    const contention = await noContention(origin);
    await program.stop();
    const toSpread = { ...rounds.ratio(single, spread), to: '10,000 counters' };
    const toNaive = { ...rounds.ratio(single, naiveStore), to: 'naive' };
    const targets = [
      atLeast(toSpread.value, 0.8, '≥ 0.8 × 10,000 counters'),
      atLeast(toNaive.value, 100, '≥ 100 × naive'),
      contention,
    ];
    return {
      rates: [
        rounds.row(spread),
        rounds.row(single, { ratios: [toSpread, toNaive], targets }),
        rounds.row(naiveStore),
        rounds.row(naivePatient),
        rounds.row(naiveHttp),
      ],
      values: [],
      notes: ['Sums verified: every acknowledged increment stands, of the naive recipes too.'],
    };
  },
};

interface NaiveOptions extends Pick<NaiveCallers['config'], 'over' | 'backoff'> {
  readonly name: string;
  readonly pids: Readonly<Record<string, number>>;
}

async function makeNaive(world: World, { name, over, backoff, pids }: NaiveOptions): Promise<Candidate> {
  const config = { over, key: naiveKey, callers, backoff };
  const child = await Child.start<NaiveCallers>(world, { file: 'naive-callers.js', config });
  return { name, run: (spec) => child.run({ ...spec, pids }, durationMs(spec)) };
}

async function requireNaiveSum(origin: string, expected: number): Promise<void> {
  const { kvGet } = await ask<{ kvGet: { value: { text: string } } }>(
    origin,
    `{ kvGet(key: "${naiveKey}") { value { text } } }`,
  );
  if (Number(kvGet.value.text) !== expected)
    throw new Error(`the naive counter stands at ${kvGet.value.text}, where ${expected} were acknowledged`);
}

/** No caller was told CONTENTION, by the gateway's own account. */
async function noContention(origin: string): Promise<Target> {
  const metrics = await (await fetch(`${origin}/metrics`)).text();
  const line = metrics
    .split('\n')
    .find((each) => each.startsWith('norigate_operations_total') && each.includes('CONTENTION'));
  return { text: 'no CONTENTION', isMet: line === undefined, missing: line ?? '' };
}
