/** The projection of `examples/projection`: killed again and again, and started twice at once, it applies each event once. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { until } from './support/collector';
import { ensureBuilt, startProgram, temporaryDirectory } from './support/program';
import type { Program } from './support/program';

const minute = 60_000;
const file = join(__dirname, '..', '..', 'examples', 'projection', 'projection.mjs');
const accounts = 3;
const kills = 4;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let program: Program;
const projections = new Set<ChildProcess>();
beforeAll(ensureBuilt, 5 * minute);
beforeEach(async () => {
  directory = await temporaryDirectory();
  program = await startProgram(directory.path).ready();
});
afterEach(async () => {
  for (const each of projections) each.kill('SIGKILL');
  projections.clear();
  await program.destroy();
  await directory.remove();
});

function project(): ChildProcess {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [file], { env: { PATH, GATEWAY: program.origin }, stdio: 'ignore' });
  projections.add(child);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  projections.delete(child);
  await gone;
}

const expected = Array.from({ length: accounts }, () => ({ amount: 0, events: 0 }));

async function append(count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) {
    const account = at % accounts;
    const amount = at + 1;
    const events = [
      { type: 'Deposited', data: { amount } },
      { type: 'Withdrawn', data: { amount: 1 } },
    ];
    const { errors } = await program.query(
      'mutation ($input: AppendEventsInput!) { appendEvents(input: $input) { __typename } }',
      { input: { streamId: `account-${account}`, events } },
    );
    expect(errors).toBeUndefined();
    const model = expected[account]!;
    model.amount += amount - 1;
    model.events += events.length;
  }
}

async function models(): Promise<unknown[]> {
  const keys = Array.from({ length: accounts }, (_, account) => `projection/balances/of/account-${account}`);
  const { data } = await program.query('query ($keys: [String!]!) { kvGetMany(keys: $keys) { value { json } } }', {
    keys,
  });
  const entries = data!['kvGetMany'] as ({ value: { json: unknown } } | null)[];
  return entries.map((entry) => entry?.value.json ?? { amount: 0, events: 0 });
}

const applied = async (): Promise<number> =>
  ((await models()) as { events: number }[]).reduce((sum, { events }) => sum + events, 0);

it(
  'killed in the middle of its work, it goes on where it was; two at once do no harm',
  async () => {
    await append(20);
    let projection = project();
    for (let round = 1; round <= kills; round += 1) {
      const before = await applied();
      const appending = append(20);
      // In the middle: something of this round is applied, and something is not.
      await until(async () => (await applied()) > before);
      await kill(projection);
      await appending;
      projection = project();
    }
    const second = project();
    await append(30);
    const total = (): number => expected.reduce((sum, { events }) => sum + events, 0);
    await until(async () => (await applied()) >= total());
    expect(await models()).toEqual(expected);
    await kill(projection);
    await append(5);
    await until(async () => (await applied()) >= total());
    expect(await models()).toEqual(expected);
    await kill(second);
  },
  2 * minute,
);
