/**
 * Indexes in a thread of their own, so that no search and no build holds the event loop of storage. When the thread ends, what waits
 * for it fails, and so does everything later: whoever holds these makes others. Their memory is outside of V8's limits.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { AppError } from '../../src/core/errors';
import type { IndexCall, IndexReply, IndexRequest, IndexResult } from './index-messages';
import type { Candidates, IndexChanges, IndexQuery, IndexSettings, IndexState, Indexes } from './indexes';
import type { SnapshotPlace } from './snapshot-file';

interface Waiting {
  readonly resolve: (result: IndexResult) => void;
  readonly reject: (error: AppError) => void;
}

export class ThreadIndexes implements Indexes {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #end: AppError | undefined;

  /** `makeWorker`: for tests, which run TypeScript. */
  constructor(makeWorker: () => Worker = () => new Worker(join(__dirname, 'index-thread.js'))) {
    this.#worker = makeWorker();
    // It keeps no process alive that has nothing else to do.
    this.#worker.unref();
    this.#worker.on('message', (reply: IndexReply) => this.#onReply(reply));
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
    return this.#call({ kind: 'search', index, query }) as Promise<Candidates>;
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
      const id = (this.#lastId += 1);
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, call } satisfies IndexRequest, transferred);
    });
  }

  #onReply(reply: IndexReply): void {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    this.#waiting.delete(reply.id);
    if (reply.error === undefined) waiting.resolve(reply.result);
    else waiting.reject(new AppError('INTERNAL', `the vector index: ${reply.error}`));
  }

  #fail(what: string): void {
    this.#end ??= new AppError('UNAVAILABLE', `the thread of the vector indexes ${what}`);
    for (const { reject } of this.#waiting.values()) reject(this.#end);
    this.#waiting.clear();
  }
}
