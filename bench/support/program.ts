/** The program as a user runs it (`node dist/src/main.js`), with processes and a data directory of its own. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { socketAddress } from '../../src/command/socket-address';
import { childrenOf } from './process-figures';
import type { World } from './world';

const mainFile = join(__dirname, '..', '..', 'src', 'main.js');

export interface ProgramOptions {
  /** Left out: a new one. */
  readonly directory?: string;
  /** Storage alone, without a gateway. */
  readonly isStorageAlone?: boolean;
  /** Further settings. */
  readonly settings?: Readonly<Record<string, string>>;
}

const startMs = 30_000;
const stopMs = 15_000;
const linesKept = 40;

export class Program {
  readonly #world: World;
  readonly #process: ChildProcess;
  readonly #lines: string[] = [];
  #onLine: (line: string) => void = () => undefined;
  readonly #options: ProgramOptions;
  readonly directory: string;
  /** Of the HTTP server; 0 for storage alone. */
  port = 0;
  /** By name: gateway and storage. */
  pids: Readonly<Record<string, number>> = {};

  private constructor(world: World, options: ProgramOptions) {
    this.#world = world;
    this.#options = options;
    this.directory = options.directory ?? world.makeDirectory();
    const { PATH = '', HOME = '' } = process.env;
    const args = [...world.serverOptions(), mainFile, ...(options.isStorageAlone ? ['storage'] : [])];
    const environment = { PORT: '0', DATA_DIR: this.directory, NORIGATE_LOG_FORMAT: 'json', ...options.settings };
    this.#process = spawn(process.execPath, args, {
      env: { PATH, HOME, NODE_ENV: 'production', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    world.own(this.#process.pid!, options.isStorageAlone ? 'storage' : 'gateway');
    this.#process.once('exit', () => world.disown(this.#process.pid!));
    // Read to the end, or it would stand still when the pipe is full.
    for (const stream of [this.#process.stdout!, this.#process.stderr!])
      createInterface({ input: stream }).on('line', (line) => this.#keep(line));
  }

  /** Starts it; resolves when it says that it is ready. */
  static async start(world: World, options: ProgramOptions = {}): Promise<Program> {
    const program = new Program(world, options);
    const line = await program.#said(options.isStorageAlone ? 'storage listens' : 'ready');
    if (typeof line['graphql'] === 'string') program.port = Number(new URL(line['graphql']).port);
    program.#findProcesses();
    return program;
  }

  /** http://127.0.0.1:PORT */
  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Where its storage process listens. */
  get storageAddress(): string {
    return socketAddress(`unix:${join(this.directory, 'storage.sock')}`);
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** kill -9 of all its processes at once; resolves when they are gone. */
  async kill(): Promise<void> {
    for (const pid of Object.values(this.pids)) process.kill(pid, 'SIGKILL');
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const gone = once(this.#process, 'exit');
      const late = setTimeout(() => this.#process.kill('SIGKILL'), stopMs);
      this.#process.kill(signal);
      await gone;
      clearTimeout(late);
    }
    for (const pid of Object.values(this.pids)) this.#world.disown(pid);
  }

  #findProcesses(): void {
    const pid = this.#process.pid!;
    if (this.#options.isStorageAlone) this.pids = { storage: pid };
    else {
      const [storage] = childrenOf(pid);
      this.pids = storage === undefined ? { gateway: pid } : { gateway: pid, storage };
      if (storage !== undefined) this.#world.own(storage, 'storage');
    }
  }

  /** Resolves with the line of the log that says so. */
  async #said(message: string): Promise<Record<string, unknown>> {
    let timer: NodeJS.Timeout | undefined;
    const said = new Promise<Record<string, unknown>>((resolve, reject) => {
      this.#onLine = (line) => {
        const parsed = line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : {};
        if (parsed['msg'] === message) resolve(parsed);
      };
      const fail = (why: string): void => reject(new Error(`the program ${why}: ${this.#lines.join('\n')}`));
      this.#process.once('exit', (code, signal) => fail(`ended: ${signal ?? `exit code ${code}`}`));
      timer = setTimeout(() => fail(`did not say ${JSON.stringify(message)} in time`), startMs);
    });
    try {
      return await said;
    } finally {
      clearTimeout(timer);
      this.#onLine = () => undefined;
    }
  }

  #keep(line: string): void {
    this.#onLine(line);
    this.#lines.push(line);
    if (this.#lines.length > linesKept) this.#lines.shift();
  }
}
