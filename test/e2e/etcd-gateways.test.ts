/** Two gateways, each with a storage process of its own, on three members of etcd: how soon one of them knows what was done at the other. Prints what it measured. */
import { createClient } from 'graphql-ws';
import type { Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { systemClock } from '../../src/core/clock';
import { Bed } from '../faults/support/bed';
import { Collector } from './support/collector';
import { post } from './support/sample-gateway';
import type { GraphqlAnswer } from './support/sample-gateway';

const minute = 60_000;
jest.setTimeout(minute);

const operatorKey = 'operator-key-of-these-tests-0123456789';
const rounds = 30;

let bed: Bed;
let clients: Client[] = [];
const lines: string[] = [];

beforeAll(async () => {
  bed = await Bed.start({ settings: { NORIGATE_AUTH: 'required', NORIGATE_OPERATOR_KEY: operatorKey } });
}, minute);
afterEach(() => {
  for (const client of clients) void client.dispose();
  clients = [];
});
afterAll(async () => {
  process.stdout.write(`${lines.join('\n')}\n`);
  await bed?.stop();
});

/** Asks a gateway, 0 or 1. */
async function ask(at: number, credential: string, query: string, variables = {}): Promise<GraphqlAnswer> {
  const headers = { authorization: `Bearer ${credential}` };
  return (await post(bed.machines[at]!.gateway.origin, { query, variables }, headers)).body;
}

async function get<Answer>(at: number, credential: string, query: string, variables = {}): Promise<Answer> {
  const { data, errors } = await ask(at, credential, query, variables);
  if (errors) throw new Error(JSON.stringify(errors));
  return Object.values(data!)[0] as Answer;
}

const codeOf = ({ errors }: GraphqlAnswer): string | undefined => errors?.[0]?.extensions.code;

/** A tenant of its own, and a key of it. */
async function makeTenant(tenantId: string): Promise<{ readonly id: string; readonly secret: string }> {
  const make = 'mutation ($input: CreateTenantInput!) { createTenant(input: $input) { __typename } }';
  await get(0, operatorKey, make, { input: { tenantId, name: tenantId, plan: 'ENTERPRISE' } });
  const makeKey = 'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { id secret } }';
  return get(0, operatorKey, makeKey, { input: { tenantId, name: 'key', role: 'WRITER' } });
}

/** A subscription at a gateway, with when each message came. */
function subscribe<Message>(at: number, credential: string, query: string) {
  const client = createClient({
    url: `${bed.machines[at]!.gateway.origin.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${credential}` },
    retryAttempts: 0,
  });
  clients.push(client);
  const seen = new Collector<{ readonly message: Message; readonly atMs: number }>();
  const ended = new Promise<unknown>((resolve) => {
    const next = ({ data }: { data?: Record<string, unknown> | null }): void => {
      if (data) seen.add({ message: Object.values(data)[0] as Message, atMs: systemClock.monotonicMs() });
    };
    client.subscribe({ query }, { next, error: resolve, complete: () => resolve('complete') });
  });
  return { seen, ended, client };
}

/** Resolves with the time at which it holds of what came. */
async function when<Message>(
  seen: Collector<{ readonly message: Message; readonly atMs: number }>,
  holds: (message: Message) => boolean,
): Promise<number> {
  for (;;) {
    const found = seen.items.find(({ message }) => holds(message));
    if (found) return found.atMs;
    await seen.atLeast(seen.items.length + 1);
  }
}

