/**
 * What the benches share: how long cases run, where data goes, and everything that must be gone at the end. Processes are
 * known by their ids; `clear` ends them and removes directories, at once, so that it also serves when a run is broken off.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export interface WorldOptions {
  /** Measured time of a case in each round. */
  readonly seconds: number;
  readonly rounds: number;
  /** Where data directories are made; on a disk. */
  readonly directory: string;
  /** Where CPU profiles of the servers are written; undefined: none are made. */
  readonly profiles: string | undefined;
}

export class World {
  readonly options: WorldOptions;
  readonly #pids = new Set<number>();
  readonly #names = new Map<number, string>();
  readonly #directories = new Set<string>();

  constructor(options: WorldOptions) {
    this.options = options;
  }

  /** Says how far a run is, apart from its results. */
  say(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** A directory that is removed at the end. */
  makeDirectory(): string {
    const directory = mkdtempSync(join(this.options.directory, 'norigate-bench-'));
    this.#directories.add(directory);
    return directory;
  }

  /** A process that is killed at the end. */
  own(pid: number, name: string): void {
    this.#pids.add(pid);
    this.#names.set(pid, name);
  }

  /** What a process of this run was, also when it is gone. */
  nameOf(pid: number): string | undefined {
    return this.#names.get(pid);
  }

  /** It has ended by itself. */
  disown(pid: number): void {
    this.#pids.delete(pid);
  }

  /** Options of Node for a server, so that its profile is written when it ends. */
  serverOptions(): string[] {
    const { profiles } = this.options;
    return profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
  }

  /** Ends every process and removes every directory. */
  clear(): void {
    for (const pid of this.#pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
    this.#pids.clear();
    for (const directory of this.#directories) {
      rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    }
    this.#directories.clear();
  }
}
