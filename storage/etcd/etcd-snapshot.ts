/**
 * Everything in etcd as it stood at one revision. Each page is a range at that revision; while it is read, a row of `holds.ts` keeps our own
 * compaction behind it. What was compacted all the same (by etcd's own settings, or because the reader stood still for long) is
 * HISTORY_GONE, never a part that is missing. Holds one page at a time.
 */
import { status } from '@grpc/grpc-js';
import { AppError } from '../../src/core/errors';
import { tenantScopeLength } from '../../src/core/keyspace';
import { prefixEnd } from '../../src/core/tuple';
import { isExpired } from '../judge';
import { isInSpan, markScope } from '../load';
import type { DataSnapshot, KeySpan, PortableMark, PortableRow } from '../portable';
import type { RevisionBases } from './bases';
import type { EtcdChannel } from './channel';
import { EtcdFailure, toStoreError } from './channel';
import type { Hold } from './holds';
import { rowHead, rowValue, toMark } from './layout';
import type { Layout, Span } from './layout';
import { methods } from './messages';
import type { KeyValue, RangeRequest, RangeResponse } from './messages';
import { revisionPages } from './revision-pages';

export interface EtcdSnapshotOptions {
  readonly channel: EtcdChannel;
  readonly layout: Layout;
  readonly bases: RevisionBases;
  readonly hold: Hold;
  readonly nowMs: number;
  readonly markKeepMs: number;
  readonly onRelease: () => void;
}

/** Of what is held. */
export async function openEtcdSnapshot(options: EtcdSnapshotOptions): Promise<DataSnapshot> {
  const { channel, layout, bases, hold, nowMs, markKeepMs, onRelease } = options;
  const { revision } = hold;
  let isReleased = false;

  const ask = async (request: RangeRequest): Promise<RangeResponse> => {
    if (isReleased) throw new AppError('UNAVAILABLE', 'the store is closed');
    try {
      return await channel.ask(methods.range, { ...request, revision });
    } catch (error) {
      throw isCompacted(error) ? goneUnderReader() : toStoreError(error);
    }
  };

  const pages = (span: Span): AsyncGenerator<readonly KeyValue[], void, void> => revisionPages(span, ask);

  async function* rowPages({ start, end }: KeySpan): AsyncGenerator<readonly PortableRow[], void, void> {
    for await (const page of pages({ start: layout.row(start), end: layout.row(end) }))
      yield page.filter((row) => !isExpired(rowHead(row), nowMs)).map((row) => toRow(row, layout));
  }

  async function* markPages(span: KeySpan): AsyncGenerator<readonly PortableMark[], void, void> {
    for (const each of marksOf(span, layout, Math.floor(nowMs / markKeepMs)))
      for await (const page of pages(each))
        yield page.map(toPortableMark).filter(({ key, committedAtMs }) => {
          return isInSpan(key, span) && committedAtMs + markKeepMs > nowMs;
        });
  }

  const toPortableMark = (row: KeyValue): PortableMark => {
    const mark = toMark(layout.keyOfMark(row.key), row);
    return { ...mark, revision: bases.shown(mark.revision) };
  };

  const { start: key, end: rangeEnd } = layout.rows;
  const { count } = await ask({ key, rangeEnd, countOnly: true });
  return {
    revision: bases.shown(revision),
    nowMs,
    rowsAbout: count,
    rows: rowPages,
    marks: markPages,
    release() {
      if (isReleased) return;
      isReleased = true;
      hold.release();
      onRelease();
    },
  };
}

/** They lie by generation and scope: those of one scope are found, any others picked out of all that are kept. */
function marksOf({ start, end }: KeySpan, layout: Layout, now: number): readonly Span[] {
  const scope = markScope(start);
  const scopeEnd = prefixEnd(scope);
  const isOfOne = tenantScopeLength(start) > 0 && scopeEnd !== undefined && Buffer.compare(end, scopeEnd) <= 0;
  if (!isOfOne) return [layout.marksFrom(now - 1)];
  const generations = [now - 1, now, now + 1].filter((each) => each >= 0);
  return generations.map((each) => layout.marksOfScope(each, scope));
}

function toRow(row: KeyValue, layout: Layout): PortableRow {
  const { expiresAtMs, history } = rowHead(row);
  return { key: layout.keyOfRow(row.key), value: rowValue(row), expiresAtMs, history };
}

function isCompacted(error: unknown): boolean {
  return error instanceof EtcdFailure && error.code === status.OUT_OF_RANGE && error.message.includes('compacted');
}

function goneUnderReader(): AppError {
  const message = 'etcd has forgotten the state that was being exported (it was compacted): start the export again';
  return new AppError('HISTORY_GONE', message);
}
