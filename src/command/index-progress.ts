/**
 * What is said of vector indexes: how far one has come that is made from many rows, as a bar on a terminal, in the log about once a
 * second, and in the gateway's metrics, and what went wrong.
 */
import type { Store } from '../../proto/store';
import type { IndexReport } from '../../storage/vectors/index-pool';
import type { Clock } from '../core/clock';
import type { IndexedRows, Logger } from '../core/telemetry';
import type { ShowProgress } from './progress-bars';
import { statusReader } from './status-reader';

/** Fewer rows than this are read in a moment. */
const rowsMin = 5_000;
const everyMs = 1_000;

export interface IndexProgressOptions {
  readonly logger: Logger;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly showProgress: ShowProgress;
}

export function indexReporter({ logger, clock, showProgress }: IndexProgressOptions): (report: IndexReport) => void {
  /** When an index was last spoken of. */
  const spokenOf = new Map<number, number>();
  return (report) => {
    if (report.kind === 'fault') return logger.warn({ err: report.error }, 'a vector index could not be written down');
    const { index, rows, total, isDone } = report;
    if (total !== undefined && total >= rowsMin)
      showProgress({ name: `vector index ${index}`, done: rows, total, unit: 'rows', isDone });
    const lastMs = spokenOf.get(index);
    if (isDone) {
      spokenOf.delete(index);
      if (rows >= rowsMin) logger.info({ index, rows }, 'a vector index has all rows');
    } else if (rows >= rowsMin && (lastMs === undefined || clock.monotonicMs() - lastMs >= everyMs)) {
      spokenOf.set(index, clock.monotonicMs());
      logger.info({ index, rows, total }, 'reading rows for a vector index');
    }
  };
}

/** Gives how far storage has come with the indexes that it is making; of nothing 0. */
export function indexingReader(store: Pick<Store, 'status'>, clock: Clock): () => Promise<IndexedRows> {
  const none = { rows: 0, total: 0 };
  return statusReader(store, clock, { read: ({ indexing = none }) => indexing, first: none });
}
