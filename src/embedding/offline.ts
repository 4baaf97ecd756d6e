/**
 * The default: a model that runs on this machine, in a thread of its own, from files that are installed with the program. English.
 *
 * Promises: the same text has the same vector on every gateway; nothing goes over the network; the event loop never waits for the
 * model. Costs: about 150 MB once something is embedded, 20 to 60 ms for each 400 characters. Who asks for much and who asks
 * for little take turns, text by text. Fails with OVERLOADED where more characters wait than `queuedCharsMax`; with UNAVAILABLE where
 * the thread dies or does not answer within `answerMs`: that fails what it worked on alone, and the next text starts a new one.
 */
import type { Worker } from 'node:worker_threads';
import type { CancelTimer, Clock } from '../core/clock';
import type { EmbedOptions, EmbeddingProvider } from '../core/embedding';
import { AppError } from '../core/errors';
import { Fifo } from '../core/fifo';
import type { OfflineAnswer, OfflineRequest } from './offline-messages';

export interface OfflineOptions {
  readonly clock: Pick<Clock, 'after'>;
  /** Starts the thread: `offline-worker.js`. */
  readonly startWorker: () => Worker;
  /** Told of a thread that ended by itself. */
  readonly onWorkerLost?: (reason: string) => void;
  /** Characters that wait at most. Default 4 million: some minutes of work. */
  readonly queuedCharsMax?: number;
  /** How long one text may take, the start of the thread included. Default 60 s. */
  readonly answerMs?: number;
}

/** Texts of one caller, of which some are embedded already. */
interface Job {
  readonly texts: readonly string[];
  readonly vectors: Float32Array[];
  readonly resolve: (vectors: readonly Float32Array[]) => void;
  readonly reject: (error: unknown) => void;
  isOver: boolean;
}

interface Running {
  readonly worker: Worker;
  /** What it works on. */
  current: Turn | undefined;
  /** Why it is being ended. */
  fault: string | undefined;
}

interface Turn {
  readonly job: Job;
  readonly cancel: CancelTimer;
}

/** Short texts go together: a turn has a price of its own. */
const turnTextsMax = 8;
const turnCharsMax = 1_000;
/** What a text costs however short it is. */
const textOverheadChars = 100;

export class OfflineEmbeddings implements EmbeddingProvider {
  readonly id = 'use-lite-hashed-1';
  readonly dimensions = 1_024;
  readonly #options: OfflineOptions;
  readonly #queue = new Fifo<Job>();
  #queuedChars = 0;
  #running: Running | undefined;
  #isClosed = false;

  constructor(options: OfflineOptions) {
    this.#options = options;
  }

  async embed(texts: readonly string[], { signal }: EmbedOptions = {}): Promise<readonly Float32Array[]> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw this.#unavailable('is stopping');
    if (texts.length === 0) return [];
    const chars = texts.reduce((sum, { length }) => sum + length + textOverheadChars, 0);
    const { queuedCharsMax = 4_000_000 } = this.#options;
    if (this.#queuedChars + chars > queuedCharsMax && this.#queuedChars > 0)
      throw new AppError('OVERLOADED', `the embedding model ${this.id} has too much to do already: try again later`);
    this.#queuedChars += chars;
    try {
      return await this.#enqueue(texts, signal);
    } finally {
      this.#queuedChars -= chars;
    }
  }

  /** Ends the thread; what waits fails with UNAVAILABLE. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (let job = this.#queue.shift(); job; job = this.#queue.shift()) this.#fail(job, 'is stopping');
    const running = this.#running;
    if (!running) return;
    running.fault = 'is stopping';
    await running.worker.terminate();
  }

  async #enqueue(texts: readonly string[], signal: AbortSignal | undefined): Promise<readonly Float32Array[]> {
    let giveUp: (() => void) | undefined;
    try {
      return await new Promise((resolve, reject) => {
        const job: Job = { texts, vectors: [], resolve, reject, isOver: false };
        giveUp = () => {
          job.isOver = true;
          reject(signal!.reason as Error);
        };
        signal?.addEventListener('abort', giveUp, { once: true });
        this.#queue.push(job);
        this.#next();
      });
    } finally {
      if (giveUp) signal?.removeEventListener('abort', giveUp);
    }
  }

  /** Gives the thread its next texts, where it has nothing to do. */
  #next(): void {
    if (this.#running?.current) return;
    let job = this.#queue.shift();
    while (job?.isOver) job = this.#queue.shift();
    if (!job) return;
    const texts = turnOf(job);
    const running = (this.#running ??= this.#start());
    const { answerMs = 60_000 } = this.#options;
    const cancel = this.#options.clock.after(answerMs * texts.length, () => {
      running.fault = `did not answer within ${answerMs} ms`;
      void running.worker.terminate();
    });
    running.current = { job, cancel };
    running.worker.postMessage({ texts } satisfies OfflineRequest);
  }

  #start(): Running {
    const worker = this.#options.startWorker();
    // A thread that waits does not keep the program alive.
    worker.unref();
    const running: Running = { worker, current: undefined, fault: undefined };
    worker.on('message', (answer: OfflineAnswer) => this.#take(running, answer));
    worker.on('error', (error) => (running.fault ??= `ended: ${error.message}`));
    worker.on('exit', (code) => this.#lost(running, running.fault ?? `ended with code ${code}`));
    return running;
  }

  #take(running: Running, answer: OfflineAnswer): void {
    const { job, cancel } = running.current!;
    cancel();
    running.current = undefined;
    if (answer.kind === 'failed') this.#fail(job, `cannot be used: ${answer.message}`);
    else {
      job.vectors.push(...answer.vectors);
      if (job.vectors.length >= job.texts.length) this.#settle(job);
      // Others have their turn first.
      else if (!job.isOver) this.#queue.push(job);
    }
    this.#next();
  }

  #lost(running: Running, reason: string): void {
    if (this.#running === running) this.#running = undefined;
    if (!this.#isClosed) this.#options.onWorkerLost?.(reason);
    const { current } = running;
    running.current = undefined;
    current?.cancel();
    if (current) this.#fail(current.job, reason);
    if (!this.#isClosed) this.#next();
  }

  #settle(job: Job): void {
    job.isOver = true;
    job.resolve(job.vectors);
  }

  #fail(job: Job, reason: string): void {
    job.isOver = true;
    job.reject(this.#unavailable(reason));
  }

  #unavailable(reason: string): AppError {
    return new AppError('UNAVAILABLE', `the embedding model ${this.id} ${reason}: nothing was done`);
  }
}

/** The job's next texts that go together. */
function turnOf({ texts, vectors }: Job): readonly string[] {
  const turn: string[] = [];
  let chars = 0;
  for (const text of texts.slice(vectors.length, vectors.length + turnTextsMax)) {
    chars += text.length;
    if (turn.length > 0 && chars > turnCharsMax) break;
    turn.push(text);
  }
  return turn;
}
