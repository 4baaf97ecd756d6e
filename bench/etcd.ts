/**
 * Replicated storage: three members of etcd on this machine, 256 callers. Lanes beside what people write by hand straight on etcd: one
 * transaction for each operation on records of their own, and read, compare-and-set, retry on one; the whole program on etcd beside the whole
 * program on LMDB; and how long a commit takes to come to a subscriber of another storage process. Every sum must come out.
 */
import type { EtcdCaller } from './children/etcd-caller';
import { atLeast } from './support/bench';
import type { Bench } from './support/bench';
import { Child } from './support/child';
import { createCounters, incrementDocument, incrementVariables, incremented, requireSum } from './support/counters';
import { startEtcdMembers } from './support/etcd-members';
import type { EtcdMembers } from './support/etcd-members';
import { makeHttpLoad } from './support/http-load';
import { Program } from './support/program';
import { Rounds, durationMs } from './support/rounds';
import type { Candidate } from './support/rounds';
import type { World } from './support/world';

const callers = 256;
const counters = 1_000;
const distinctByHand = '256 records, one transaction of etcd each';
const distinctLanes = '256 records, lanes';
const oneByHand = 'one counter, read, compare-and-set, retry';
const oneLanes = 'one counter, lanes';
const httpLmdb = 'incrementCounter over HTTP, 1,000 counters, LMDB';
const httpEtcd = 'incrementCounter over HTTP, 1,000 counters, etcd';
const watched = 'a commit until a subscriber elsewhere has it, one at a time';

export const etcd: Bench = {
  name: 'etcd',
  title: 'Replicated: 3 members of etcd on this machine, 256 callers',
  async run(world) {
    const members = await startEtcdMembers(world, 3);
    const { endpoints } = members;
    const child = await Child.start<EtcdCaller>(world, {
      file: 'etcd-caller.js',
      config: { endpoints },
      isServer: true,
    });
    const increments = (name: string, how: 'lanes' | 'by hand', records: 'distinct' | 'one'): Candidate =>
      makeIncrements(child, members, { name, how, records });
    const onLmdb = await Program.start(world);
    const onEtcd = await Program.start(world, { settings: settingsOf(members) });
    const candidates = [
      increments(distinctByHand, 'by hand', 'distinct'),
      increments(distinctLanes, 'lanes', 'distinct'),
      increments(oneByHand, 'by hand', 'one'),
      increments(oneLanes, 'lanes', 'one'),
      await makeHttp(world, httpLmdb, onLmdb),
      await makeHttp(world, httpEtcd, onEtcd),
      watch(child),
    ];
    const rounds = await Rounds.run(world, { name: 'etcd', candidates });
    await requireSum(onLmdb.origin, 'many-', rounds.of(httpLmdb).answered);
    await requireSum(onEtcd.origin, 'many-', rounds.of(httpEtcd).answered);
    await child.stop();
    await onLmdb.stop();
    await onEtcd.stop();
    const distinct = { ...rounds.ratio(distinctLanes, distinctByHand), to: 'one transaction each' };
    const hot = { ...rounds.ratio(oneLanes, oneByHand), to: 'by hand' };
    const http = { ...rounds.ratio(httpEtcd, httpLmdb), to: 'LMDB' };
    return {
      rates: [
        rounds.row(distinctByHand),
        rounds.row(distinctLanes, {
          ratios: [distinct],
          targets: [atLeast(distinct.value, 5, '≥ 5 × one transaction each')],
        }),
        rounds.row(oneByHand),
        rounds.row(oneLanes, { ratios: [hot], targets: [atLeast(hot.value, 1_000, '≥ 1,000 × by hand')] }),
        rounds.row(httpLmdb),
        rounds.row(httpEtcd, { ratios: [http] }),
        rounds.row(watched),
      ],
      values: [],
      notes: [
        'Sums verified: every acknowledged increment stands. The members of etcd, the callers and the programs share the cores of this machine.',
      ],
    };
  },
};

function settingsOf({ endpoints }: EtcdMembers): Readonly<Record<string, string>> {
  return {
    NORIGATE_ENGINE: 'etcd',
    NORIGATE_ETCD_ENDPOINTS: endpoints.join(','),
    NORIGATE_ETCD_PREFIX: 'bench-http/',
    NORIGATE_SECRET: 'a secret of a bench, of 32 bytes or more',
  };
}

interface Increments {
  readonly name: string;
  readonly how: 'lanes' | 'by hand';
  readonly records: 'distinct' | 'one';
}

function makeIncrements(child: Child<EtcdCaller>, members: EtcdMembers, { name, how, records }: Increments): Candidate {
  return {
    name,
    async run(spec) {
      const { sum, ...measured } = await child.run(
        { ...spec, pids: members.pids, how, records, callers },
        durationMs(spec),
      );
      if (sum !== measured.answered)
        throw new Error(`${name}: the records come to ${sum}, where ${measured.answered} were acknowledged`);
      return { ...measured, cpu: withEtcdTogether(measured.cpu) };
    },
  };
}

/** The members of etcd stand for storage. */
function withEtcdTogether(cpu: Readonly<Record<string, number>>): Record<string, number> {
  const members = Object.entries(cpu).filter(([name]) => name.startsWith('etcd'));
  return { client: cpu['client'] ?? Number.NaN, storage: members.reduce((sum, [, ms]) => sum + ms, 0) };
}

async function makeHttp(world: World, name: string, program: Program): Promise<Candidate> {
  await createCounters(program.origin, 'many-', counters);
  const { port, pids } = program;
  const variables = incrementVariables('many-', counters);
  return makeHttpLoad(world, {
    name,
    port,
    pids,
    variables,
    query: incrementDocument,
    expected: incremented,
    connections: callers,
  });
}

function watch(child: Child<EtcdCaller>): Candidate {
  return {
    name: watched,
    run: (spec) => child.run({ ...spec, pids: {}, how: 'watch', records: 'one', callers: 1 }, durationMs(spec)),
  };
}
