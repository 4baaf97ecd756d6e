/**
 * What the batches of the last minutes remember: when they were judged, and which attempts were applied. A batch says it of those
 * before it; of the last ones of a process, the rows say it, read at their revisions. So a commit that is sent again to a storage
 * process that was started again is applied once.
 */
import type { AttemptTable } from '../attempt-table';
import { isCompacted } from './channel';
import { decodeBatch } from './layout';
import type { BatchAttempt, Layout } from './layout';
import type { KeyValue } from './messages';
import { nameOf } from './plan';
import type { EtcdReader } from './reader';

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
  let addedMs = 0;
  for (const row of rows) {
    const batch = decodeBatch(row.value);
    const ids = applied.get(row.modRevision) ?? (await appliedAt(reader, row.modRevision, batch.attempts));
    // Times of several processes may be a little out of order; the table wants them in order.
    addedMs = Math.max(addedMs, batch.nowMs);
    for (const id of ids) if (!attempts.find(id)) attempts.add(id, { revision: row.modRevision, nowMs: batch.nowMs });
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

/** Which of the attempts left their trace at that revision. Where that is compacted away, the rows of now say it, as far as nobody has written them since. */
async function appliedAt(
  reader: EtcdReader,
  revision: number,
  attempts: readonly BatchAttempt[],
): Promise<readonly Buffer[]> {
  if (attempts.length === 0) return [];
  const keys = attempts.map(({ witness }) => ({ key: witness }));
  const { responses } = await reader.raw(keys.map((each) => ({ ...each, revision }))).catch((error: unknown) => {
    if (!isCompacted(error)) throw error;
    return reader.raw(keys);
  });
  const there = new Set(
    responses.flatMap(({ kvs }) => kvs.filter((row) => row.modRevision === revision).map((row) => nameOf(row.key))),
  );
  return attempts.filter(({ witness }) => there.has(nameOf(witness))).map(({ attemptId }) => attemptId);
}
