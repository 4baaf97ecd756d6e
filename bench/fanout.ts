/**
 * One change to 1,000 subscribers, each on a WebSocket of its own: of kvChanges, one change at a time (how long until the last
 * one has it) and 16 on their way (how many deliveries a second); of counterChanged, whose changes are merged for 50 ms, with a pause
 * between them. Every subscriber must be told of every change exactly once.
 */
import type { Subscribers } from './children/subscribers';
import type { Bench } from './support/bench';
import { Child } from './support/child';
import { Program } from './support/program';
import { Rounds, durationMs } from './support/rounds';
import type { Candidate } from './support/rounds';
import type { World } from './support/world';

const kvOne = 'kvChanges, one change at a time';
const kvMany = 'kvChanges, 16 changes on their way';
const counterOne = 'counterChanged, one change at a time';
const count = 1_000;
/** Longer than a counter's changes are merged. */
const counterPauseMs = 75;

const ofKeys = {
  subscription: 'subscription { kvChanges(prefix: "fanout-") { type key version entry { value { text } } } }',
  mutation: 'mutation { kvPut(input: { key: "fanout-1", value: { text: "a short text" } }) { __typename } }',
  expected: '"KvPutSuccess"',
};

const ofCounters = {
  subscription: 'subscription { counterChanged(name: "fanout") { name value updatedAt } }',
  mutation: 'mutation { incrementCounter(input: { name: "fanout" }) { __typename } }',
  expected: '"IncrementCounterSuccess"',
};

export const fanout: Bench = {
  name: 'fanout',
  title: 'One change to 1,000 subscribers (figures are deliveries; latencies are of the last one)',
  async run(world) {
    const onKeys = await startAudience(world, ofKeys);
    const onCounters = await startAudience(world, ofCounters);
    const candidates = [
      candidate(kvOne, onKeys, { inFlight: 1, pauseMs: 0 }),
      candidate(kvMany, onKeys, { inFlight: 16, pauseMs: 0 }),
      candidate(counterOne, onCounters, { inFlight: 1, pauseMs: counterPauseMs }),
    ];
    const rounds = await Rounds.run(world, { name: 'fanout', candidates });
    for (const { program } of [onKeys, onCounters]) await program.stop();
    return {
      rates: [kvOne, kvMany, counterOne].map((name) => rounds.row(name)),
      values: [],
      notes: ['Per second: deliveries while a change is on its way. CPU: milliseconds per 1,000 deliveries.'],
    };
  },
};

interface Audience {
  readonly program: Program;
  readonly child: Child<Subscribers>;
}

/** A program of their own, so that the others do not hear what is not for them. */
async function startAudience(
  world: World,
  documents: Pick<Subscribers['config'], 'subscription' | 'mutation' | 'expected'>,
): Promise<Audience> {
  const program = await Program.start(world);
  const config = { port: program.port, count, ...documents };
  return { program, child: await Child.start<Subscribers>(world, { file: 'subscribers.js', config }) };
}

function candidate(
  name: string,
  { program, child }: Audience,
  how: Pick<Subscribers['run'], 'inFlight' | 'pauseMs'>,
): Candidate {
  return { name, run: (spec) => child.run({ ...spec, ...how, pids: program.pids }, durationMs(spec)) };
}
