/**
 * Indexes in a thread of their own, so that no search and no build holds the event loop of storage. Searches of one turn go there in
 * one message, and while the thread has enough to do, those that come wait here and go together, up to a bound. When the thread ends,
 * what waits for it fails, and so does everything later: whoever holds these makes others. Their memory is outside of V8's limits.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Arrivals } from '../../src/core/arrivals';
import { AppError } from '../../src/core/errors';
import type { IndexCall, IndexReply, IndexRequest, IndexResult } from './index-messages';
import type { Candidates, IndexChanges, IndexQuery, IndexSettings, IndexState, Indexes } from './indexes';
import type { SnapshotPlace } from './snapshot-file';

interface Waiting {
  readonly resolve: (result: IndexResult) => void;
  readonly reject: (error: AppError) => void;
  readonly isSearch: boolean;
}

/** A search that is not under way yet. */
interface Asked {
  readonly index: number;
  readonly query: IndexQuery;
  readonly resolve: (result: IndexResult) => void;
  readonly reject: (error: AppError) => void;
}

/** Searches of one message: some milliseconds' work. */
const searchesOfMessage = 16;
/** The thread has enough to do with so many: it need not wait for the next message, and what comes meanwhile gathers. */
const searchesEnough = 16;

export class ThreadIndexes implements Indexes {
  readonly #worker: Worker;
  #waiting = new Arrivals<Waiting>();
  /** In the order in which they came; whoever asks bounds them. */
  #asked: Asked[] = [];
  #searching = 0;
  #isSendDue = false;
  #end: AppError | undefined;

  /** `makeWorker`: for tests, which run TypeScript. */
  constructor(makeWorker: () => Worker = () => new Worker(join(__dirname, 'index-thread.js'))) {
    this.#worker = makeWorker();
    // It keeps no process alive that has nothing else to do.
    this.#worker.unref();
    this.#worker.on('message', (replies: readonly IndexReply[]) => this.#onReplies(replies));
    this.#worker.on('error', (cause) =>
      this.#fail(`failed: ${cause instanceof Error ? cause.message : String(cause)}`),
    );
    this.#worker.on('exit', (code) => this.#fail(`ended with code ${code}`));
  }

  get isStopped(): boolean {
    return this.#end !== undefined;
  }

  open(index: number, settings: IndexSettings, snapshot?: SnapshotPlace): Promise<IndexState> {
    return this.#call({ kind: 'open', index, settings, snapshot }) as Promise<IndexState>;
  }

  compare(index: number, ids: readonly string[], revisions: readonly number[]): Promise<readonly number[]> {
    return this.#call({ kind: 'compare', index, ids, revisions }) as Promise<readonly number[]>;
  }

  forgetOthers(index: number): Promise<IndexState> {
    return this.#call({ kind: 'forgetOthers', index }) as Promise<IndexState>;
  }

  async save(index: number, snapshot: SnapshotPlace): Promise<void> {
    await this.#call({ kind: 'save', index, snapshot });
  }

  apply(index: number, changes: IndexChanges): Promise<IndexState> {
    return this.#call({ kind: 'apply', index, changes }, [
      changes.vectors.buffer as ArrayBuffer,
    ]) as Promise<IndexState>;
  }

  search(index: number, query: IndexQuery): Promise<Candidates> {
    return new Promise<IndexResult>((resolve, reject) => {
      if (this.#end) throw this.#end;
      this.#asked.push({ index, query, resolve, reject });
      this.#sendSoon();
    }) as Promise<Candidates>;
  }

  async close(index: number): Promise<void> {
    await this.#call({ kind: 'close', index });
  }

  async stop(): Promise<void> {
    this.#fail('was stopped');
    await this.#worker.terminate();
  }

  #call(call: IndexCall, transferred: ArrayBuffer[] = []): Promise<IndexResult> {
    return new Promise((resolve, reject) => {
      if (this.#end) throw this.#end;
      const id = this.#waiting.add({ resolve, reject, isSearch: false });
      this.#worker.postMessage([{ id, call }] satisfies IndexRequest[], transferred);
    });
  }

  /** At the end of this turn, so that what comes in it is together. */
  #sendSoon(): void {
    if (this.#isSendDue || this.#searching > searchesEnough) return;
    this.#isSendDue = true;
    setImmediate(() => {
      this.#isSendDue = false;
      this.#sendSearches();
    });
  }

  #sendSearches(): void {
    while (this.#asked.length > 0 && this.#searching <= searchesEnough) {
      const asked = this.#asked.splice(0, searchesOfMessage);
      this.#searching += asked.length;
      const numbers = new Float32Array(asked.reduce((sum, { query }) => sum + query.near.length, 0));
      let from = 0;
      const requests = asked.map(({ index, query, resolve, reject }): IndexRequest => {
        // Views of one buffer, which goes over as it is.
        const near = numbers.subarray(from, (from += query.near.length));
        near.set(query.near);
        const id = this.#waiting.add({ resolve, reject, isSearch: true });
        return { id, call: { kind: 'search', index, query: { ...query, near } } };
      });
      this.#worker.postMessage(requests, [numbers.buffer]);
    }
  }

  #onReplies(replies: readonly IndexReply[]): void {
    for (const reply of replies) this.#onReply(reply);
    this.#sendSearches();
  }

  #onReply(reply: IndexReply): void {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    this.#waiting.delete(reply.id);
    if (waiting.isSearch) this.#searching -= 1;
    if (reply.error === undefined) waiting.resolve(reply.result);
    else waiting.reject(new AppError('INTERNAL', `the vector index: ${reply.error}`));
  }

  #fail(what: string): void {
    this.#end ??= new AppError('UNAVAILABLE', `the thread of the vector indexes ${what}`);
    for (const { reject } of [...this.#waiting.values(), ...this.#asked]) reject(this.#end);
    this.#waiting = new Arrivals();
    this.#asked = [];
  }
}
