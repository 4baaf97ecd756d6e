/**
 * What the batches of the last minutes remember: when they were judged, and which attempts were applied. A batch says it of those
 * before it; of the last ones of a process, the rows say it, read at their revisions. So a commit that is sent again to a storage
 * process that was started again is applied once.
 */
import type { AttemptTable } from '../attempt-table';
import { decodeBatch } from './layout';
import type { Layout } from './layout';
import type { KeyValue } from './messages';
import type { EtcdReader } from './reader';
import { lostRevision, readTraces } from './traces';

export interface PastBatches {
  /** The latest time that was written. */
  readonly nowMs: number;
}

const pageRows = 500;

export async function loadPastBatches(options: {
  readonly reader: EtcdReader;
  readonly layout: Layout;
  /** The first bucket that may hold what is still to be remembered. */
  readonly fromBucket: number;
  readonly attempts: AttemptTable;
}): Promise<PastBatches> {
  const { reader, layout, attempts } = options;
  const rows = await readAll(options);
  let latestMs = 0;
  /** Of each batch of which a later one tells, by its revision. */
  const applied = new Map<number, readonly Buffer[]>();
  for (const row of rows) {
    const batch = decodeBatch(row.value);
    latestMs = Math.max(latestMs, batch.nowMs);
    for (const telling of batch.tellings)
      applied.set(telling.revision, [...(applied.get(telling.revision) ?? []), ...telling.applied]);
  }
  for (const row of rows) {
    const { nowMs, attempts: sent } = decodeBatch(row.value);
    const add = (attemptId: Buffer, revision: number): void => {
      if (!attempts.find(attemptId)) attempts.add(attemptId, { revision, nowMs });
    };
    const told = applied.get(row.modRevision);
    if (told) for (const attemptId of told) add(attemptId, row.modRevision);
    else {
      const witnesses = sent.map(({ witness }) => witness);
      const traces = await readTraces(reader, witnesses, row.modRevision);
      sent.forEach(({ attemptId }, index) => {
        if (traces[index] !== 'not applied') add(attemptId, traces[index] === 'lost' ? lostRevision : row.modRevision);
      });
    }
  }
  return { nowMs: latestMs };

  async function readAll({ fromBucket }: { readonly fromBucket: number }): Promise<KeyValue[]> {
    const found: KeyValue[] = [];
    let { start: key } = layout.batchesFrom(fromBucket);
    const { end: rangeEnd } = layout.batchesFrom(fromBucket);
    for (;;) {
      const { responses } = await reader.raw([{ key, rangeEnd, limit: pageRows }]);
      const { kvs, more } = responses[0]!;
      found.push(...kvs.filter((row) => !layout.isWitness(row.key)));
      if (!more) return found.sort((a, b) => a.modRevision - b.modRevision);
      key = Buffer.concat([kvs.at(-1)!.key, Buffer.of(0)]);
    }
  }
}
