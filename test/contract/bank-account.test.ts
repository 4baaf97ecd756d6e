/** The bank account of the guide (`examples/bank-account`), as an application on the built package: what it promises its customers. */
import { until } from '../e2e/support/collector';
import { ensureBuilt, startApplication, temporaryDirectory } from '../e2e/support/program';
import type { Program } from '../e2e/support/program';
import { endProgram } from './support/running-program';

const minute = 60_000;
const file = 'examples/bank-account/main.mjs';
const account = '... on Account { owner balance version } ... on AccountRefused { code message }';

type Json = Readonly<Record<string, unknown>>;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let bank: Program;
beforeAll(async () => {
  await ensureBuilt();
  directory = await temporaryDirectory();
  bank = await startApplication(file, directory.path).ready();
}, 5 * minute);
afterAll(async () => {
  await endProgram(bank);
  await directory.remove();
});

async function ask(query: string, variables: Json = {}, by = bank): Promise<unknown> {
  const { data, errors } = await by.query(query, variables);
  expect(errors).toBeUndefined();
  return Object.values(data!)[0];
}

const open = (id: string, owner = 'Ann'): Promise<unknown> =>
  ask(`mutation ($id: String!, $owner: String!) { openAccount(id: $id, owner: $owner) { ${account} } }`, { id, owner });

interface Move {
  readonly id: string;
  readonly amount: number;
  readonly commandId?: string;
}

const move =
  (field: 'deposit' | 'withdraw') =>
  (variables: Move, by = bank): Promise<unknown> =>
    ask(
      `mutation ($id: String!, $amount: SafeInt!, $commandId: String) { ${field}(id: $id, amount: $amount, commandId: $commandId) { ${account} } }`,
      { ...variables },
      by,
    );
const deposit = move('deposit');
const withdraw = move('withdraw');

it('opens once, takes deposits and withdrawals, and refuses what it must', async () => {
  expect(await deposit({ id: 'a', amount: 5 })).toMatchObject({ code: 'NOT_FOUND' });
  expect(await open('a')).toEqual({ owner: 'Ann', balance: 0, version: 1 });
  expect(await open('a', 'Bob')).toMatchObject({ code: 'ALREADY_EXISTS', message: "the account is open: it is Ann's" });
  expect(await deposit({ id: 'a', amount: 100 })).toEqual({ owner: 'Ann', balance: 100, version: 2 });
  expect(await withdraw({ id: 'a', amount: 30 })).toEqual({ owner: 'Ann', balance: 70, version: 3 });
  expect(await withdraw({ id: 'a', amount: 71 })).toEqual({
    code: 'INSUFFICIENT_FUNDS',
    message: 'the balance is 70, less than 71',
  });
  const { errors } = await bank.query('mutation { withdraw(id: "a", amount: -5) { __typename } }');
  expect(errors).toMatchObject([
    { message: 'amount is -5: it must be above 0', extensions: { code: 'BAD_USER_INPUT' } },
  ]);
  expect(await ask('{ account(id: "a") { owner balance version } }')).toEqual({
    owner: 'Ann',
    balance: 70,
    version: 3,
  });
  expect(await ask('{ account(id: "nobody") { owner } }')).toBeNull();
});

it('shows what happened and by which command, and the account as it was', async () => {
  await open('b');
  await deposit({ id: 'b', amount: 10, commandId: 'salary' });
  await withdraw({ id: 'b', amount: 4, commandId: 'rent' });
  const trail = (await ask('{ auditTrail(id: "b") { version type data at commandId } }')) as Json[];
  expect(trail.map(({ version, type, data, commandId }) => [version, type, data, commandId])).toEqual([
    [1, 'AccountOpened', { owner: 'Ann' }, expect.any(String)],
    [2, 'Deposited', { amount: 10 }, 'salary'],
    [3, 'Withdrawn', { amount: 4 }, 'rent'],
  ]);
  expect(await ask('{ accountAt(id: "b", version: 2) { balance version } }')).toEqual({ balance: 10, version: 2 });
  // The same events, by the gateway's own fields.
  expect(await ask('{ eventStream(id: "account-b") { version events(first: 10) { nodes { type } } } }')).toEqual({
    version: 3,
    events: { nodes: [{ type: 'AccountOpened' }, { type: 'Deposited' }, { type: 'Withdrawn' }] },
  });
});

it('does a command that comes again once, at the same time too', async () => {
  await open('c');
  await deposit({ id: 'c', amount: 100 });
  const all = await Promise.all(Array.from({ length: 10 }, () => withdraw({ id: 'c', amount: 60, commandId: 'once' })));
  expect(all).toEqual(all.map(() => ({ owner: 'Ann', balance: 40, version: 3 })));
  await deposit({ id: 'c', amount: 1 });
  expect(await withdraw({ id: 'c', amount: 60, commandId: 'once' })).toEqual({ owner: 'Ann', balance: 41, version: 4 });
});

it(
  'never overdraws: 50 withdrawals at once, over two processes of the application',
  async () => {
    const other = await startApplication(file, directory.path, {
      NORIGATE_STORAGE: `unix:${directory.path}/storage.sock`,
    }).ready();
    try {
      await until(async () => (await fetch(`${other.origin}/readyz`)).status === 200);
      await open('d');
      await deposit({ id: 'd', amount: 100 });
      const all = (await Promise.all(
        Array.from({ length: 50 }, (_, at) => withdraw({ id: 'd', amount: 7 }, at % 2 === 0 ? bank : other)),
      )) as Json[];
      expect(all.filter(({ code }) => code === undefined)).toHaveLength(14);
      expect(all.filter(({ code }) => code === 'INSUFFICIENT_FUNDS')).toHaveLength(36);
      expect(await ask('{ account(id: "d") { balance version } }')).toEqual({ balance: 2, version: 16 });
    } finally {
      await other.destroy();
    }
  },
  minute,
);

it(
  'keeps snapshots, and every event',
  async () => {
    await open('e');
    for (let at = 0; at < 20; at += 1)
      await Promise.all(Array.from({ length: 10 }, () => deposit({ id: 'e', amount: 1 })));
    expect(await ask('{ account(id: "e") { balance version } }')).toEqual({ balance: 200, version: 201 });
    expect(await ask('{ eventStream(id: "account-e") { version snapshot { version } } }')).toEqual({
      version: 201,
      snapshot: { version: 200 },
    });
  },
  minute,
);

it('keeps tenants apart, in its own fields as in ours', async () => {
  await open('f');
  const answer = await fetch(`${bank.origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-tenant-id': 'another' },
    body: JSON.stringify({ query: '{ account(id: "f") { owner } }' }),
  });
  expect(await answer.json()).toEqual({ data: { account: null } });
});

it('refuses settings that make no sense in an application', async () => {
  const refused = startApplication(file, directory.path, { NORIGATE_WORKERS: '2' });
  const { code, stderr } = await refused.ended;
  expect([code, stderr]).toEqual([1, expect.stringContaining('NORIGATE_WORKERS must be 1')]);
});
