/**
 * Each pattern's main operation on 1,000 records and on one hot record, 64 connections, beside incrementCounter on 10,000 counters
 * in the same run; reads beside kvGet, and a cache hit beside the same query with a resolver that does nothing.
 */
import type { HttpServerChild } from './children/no-op-gateway';
import { atLeast } from './support/bench';
import type { Bench, RateRow } from './support/bench';
import { Child } from './support/child';
import { createCounters, incrementDocument, incrementVariables, incremented } from './support/counters';
import { ask, forEach } from './support/graphql-client';
import { makeHttpLoad } from './support/http-load';
import type { HttpLoadOptions } from './support/http-load';
import { Program } from './support/program';
import { Rounds } from './support/rounds';
import type { Candidate } from './support/rounds';
import { loadKeys, nameOfKey } from './support/tenant-store';

const base = 'incrementCounter, 10,000 counters';
const get = 'kvGet, 1,000 keys';
const noOp = 'cached, no-op resolver';
const records = 1_000;
const plenty = 1_000_000_000;

type Load = Pick<HttpLoadOptions, 'query' | 'expected' | 'followUp'>;

/** What is measured: its records, made anew for each number of them, and what is to be reached. */
interface Case {
  readonly name: string;
  readonly load: Load;
  /** Makes so many records; the variables of the requests on them. */
  readonly prepare: (origin: string, count: number) => Promise<readonly object[]>;
  readonly to: string;
  /** On both numbers of records; left out: it is only reported. */
  readonly atLeast?: number;
}

