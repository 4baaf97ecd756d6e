/**
 * What the pages show is what happens: every `curl` is run by a shell, every GraphQL block that is followed by an answer is
 * sent, in the order of the page, to a program of the page's own. `"…"` in an answer stands for any text.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { ensureBuilt, startApplication, startProgram, temporaryDirectory } from '../e2e/support/program';
import type { Program } from '../e2e/support/program';
import { examplesOf, expectation, linePattern } from './support/examples';
import type { Example } from './support/examples';
import { filesBelow, readText } from './support/repository';
import { endProgram, killProgram } from './support/running-program';

const minute = 60_000;
const pages = ['README.md', ...filesBelow('docs', (file) => file.endsWith('.md'))];

const isRun = (example: Example): boolean =>
  example.kind === 'query' ? example.shows !== undefined : example.commands.some((each) => each.startsWith('curl '));

const withExamples = pages
  .map((page) => ({ page, examples: examplesOf(readText(page)).filter(isRun) }))
  .filter(({ examples }) => examples.length > 0);

/** Pages about an application of their own, which they show to the letter. */
const applications: Readonly<Record<string, string>> = { 'docs/applications.md': 'examples/page-views/main.mjs' };

/** One run of a page: its program, which the page may kill and start again. */
class Reading {
  #program: Program;
  readonly #directory: string;
  readonly #shells = new Set<ChildProcess>();

  private constructor(program: Program, directory: string) {
    this.#program = program;
    this.#directory = directory;
  }

  static async begin(directory: string, page: string): Promise<Reading> {
    const application = applications[page];
    const program = application === undefined ? startProgram(directory) : startApplication(application, directory);
    return new Reading(await program.ready(), directory);
  }

  async follow(example: Example): Promise<void> {
    if (example.kind === 'query') {
      const { data, errors } = await this.#program.query(example.query);
      expect(errors ? { data, errors } : { data }).toEqual(expectation(JSON.parse(example.shows!)));
      return;
    }
    for (const [index, command] of example.commands.entries()) {
      const isLast = index === example.commands.length - 1;
      await this.#command(command, isLast ? example.shows : undefined);
    }
  }

  async end(): Promise<void> {
    for (const shell of this.#shells) shell.kill();
    await endProgram(this.#program);
  }

  async #command(command: string, shows: { language: string; text: string } | undefined): Promise<void> {
    if (command.startsWith('pkill -9')) return killProgram(this.#program);
    if (command === 'npm start') {
      this.#program = await startProgram(this.#directory).ready();
      return;
    }
    expect(command).toMatch(/^curl /);
    const child = this.#shell(command);
    if (/ -N\b/.test(command)) await streamShows(child, linePattern(shows!.text));
    else {
      const output = await wholeOutput(child);
      if (shows) expect(JSON.parse(output)).toEqual(expectation(JSON.parse(shows.text)));
      else expect(JSON.parse(output)).not.toHaveProperty('errors');
    }
  }

  #shell(command: string): ChildProcess {
    const { host } = new URL(this.#program.origin);
    expect(command).toContain('127.0.0.1:4000');
    const here = command.replace('127.0.0.1:4000', host).replace(/^curl /, 'exec curl --silent --show-error ');
    const shell = spawn('bash', ['-c', here], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#shells.add(shell);
    return shell;
  }
}

async function wholeOutput(child: ChildProcess): Promise<string> {
  let output = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  expect([code, output]).toEqual([0, expect.any(String)]);
  return output;
}

/** Resolves when the lines have come; the stream is then left. */
async function streamShows(child: ChildProcess, lines: RegExp): Promise<void> {
  let output = '';
  const closed = once(child, 'close').then(() => {
    throw new Error(`the stream ended before it showed ${String(lines)}: ${output}`);
  });
  closed.catch(() => undefined);
  const shown = new Promise<void>((resolve) => {
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (lines.test(output)) resolve();
    });
  });
  await Promise.race([shown, closed]);
  child.kill();
  await closed.catch(() => undefined);
}

/** Run after each test, last first, however it ended. */
const cleanUps: (() => Promise<unknown>)[] = [];

beforeAll(ensureBuilt, 5 * minute);
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

describe('the examples', () => {
  it('are where they should be', () => {
    expect(withExamples.map(({ page }) => page)).toEqual(
      expect.arrayContaining([
        'README.md',
        'docs/applications.md',
        'docs/counters.md',
        'docs/deduplication.md',
        'docs/elections.md',
        'docs/events.md',
        'docs/graphql.md',
        'docs/inventory.md',
        'docs/key-value.md',
        'docs/cache.md',
        'docs/rate-limits.md',
        'docs/recommendations.md',
        'docs/semantic-search.md',
        'docs/subscriptions.md',
        'docs/tenants.md',
      ]),
    );
  });

  it.each(withExamples)(
    'of $page do what the page says',
    async ({ page, examples }) => {
      const directory = await temporaryDirectory();
      cleanUps.push(directory.remove);
      const reading = await Reading.begin(directory.path, page);
      cleanUps.push(() => reading.end());
      for (const example of examples) await reading.follow(example);
    },
    minute,
  );
});

describe('applications', () => {
  const shown = [
    ...Object.entries(applications),
    ['docs/applications.md', 'examples/bank-account/account.mjs'],
  ] as const;

  it.each(shown)('%s shows %s as it is', (page, file) => {
    expect(readText(page)).toContain(`\`\`\`js\n${readText(file)}\`\`\``);
  });
});

describe('the reader of examples', () => {
  const page = [
    '```sh',
    'curl http://127.0.0.1:4000/graphql \\',
    "  -d '{}'",
    '# a word',
    'npm start',
    '```',
    '```json',
    '{ "a": "…" }',
    '```',
    '```graphql',
    '{ a }',
    '```',
  ].join('\n');

  it('finds commands, documents and what they show', () => {
    expect(examplesOf(page)).toEqual([
      {
        kind: 'shell',
        commands: ["curl http://127.0.0.1:4000/graphql -d '{}'", 'npm start'],
        shows: { language: 'json', text: '{ "a": "…" }', line: 8 },
        line: 2,
      },
      { kind: 'query', query: '{ a }', shows: undefined, line: 11 },
    ]);
  });

  it('takes … for any text, and nothing else', () => {
    expect({ a: 'x', b: [1] }).toEqual(expectation({ a: '…', b: [1] }));
    expect({ a: 1, b: [1] }).not.toEqual(expectation({ a: '…', b: [1] }));
    expect('event: next\ndata: {"cursor":"AQ"}\n').toMatch(linePattern('event: next\ndata: {"cursor":"…"}'));
    expect('event: next\ndata: {"cursor":"AQ","x":1}\n').not.toMatch(linePattern('data: {"cursor":"…"}'));
  });
});
