/**
 * kill -9 of all processes at once, with 1,000,000 keys in the store and writes on their way; then a start: how long until
 * /readyz says 200 and a read gives what was last acknowledged. The file is in the system's cache, as it is when a process dies and
 * the machine does not.
 */
import { atMost } from './support/bench';
import type { Bench } from './support/bench';
import { ask } from './support/graphql-client';
import { largeCount, largeValueBytes, loadMillion } from './support/large-store';
import { median } from './support/measured';
import { memoryOf } from './support/process-figures';
import { Program } from './support/program';
import { nameOfKey, valueOfKey } from './support/tenant-store';
import type { World } from './support/world';

const withinS = 3;
const writers = 8;
const writeMs = 500;
const giveUpMs = 60_000;

export const recovery: Bench = {
  name: 'recovery',
  title: `After kill -9, with ${largeCount.toLocaleString('en-US')} keys`,
  async run(world) {
    let program = await Program.start(world);
    const { directory } = program;
    await loadMillion(world, program);
    const secondsOfRounds: number[] = [];
    const emptySeconds: number[] = [];
    const heapMib: number[] = [];
    for (let round = 1; round <= world.options.rounds; round += 1) {
      emptySeconds.push(await startEmpty(world));
      world.say(`recovery: round ${round} of ${world.options.rounds}`);
      const acknowledged = await killUnderWrites(program);
      const startMs = performance.now();
      program = await startAgain(world, directory, acknowledged);
      secondsOfRounds.push((performance.now() - startMs) / 1_000);
      heapMib.push((memoryOf(program.pids['storage'] ?? 0)?.anonymousBytes ?? Number.NaN) / 1_048_576);
      await requireAll(program.origin, acknowledged);
    }
    await program.stop();
    const slowest = Math.max(...secondsOfRounds);
    return {
      rates: [],
      values: [
        { name: 'for comparison: a first start, without data, until ready', value: median(emptySeconds), unit: 's' },
        { name: 'ready, and a read is right: median', value: median(secondsOfRounds), unit: 's' },
        {
          name: 'ready, and a read is right: slowest',
          value: slowest,
          unit: 's',
          target: atMost(slowest, withinS, `≤ ${withinS} s`),
        },
        { name: 'heap of storage right after it', value: median(heapMib), unit: 'MiB' },
      ],
      notes: ['Verified after each start: every write that was acknowledged before the kill, and keys of the million.'],
    };
  },
};

/** What each writer was last told is written. */
type Acknowledged = number[];

const keyOf = (writer: number): string => `recovery-${writer}`;

/** Writes, and kills in the midst of it. */
async function killUnderWrites(program: Program): Promise<Acknowledged> {
  const acknowledged: Acknowledged = Array.from({ length: writers }, () => -1);
  let isOver = false;
  const write = async (writer: number): Promise<void> => {
    for (let value = 0; ; value += 1) {
      try {
        await put(program.origin, keyOf(writer), value);
      } catch (error) {
        if (isOver) return;
        throw error;
      }
      acknowledged[writer] = value;
    }
  };
  const writing = Promise.all(acknowledged.map((_, writer) => write(writer)));
  await new Promise((resolve) => setTimeout(resolve, writeMs));
  isOver = true;
  await program.kill();
  await writing;
  if (acknowledged.includes(-1)) throw new Error(`a writer wrote nothing within ${writeMs} ms`);
  return acknowledged;
}

async function put(origin: string, key: string, value: number): Promise<void> {
  const query = 'mutation Put($input: KvPutInput!) { kvPut(input: $input) { __typename } }';
  await ask(origin, query, { input: { key, value: { text: String(value) } } });
}

async function textOf(origin: string, key: string): Promise<string | undefined> {
  const query = 'query Get($key: String!) { kvGet(key: $key) { value { text } } }';
  const { kvGet } = await ask<{ kvGet: { value: { text: string } } | null }>(origin, query, { key });
  return kvGet?.value.text;
}

/** Seconds until it is ready, with no data at all: what two processes of Node take to start. */
async function startEmpty(world: World): Promise<number> {
  const startMs = performance.now();
  const program = await Program.start(world);
  await ready(program);
  const seconds = (performance.now() - startMs) / 1_000;
  await program.stop();
  return seconds;
}

async function ready({ origin }: Program): Promise<void> {
  const untilMs = performance.now() + giveUpMs;
  while ((await statusOf(`${origin}/readyz`)) !== 200) {
    if (performance.now() > untilMs) throw new Error(`it was not ready within ${giveUpMs / 1_000} s`);
  }
}

/** Resolves when it is ready and a first read is right. */
async function startAgain(world: World, directory: string, acknowledged: Acknowledged): Promise<Program> {
  const program = await Program.start(world, { directory });
  await ready(program);
  await requireWritten(program.origin, 0, acknowledged);
  return program;
}

async function statusOf(url: string): Promise<number> {
  const answer = await fetch(url);
  await answer.text();
  return answer.status;
}

/** A write that was on its way when it was killed may stand as well: then it is the next one. */
async function requireWritten(origin: string, writer: number, acknowledged: Acknowledged): Promise<void> {
  const found = Number(await textOf(origin, keyOf(writer)));
  const last = acknowledged[writer]!;
  if (found !== last && found !== last + 1) throw new Error(`writer ${writer} was told ${last}, and ${found} stands`);
}

async function requireAll(origin: string, acknowledged: Acknowledged): Promise<void> {
  for (const writer of acknowledged.keys()) await requireWritten(origin, writer, acknowledged);
  for (const index of [0, largeCount >> 1, largeCount - 1]) {
    if ((await textOf(origin, nameOfKey(index))) !== valueOfKey(index, largeValueBytes))
      throw new Error(`${nameOfKey(index)} is not what was put`);
  }
}
