/**
 * A storage process that belongs to this one: started, watched, started again when it dies. It is told to stop over the
 * channel between the two; when that channel breaks because this process is gone, it stops by itself. What it says cannot be
 * repaired by starting it again (a damaged file, a directory of another process) is passed on instead of tried again.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { backoffDelayMs } from '../core/backoff';
import type { CancelTimer, Clock } from '../core/clock';
import type { Ids } from '../core/ids';
import type { Logger } from '../core/telemetry';
import { isStorageReport } from './storage-messages';
import type { StorageReport } from './storage-messages';

/** Storage cannot run, and starting it again would not help. The message is for the operator. */
export class StorageFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StorageFailure';
  }
}

export interface StorageChildOptions {
  /** Arguments for this same Node: its own options, the program, `storage`. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  /** Storage died and cannot come back. */
  readonly onFailure: (failure: StorageFailure) => void;
}

const restartBackoff = { baseMs: 100, capMs: 5_000 } as const;
/** Having run so long, a process counts as sound: the next restart is quick again. */
const soundAfterMs = 30_000;

export class StorageChild {
  readonly #options: StorageChildOptions;
  #child: ChildProcess | undefined;
  #isStopping = false;
  #restarts = 0;
  #cancelRestart: CancelTimer | undefined;

  constructor(options: StorageChildOptions) {
    this.#options = options;
  }

  /** Of the process that runs now. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it; resolves when it listens. Rejects with StorageFailure where it cannot. */
  async start(): Promise<void> {
    const { first, exited } = this.#spawn();
    const report = await Promise.race([first, exited]);
    if (report.kind === 'failed') throw new StorageFailure(report.message);
    void exited.then((end) => this.#onExit(end));
  }

  /** Stops it; resolves when it has ended, which the signal makes happen at once. */
  async stop(deadlineMs: number, signal: AbortSignal): Promise<void> {
    this.#isStopping = true;
    this.#cancelRestart?.();
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
    const kill = (): void => void child.kill('SIGKILL');
    signal.addEventListener('abort', kill, { once: true });
    if (signal.aborted) kill();
    else if (child.connected) child.send({ kind: 'stop', deadlineMs });
    else kill();
    await ended;
    signal.removeEventListener('abort', kill);
  }

  /** Ends it without ceremony: for the last moment of this process. */
  kill(): void {
    this.#isStopping = true;
    this.#child?.kill('SIGKILL');
  }

  #spawn(): { first: Promise<StorageReport>; exited: Promise<StorageReport> } {
    const child = spawn(process.execPath, [...this.#options.command], {
      env: this.#options.environment,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child = child;
    let failure: string | undefined;
    const first = new Promise<StorageReport>((resolve) => {
      child.on('message', (message) => {
        if (!isStorageReport(message)) return;
        if (message.kind === 'failed') failure = message.message;
        resolve(message);
      });
    });
    const exited = new Promise<StorageReport>((resolve) => {
      const end = (how: string): void =>
        resolve({ kind: 'failed', message: failure ?? `the storage process ended: ${how}` });
      child.once('error', (error) => end(error.message));
      child.once('exit', (code, signal) => end(signal ?? `exit code ${code}`));
    });
    return { first, exited };
  }

  #onExit(end: StorageReport): void {
    if (this.#isStopping) return;
    const { clock, ids, logger } = this.#options;
    this.#restarts += 1;
    const delayMs = backoffDelayMs(this.#restarts, restartBackoff, ids);
    logger.warn(
      { restart: this.#restarts, delayMs: Math.round(delayMs) },
      `${end.kind === 'failed' ? end.message : 'storage ended'}; it is started again`,
    );
    this.#cancelRestart = clock.after(delayMs, () => void this.#restart());
  }

  async #restart(): Promise<void> {
    if (this.#isStopping) return;
    const { clock, logger, onFailure } = this.#options;
    const { first, exited } = this.#spawn();
    const report = await Promise.race([first, exited]);
    if (this.#isStopping) return;
    if (report.kind === 'failed') {
      // It said why it cannot run; one that died without a word (killed again) is tried again.
      const spoke = await Promise.race([first.then(() => true), exited.then(() => false)]);
      if (spoke) return onFailure(new StorageFailure(report.message));
      return this.#onExit(report);
    }
    logger.info({ address: report.address }, 'storage is back');
    const cancel = clock.after(soundAfterMs, () => (this.#restarts = 0));
    void exited.then((end) => {
      cancel();
      this.#onExit(end);
    });
  }
}
