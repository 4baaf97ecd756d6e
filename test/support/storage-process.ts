/** A real storage process in a directory of its own, which tests start, stop, pause and kill. */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const register = join(__dirname, 'register-ts.cjs');
const script = join(__dirname, 'storage-child.ts');

export class StorageProcess {
  readonly directory: string;
  readonly socketPath: string;
  readonly address: string;
  #child: ChildProcess | undefined;

  private constructor(directory: string) {
    this.directory = directory;
    this.socketPath = join(directory, 'storage.sock');
    this.address = `unix:${this.socketPath}`;
  }

  static async create(): Promise<StorageProcess> {
    const process = new StorageProcess(await mkdtemp(join(tmpdir(), 'norigate-')));
    await process.start();
    return process;
  }

  /** Starts it on the data that is there; resolves when it serves. */
  async start(): Promise<void> {
    const options = { directory: this.directory, address: this.address };
    const child = fork(script, [JSON.stringify(options)], { execArgv: ['-r', register] });
    this.#child = child;
    const isEarly = once(child, 'exit').then(() => 'exited');
    const said = await Promise.race([once(child, 'message').then(() => 'ready'), isEarly]);
    if (said !== 'ready') throw new Error('the storage process ended before it served');
  }

  signal(signal: NodeJS.Signals): void {
    this.#child!.kill(signal);
  }

  /** Ends it with kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Ends it and removes its data. */
  async remove(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}
