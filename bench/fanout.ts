/**
 * One change to 1,000 and to 5,000 subscribers, each on a WebSocket of its own: of kvChanges, one change at a time (how long until the
 * last one has it) and 16 on their way (how many deliveries a second); of counterChanged, whose changes are merged for 50 ms,
 * with a pause between them. Beside them the same subscription served by plain graphql-ws, which stores nothing. Every subscriber
 * must be told of every change exactly once.
 */
import type { HttpServerChild } from './children/no-op-gateway';
import type { Subscribers } from './children/subscribers';
import { atLeast } from './support/bench';
import type { Bench, RateRow } from './support/bench';
import { Child } from './support/child';
import { Program } from './support/program';
import { Rounds, durationMs } from './support/rounds';
import type { Candidate } from './support/rounds';
import type { World } from './support/world';

const counts = [1_000, 5_000] as const;
const ratioWanted = 2.5;
/** Longer than a counter's changes are merged. */
const counterPauseMs = 75;

const ofKeys = {
  subscription: 'subscription { kvChanges(prefix: "fanout-") { type key version entry { value { text } } } }',
  mutation: 'mutation { kvPut(input: { key: "fanout-1", value: { text: "a short text" } }) { __typename } }',
  expected: 'KvPutSuccess',
};

const ofCounters = {
  subscription: 'subscription { counterChanged(name: "fanout") { name value updatedAt } }',
  mutation: 'mutation { incrementCounter(input: { name: "fanout" }) { __typename } }',
  expected: '"IncrementCounterSuccess"',
};

type Documents = Pick<Subscribers['config'], 'subscription' | 'mutation' | 'expected'>;
type How = Pick<Subscribers['run'], 'inFlight' | 'pauseMs'>;

const oneByOne: How = { inFlight: 1, pauseMs: 0 };
const many: How = { inFlight: 16, pauseMs: 0 };

export const fanout: Bench = {
  name: 'fanout',
  title: 'One change to many subscribers (figures are deliveries; latencies are of the last one)',
  async run(world) {
    const rates: RateRow[] = [];
    for (const count of counts) rates.push(...(await runWith(world, count)));
    return {
      rates,
      values: [],
      notes: [
        'Per second: deliveries while a change is on its way. CPU: milliseconds per 1,000 deliveries. The ratios are of deliveries per CPU second of the gateway.',
      ],
    };
  },
};

async function runWith(world: World, count: number): Promise<RateRow[]> {
  const plain = await Child.start<HttpServerChild>(world, {
    file: 'plain-graphql-ws.js',
    config: null,
    isServer: true,
  });
  const ofPlain = await openAudience(world, { port: plain.started.port, count, documents: ofKeys });
  const keys = await Program.start(world);
  const ofOurs = await openAudience(world, { port: keys.port, count, documents: ofKeys });
  const name = (what: string): string => `${what}, ${count.toLocaleString('en-US')}`;
  const plainOne = name('plain graphql-ws, one change at a time');
  const plainMany = name('plain graphql-ws, 16 changes on their way');
  const kvOne = name('kvChanges, one change at a time');
  const kvMany = name('kvChanges, 16 changes on their way');
  const counterOne = name('counterChanged, one change at a time');
  const plainPids = { gateway: plain.pid };
  const candidates = [
    candidate(plainOne, ofPlain, plainPids, oneByOne),
    candidate(kvOne, ofOurs, keys.pids, oneByOne),
    candidate(plainMany, ofPlain, plainPids, many),
    candidate(kvMany, ofOurs, keys.pids, many),
  ];
  let counters: Program | undefined;
  if (count === counts[0]) {
    counters = await Program.start(world);
    const ofCounter = await openAudience(world, { port: counters.port, count, documents: ofCounters });
    candidates.push(candidate(counterOne, ofCounter, counters.pids, { inFlight: 1, pauseMs: counterPauseMs }));
  }
  const rounds = await Rounds.run(world, { name: 'fanout', candidates });
  for (const each of [ofPlain, ofOurs]) await each.stop();
  await plain.stop();
  await keys.stop();
  await counters?.stop();
  const beside = (ours: string, other: string): RateRow => {
    const ratio = rounds.cpuRatio(ours, other, 'gateway');
    const target = atLeast(ratio.value, ratioWanted, `≥ ${ratioWanted} × plain graphql-ws`);
    return rounds.row(ours, { ratios: [ratio], targets: [target] });
  };
  return [
    rounds.row(plainOne),
    beside(kvOne, plainOne),
    rounds.row(plainMany),
    beside(kvMany, plainMany),
    ...(counters ? [rounds.row(counterOne)] : []),
  ];
}

interface AudienceOptions {
  readonly port: number;
  readonly count: number;
  readonly documents: Documents;
}

function openAudience(world: World, { port, count, documents }: AudienceOptions): Promise<Child<Subscribers>> {
  return Child.start<Subscribers>(world, { file: 'subscribers.js', config: { port, count, ...documents } });
}

function candidate(
  name: string,
  child: Child<Subscribers>,
  pids: Readonly<Record<string, number>>,
  how: How,
): Candidate {
  return { name, run: (spec) => child.run({ ...spec, ...how, pids }, durationMs(spec)) };
}
