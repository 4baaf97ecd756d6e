/**
 * Several gateway processes on one port, started, watched and stopped by this one, which serves nothing itself. The system
 * gives each new connection to one of them. One that dies is started again, after a pause that grows while it goes on dying; one
 * that says why it cannot run ends them all. Their metrics are added up here, whoever is asked for them.
 */
import cluster from 'node:cluster';
import type { Worker } from 'node:cluster';
import { AggregatorRegistry } from 'prom-client';
import type { MetricObject } from 'prom-client';
import { backoffDelayMs } from '../core/backoff';
import type { CancelTimer, Clock } from '../core/clock';
import type { Ids } from '../core/ids';
import type { Logger } from '../core/telemetry';
import { StorageFailure } from './storage-child';
import type { WorkerOrder, WorkerReport } from './worker-messages';

export interface WorkerPoolOptions {
  readonly count: number;
  /** The program that a worker runs, and its arguments. */
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  /** A worker cannot run, and starting it again would not help. */
  readonly onFailure: (message: string) => void;
}

interface Collection {
  readonly from: Worker;
  readonly request: number;
  readonly collected: MetricObject[][];
  waitingFor: number;
  readonly cancel: CancelTimer;
}

const restartBackoff = { baseMs: 100, capMs: 5_000 } as const;
/** Having run so long, a worker counts as sound: the next restart is quick again. */
const soundAfterMs = 30_000;
/** Who has not told its metrics by then is left out. */
const collectMs = 1_000;

export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #workers = new Set<Worker>();
  readonly #collections = new Map<number, Collection>();
  readonly #timers = new Set<CancelTimer>();
  #collectionsMade = 0;
  #restarts = 0;
  #isStarted = false;
  #isStopping = false;
  #onAllGone: () => void = () => undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /** Resolves with their common address when all of them listen. Rejects where one cannot. */
  async start(): Promise<string> {
    const { program, args, count } = this.#options;
    // The system's own choice: no connection passes through this process.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({ exec: program, args: [...args] });
    const origins = await Promise.all(Array.from({ length: count }, () => this.#fork()));
    this.#isStarted = true;
    return origins[0]!;
  }

  /** Asks all of them to stop; resolves when they have ended, which the signal makes happen at once. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#isStopping = true;
    for (const cancel of this.#timers) cancel();
    if (this.#workers.size === 0) return;
    const gone = new Promise<void>((resolve) => (this.#onAllGone = resolve));
    for (const worker of this.#workers) this.#tell(worker, { kind: 'stop' });
    const kill = (): void => this.kill();
    signal.addEventListener('abort', kill, { once: true });
    if (signal.aborted) kill();
    await gone;
    signal.removeEventListener('abort', kill);
  }

  /** Ends them without ceremony. */
  kill(): void {
    this.#isStopping = true;
    for (const worker of this.#workers) worker.process.kill('SIGKILL');
  }

  /** Starts one; resolves with its address when it listens. */
  #fork(): Promise<string> {
    const worker = cluster.fork(this.#options.environment);
    this.#workers.add(worker);
    return new Promise((resolve, reject) => {
      let failure: string | undefined;
      worker.on('message', (message: WorkerReport) => {
        if (message.kind === 'ready') resolve(message.origin);
        else if (message.kind === 'failed') failure = message.message;
        else this.#onMetrics(worker, message);
      });
      const sound = this.#after(soundAfterMs, () => (this.#restarts = 0));
      worker.once('exit', (code, signal) => {
        sound();
        this.#workers.delete(worker);
        reject(new StorageFailure(failure ?? `a gateway process ended: ${signal || `exit code ${code}`}`));
        this.#onExit({ pid: worker.process.pid, how: signal || `exit code ${code}` }, failure);
      });
    });
  }

  #onExit(gone: { readonly pid: number | undefined; readonly how: string }, failure: string | undefined): void {
    if (this.#workers.size === 0) this.#onAllGone();
    // Before that, `start` rejects.
    if (this.#isStopping || !this.#isStarted) return;
    if (failure !== undefined) return this.#options.onFailure(failure);
    const { ids, logger } = this.#options;
    this.#restarts += 1;
    const delayMs = backoffDelayMs(this.#restarts, restartBackoff, ids);
    logger.warn({ ...gone, delayMs: Math.round(delayMs) }, 'a gateway process ended; another one is started');
    this.#after(delayMs, () => {
      this.#fork().then(
        () => logger.info('a gateway process is back'),
        // Its exit was seen to.
        () => undefined,
      );
    });
  }

  // --- metrics -----------------------------------------------------------------------------------------------------

  #onMetrics(worker: Worker, message: Extract<WorkerReport, { kind: 'wantMetrics' | 'ownMetrics' }>): void {
    if (message.kind === 'wantMetrics') return this.#collect(worker, message.request);
    const collection = this.#collections.get(message.collection);
    if (!collection) return;
    collection.collected.push([...message.metrics]);
    collection.waitingFor -= 1;
    if (collection.waitingFor === 0) void this.#finish(message.collection);
  }

  #collect(from: Worker, request: number): void {
    const id = (this.#collectionsMade += 1);
    const cancel = this.#after(collectMs, () => void this.#finish(id));
    this.#collections.set(id, { from, request, collected: [], waitingFor: this.#workers.size, cancel });
    for (const worker of this.#workers) this.#tell(worker, { kind: 'tellMetrics', collection: id });
  }

  async #finish(id: number): Promise<void> {
    const collection = this.#collections.get(id);
    if (!collection) return;
    this.#collections.delete(id);
    collection.cancel();
    const text = await AggregatorRegistry.aggregate(collection.collected).metrics();
    this.#tell(collection.from, { kind: 'allMetrics', request: collection.request, text });
  }

  // --- little things -----------------------------------------------------------------------------------------------

  #tell(worker: Worker, order: WorkerOrder): void {
    // One that is gone needs to be told nothing.
    if (worker.isConnected()) worker.send(order, () => undefined);
  }

  /** A timer that does not outlive this pool. */
  #after(delayMs: number, action: () => void): CancelTimer {
    const cancelTimer = this.#options.clock.after(delayMs, () => {
      this.#timers.delete(cancel);
      action();
    });
    const cancel = (): void => {
      this.#timers.delete(cancel);
      cancelTimer();
    };
    this.#timers.add(cancel);
    return cancel;
  }
}
