/**
 * Everything in an LMDB file as it stood at one moment: a read transaction that is held. While it is, pages that commits give up
 * are not used again, so that the file may grow by what is written meanwhile. Rows come in pages, between which everybody else has a turn.
 */
import { AppError } from '../../src/core/errors';
import { keyAfter } from '../../src/core/tuple';
import { isExpired } from '../judge';
import type { DataSnapshot, KeySpan, PortableMark, PortableRow } from '../portable';
import { decodeHead, decodeMarkRow, decodeMeta, markKey, metaKeys, valueOffset } from './lmdb-format';
import type { OpenData, Rows } from './lmdb-open';

const pageRows = 256;
const generationBytes = 4;

export interface LmdbSnapshotOptions {
  readonly nowMs: number;
  readonly marks: { readonly generations: readonly number[]; readonly keepMs: number };
  readonly onRelease: () => void;
}

interface Place {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Takes it now. */
export function openLmdbSnapshot(data: OpenData, { nowMs, marks, onRelease }: LmdbSnapshotOptions): DataSnapshot {
  const { environment } = data;
  const transaction = environment.useReadTransaction();
  let isReleased = false;
  const release = (): void => {
    if (isReleased) return;
    isReleased = true;
    transaction.done();
    onRelease();
  };
  const state = data.meta.get(metaKeys.state, { transaction });

  async function* places(rows: Rows, { start, end }: KeySpan): AsyncGenerator<readonly Place[], void, void> {
    for (let from = start; ;) {
      if (isReleased) throw new AppError('UNAVAILABLE', 'the store is closed');
      const page = [...rows.getRange({ start: from, end, limit: pageRows, transaction })];
      yield page;
      if (page.length < pageRows) return;
      from = keyAfter(page.at(-1)!.key);
      await turn();
    }
  }

  async function* rowPages(span: KeySpan): AsyncGenerator<readonly PortableRow[], void, void> {
    for await (const page of places(data.rows, span)) yield page.map(toRow).filter((row) => !isExpired(row, nowMs));
  }

  async function* markPages({ start, end }: KeySpan): AsyncGenerator<readonly PortableMark[], void, void> {
    for (const generation of marks.generations) {
      const span = { start: markKey(generation, start), end: markKey(generation, end) };
      for await (const page of places(data.marks, span))
        yield page.map(toMark).filter(({ committedAtMs }) => committedAtMs + marks.keepMs > nowMs);
    }
  }

  return {
    revision: state ? decodeMeta(state).revision : 0,
    nowMs,
    rowsAbout: (data.rows.getStats() as { readonly entryCount: number }).entryCount,
    rows: rowPages,
    marks: markPages,
    release,
  };
}

function toRow({ key, value: row }: Place): PortableRow {
  const { expiresAtMs, history } = decodeHead(row);
  return { key, value: row.subarray(valueOffset(row)), expiresAtMs, history };
}

function toMark({ key, value }: Place): PortableMark {
  return { key: key.subarray(generationBytes), ...decodeMarkRow(value) };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
