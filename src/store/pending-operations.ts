/**
 * Operations that wait for their answer. All have the same time, so that their order of arrival is the order of their
 * deadlines, and one timer, set for the first of them, serves them all. What an operation's failure is called depends
 * on what is known of its fate; that is judged here and nowhere else.
 */
import type { OperationBody, Reply, ReplyBody } from '../../proto/wire';
import { Arrivals } from '../core/arrivals';
import type { Clock } from '../core/clock';
import type { FailureCode } from '../core/errors';
import { AppError } from '../core/errors';

/** One operation from its call to its answer. */
export interface PendingOperation {
  readonly id: number;
  readonly body: OperationBody;
  /** Whether being done twice, or not at all, makes a difference: a commit with writes or marks. */
  readonly hasEffect: boolean;
  /** About what it holds in memory. */
  readonly bytes: number;
  readonly deadlineMs: number;
  /** When it was first sent, in monotonic milliseconds; undefined while it surely never was. */
  firstSentMs: number | undefined;
  /** Sent on the connection that stands. */
  isOut: boolean;
  /** Sent on a connection that broke, or given up after being sent: it may have been done. */
  isAmbiguous: boolean;
  isSettled: boolean;
  /** What storage said where it did not know the fate of it. */
  doubt: AppError | undefined;
  readonly resolve: (body: ReplyBody) => void;
  readonly reject: (error: AppError) => void;
}

export interface PendingOptions {
  readonly clock: Clock;
  /** Of every operation, in milliseconds. */
  readonly deadlineMs: number;
  readonly countMax: number;
  readonly bytesMax: number;
  /** Called for an operation that ran out of time, before it is settled. */
  readonly onLate: (operation: PendingOperation) => void;
  /** Called for an operation whose fate storage does not know: it is to be asked again, a little later. */
  readonly onUnknown: (operation: PendingOperation) => void;
}

/** Failures of an answer that say nothing about an earlier try of the same operation. */
const transient: ReadonlySet<FailureCode> = new Set(['UNAVAILABLE', 'OVERLOADED', 'DEADLINE_EXCEEDED', 'INTERNAL']);

export class PendingOperations {
  readonly #options: PendingOptions;
  readonly #byId = new Arrivals<PendingOperation>();
  #bytes = 0;
  #isTimed = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: PendingOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** All, in the order of their arrival. */
  all(): IterableIterator<PendingOperation> {
    return this.#byId.values();
  }

