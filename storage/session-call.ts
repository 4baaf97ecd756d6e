/**
 * The server's side of one Session stream. Operations of a message run at the same time; replies are gathered for a turn of
 * the event loop. A client that does not read its replies, or has very many operations open, is not read from.
 */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { storeLimits } from '../proto/limits';
import { judgeClient, protocolMinor } from '../proto/protocol';
import type { Store } from '../proto/store';
import { Gatherer, decodeClientMessage, encodeHello } from '../proto/wire';
import type { Hello, Operation, OperationBody, Reply, ReplyBody } from '../proto/wire';
import { toStatus } from '../proto/wire-failure';
import type { FailureStatus } from '../proto/wire-failure';
import { AppError, answerTooLarge, toAppError } from '../src/core/errors';

/** Operations open at once on one stream, past which it is not read. */
const runningMax = 16_384;

/** Serves one stream from its first message to its end. */
export class SessionCall {
  readonly #call: ServerDuplexStream<Buffer, Buffer>;
  readonly #store: Store;
  readonly #onEnd: (session: SessionCall) => void;
  readonly #replies = new Gatherer<Reply>('replies');
  #state: 'new' | 'greeting' | 'open' | 'stopping' | 'ended' = 'new';
  #running = 0;
  #isFlushing = false;
  #isBlocked = false;
  #ending: FailureStatus | 'well' | undefined;

  /** `onEnd` is called once, when nothing of it runs or will be sent any more. */
  constructor(call: ServerDuplexStream<Buffer, Buffer>, store: Store, onEnd: (session: SessionCall) => void) {
    this.#call = call;
    this.#store = store;
    this.#onEnd = onEnd;
    call.on('data', (bytes: Buffer) => this.#onMessage(bytes));
    call.on('end', () => this.#endWhenDone('well'));
    call.on('cancelled', () => this.#finish());
    call.on('drain', () => {
      this.#isBlocked = false;
      this.#resume();
    });
  }

  /** Takes nothing new, answers what runs, then ends the stream with UNAVAILABLE. */
  stop(): void {
    if (this.#state === 'ended') return;
    this.#state = 'stopping';
    this.#endWhenDone(toStatus(stoppingError()));
  }

  #onMessage(bytes: Buffer): void {
    if (this.#state === 'ended') return;
    try {
      const { hello, operations } = decodeClientMessage(bytes);
      if (hello) this.#greet(hello);
      else if (this.#state === 'open' || this.#state === 'stopping')
        for (const operation of operations) this.#run(operation);
      else throw new AppError('INVALID_ARGUMENT', 'operations came before the hello was answered');
    } catch (error) {
      this.#end(toStatus(toAppError(error)));
    }
    if (this.#running > runningMax) this.#call.pause();
  }

  #greet(hello: Hello): void {
    if (this.#state === 'stopping') return;
    if (this.#state !== 'new') throw new AppError('INVALID_ARGUMENT', 'a second hello');
    this.#state = 'greeting';
    const verdict = judgeClient(hello.major);
    if (verdict.kind === 'refused') {
      return this.#end(toStatus(new AppError('UNAVAILABLE', verdict.reason), status.FAILED_PRECONDITION));
    }
    this.#answerHello(verdict.major).catch((error: unknown) => this.#end(toStatus(toAppError(error))));
  }

  async #answerHello(major: number): Promise<void> {
    const { storeId, engine, revision } = await this.#store.status();
    if (this.#state !== 'greeting') return;
    this.#state = 'open';
    const { messageBytesMax, readRangesMax, commitTransactionsMax } = storeLimits;
    const limits = { messageBytesMax, readRangesMax, commitTransactionsMax };
    this.#write(encodeHello({ major, minor: protocolMinor, storeId, engine, limits, revision }));
  }

  #run({ id, body }: Operation): void {
    this.#running += 1;
    if (this.#state === 'stopping') return this.#reply(id, { kind: 'failure', error: stoppingError(), notBegun: true });
    this.#perform(body).then(
      (reply) => this.#reply(id, reply),
      (error: unknown) => this.#reply(id, { kind: 'failure', error: toAppError(error), notBegun: false }),
    );
  }

  async #perform(body: OperationBody): Promise<ReplyBody> {
    if (body.kind === 'commit') return { kind: 'commit', outcomes: await this.#store.commit(body.transactions) };
    if (body.kind === 'search') return { kind: 'search', outcome: await this.#store.search(body.request) };
    if (body.kind === 'status') return { kind: 'status', status: await this.#store.status() };
    const options = body.consistency === undefined ? undefined : { consistency: body.consistency };
    return { kind: 'read', result: await this.#store.read(body.ranges, options) };
  }

  #reply(id: number, body: ReplyBody): void {
    this.#running -= 1;
    if (this.#state === 'ended') return;
    try {
      this.#replies.add({ id, body });
    } catch (error) {
      this.#replies.add({ id, body: withoutWhatIsLarge(body, toAppError(error)) });
    }
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#isFlushing = false;
    if (this.#state === 'ended') return;
    for (const message of this.#replies.take()) this.#write(message);
    if (this.#ending !== undefined) this.#endWhenDone(this.#ending);
    this.#resume();
  };

  #write(message: Buffer): void {
    if (this.#call.write(message)) return;
    this.#isBlocked = true;
    this.#call.pause();
  }

  #resume(): void {
    if (!this.#isBlocked && this.#running <= runningMax && this.#call.isPaused()) this.#call.resume();
  }

  #endWhenDone(ending: FailureStatus | 'well'): void {
    this.#ending = ending;
    if (this.#running === 0 && !this.#isFlushing) this.#end(ending);
  }

  #end(ending: FailureStatus | 'well'): void {
    if (this.#state === 'ended') return;
    this.#finish();
    if (ending === 'well') this.#call.end();
    else this.#call.emit('error', ending);
  }

  #finish(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#onEnd(this);
  }
}

/**
 * An answer that is too large for a message. A commit is done by then: what it wrote must still be said. Its conflicts, which
 * wrote nothing, are `answerTooLarge`: committed one by one they may fit.
 */
function withoutWhatIsLarge(body: ReplyBody, cause: AppError): ReplyBody {
  if (body.kind !== 'commit') return { kind: 'failure', error: cause, notBegun: false };
  const error = answerTooLarge('what stands under the checked keys is more than one answer takes', cause);
  return {
    kind: 'commit',
    outcomes: body.outcomes.map((each) => (each.kind === 'conflict' ? { kind: 'failed', error } : each)),
  };
}

function stoppingError(): AppError {
  return new AppError('UNAVAILABLE', 'storage is stopping');
}
