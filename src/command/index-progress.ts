/** What is logged of vector indexes: how far one has come that is made from many rows, about once a second, and what went wrong. */
import type { IndexReport } from '../../storage/vectors/index-pool';
import type { Clock } from '../core/clock';
import type { Logger } from '../core/telemetry';

/** Fewer rows than this are read in a moment. */
const rowsMin = 5_000;
const everyMs = 1_000;

export function logIndexes(logger: Logger, clock: Pick<Clock, 'monotonicMs'>): (report: IndexReport) => void {
  /** When an index was last spoken of. */
  const spokenOf = new Map<number, number>();
  return (report) => {
    if (report.kind === 'fault') return logger.warn({ err: report.error }, 'a vector index could not be written down');
    const { index, rows, isDone } = report;
    const lastMs = spokenOf.get(index);
    if (isDone) {
      spokenOf.delete(index);
      if (rows >= rowsMin) logger.info({ index, rows }, 'a vector index has all rows');
    } else if (rows >= rowsMin && (lastMs === undefined || clock.monotonicMs() - lastMs >= everyMs)) {
      spokenOf.set(index, clock.monotonicMs());
      logger.info({ index, rows }, 'reading rows for a vector index');
    }
  };
}
