/** `npm run bench`: runs the benches that are named, or all, and shows their figures beside what is to be reached. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { etcd } from './etcd';
import { eventsBench } from './events';
import { fanout } from './fanout';
import { flood } from './flood';
import { holds } from './holds';
import { hot } from './hot';
import { increment } from './increment';
import { memory } from './memory';
import { patterns } from './patterns';
import { quality } from './quality';
import { reads } from './reads';
import { recovery } from './recovery';
import { store } from './store';
import type { Bench, Report } from './support/bench';
import { lookAtMachine, machineLines } from './support/machine';
import type { Machine } from './support/machine';
import { showProfiles } from './support/profiles';
import { showReport } from './support/table';
import type { Format } from './support/table';
import { World } from './support/world';
import { trivial } from './trivial';
import { vectors } from './vectors';

const benches: readonly Bench[] = [
  trivial,
  increment,
  hot,
  reads,
  patterns,
  holds,
  eventsBench,
  flood,
  store,
  fanout,
  memory,
  recovery,
  quality,
  vectors,
  etcd,
];

const help = `Usage: npm run bench -- [NAME ...] [options]

  --list           names of the benches
  --seconds N      measured time of a case in each round (default 3)
  --rounds N       rounds, of which medians are shown (default 3)
  --dir FOLDER     where data directories are made, on a disk (default ${tmpdir()})
  --json FILE      writes everything as JSON, too
  --markdown       shows tables as Markdown, as they stand in docs/performance.md
  --profiles FOLDER  writes CPU profiles of the servers (slower: no figures to keep)
`;

const legend = `CPU: milliseconds of a process per 1,000 answers. Spread: (highest - lowest) / median of the rounds' rates.
Ratio: median of the ratios of the rounds.
`;

interface CommandLine {
  readonly chosen: readonly Bench[];
  readonly world: World;
  readonly format: Format;
  readonly json: string | undefined;
}

function readCommandLine(): CommandLine | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
      markdown: { type: 'boolean' },
      seconds: { type: 'string', default: '3' },
      rounds: { type: 'string', default: '3' },
      dir: { type: 'string', default: tmpdir() },
      json: { type: 'string' },
      profiles: { type: 'string' },
    },
  });
  if (values.help) process.stdout.write(help);
  if (values.list) for (const { name, title } of benches) process.stdout.write(`${name.padEnd(10)} ${title}\n`);
  if (values.help || values.list) return undefined;
  const chosen = positionals.map((name) => {
    const found = benches.find((each) => each.name === name);
    if (!found) throw new Error(`there is no bench ${JSON.stringify(name)}; npm run bench -- --list names all`);
    return found;
  });
  const positive = (name: string, text: string): number => {
    if (!(Number(text) > 0)) throw new Error(`--${name} must be a number above 0; it is ${JSON.stringify(text)}`);
    return Number(text);
  };
  const directory = resolve(values.dir);
  const profiles = values.profiles === undefined ? undefined : resolve(values.profiles);
  for (const folder of [directory, profiles]) if (folder !== undefined) mkdirSync(folder, { recursive: true });
  const seconds = positive('seconds', values.seconds);
  const rounds = Math.ceil(positive('rounds', values.rounds));
  return {
    chosen: chosen.length > 0 ? chosen : benches,
    world: new World({ seconds, rounds, directory, profiles }),
    format: values.markdown ? 'markdown' : 'text',
    json: values.json,
  };
}

interface Outcome {
  readonly name: string;
  readonly title: string;
  readonly report?: Report;
  readonly failure?: string;
}

async function runAll({ chosen, world, format, json }: CommandLine): Promise<void> {
  const machine = lookAtMachine(world);
  const lines = [
    ...machineLines(machine),
    `rounds of each case: ${world.options.rounds}, of ${world.options.seconds} s; medians are shown`,
  ];
  process.stdout.write(`${lines.map((line) => (format === 'markdown' ? `- ${line}` : line)).join('\n')}\n\n`);
  if (format === 'text') process.stdout.write(`${legend}\n`);
  const outcomes: Outcome[] = [];
  for (const bench of chosen) {
    const { name, title } = bench;
    try {
      const report = await bench.run(world);
      outcomes.push({ name, title, report });
      process.stdout.write(`${showReport(bench, report, format)}\n`);
    } catch (error) {
      const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
      outcomes.push({ name, title, failure });
      process.stderr.write(`${name} FAILED: ${failure}\n`);
      process.exitCode = 1;
    } finally {
      world.clear();
    }
  }
  const { profiles } = world.options;
  if (profiles !== undefined) process.stdout.write(showProfiles(profiles, world, format));
  if (json !== undefined) writeFileSync(json, asJson(machine, world, outcomes));
}

function asJson(machine: Machine, { options }: World, outcomes: readonly Outcome[]): string {
  const { seconds, rounds } = options;
  return `${JSON.stringify({ machine, seconds, rounds, benches: outcomes }, undefined, 2)}\n`;
}

async function main(): Promise<void> {
  const commandLine = readCommandLine();
  if (!commandLine) return;
  const { world } = commandLine;
  process.on('exit', () => world.clear());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));
  await runAll(commandLine);
  process.exit();
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
