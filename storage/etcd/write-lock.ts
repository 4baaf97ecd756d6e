/**
 * The lock of a store: while it stands, nobody but its owner writes. Taken for a transaction that is too large to be judged where it is
 * written. One that its owner left behind is taken away by whoever meets it.
 */
import type { Clock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import { nonceBytes } from './layout';
import { deleteOp, getOp, isAbsent, isAtRevision, isSince, methods, putOp } from './messages';
import type { KeyValue, TxnRequest } from './messages';
import { rangesOf } from './writer-parts';
import type { WriterOptions } from './writer-parts';

/** A lock of another process that has stood so long is taken away. */
const lockMsMax = 2_000;
/** Between two looks at the lock of another process. */
const lockPauseMs = 5;

export class WriteLock {
  readonly #options: WriterOptions;
  readonly #clock: Clock;
  readonly #closing: AbortSignal;
  #seen: { readonly modRevision: number; readonly sinceMs: number } | undefined;

  constructor(options: WriterOptions, closing: AbortSignal) {
    this.#options = options;
    this.#clock = options.transportClock;
    this.#closing = closing;
  }

  /** Takes it; the revision at which it is ours. */
  async take(): Promise<number> {
    const { channel, layout, registration, ids } = this.#options;
    const value = Buffer.concat([registration.id, ids.bytes(nonceBytes)]);
    const request: TxnRequest = {
      compare: [isAbsent(layout.lock), isSince(registration.row, registration.createRevision())],
      success: [putOp(layout.lock, value)],
      failure: [getOp(layout.lock), getOp(registration.row)],
    };
    while (!this.#closing.aborted) {
      const { header, succeeded, responses } = await channel.ask(methods.txn, request);
      if (succeeded) return header!.revision;
      const [lock, process] = rangesOf(responses).map(({ kvs }) => kvs[0]);
      if (lock?.value.equals(value)) return lock.modRevision;
      if (process?.createRevision !== registration.createRevision()) {
        await registration.renew();
        throw new AppError('UNAVAILABLE', 'this storage process was given up by the others, and is back');
      }
      if (lock) await this.waitFor(lock);
    }
    throw new AppError('UNAVAILABLE', 'the store is closed');
  }

  /** Waits a little for the lock of another process; takes away one that was left behind. */
  async waitFor(lock: KeyValue): Promise<void> {
    const { channel, layout, registration } = this.#options;
    const nowMs = this.#clock.monotonicMs();
    if (this.#seen?.modRevision !== lock.modRevision) this.#seen = { modRevision: lock.modRevision, sinceMs: nowMs };
    const isOwn = lock.value.subarray(0, registration.id.length).equals(registration.id);
    const isOld = nowMs - this.#seen.sinceMs > lockMsMax;
    if (!isOwn && !isOld) return this.#clock.sleep(lockPauseMs, this.#closing);
    await channel.ask(methods.txn, {
      compare: [isAtRevision(layout.lock, lock.modRevision)],
      success: [deleteOp(layout.lock)],
      failure: [],
    });
  }

  /** Gives it back. What fails here is found by whoever meets the lock next. */
  async giveBack(revision: number): Promise<void> {
    const { channel, layout } = this.#options;
    const compare = [isAtRevision(layout.lock, revision)];
    await channel.ask(methods.txn, { compare, success: [deleteOp(layout.lock)], failure: [] }).catch(() => undefined);
  }
}