  /** Takes an operation in. Throws OVERLOADED where too many, or too large ones, wait already. */
  add(body: OperationBody, resolve: PendingOperation['resolve'], reject: PendingOperation['reject']): PendingOperation {
    const { countMax, bytesMax, clock, deadlineMs } = this.#options;
    const bytes = bytesOf(body);
    if (this.#byId.size >= countMax)
      throw new AppError('OVERLOADED', `${countMax} operations wait for storage already`);
    if (this.#bytes > 0 && this.#bytes + bytes > bytesMax) {
      throw new AppError(
        'OVERLOADED',
        `operations that wait for storage already hold ${this.#bytes} of ${bytesMax} bytes`,
      );
    }
    const operation: PendingOperation = {
      id: this.#byId.nextNumber,
      body,
      hasEffect:
        body.kind === 'commit' &&
        body.transactions.some((each) => each.writes.length > 0 || (each.marks?.length ?? 0) > 0),
      bytes,
      deadlineMs: clock.monotonicMs() + deadlineMs,
      firstSentMs: undefined,
      isOut: false,
      isAmbiguous: false,
      isSettled: false,
      doubt: undefined,
      resolve,
      reject,
    };
    this.#byId.add(operation);
    this.#bytes += bytes;
    if (!this.#isTimed) this.#setTimer(deadlineMs);
    return operation;
  }

  /** Gives an answer to the one that waits for it. An answer that nobody waits for any more is dropped. */
  answer({ id, body }: Reply): void {
    const operation = this.#byId.get(id);
    if (!operation) return;
    if (body.kind === 'failure' && body.notBegun) {
      // It goes out again on the next connection.
      operation.isOut = false;
      if (!operation.isAmbiguous) operation.firstSentMs = undefined;
      return;
    }
    const unknown = operation.hasEffect ? unknownOf(body) : undefined;
    if (unknown) {
      // Storage is about to restart, or still finds it out: it is asked again under the attempt ids that it knows it by.
      operation.isAmbiguous = true;
      operation.isOut = false;
      operation.doubt = unknown;
      return this.#options.onUnknown(operation);
    }
    const doubt = operation.isAmbiguous && operation.hasEffect ? doubtOf(body) : undefined;
    if (doubt) this.reject(operation, unknownOutcome(doubt));
    else if (body.kind === 'failure') this.reject(operation, body.error);
    else {
      this.#settle(operation);
      operation.resolve(body);
    }
  }

  /** Settles it with a failure. */
  reject(operation: PendingOperation, error: AppError): void {
    if (operation.isSettled) return;
    this.#settle(operation);
    operation.reject(error);
  }

  /** Settles it without an answer: by what is known of its fate. `why` says why nobody waits any longer. */
  giveUp(operation: PendingOperation, why: AppError): void {
    const mayBeDone = operation.isOut || operation.isAmbiguous;
    this.reject(operation, operation.hasEffect && mayBeDone ? unknownOutcome(why) : why);
  }

  /** The connection broke: what was out may have been done. */
  noteLost(): void {
    for (const operation of this.#byId.values()) {
      if (operation.isOut) operation.isAmbiguous = true;
      operation.isOut = false;
    }
  }

  /** Resolves when none is left. */
  whenEmpty(): Promise<void> {
    if (this.#byId.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onEmpty = resolve));
  }

  #settle(operation: PendingOperation): void {
    operation.isSettled = true;
    this.#byId.delete(operation.id);
    this.#bytes -= operation.bytes;
    if (this.#byId.size === 0) this.#onEmpty?.();
  }

  #setTimer(delayMs: number): void {
    this.#isTimed = true;
    this.#options.clock.after(delayMs, () => this.#sweep());
  }

  #sweep(): void {
    this.#isTimed = false;
    for (const operation of this.#byId.values()) {
      const leftMs = operation.deadlineMs - this.#options.clock.monotonicMs();
      // Timers count whole milliseconds.
      if (leftMs > 0) return this.#setTimer(Math.ceil(leftMs));
      this.#options.onLate(operation);
    }
  }
}

/** What in an answer leaves open whether an earlier try was done. */
function doubtOf(body: ReplyBody): AppError | undefined {
  if (body.kind === 'failure') return transient.has(body.error.code) ? body.error : undefined;
  if (body.kind !== 'commit') return undefined;
  for (const outcome of body.outcomes) {
    if (outcome.kind === 'failed' && transient.has(outcome.error.code)) return outcome.error;
  }
  return undefined;
}

/** What says in an answer that the fate of a commit is not known. */
function unknownOf(body: ReplyBody): AppError | undefined {
  const errors = body.kind === 'failure' ? [body.error] : [];
  if (body.kind === 'commit') for (const each of body.outcomes) if (each.kind === 'failed') errors.push(each.error);
  return errors.find(({ code }) => code === 'OUTCOME_UNKNOWN');
}

function unknownOutcome(cause: AppError): AppError {
  if (cause.code === 'OUTCOME_UNKNOWN') return cause;
  return new AppError('OUTCOME_UNKNOWN', `it is not known whether the commit was applied: ${cause.message}`, { cause });
}

const operationOverheadBytes = 256;

function bytesOf(body: OperationBody): number {
  let bytes = operationOverheadBytes;
  if (body.kind === 'read') bytes += body.ranges.length * 64;
  if (body.kind === 'search') bytes += body.request.near.byteLength + (body.request.filter?.length ?? 0);
  if (body.kind !== 'commit') return bytes;
  for (const { checks, writes, marks } of body.transactions) {
    bytes += checks.length * 64;
    for (const write of writes) bytes += 64 + (write.kind === 'put' ? write.value.length : 0);
    for (const mark of marks ?? []) bytes += 64 + mark.value.length;
  }
  return bytes;
}
