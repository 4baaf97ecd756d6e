/**
 * What the rows say of a batch whose answer was lost: each of its members left a trace, a row written at the batch's revision. Where that revision was
 * compacted away the rows of now say it, as far as nobody has written or removed them since; of the others the fate is lost. A command
 * whose fate is lost is never done again under its attempt id: who asks is told that it is not known.
 */
import { isCompacted } from './channel';
import type { KeyValue } from './messages';
import type { EtcdReader } from './reader';

export type Trace = 'applied' | 'not applied' | 'lost';

/** Stands for a revision in the table of attempts, where the fate of an attempt is lost. */
export const lostRevision = -1;

/** Of each witness, in their order. Rejects where etcd does not answer. */
export async function readTraces(
  reader: EtcdReader,
  witnesses: readonly Buffer[],
  revision: number,
): Promise<readonly Trace[]> {
  if (witnesses.length === 0) return [];
  const keys = witnesses.map((key) => ({ key }));
  try {
    const { responses } = await reader.raw(keys.map(({ key }) => ({ key, revision })));
    return responses.map(({ kvs: [row] }) => (row?.modRevision === revision ? 'applied' : 'not applied'));
  } catch (error) {
    if (!isCompacted(error)) throw error;
  }
  const { responses } = await reader.raw(keys);
  return responses.map(({ kvs: [row] }) => traceOf(row, revision));
}

/** What a row says now of what was written at an earlier revision. */
export function traceOf(row: Pick<KeyValue, 'modRevision'> | undefined, revision: number): Trace {
  if (!row || row.modRevision > revision) return 'lost';
  return row.modRevision === revision ? 'applied' : 'not applied';
}
