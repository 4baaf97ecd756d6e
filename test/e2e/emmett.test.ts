/** emmett's own command handling on our event streams, through `examples/emmett`. */
import {
  CommandHandler,
  DeciderCommandHandler,
  ExpectedVersionConflictError,
  STREAM_DOES_NOT_EXIST,
  STREAM_EXISTS,
} from '@event-driven-io/emmett';
import type { Command, Event, EventStore, ReadEventMetadataWithGlobalPosition } from '@event-driven-io/emmett';
import { makeGatewayEventStore } from '../../examples/emmett/gateway-event-store';
import { ensureBuilt, startProgram, temporaryDirectory } from './support/program';
import type { Program } from './support/program';

type AccountEvent =
  Event<'Opened', { owner: string }> | Event<'Deposited', { amount: number }> | Event<'Withdrawn', { amount: number }>;
type AccountCommand = Command<'Deposit', { amount: number }> | Command<'Withdraw', { amount: number }>;

interface Account {
  readonly balance: number;
}

const initialState = (): Account => ({ balance: 0 });
const evolve = ({ balance }: Account, { type, data }: AccountEvent): Account => {
  if (type === 'Opened') return { balance };
  return { balance: balance + (type === 'Deposited' ? data.amount : -data.amount) };
};
const decide = ({ type, data }: AccountCommand, { balance }: Account): AccountEvent => {
  if (type === 'Deposit') return { type: 'Deposited', data };
  if (balance < data.amount) throw new Error('insufficient funds');
  return { type: 'Withdrawn', data };
};

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let program: Program;
let store: EventStore<ReadEventMetadataWithGlobalPosition>;
beforeAll(async () => {
  await ensureBuilt();
  directory = await temporaryDirectory();
  program = await startProgram(directory.path).ready();
  store = makeGatewayEventStore({ origin: program.origin });
}, 300_000);
afterAll(async () => {
  await program.destroy();
  await directory.remove();
});

const opened: AccountEvent = { type: 'Opened', data: { owner: 'Ann' } };
const deposited = (amount: number): AccountEvent => ({ type: 'Deposited', data: { amount } });

it('appends under conditions, reads back, and knows what exists', async () => {
  expect(await store.streamExists('a')).toBe(false);
  expect(await store.readStream('a')).toEqual({ currentStreamVersion: 0n, events: [], streamExists: false });
  const first = await store.appendToStream('a', [opened, deposited(5)], {
    expectedStreamVersion: STREAM_DOES_NOT_EXIST,
  });
  expect(first).toMatchObject({ nextExpectedStreamVersion: 2n, createdNewStream: true });
  expect(await store.appendToStream('a', [deposited(6)], { expectedStreamVersion: 2n })).toMatchObject({
    nextExpectedStreamVersion: 3n,
    createdNewStream: false,
  });
  await store.appendToStream('a', [deposited(7)], { expectedStreamVersion: STREAM_EXISTS });
  await store.appendToStream('a', [deposited(8)]);
  const { events, currentStreamVersion } = await store.readStream<AccountEvent>('a');
  expect(currentStreamVersion).toBe(5n);
  expect(events.map(({ type, metadata }) => [type, metadata.streamPosition])).toEqual([
    ['Opened', 1n],
    ['Deposited', 2n],
    ['Deposited', 3n],
    ['Deposited', 4n],
    ['Deposited', 5n],
  ]);
  expect(events[0]!.metadata).toMatchObject({
    streamName: 'a',
    messageId: expect.any(String) as string,
    globalPosition: 1n,
  });
  const part = await store.readStream('a', { from: 1n, to: 3n });
  expect([part.events.length, part.currentStreamVersion]).toEqual([2, 5n]);
  expect((await store.readStream('a', { from: 5n })).currentStreamVersion).toBe(5n);
  expect((await store.readStream('a', { from: 2n, maxCount: 1n })).events).toHaveLength(1);
});

it.each([
  ['a stream that is there', 'b', STREAM_DOES_NOT_EXIST],
  ['a stream that is not', 'none', STREAM_EXISTS],
  ['another version', 'b', 7n],
] as const)('refuses an append to %s', async (_, stream, expectedStreamVersion) => {
  await store.appendToStream('b', [opened]);
  const { currentStreamVersion } = await store.readStream('b');
  await expect(store.appendToStream(stream, [opened], { expectedStreamVersion })).rejects.toBeInstanceOf(
    ExpectedVersionConflictError,
  );
  expect((await store.readStream('b')).currentStreamVersion).toBe(currentStreamVersion);
});

it('handles commands with a decider, and with functions', async () => {
  const handle = DeciderCommandHandler({ decide, evolve, initialState });
  await handle(store, 'c', { type: 'Deposit', data: { amount: 10 } });
  const { newState, nextExpectedStreamVersion } = await handle(store, 'c', { type: 'Withdraw', data: { amount: 4 } });
  expect([newState, nextExpectedStreamVersion]).toEqual([{ balance: 6 }, 2n]);
  await expect(handle(store, 'c', { type: 'Withdraw', data: { amount: 7 } })).rejects.toThrow('insufficient funds');
  const withFunctions = CommandHandler<Account, AccountEvent>({ evolve, initialState });
  const result = await withFunctions(store, 'c', [() => deposited(1), ({ balance }) => deposited(balance)]);
  expect(result.newState).toEqual({ balance: 14 });
  expect(result.nextExpectedStreamVersion).toBe(4n);
});

it('never overdraws, however many commands come at once', async () => {
  await store.appendToStream('d', [opened, deposited(100)]);
  const retry = {
    retries: 50,
    minTimeout: 1,
    maxTimeout: 20,
    factor: 1,
    shouldRetryError: (error: unknown) => error instanceof ExpectedVersionConflictError,
  };
  const handle = DeciderCommandHandler({ decide, evolve, initialState, retry });
  const all = await Promise.allSettled(
    Array.from({ length: 25 }, () => handle(store, 'd', { type: 'Withdraw', data: { amount: 7 } })),
  );
  const done = all.filter(({ status }) => status === 'fulfilled');
  const refused = all.filter(
    (each) => each.status === 'rejected' && String(each.reason).includes('insufficient funds'),
  );
  expect([done.length, refused.length]).toEqual([14, 11]);
  const { state } = await store.aggregateStream<Account, AccountEvent>('d', { evolve, initialState });
  expect(state).toEqual({ balance: 2 });
});

it('reads long streams, a page at a time, and other shapes of events', async () => {
  for (let at = 0; at < 11; at += 1)
    await store.appendToStream(
      'e',
      Array.from({ length: 100 }, () => deposited(1)),
    );
  const { state, currentStreamVersion } = await store.aggregateStream<Account, AccountEvent>('e', {
    evolve,
    initialState,
  });
  expect([state.balance, currentStreamVersion]).toEqual([1_100, 1_100n]);
  type InCents = Event<'Deposited', { cents: number }>;
  await store.appendToStream<AccountEvent, InCents>('f', [deposited(5)], {
    schema: {
      versioning: {
        downcast: ({ data }) => ({ type: 'Deposited', data: { cents: (data as { amount: number }).amount * 100 } }),
      },
    },
  });
  expect((await store.readStream('f')).events[0]!.data).toEqual({ cents: 500 });
  const { events } = await store.readStream<AccountEvent, InCents>('f', {
    schema: { versioning: { upcast: ({ data }) => deposited(data.cents / 100) } },
  });
  expect(events[0]).toMatchObject({ type: 'Deposited', data: { amount: 5 }, metadata: { streamPosition: 1n } });
});
