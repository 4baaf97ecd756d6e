/**
 * Tenant B increments its counters on 4 connections, alone and while tenant A floods the same gateway: with increments on 256
 * connections, and with values of 10 KB. What B waits is what the gateway lets A take.
 */
import { atMost } from './support/bench';
import type { Bench, Target } from './support/bench';
import { createCounters, incrementDocument, incrementVariables, incremented } from './support/counters';
import { makeHttpLoad } from './support/http-load';
import { median } from './support/measured';
import { Program } from './support/program';
import { Rounds } from './support/rounds';
import type { Candidate } from './support/rounds';

const alone = 'B alone, 4 connections';
const flooded = 'B while A increments on 256 connections';
const drowned = 'B while A puts 10 KB on 256 connections';
const most = 3;

export const flood: Bench = {
  name: 'flood',
  title: 'A tenant beside one that floods',
  async run(world) {
    const program = await Program.start(world);
    const { origin, port, pids } = program;
    await createCounters(origin, 'b-', 1_000, 'b');
    await createCounters(origin, 'a-', 1_000, 'a');
    const increments = { port, pids, query: incrementDocument, expected: incremented };
    const b = { ...increments, variables: incrementVariables('b-', 1_000), connections: 4, tenantId: 'b' };
    const a = { port, pids, connections: 256, tenantId: 'a', name: 'A' };
    const small = { ...a, ...increments, variables: incrementVariables('a-', 1_000) };
    const text = 'v'.repeat(10_000);
    const large = {
      ...a,
      query:
        'mutation Put($key: String!, $text: String!) { kvPut(input: { key: $key, value: { text: $text } }) { __typename } }',
      variables: Array.from({ length: 200 }, (_, index) => ({ key: `k ${index}`, text })),
      expected: '"KvPutSuccess"',
    };
    const rates = new Map<string, number[]>();
    const candidates = [
      await makeHttpLoad(world, { ...b, name: alone }),
      beside(await makeHttpLoad(world, { ...b, name: flooded }), await makeHttpLoad(world, small), rates),
      beside(await makeHttpLoad(world, { ...b, name: drowned }), await makeHttpLoad(world, large), rates),
    ];
    const rounds = await Rounds.run(world, { name: 'flood', candidates });
    await program.stop();
    const target = (name: string): Target => {
      const first = rounds.row(alone).rounds;
      const times = median(rounds.row(name).rounds.map(({ p99Ms }, round) => p99Ms / first[round]!.p99Ms));
      return atMost(times, most, `p99 ${times.toFixed(2)} × that of B alone (≤ ${most})`);
    };
    return {
      rates: [
        rounds.row(alone),
        rounds.row(flooded, { targets: [target(flooded)] }),
        rounds.row(drowned, { targets: [target(drowned)] }),
      ],
      values: [...rates].map(([name, all]) => ({ name: `A, in "${name}"`, value: median(all), unit: '/s' })),
      notes: [],
    };
  },
};

/** The one is measured while the other runs, from before its beginning to after its end; notes how fast the other was. */
function beside(measured: Candidate, other: Candidate, rates: Map<string, number[]>): Candidate {
  return {
    name: measured.name,
    async run(spec) {
      const background = other.run({ ...spec, warmMs: 0, measureMs: spec.warmMs + spec.measureMs + 500 });
      const result = await measured.run({ ...spec, warmMs: Math.max(spec.warmMs, 500) });
      const { failures, failure, perSecond } = await background;
      rates.set(measured.name, [...(rates.get(measured.name) ?? []), perSecond]);
      return failures > 0 ? { ...result, failures, failure } : result;
    },
  };
}
