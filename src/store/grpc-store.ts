/**
 * The Store that lives in another process, over one long gRPC stream. Operations of one turn of the event loop travel in
 * one message. When the stream breaks, a new one is made (backoff with jitter), and what was not answered is sent again:
 * reads as they are, commits under the attempt id that they had, by which storage knows them, so that they are applied
 * once; so is a commit of which storage says that it does not know its fate. Every operation ends within its deadline: UNAVAILABLE only where surely nothing was written (never sent, or
 * refused by storage at the first try), OUTCOME_UNKNOWN for a commit that was sent and stayed unanswered,
 * DEADLINE_EXCEEDED for a read. Watches go on after the last revision that they gave, without hole or double.
 */
import { setMaxListeners } from 'node:events';
import { storeLimits } from '../../proto/limits';
import type {
  CommitOptions,
  CommitOutcome,
  KeyRange,
  ReadOptions,
  ReadResult,
  SearchOptions,
  SearchOutcome,
  SearchRequest,
  Store,
  StoreStatus,
  Transaction,
  WatchBatch,
  WatchOptions,
} from '../../proto/store';
import { Gatherer } from '../../proto/wire';
import type { Hello, Operation, OperationBody, Reply, ReplyBody } from '../../proto/wire';
import { backoffDelayMs } from '../core/backoff';
import type { CancelTimer, Clock } from '../core/clock';
import { AppError, invalidArgument, toAppError } from '../core/errors';
import type { Ids } from '../core/ids';
import { endable } from '../core/endable';
import { GrpcConnection } from './grpc-connection';
import type { ClientTls } from './grpc-connection';
import { resumingWatch } from './grpc-watch';
import { PendingOperations } from './pending-operations';
import type { PendingOperation } from './pending-operations';

export interface GrpcStoreOptions {
  /** `unix:/path` or `host:port`. */
  readonly address: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly tls?: ClientTls;
  /** Of every operation; default 5,000 ms. */
  readonly deadlineMs?: number;
  /** How long a watch waits for storage to come back before it ends with UNAVAILABLE; default 60,000 ms. */
  readonly watchResumeMs?: number;
  /** Operations that wait at once; past it OVERLOADED. Default 16,384. */
  readonly operationsWaitingMax?: number;
  /** What they may hold together; default 128 MiB. */
  readonly bytesWaitingMax?: number;
  /** Silence on the connection after which storage is pinged, and how long it may take to answer; default 5,000 ms. */
  readonly keepaliveMs?: number;
}

/** Whether operations reach storage now; where not, why. */
export type StateListener = (isReady: boolean, reason: string | undefined) => void;

const reconnectBackoff = { baseMs: 50, capMs: 1_000 } as const;
/** Attempt ids are remembered for 60 s: later, a commit is not sent again. */
const resendMsMax = 55_000;
/** After an answer that says that a commit's fate is not known. */
const askAgainMs = 100;
const attemptIdBytes = 16;
const attemptCounterBytes = 6;

export class GrpcStore implements Store {
  readonly #options: GrpcStoreOptions;
  readonly #deadlineMs: number;
  readonly #pending: PendingOperations;
  readonly #gatherer = new Gatherer<Operation>('operations');
  readonly #stateListeners = new Set<StateListener>();
  readonly #replacedListeners = new Set<(storeId: string) => void>();
  readonly #closing = new AbortController();
  readonly #attemptPrefix: Buffer;
  #attempts = 0;
  #connection: GrpcConnection;
  #isReady = false;
  #reason = 'not connected yet';
  #storeId: string | undefined;
  #tries = 0;
  #outbox: PendingOperation[] = [];
  #isFlushing = false;
  #cancelReconnect: CancelTimer | undefined;
  #closed: Promise<void> | undefined;

  /** Begins to connect at once; operations before that wait for it. */
  constructor(options: GrpcStoreOptions) {
    this.#options = options;
    this.#deadlineMs = options.deadlineMs ?? 5_000;
    this.#attemptPrefix = options.ids.bytes(attemptIdBytes - attemptCounterBytes);
    this.#pending = new PendingOperations({
      clock: options.clock,
      deadlineMs: this.#deadlineMs,
      countMax: options.operationsWaitingMax ?? 16_384,
      bytesMax: options.bytesWaitingMax ?? 134_217_728,
      onLate: (operation) => this.#onLate(operation),
      onUnknown: (operation) => void options.clock.after(askAgainMs, () => this.#askAgain(operation)),
    });
    // Every watch listens to it.
    setMaxListeners(0, this.#closing.signal);
    this.#connection = this.#connect();
  }

  read(ranges: readonly KeyRange[], options?: ReadOptions): Promise<ReadResult> {
    if (ranges.length > storeLimits.readRangesMax) return tooMany('ranges', ranges.length, storeLimits.readRangesMax);
    return this.#perform({ kind: 'read', ranges, consistency: options?.consistency }, options?.signal).then(asRead);
  }

