/**
 * incrementCounter on 10,000 counters, 64 connections, through the whole program down to a flushed disk; beside it the same document
 * served by the same gateway with a resolver that does nothing. At the end the sum of the counters must be that of the answers.
 */
import type { HttpServerChild } from './children/no-op-gateway';
import { atLeast } from './support/bench';
import type { Bench } from './support/bench';
import { Child } from './support/child';
import { createCounters, incrementDocument, incrementVariables, incremented, requireSum } from './support/counters';
import { makeHttpLoad } from './support/http-load';
import { Program } from './support/program';
import { Rounds } from './support/rounds';

const noOp = 'no-op mutation';
const durable = 'incrementCounter';
const prefix = 'many-';
const counters = 10_000;

export const increment: Bench = {
  name: 'increment',
  title: 'Durable increments of 10,000 counters, 64 connections',
  async run(world) {
    const gateway = await Child.start<HttpServerChild>(world, {
      file: 'no-op-gateway.js',
      config: null,
      isServer: true,
    });
    const program = await Program.start(world);
    await createCounters(program.origin, prefix, counters);
    const load = {
      connections: 64,
      query: incrementDocument,
      variables: incrementVariables(prefix, counters),
      expected: incremented,
    };
    const { port } = gateway.started;
    const candidates = [
      await makeHttpLoad(world, { ...load, name: noOp, port, pids: { gateway: gateway.pid } }),
      await makeHttpLoad(world, { ...load, name: durable, port: program.port, pids: program.pids }),
    ];
    const rounds = await Rounds.run(world, { name: 'increment', candidates });
    await requireSum(program.origin, prefix, rounds.of(durable).answered);
    await program.stop();
    await gateway.stop();
    const ratio = rounds.ratio(durable, noOp);
    return {
      rates: [
        rounds.row(noOp),
        rounds.row(durable, { ratios: [ratio], targets: [atLeast(ratio.value, 0.6, '≥ 0.6 × no-op mutation')] }),
      ],
      values: [],
      notes: [
        `Sum verified: ${rounds.of(durable).answered.toLocaleString('en-US')} acknowledged increments stand in the store.`,
      ],
    };
  },
};