/** Writes down what was measured, and gives the longest. */
function measured(what: string, times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): string =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(1);
  lines.push(`${what}: ${times.length} times, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
  return sorted.at(-1)!;
}

test('a cached entry is dropped on the other gateway as soon as the change is known there, and never comes back', async () => {
  const { secret } = await makeTenant('cache');
  const put = 'mutation ($text: String!) { kvPut(input: { key: "k", value: { text: $text } }) { __typename } }';
  const read = '{ cached(key: "k") { hit entry { value { text } } } }';
  type Cached = { readonly hit: boolean; readonly entry: { readonly value: { readonly text: string } } | null };
  const textOf = ({ entry }: Cached): number => Number(entry?.value.text ?? -1);
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const [writer, reader] = [round % 2, 1 - (round % 2)];
    // It is in the memory of the other gateway.
    await get<Cached>(reader, secret, read);
    await get(writer, secret, put, { text: String(round) });
    const writtenMs = systemClock.monotonicMs();
    expect(textOf(await get<Cached>(writer, secret, read))).toBe(round);
    while (textOf(await get<Cached>(reader, secret, read)) !== round);
    times.push(systemClock.monotonicMs() - writtenMs);
    expect(textOf(await get<Cached>(reader, secret, read))).toBe(round);
  }
  expect(measured('cache: written at one gateway, until the other reads it', times)).toBeLessThan(1_000);
});

test('a subscriber of the other gateway hears of a change', async () => {
  const { secret } = await makeTenant('watch');
  const put = 'mutation ($text: String!) { kvPut(input: { key: "k", value: { text: $text } }) { __typename } }';
  const { seen } = subscribe<{ readonly entry: { readonly value: { readonly text: string } } }>(
    1,
    secret,
    'subscription { kvChanges { entry { value { text } } } }',
  );
  // It says nothing until something changes: until it does, it may not be open.
  for (let first = 0; seen.items.length === 0; first += 1) await get(0, secret, put, { text: `first ${first}` });
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await get(0, secret, put, { text: String(round) });
    const writtenMs = systemClock.monotonicMs();
    const heardMs = await when(seen, ({ entry }) => entry.value.text === String(round));
    times.push(Math.max(0, heardMs - writtenMs));
  }
  expect(
    measured('kvChanges: acknowledged at one gateway, until a subscriber of the other has it', times),
  ).toBeLessThan(1_000);
});

test('a key that is revoked at one gateway is refused by the other within a second, and what it holds open ends', async () => {
  const open = 'subscription { counterChanged(name: "c") { value } }';
  const count = 'mutation { incrementCounter(input: { name: "c" }) { __typename } }';
  const [refusals, ends]: [number[], number[]] = [[], []];
  for (let round = 0; round < 5; round += 1) {
    const { id, secret } = await makeTenant(`revoked-${round}`);
    const { seen, ended } = subscribe(1, secret, open);
    await get(0, secret, count);
    await seen.atLeast(1);
    await get(0, operatorKey, 'mutation ($id: String!) { revokeApiKey(id: $id) }', { id });
    const revokedMs = systemClock.monotonicMs();
    const end = ended.then((reason) => {
      ends.push(systemClock.monotonicMs() - revokedMs);
      return reason;
    });
    while (codeOf(await ask(1, secret, '{ counter(name: "c") { value } }')) !== 'UNAUTHENTICATED');
    refusals.push(systemClock.monotonicMs() - revokedMs);
    expect(await end).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
  }
  expect(measured('revokeApiKey at one gateway, until the other refuses the key', refusals)).toBeLessThan(1_000);
  expect(measured('revokeApiKey at one gateway, until a subscription of the other has ended', ends)).toBeLessThan(
    1_500,
  );
});

test('a tenant that is deleted at one gateway is shut at the other within a second', async () => {
  const times: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const { secret } = await makeTenant(`deleted-${round}`);
    await get(1, secret, 'mutation { incrementCounter(input: { name: "c" }) { __typename } }');
    const remove = 'mutation ($id: String!) { deleteTenant(id: $id) }';
    await get(0, operatorKey, remove, { id: `deleted-${round}` });
    const deletedMs = systemClock.monotonicMs();
    while (!(await ask(1, secret, '{ counter(name: "c") { value } }')).errors);
    times.push(systemClock.monotonicMs() - deletedMs);
  }
  expect(measured('deleteTenant at one gateway, until the other shuts it', times)).toBeLessThan(1_000);
});

test('who waits at the other gateway leads when the leader leaves, or its gateway is killed', async () => {
  const { secret } = await makeTenant('elections');
  const leaseMs = 3_000;
  const stand = (candidate: string): string =>
    `subscription { campaign(election: "chair", candidateId: "${candidate}", leaseMs: ${leaseMs}) { isLeader } }`;
  const leads = ({ isLeader }: { readonly isLeader: boolean }): boolean => isLeader;
  type Status = { readonly isLeader: boolean };
  const left: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const first = subscribe<Status>(0, secret, stand(`first ${round}`));
    await when(first.seen, leads);
    const second = subscribe<Status>(1, secret, stand(`second ${round}`));
    await second.seen.atLeast(1);
    first.client.terminate();
    const leftMs = systemClock.monotonicMs();
    left.push((await when(second.seen, leads)) - leftMs);
    second.client.terminate();
  }
  expect(measured('campaign: the leader leaves, until the one at the other gateway leads', left)).toBeLessThan(
    leaseMs / 3 + 1_000,
  );
  const killed = subscribe<Status>(0, secret, stand('killed'));
  await when(killed.seen, leads);
  const heir = subscribe<Status>(1, secret, stand('heir'));
  await heir.seen.atLeast(1);
  bed.machines[0]!.gateway.process.kill('SIGKILL');
  const killedMs = systemClock.monotonicMs();
  const goneMs = (await when(heir.seen, leads)) - killedMs;
  expect(measured(`campaign of ${leaseMs} ms: its gateway is killed, until the other leads`, [goneMs])).toBeLessThan(
    leaseMs + leaseMs / 3 + 1_000,
  );
});