  commit(transactions: readonly Transaction[], options?: CommitOptions): Promise<readonly CommitOutcome[]> {
    if (transactions.length > storeLimits.commitTransactionsMax) {
      return tooMany('transactions', transactions.length, storeLimits.commitTransactionsMax);
    }
    const named = transactions.map((each) => (each.attemptId ? each : { ...each, attemptId: this.#nextAttemptId() }));
    return this.#perform({ kind: 'commit', transactions: named }, options?.signal).then(asCommit);
  }

  search(request: SearchRequest, options?: SearchOptions): Promise<SearchOutcome> {
    return this.#perform({ kind: 'search', request }, options?.signal).then(asSearch);
  }

  status(): Promise<StoreStatus> {
    return this.#perform({ kind: 'status' }, undefined).then(asStatus);
  }

  watch(ranges: readonly KeyRange[], options: WatchOptions = {}): AsyncIterable<WatchBatch> {
    const source = {
      clock: this.#options.clock,
      ids: this.#options.ids,
      resumeMs: this.#options.watchResumeMs ?? 60_000,
      closing: this.#closing.signal,
      connection: () => (this.#isReady ? this.#connection : undefined),
      onStateChange: (listener: () => void) => this.onStateChange(listener),
    };
    return endable((signal) => resumingWatch(source, { ranges, options, signal }), options.signal);
  }

  /** Waits for what runs, at most for its deadline; what was not sent and cannot be is given up at once. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Whether operations reach storage now. */
  isReady(): boolean {
    return this.#isReady;
  }

  /** Calls `listener` at every change; returns how to stop that. */
  onStateChange(listener: StateListener): () => void {
    this.#stateListeners.add(listener);
    return () => void this.#stateListeners.delete(listener);
  }

  /** Calls `listener` when other data answers than before: whatever was kept of the old is void. Returns how to stop that. */
  onStoreReplaced(listener: (storeId: string) => void): () => void {
    this.#replacedListeners.add(listener);
    return () => void this.#replacedListeners.delete(listener);
  }

  // --- operations --------------------------------------------------------------------------------------------------

  #perform(body: OperationBody, signal: AbortSignal | undefined): Promise<ReplyBody> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw closedError();
      if (signal?.aborted) throw givenUp(body);
      const operation = this.#pending.add(body, resolve, reject);
      this.#outbox.push(operation);
      this.#scheduleFlush();
      if (signal) this.#giveUpOn(signal, operation, resolve, reject);
    });
  }

  /** Ties an operation to its caller's signal. */
  #giveUpOn(
    signal: AbortSignal,
    operation: PendingOperation,
    ...settle: [(body: ReplyBody) => void, (error: AppError) => void]
  ): void {
    const giveUp = (): void => this.#pending.giveUp(operation, givenUp(operation.body));
    signal.addEventListener('abort', giveUp, { once: true });
    const letGo = (): void => signal.removeEventListener('abort', giveUp);
    const [resolve, reject] = settle;
    Object.assign(operation, {
      resolve: (body: ReplyBody) => (letGo(), resolve(body)),
      reject: (error: AppError) => (letGo(), reject(error)),
    });
  }

  #nextAttemptId(): Buffer {
    // Random once, then counted: a random number for each would be most of what a commit costs here.
    const id = Buffer.allocUnsafe(attemptIdBytes);
    this.#attemptPrefix.copy(id);
    id.writeUIntBE((this.#attempts += 1), attemptIdBytes - attemptCounterBytes, attemptCounterBytes);
    return id;
  }

  #scheduleFlush(): void {
    if (this.#isFlushing || !this.#isReady || !this.#connection.canSend) return;
    this.#isFlushing = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#isFlushing = false;
    if (!this.#isReady || !this.#connection.canSend) return;
    const outgoing = this.#outbox;
    this.#outbox = [];
    const nowMs = this.#options.clock.monotonicMs();
    for (const operation of outgoing) if (!operation.isSettled && !operation.isOut) this.#put(operation, nowMs);
    for (const message of this.#gatherer.take()) this.#connection.send(message);
  };

  #put(operation: PendingOperation, nowMs: number): void {
    if (operation.isAmbiguous && operation.hasEffect && nowMs - operation.firstSentMs! > resendMsMax) {
      return this.#pending.giveUp(
        operation,
        new AppError('UNAVAILABLE', 'storage came back too late to send it again'),
      );
    }
    try {
      this.#gatherer.add(operation);
      operation.isOut = true;
      operation.firstSentMs ??= nowMs;
    } catch (error) {
      this.#pending.reject(operation, toAppError(error));
    }
  }

  /** On the same connection, unless it broke meanwhile: then the next one brings it anyway. */
  #askAgain(operation: PendingOperation): void {
    if (operation.isSettled || operation.isOut) return;
    this.#outbox.push(operation);
    this.#scheduleFlush();
  }

