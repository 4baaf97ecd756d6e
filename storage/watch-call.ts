/**
 * The server's side of one Watch call. The store's iterator is pulled only while little of the call waits to be sent, so that a
 * reader that is slow, or stopped, holds back its own watch and costs a bounded buffer.
 */
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Change, Store, WatchBatch } from '../proto/store';
import { decodeWatchRequest, encodeWatchBatch } from '../proto/wire';
import { toStatus } from '../proto/wire-failure';
import { AppError, toAppError } from '../src/core/errors';

/** Bytes of a call that may wait to be sent before its iterator is pulled again. */
const unsentBytesMax = 262_144;
/**
 * Keys and values of one message; a batch with more is sent in several, each of whole commits. Small, since the reader's end
 * of a stream takes 16 messages ahead.
 */
const partBytesMax = 262_144;

export interface WatchCallOptions {
  readonly store: Store;
  readonly storeId: string;
  /** Aborts when the server stops: the call then ends with UNAVAILABLE. */
  readonly stopping: AbortSignal;
}

/** Serves one call to its end; never rejects. */
export async function serveWatch(call: ServerWritableStream<Buffer, Buffer>, options: WatchCallOptions): Promise<void> {
  const abort = new AbortController();
  const giveUp = (): void => abort.abort();
  call.on('cancelled', giveUp);
  options.stopping.addEventListener('abort', giveUp, { once: true });
  if (options.stopping.aborted) giveUp();
  try {
    await pump(call, options, abort.signal);
    throw new AppError('UNAVAILABLE', options.stopping.aborted ? 'storage is stopping' : 'the watch ended');
  } catch (error) {
    if (!call.cancelled) call.emit('error', toStatus(toAppError(error)));
  } finally {
    options.stopping.removeEventListener('abort', giveUp);
  }
}

async function pump(
  call: ServerWritableStream<Buffer, Buffer>,
  options: WatchCallOptions,
  signal: AbortSignal,
): Promise<void> {
  const { ranges, afterRevision, keysOnly, storeId } = decodeWatchRequest(call.request);
  if (storeId !== '' && storeId !== options.storeId) {
    throw new AppError('HISTORY_GONE', 'the store has been replaced by another one; its history does not go on here');
  }
  const sender = new Sender(call, signal);
  const after = afterRevision === undefined ? {} : { afterRevision };
  for await (const batch of options.store.watch(ranges, { ...after, keysOnly, signal })) {
    for (const part of wholeCommits(batch)) {
      await sender.send(encodeWatchBatch(part));
      if (signal.aborted) return;
    }
  }
}

/** Counts what was written and not yet taken by HTTP/2's flow control. */
class Sender {
  readonly #call: ServerWritableStream<Buffer, Buffer>;
  readonly #signal: AbortSignal;
  #unsentBytes = 0;
  #wake: (() => void) | undefined;

  constructor(call: ServerWritableStream<Buffer, Buffer>, signal: AbortSignal) {
    this.#call = call;
    this.#signal = signal;
    // A call that was cancelled does not answer its writes.
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
  }

  async send(message: Buffer): Promise<void> {
    this.#unsentBytes += message.length;
    this.#call.write(message, () => {
      this.#unsentBytes -= message.length;
      if (this.#unsentBytes <= unsentBytesMax) this.#wake?.();
    });
    if (this.#unsentBytes <= unsentBytesMax || this.#signal.aborted) return;
    await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
  }
}

/** Cuts a batch that is too large for a message between its commits. A single commit always fits. */
export function wholeCommits(batch: WatchBatch, bytesMax: number = partBytesMax): readonly WatchBatch[] {
  const parts: WatchBatch[] = [];
  let changes: Change[] = [];
  let bytes = 0;
  batch.changes.forEach((change, index) => {
    const previous = batch.changes[index - 1];
    if (previous && bytes >= bytesMax && previous.revision !== change.revision) {
      parts.push({ changes, revision: previous.revision, nowMs: batch.nowMs });
      changes = [];
      bytes = 0;
    }
    changes.push(change);
    bytes += change.key.length + (change.value?.length ?? 0);
  });
  return parts.length === 0 ? [batch] : [...parts, { ...batch, changes }];
}
