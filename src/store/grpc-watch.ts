/**
 * A watch that outlives its connection. It goes on after the last revision that it gave, on the next connection, so that its
 * reader sees neither hole nor double. It ends with UNAVAILABLE when storage stays away for too long, and with
 * HISTORY_GONE when another store answers in its place.
 */
import type { KeyRange, WatchBatch, WatchOptions } from '../../proto/store';
import { backoffDelayMs } from '../core/backoff';
import type { Clock } from '../core/clock';
import type { FailureCode } from '../core/errors';
import { AppError, toAppError } from '../core/errors';
import type { Ids } from '../core/ids';
import { eitherSignal } from '../core/endable';
import type { GrpcConnection } from './grpc-connection';

/** Where a watch gets its connections. */
export interface WatchSource {
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'fraction'>;
  /** How long storage may stay away. */
  readonly resumeMs: number;
  /** Aborts when the store is closed: the watch then ends. */
  readonly closing: AbortSignal;
  /** The connection that stands, if one does. */
  connection(): GrpcConnection | undefined;
  onStateChange(listener: () => void): () => void;
}

export interface WatchArguments {
  readonly ranges: readonly KeyRange[];
  readonly options: WatchOptions;
  readonly signal: AbortSignal;
}

const retryBackoff = { baseMs: 50, capMs: 1_000 } as const;

/** Failures after which the same watch may go on. */
const passing: ReadonlySet<FailureCode> = new Set(['UNAVAILABLE', 'OVERLOADED', 'DEADLINE_EXCEEDED']);

/** Runs until its signal aborts or the store is closed; throws what it cannot go on after. */
export async function* resumingWatch(
  source: WatchSource,
  watch: WatchArguments,
): AsyncGenerator<WatchBatch, void, undefined> {
  if (source.closing.aborted) throw new AppError('UNAVAILABLE', 'the store is closed');
  const { signal, release } = eitherSignal(watch.signal, source.closing);
  try {
    yield* resume(source, { ...watch, signal });
  } finally {
    release();
  }
}

async function* resume(
  source: WatchSource,
  { ranges, options, signal }: WatchArguments,
): AsyncGenerator<WatchBatch, void, undefined> {
  const { clock, ids, resumeMs } = source;
  const { keysOnly = false } = options;
  let afterRevision = options.afterRevision;
  let storeId: string | undefined;
  let awayMs: number | undefined = clock.monotonicMs();
  let tries = 0;
  for (;;) {
    const connection = await nextConnection(source, awayMs + resumeMs - clock.monotonicMs(), signal);
    if (signal.aborted) return;
    if (!connection)
      throw new AppError('UNAVAILABLE', `storage stayed away for ${resumeMs} ms; the watch cannot go on`);
    storeId ??= connection.hello.storeId;
    if (storeId !== connection.hello.storeId) {
      throw new AppError('HISTORY_GONE', 'the store has been replaced by another one; its history does not go on here');
    }
    try {
      for await (const batch of connection.watch({ ranges, afterRevision, keysOnly, storeId }, signal)) {
        awayMs = undefined;
        tries = 0;
        afterRevision = batch.revision;
        yield batch;
      }
    } catch (error) {
      if (!passing.has(toAppError(error).code)) throw error;
    }
    if (signal.aborted) return;
    awayMs ??= clock.monotonicMs();
    tries += 1;
    await clock.sleep(backoffDelayMs(tries, retryBackoff, ids), signal);
  }
}

/** The connection that stands, or the next one; undefined when the time is over or the signal aborts. */
function nextConnection(source: WatchSource, leftMs: number, signal: AbortSignal): Promise<GrpcConnection | undefined> {
  if (signal.aborted || leftMs <= 0) return Promise.resolve(undefined);
  const standing = source.connection();
  if (standing) return Promise.resolve(standing);
  return new Promise((resolve) => {
    const finish = (): void => {
      stopListening();
      cancelTimer();
      signal.removeEventListener('abort', finish);
      resolve(source.connection());
    };
    const stopListening = source.onStateChange(() => {
      if (source.connection()) finish();
    });
    const cancelTimer = source.clock.after(leftMs, finish);
    signal.addEventListener('abort', finish, { once: true });
  });
}
