/** The program as a user runs it: built, started as processes of its own, spoken to over the network. */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { createClient } from 'graphql-ws';
import type { Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { Collector } from './collector';
import { post } from './sample-gateway';
import type { GraphqlAnswer } from './sample-gateway';

const run = promisify(execFile);
const root = join(__dirname, '..', '..', '..');
const mainFile = join(root, 'dist', 'src', 'main.js');

/** Builds dist/ unless it is up to date. Several test files may ask at once. */
export async function ensureBuilt(): Promise<void> {
  await run(process.execPath, [join(root, 'scripts', 'build.mjs')], { maxBuffer: 16_777_216 });
}

/** A directory of this test's own; `remove` deletes it. */
export async function temporaryDirectory(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'norigate-e2e-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One run of the program. */
export class Program {
  readonly process: ChildProcess;
  /** Log lines, parsed; what is no JSON stands in `stdout` only. */
  readonly log = new Collector<Record<string, unknown>>();
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';
  #origin = '';

  constructor(args: readonly string[], environment: Readonly<Record<string, string>>, file = mainFile) {
    const { PATH = '', HOME = '' } = process.env;
    this.process = spawn(process.execPath, [file, ...args], { env: { PATH, HOME, ...environment }, cwd: tmpdir() });
    let rest = '';
    this.process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('{')) this.log.add(JSON.parse(line) as Record<string, unknown>);
    });
    this.process.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = once(this.process, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  /** http://127.0.0.1:PORT, once it is ready. */
  get origin(): string {
    return this.#origin;
  }

  /** Resolves with the log line; rejects where the program ends first. */
  async logged(message: string): Promise<Record<string, unknown>> {
    const find = (): Record<string, unknown> | undefined => this.log.items.find((each) => each['msg'] === message);
    const early = this.ended.then((end) => {
      throw new Error(
        `the program ended (${end.code ?? end.signal}) before it said ${JSON.stringify(message)}: ${end.stdout}${end.stderr}`,
      );
    });
    early.catch(() => undefined);
    for (let found = find(); ; found = find()) {
      if (found) return found;
      await Promise.race([this.log.atLeast(this.log.items.length + 1), early]);
    }
  }

  async ready(): Promise<this> {
    const line = await this.logged('ready');
    this.#origin = new URL(String(line['graphql'])).origin;
    return this;
  }

  /** Processes that this one has started. */
  async children(): Promise<number[]> {
    const { stdout } = await run('pgrep', ['-P', String(this.process.pid)]).catch(() => ({ stdout: '' }));
    return stdout.split('\n').filter(Boolean).map(Number);
  }

  async query(query: string, variables: Record<string, unknown> = {}): Promise<GraphqlAnswer> {
    return (await post(this.#origin, { query, variables })).body;
  }

  client(): Client {
    return createClient({
      url: `${this.#origin.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
    });
  }

  /** Ends it, however it is. */
  async destroy(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill('SIGKILL');
    await this.ended;
  }
}

const testEtcd = process.env['NORIGATE_TEST_ETCD'];

/** Whether these tests run on etcd, where a few promises are other ones. */
export const isOnEtcd = testEtcd !== undefined;

/**
 * Where the data is kept: in the directory; or with NORIGATE_TEST_ETCD=host:port,… in the environment of the tests in that etcd, a
 * prefix for each directory, so that every end-to-end test can be run on it.
 */
function engineOf(dataDirectory: string): Readonly<Record<string, string>> {
  const endpoints = testEtcd;
  if (endpoints === undefined) return {};
  return {
    NORIGATE_ENGINE: 'etcd',
    NORIGATE_ETCD_ENDPOINTS: endpoints,
    NORIGATE_ETCD_PREFIX: `${basename(dataDirectory)}/`,
    NORIGATE_SECRET: 'the secret of the tests, the same for all',
  };
}

/** Starts the all-in-one on a free port over a data directory, or another command. */
export function startProgram(
  dataDirectory: string,
  environment: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): Program {
  return new Program(args, {
    PORT: '0',
    DATA_DIR: dataDirectory,
    ...(environment['NORIGATE_ENGINE'] === undefined && engineOf(dataDirectory)),
    ...environment,
  });
}

/** Starts an application (`examples/…/main.mjs`) in the same way. */
export function startApplication(
  file: string,
  dataDirectory: string,
  environment: Readonly<Record<string, string>> = {},
): Program {
  return new Program([], { PORT: '0', DATA_DIR: dataDirectory, ...environment }, join(root, file));
}

/** Whether a process lives. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