const names = (what: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${what} ${count} ${index}`);

async function items(origin: string, count: number): Promise<readonly object[]> {
  const create = `mutation ($sku: String!) { createInventoryItem(input: { sku: $sku, quantity: ${plenty} }) { __typename } }`;
  const skus = names('sku', count);
  await forEach(skus, (sku) => ask(origin, create, { sku }));
  return skus.map((sku) => ({ input: { lines: [{ sku, quantity: 1 }] } }));
}

async function sessions(origin: string, count: number, ttlMs: number): Promise<readonly object[]> {
  const create = `mutation ($user: String!) { createSession(input: { userId: $user, ttlMs: ${ttlMs} }) { token } }`;
  const tokens: object[] = [];
  await forEach(names(`user ${ttlMs}`, count), async (user) => {
    const { createSession } = await ask<{ createSession: { token: string } }>(origin, create, { user });
    tokens.push({ token: createSession.token });
  });
  return tokens;
}

async function reigns(origin: string, count: number): Promise<readonly object[]> {
  const campaign =
    'mutation ($election: String!) { campaign(input: { election: $election, candidateId: "c", leaseMs: 3600000 }) { ... on Leadership { fencingToken } } }';
  const elections = names('election', count);
  await forEach(elections, (election) => ask(origin, campaign, { election }));
  return elections.map((election) => ({ input: { election, candidateId: 'c', fencingToken: 1, leaseMs: 3_600_000 } }));
}

async function cachedKeys(origin: string, count: number): Promise<readonly object[]> {
  const put =
    'mutation ($key: String!, $text: String!) { cachePut(input: { key: $key, value: { text: $text } }) { __typename } }';
  const keys = names('cached', count);
  await forEach(keys, (key) => ask(origin, put, { key, text: 'v'.repeat(200) }));
  return keys.map((key) => ({ key }));
}

const touch: Load = {
  query: 'mutation Touch($token: String!) { touchSession(token: $token) { __typename ... on Session { expiresAt } } }',
  expected: '"Session"',
};
const cachedDocument = 'query Cached($key: String!) { cached(key: $key) { hit entry { key version value { text } } } }';

const cases: readonly Case[] = [
  {
    name: 'reserveInventory + commitReservation, a pair',
    load: {
      query:
        'mutation Reserve($input: ReserveInventoryInput!) { reserveInventory(input: $input) { __typename ... on Reservation { reservationId } } }',
      expected: '"Reservation"',
      followUp: {
        query:
          'mutation Commit($input: SettleReservationInput!) { commitReservation(input: $input) { __typename ... on Reservation { status } } }',
        member: 'reservationId',
        expected: '"COMMITTED"',
      },
    },
    prepare: items,
    to: base,
    atLeast: 0.4,
  },
  // Nearly all within a tenth of the time to live of the last one, so that they are only confirmed: as in a shop.
  {
    name: 'touchSession',
    load: touch,
    prepare: (origin, count) => sessions(origin, count, 3_600_000),
    to: base,
    atLeast: 0.8,
  },
  {
    name: 'session',
    load: {
      query:
        'query Session($token: String!) { session(token: $token) { id userId roles attributes expiresAt version } }',
      expected: '"userId"',
    },
    prepare: (origin, count) => sessions(origin, count, 7_200_000),
    to: get,
    atLeast: 0.8,
  },
  {
    name: 'checkRateLimit',
    load: {
      query:
        'mutation Check($input: CheckRateLimitInput!) { checkRateLimit(input: $input) { allowed remaining retryAfterMs } }',
      expected: '"allowed":true',
    },
    prepare: (_, count) =>
      Promise.resolve(
        names('caller', count).map((identifier) => ({
          input: { identifier, policies: [{ limit: plenty, windowMs: 60_000, algorithm: 'SLIDING_WINDOW_COUNTER' }] },
        })),
      ),
    to: base,
    atLeast: 0.7,
  },
  {
    name: 'renewLeadership',
    load: {
      query:
        'mutation Renew($input: RenewLeadershipInput!) { renewLeadership(input: $input) { __typename ... on Leadership { leaseExpiresAt } } }',
      expected: '"Leadership"',
    },
    prepare: reigns,
    to: base,
  },
  {
    name: 'cached, a hit',
    load: { query: cachedDocument, expected: '"hit":' },
    prepare: cachedKeys,
    to: noOp,
    atLeast: 0.9,
  },
];

const hotOf = (name: string): string => `${name}, 1 record`;
const manyOf = (name: string): string => `${name}, 1,000 records`;

export const patterns: Bench = {
  name: 'patterns',
  title: 'The patterns, 64 connections',
  async run(world) {
    const program = await Program.start(world);
    const { origin, port, pids } = program;
    const gateway = await Child.start<HttpServerChild>(world, { file: 'no-op-gateway.js', config: null });
    await createCounters(origin, 'many-', 10_000);
    await loadKeys(program.storageAddress, { count: records, valueBytes: 200 });
    const common = { port, pids, connections: 64 };
    const keys = Array.from({ length: records }, (_, index) => ({ key: nameOfKey(index) }));
    const candidates: Candidate[] = [
      await makeHttpLoad(world, {
        ...common,
        name: base,
        query: incrementDocument,
        variables: incrementVariables('many-', 10_000),
        expected: incremented,
      }),
      await makeHttpLoad(world, {
        ...common,
        name: get,
        query: 'query Get($key: String!) { kvGet(key: $key) { key version value { text } } }',
        variables: keys,
        expected: '"text"',
      }),
      await makeHttpLoad(world, {
        port: gateway.started.port,
        pids: { gateway: gateway.pid },
        connections: 64,
        name: noOp,
        query: cachedDocument,
        variables: keys,
        expected: '"hit":true',
      }),
    ];
    for (const { name, load, prepare } of cases) {
      for (const [count, called] of [
        [records, manyOf(name)],
        [1, hotOf(name)],
      ] as const) {
        const variables = await prepare(origin, count);
        candidates.push(await makeHttpLoad(world, { ...common, ...load, name: called, variables }));
      }
    }
    const rounds = await Rounds.run(world, { name: 'patterns', candidates });
    await program.stop();
    const rates: RateRow[] = [base, get, noOp].map((name) => rounds.row(name));
    for (const { name, to, atLeast: least } of cases) {
      for (const called of [manyOf(name), hotOf(name)]) {
        const ratio = rounds.ratio(called, to);
        const targets = least === undefined ? [] : [atLeast(ratio.value, least, `≥ ${least} × ${to}`)];
        rates.push(rounds.row(called, { ratios: [ratio], targets }));
      }
    }
    return { rates, values: [], notes: [] };
  },
};
