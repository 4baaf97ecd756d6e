/**
 * One physical transaction, and what became of it. Each makes a row of its own, its batch row, where there is none: so an answer
 * that was lost is found again (the row is ours, at a revision), or made sure never to come (the row is made by somebody else first).
 */
import type { AppError } from '../../src/core/errors';
import { EtcdFailure, isFull, toStoreError } from './channel';
import { batchNonce, encodeBatch, nonceBytes } from './layout';
import type { BatchAttempt, BatchTelling } from './layout';
import { getOp, isAbsent, isSince, methods, putOp } from './messages';
import type { Compare, RangeResponse, RequestOp, TxnRequest, TxnResponse } from './messages';
import type { Tellings } from './tellings';
import { attemptsOf, bucketMs, pauseMs, rangesOf, unknownOutcome } from './writer-parts';
import type { Member, WriterOptions } from './writer-parts';

/** The fate of a physical transaction. */
export type Fate =
  | { readonly kind: 'answered'; readonly response: TxnResponse }
  /** It was applied, and its answer was lost. */
  | { readonly kind: 'applied'; readonly revision: number }
  /** It was not, and will not be. */
  | { readonly kind: 'void' }
  /** etcd refused it. */
  | { readonly kind: 'failed'; readonly error: AppError };

/** A physical transaction on its way. */
export interface Batch {
  readonly key: Buffer;
  readonly nonce: Buffer;
  readonly nowMs: number;
}

export interface DeliveryOptions {
  readonly writer: WriterOptions;
  readonly tellings: Tellings;
  readonly closing: AbortSignal;
  /** It is not known yet what became of them. */
  readonly onUnknown: (members: readonly Member[]) => void;
}

export class Delivery {
  readonly #options: WriterOptions;
  readonly #tellings: Tellings;
  readonly #closing: AbortSignal;
  readonly #onUnknown: DeliveryOptions['onUnknown'];
  #number = 0;

  constructor({ writer, tellings, closing, onUnknown }: DeliveryOptions) {
    this.#options = writer;
    this.#tellings = tellings;
    this.#closing = closing;
    this.#onUnknown = onUnknown;
  }

  next(nowMs: number): Batch {
    const { layout, registration, ids } = this.#options;
    const key = layout.batch(Math.floor(nowMs / bucketMs), registration.id, (this.#number += 1));
    return { key, nonce: ids.bytes(nonceBytes), nowMs };
  }

  /** What must hold for any of it: nobody made its row, the process was not given up, nobody has the lock, the bases are known. */
  guards(batch: Batch): Compare[] {
    const { layout, registration, bases } = this.#options;
    const isRegistered = isSince(registration.row, registration.createRevision());
    return [isAbsent(batch.key), isRegistered, isAbsent(layout.lock), bases.guard()];
  }

  guardReads(batch: Batch): RequestOp[] {
    const { layout, registration } = this.#options;
    return [batch.key, registration.row, layout.lock, layout.bases].map(getOp);
  }

  areGuardsMet([batch, process, lock, known]: readonly RangeResponse[]): boolean {
    const { registration, bases } = this.#options;
    const isRegistered = process!.kvs[0]?.createRevision === registration.createRevision();
    return batch!.kvs.length === 0 && isRegistered && lock!.kvs.length === 0 && bases.isKnown(known!.kvs[0]);
  }

  /** Sends it and finds out what became of it, however long that takes. */
  async deliver(members: readonly Member[], batch: Batch, make: (put: RequestOp) => TxnRequest): Promise<Fate> {
    const attempts = attemptsOf(members);
    const tellings = this.#tellings.take();
    const fate = await this.#send(members, batch, make(this.#put(batch, attempts, tellings)), tellings);
    const stands = fate.kind === 'applied' || (fate.kind === 'answered' && fate.response.succeeded);
    if (!stands) this.#tellings.giveBack(tellings);
    return fate;
  }

  async #send(
    members: readonly Member[],
    batch: Batch,
    request: TxnRequest,
    tellings: readonly BatchTelling[],
  ): Promise<Fate> {
    try {
      return { kind: 'answered', response: await this.#options.channel.once(methods.txn, request) };
    } catch (error) {
      const failure = error as EtcdFailure;
      if (isFull(failure)) {
        const fate = await this.#findOf(batch, failure).catch(() => undefined);
        if (fate) return fate;
      } else if (failure instanceof EtcdFailure && !failure.isAmbiguous)
        return { kind: 'failed', error: toStoreError(failure) };
      return this.#resolve(members, batch, tellings);
    }
  }

  /** etcd applies what takes the last room, and says all the same that there is none. Nothing is on its way any more, so the row says which. */
  async #findOf(batch: Batch, failure: EtcdFailure): Promise<Fate> {
    const { responses } = await this.#options.reader.raw([{ key: batch.key }]);
    const [found] = responses[0]!.kvs;
    if (found && batchNonce(found.value).equals(batch.nonce)) return { kind: 'applied', revision: found.modRevision };
    return { kind: 'failed', error: toStoreError(failure) };
  }

  /** Finds the batch row, or makes it in the place of the transaction that may still be on its way. */
  async #resolve(members: readonly Member[], batch: Batch, tellings: readonly BatchTelling[]): Promise<Fate> {
    const { channel, ids, transportClock } = this.#options;
    const request: TxnRequest = {
      compare: [isAbsent(batch.key)],
      success: [this.#put({ ...batch, nonce: ids.bytes(nonceBytes) }, [], tellings)],
      failure: [getOp(batch.key)],
    };
    for (;;) {
      this.#onUnknown(members);
      try {
        const { succeeded, responses } = await channel.once(methods.txn, request);
        if (succeeded) return { kind: 'void' };
        const [found] = rangesOf(responses)[0]!.kvs;
        const isOurs = found !== undefined && batchNonce(found.value).equals(batch.nonce);
        return isOurs ? { kind: 'applied', revision: found.modRevision } : { kind: 'void' };
      } catch {
        // A refusal (no room, a token) is no answer either: it is asked until there is one.
        if (this.#closing.aborted) return { kind: 'failed', error: unknownOutcome() };
        await transportClock.sleep(pauseMs, this.#closing);
      }
    }
  }

  #put({ key, nonce, nowMs }: Batch, attempts: readonly BatchAttempt[], tellings: readonly BatchTelling[]): RequestOp {
    return putOp(key, encodeBatch({ nowMs, nonce, attempts, tellings }));
  }
}
