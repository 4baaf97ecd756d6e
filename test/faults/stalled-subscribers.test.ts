/**
 * A thousand subscribers that stop reading while 100 MB of changes go by: they cost bounded memory and delay nobody, and those that
 * read again go on without a gap, from the disk.
 */
import { readFileSync } from 'node:fs';
import { Collector, until } from '../e2e/support/collector';
import { ensureBuilt, startProgram, temporaryDirectory } from '../e2e/support/program';
import type { Program } from '../e2e/support/program';
import { openAcknowledged } from '../e2e/support/raw-socket';
import type { RawSocket } from '../e2e/support/raw-socket';

const minute = 60_000;
const stalledCount = 1_000;
const changeCount = 400;
const valueBytes = 262_144;
const growthMaxBytes = 200_000_000;
const openedAtOnce = 100;

const subscription = 'subscription { kvChanges(prefix: "big-") { key entry { value { text } } } }';
const mutation =
  'mutation ($key: String!, $text: String!) { kvPut(input: {key: $key, value: {text: $text}}) { __typename } }';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let program: Program;
beforeAll(ensureBuilt, 5 * minute);
beforeEach(async () => {
  directory = await temporaryDirectory();
  // Longer than the test: what counts is what they cost while they are there.
  program = await startProgram(directory.path, { NORIGATE_SLOW_CONSUMER_MS: '600000' }).ready();
});
afterEach(async () => {
  await program.destroy();
  await directory.remove();
});

function residentBytes(): number {
  const status = readFileSync(`/proc/${program.process.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1_024;
}

async function subscriberCount(): Promise<number> {
  const metrics = await (await fetch(`${program.origin}/metrics`)).text();
  return Number(/norigate_subscribers\{field="kvChanges"\} (\d+)/.exec(metrics)?.[1] ?? 0);
}

async function open(count: number): Promise<RawSocket[]> {
  const port = Number(new URL(program.origin).port);
  const sockets = await Promise.all(Array.from({ length: count }, () => openAcknowledged(port, {})));
  for (const { subscribe } of sockets) subscribe('1', subscription);
  return sockets;
}

const keyOf = ({ messages }: RawSocket, at: number): string =>
  (messages.items[at]!.payload as { data: { kvChanges: { key: string } } }).data.kvChanges.key;
const keysOf = (socket: RawSocket): string[] => socket.messages.items.slice(1).map((_, at) => keyOf(socket, at + 1));

const put = async (key: string, text: string): Promise<void> => {
  const { data } = await program.query(mutation, { key, text });
  expect(data).toEqual({ kvPut: { __typename: 'KvPutSuccess' } });
};

it(
  'cost bounded memory, delay nobody, and lose nothing',
  async () => {
    const stalled: RawSocket[] = [];
    while (stalled.length < stalledCount) stalled.push(...(await open(openedAtOnce)));
    const healthy = await open(3);
    await until(async () => (await subscriberCount()) === stalledCount + healthy.length);
    // A few large ones first: what the program grows by once is not what the stalled cost.
    const text = 'x'.repeat(valueBytes);
    for (let at = 0; at < 20; at += 1) await put(`warm-${at}`, text);
    for (const { socket } of stalled) socket.pause();
    const before = residentBytes();
    const grown = new Collector<number>();
    for (let at = 1; at <= changeCount; at += 1) {
      await put(`big-${at}`, text);
      // Whoever reads has each change before the next is made.
      await Promise.all(healthy.map(({ messages }) => messages.atLeast(at + 1)));
      grown.add(residentBytes() - before);
    }
    expect(await subscriberCount()).toBe(stalledCount + healthy.length);
    expect(Math.max(...grown.items)).toBeLessThan(growthMaxBytes);
    const expected = Array.from({ length: changeCount }, (_, at) => `big-${at + 1}`);
    for (const each of healthy) expect(keysOf(each)).toEqual(expected);
    for (const { socket } of stalled.slice(5)) socket.terminate();
    for (const each of stalled.slice(0, 5)) {
      each.socket.resume();
      await each.messages.atLeast(changeCount + 1);
      expect(keysOf(each)).toEqual(expected);
    }
    for (const { socket } of [...stalled, ...healthy]) socket.terminate();
    await until(async () => (await subscriberCount()) === 0);
    process.stdout.write(`grown by at most ${Math.round(Math.max(...grown.items) / 1e6)} MB\n`);
  },
  2 * minute,
);
