/**
 * The event store: appends to 1,000 streams and to one, beside incrementCounter on 10,000 counters in the same run; appends of 100
 * events; pages of 100 at the start and at the end of a long stream; and one subscriber that catches up on all of it.
 */
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { systemClock } from '../src/core/clock';
import { atLeast } from './support/bench';
import type { Bench } from './support/bench';
import { createCounters, incrementDocument, incrementVariables, incremented } from './support/counters';
import { ask, forEach } from './support/graphql-client';
import { makeHttpLoad } from './support/http-load';
import { Program } from './support/program';
import { Rounds } from './support/rounds';

const base = 'incrementCounter, 10,000 counters';
const many = 'appendEvents, 1,000 streams';
const hot = 'appendEvents, 1 stream';
const batches = 'appendEvents of 100, 1,000 streams';
const start = 'eventStream, 100 events at the start';
const end = 'eventStream, 100 events at the end';

const appendDocument =
  'mutation Append($input: AppendEventsInput!) { appendEvents(input: $input) { __typename ... on AppendEventsSuccess { stream { version } } } }';
const pageDocument =
  'query Page($id: String!, $after: SafeInt!) { eventStream(id: $id) { version events(afterVersion: $after, first: 100) { nodes { type version data } } } }';
const data = { amount: 100, currency: 'EUR', note: 'x'.repeat(100) };
const longStream = 'long';
const events = (count: number): object[] => Array.from({ length: count }, () => ({ type: 'MoneyDeposited', data }));
const appends = (prefix: string, streams: number, count: number): object[] =>
  Array.from({ length: streams }, (_, index) => ({ input: { streamId: `${prefix}-${index}`, events: events(count) } }));

export const eventsBench: Bench = {
  name: 'events',
  title: 'Event streams, 64 connections',
  async run(world) {
    // A short run is for trying the bench out.
    const long = world.options.seconds < 3 ? 50_000 : 1_000_000;
    const program = await Program.start(world);
    const { origin, port, pids } = program;
    await createCounters(origin, 'many-', 10_000);
    world.say(`events: ${long.toLocaleString('en-US')} events in one stream`);
    const loadedMs = await tookMs(() =>
      forEach(Array.from({ length: long / 100 }), () =>
        ask(origin, appendDocument, { input: { streamId: longStream, events: events(100) } }),
      ),
    );
    const append = { port, pids, connections: 64, query: appendDocument, expected: '"AppendEventsSuccess"' };
    const page = { port, pids, connections: 64, query: pageDocument, expected: '"MoneyDeposited"' };
    const rounds = await Rounds.run(world, {
      name: 'events',
      candidates: [
        await makeHttpLoad(world, {
          ...append,
          name: base,
          query: incrementDocument,
          variables: incrementVariables('many-', 10_000),
          expected: incremented,
        }),
        await makeHttpLoad(world, { ...append, name: many, variables: appends('many', 1_000, 1) }),
        await makeHttpLoad(world, { ...append, name: hot, variables: appends('hot', 1, 1) }),
        await makeHttpLoad(world, { ...append, name: batches, variables: appends('batch', 1_000, 100) }),
        await makeHttpLoad(world, { ...page, name: start, variables: [{ id: longStream, after: 0 }] }),
        await makeHttpLoad(world, { ...page, name: end, variables: [{ id: longStream, after: long - 100 }] }),
      ],
    });
    world.say('events: one subscriber catches up');
    const caughtUpMs = await tookMs(() => catchUp(origin, long));
    await requireVersion(origin, 'hot-0', rounds.of(hot).answered);
    await requireVersion(origin, longStream, long);
    await program.stop();
    const [toMany, toHot, toStart] = [rounds.ratio(many, base), rounds.ratio(hot, base), rounds.ratio(end, start)];
    return {
      rates: [
        rounds.row(base),
        rounds.row(many, { ratios: [toMany], targets: [atLeast(toMany.value, 0.6, `≥ 0.6 × ${base}`)] }),
        rounds.row(hot, { ratios: [toHot], targets: [atLeast(toHot.value, 0.5, `≥ 0.5 × ${base}`)] }),
        rounds.row(batches, { ratios: [rounds.ratio(batches, base)] }),
        rounds.row(start),
        rounds.row(end, { ratios: [toStart], targets: [atLeast(toStart.value, 1 / 1.5, 'within 1.5 × of the start')] }),
      ],
      values: [
        { name: 'events appended, 100 an append', value: rounds.of(batches).perSecond * 100, unit: 'events/s' },
        { name: 'events appended to the long stream', value: (long / loadedMs) * 1_000, unit: 'events/s' },
        { name: 'one subscriber catches up', value: (long / caughtUpMs) * 1_000, unit: 'events/s' },
      ],
      notes: [
        `The long stream has ${long.toLocaleString('en-US')} events.`,
        'Verified: a stream has as many events as were acknowledged; the subscriber got each once, in order.',
      ],
    };
  },
};

async function tookMs(action: () => Promise<unknown>): Promise<number> {
  const fromMs = systemClock.monotonicMs();
  await action();
  return systemClock.monotonicMs() - fromMs;
}

async function requireVersion(origin: string, id: string, expected: number): Promise<void> {
  const query = 'query ($id: String!) { eventStream(id: $id) { version } }';
  const { eventStream } = await ask<{ eventStream: { version: number } }>(origin, query, { id });
  if (eventStream.version !== expected)
    throw new Error(`stream ${id} is at ${eventStream.version}, where ${expected} events were acknowledged`);
}

/** Resolves when one subscriber has seen all events of the long stream. */
async function catchUp(origin: string, count: number): Promise<void> {
  const client = createClient({ url: `${origin.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket });
  const query = `subscription { events(streamId: "${longStream}", afterVersion: 0) { event { version type data } } }`;
  let seen = 0;
  for await (const message of client.iterate<{ events: { event: { version: number } | null } }>({ query })) {
    const version = message.data?.events.event?.version;
    if (version !== seen + 1)
      throw new Error(`version ${version} came after ${seen}: ${JSON.stringify(message.errors)}`);
    seen = version;
    if (seen === count) break;
  }
  await client.dispose();
}