  #onLate(operation: PendingOperation): void {
    const { body, isOut, firstSentMs, doubt } = operation;
    if (doubt) return this.#pending.giveUp(operation, doubt);
    const why = isOut
      ? new AppError('DEADLINE_EXCEEDED', `storage did not answer the ${body.kind} within ${this.#deadlineMs} ms`)
      : new AppError('UNAVAILABLE', `storage could not be reached within ${this.#deadlineMs} ms: ${this.#reason}`);
    this.#pending.giveUp(operation, why);
    // Nothing came since it was sent, though the connection stands: storage is stopped or gone. The others that are late
    // now are judged first, while it still stands.
    const connection = this.#connection;
    const isSilent = isOut && this.#isReady && connection.heardMs < firstSentMs!;
    const silence = `storage was silent for ${this.#deadlineMs} ms`;
    if (isSilent) queueMicrotask(() => connection.fail(new AppError('UNAVAILABLE', silence)));
  }

  // --- the connection ----------------------------------------------------------------------------------------------

  #connect(): GrpcConnection {
    const { address, clock, tls, keepaliveMs = 5_000 } = this.#options;
    const options = { address, clock, helloMs: this.#deadlineMs, keepaliveMs, ...(tls && { tls }) };
    return new GrpcConnection(options, {
      onOpen: (connection, hello) => this.#onOpen(connection, hello),
      onReplies: (replies) => this.#onReplies(replies),
      onDrain: () => this.#scheduleFlush(),
      onLost: (connection, error) => this.#onLost(connection, error),
    });
  }

  #onOpen(connection: GrpcConnection, hello: Hello): void {
    if (this.#closed && this.#pending.size === 0) return connection.close();
    this.#tries = 0;
    this.#isReady = true;
    if (this.#storeId !== undefined && this.#storeId !== hello.storeId) this.#onReplaced(hello.storeId);
    this.#storeId = hello.storeId;
    this.#outbox = [...this.#pending.all()];
    if (this.#outbox.length > 0) this.#scheduleFlush();
    this.#tell(true, undefined);
  }

  /** What was decided on the old data must not be written to the new. */
  #onReplaced(storeId: string): void {
    const error = new AppError('UNAVAILABLE', 'the store has been replaced by another one');
    for (const operation of this.#pending.all()) if (operation.hasEffect) this.#pending.giveUp(operation, error);
    for (const listener of [...this.#replacedListeners]) listener(storeId);
  }

  #onReplies(replies: readonly Reply[]): void {
    for (const reply of replies) this.#pending.answer(reply);
  }

  #onLost(connection: GrpcConnection, error: AppError): void {
    if (connection !== this.#connection) return;
    const wasReady = this.#isReady;
    this.#isReady = false;
    this.#reason = error.message;
    this.#pending.noteLost();
    if (this.#closed) return this.#abandon();
    if (wasReady) this.#tell(false, error.message);
    this.#tries += 1;
    const delayMs = backoffDelayMs(this.#tries, reconnectBackoff, this.#options.ids);
    this.#cancelReconnect = this.#options.clock.after(delayMs, () => (this.#connection = this.#connect()));
  }

  #tell(isReady: boolean, reason: string | undefined): void {
    for (const listener of [...this.#stateListeners]) listener(isReady, reason);
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    this.#cancelReconnect?.();
    if (!this.#isReady) this.#abandon();
    await this.#pending.whenEmpty();
    const wasReady = this.#isReady;
    this.#isReady = false;
    this.#reason = 'closed';
    this.#connection.close();
    if (wasReady) this.#tell(false, 'closed');
  }

  /** Closing without a connection: nothing will be answered any more. */
  #abandon(): void {
    for (const operation of this.#pending.all()) this.#pending.giveUp(operation, closedError());
  }
}

function tooMany(field: string, count: number, countMax: number): Promise<never> {
  return Promise.reject(invalidArgument(field, `has ${count} members, at most ${countMax} are allowed`));
}

function closedError(): AppError {
  return new AppError('UNAVAILABLE', 'the store is closed');
}

function givenUp(body: OperationBody): AppError {
  return new AppError(
    body.kind === 'commit' ? 'UNAVAILABLE' : 'DEADLINE_EXCEEDED',
    `the ${body.kind} was given up by its caller`,
  );
}

function mismatch(expected: string, body: ReplyBody): AppError {
  return new AppError('INTERNAL', `storage answered a ${expected} with a ${body.kind}`);
}

function asRead(body: ReplyBody): ReadResult {
  if (body.kind === 'read') return body.result;
  throw mismatch('read', body);
}

function asCommit(body: ReplyBody): readonly CommitOutcome[] {
  if (body.kind === 'commit') return body.outcomes;
  throw mismatch('commit', body);
}

function asSearch(body: ReplyBody): SearchOutcome {
  if (body.kind === 'search') return body.outcome;
  throw mismatch('search', body);
}

function asStatus(body: ReplyBody): StoreStatus {
  if (body.kind === 'status') return body.status;
  throw mismatch('status', body);
}
