/**
 * Processes of a bench's own (servers to compare with, makers of load): started from a file in `children/` with a
 * configuration, then run as often as is wanted. The other side of the channel is `behave` in `child-side.ts`.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ChildTypes, FromChild } from './child-side';
import type { World } from './world';

export interface ChildOptions<Config> {
  /** Its file in `children/`. */
  readonly file: string;
  readonly config: Config;
  /** Whether it is what is measured, and may be profiled. */
  readonly isServer?: boolean;
}

/** Beyond the time that a run says it takes. */
const silenceMs = 180_000;

export class Child<T extends ChildTypes> {
  readonly #world: World;
  readonly #file: string;
  readonly #process: ChildProcess;
  #settle: { resolve: (value: unknown) => void; reject: (error: Error) => void } | undefined;
  /** What it said when it had started. */
  started!: T['started'];

  private constructor(world: World, file: string, child: ChildProcess) {
    this.#world = world;
    this.#file = file;
    this.#process = child;
    world.own(this.pid, file);
    child.on('message', (message) => this.#onMessage(message as FromChild));
    child.once('exit', (code, signal) => {
      world.disown(this.pid);
      this.#settle?.reject(new Error(`${file} ended early: ${signal ?? `exit code ${code}`}`));
    });
  }

  static async start<T extends ChildTypes>(
    world: World,
    { file, config, isServer = false }: ChildOptions<T['config']>,
  ): Promise<Child<T>> {
    const { PATH = '', HOME = '' } = process.env;
    const forked = fork(join(__dirname, '..', 'children', file), [], {
      env: { PATH, HOME, NODE_ENV: 'production' },
      execArgv: isServer ? world.serverOptions() : [],
    });
    const child = new Child<T>(world, file, forked);
    child.started = await child.#ask('config', config, silenceMs);
    return child;
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** Has it do what it does. `durationMs`: how long that takes about. */
  run(run: T['run'], durationMs: number): Promise<T['result']> {
    return this.#ask('run', run, durationMs + silenceMs);
  }

  /** It ends in order; resolves when it is gone. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.disconnect();
    await gone;
  }

  #ask(kind: 'config' | 'run', value: unknown, withinMs: number): Promise<T[keyof T]> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.#file} is silent`)), withinMs);
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#settle = undefined;
        act();
      };
      this.#settle = {
        resolve: (answer) => settle(() => resolve(answer as T[keyof T])),
        reject: (error) => settle(() => reject(error)),
      };
      this.#process.send({ kind, value });
    });
  }

  #onMessage(message: FromChild): void {
    if (message.kind === 'done') this.#settle?.resolve(message.value);
    else this.#settle?.reject(new Error(`${this.#file}: ${message.why}`));
  }
}
