/**
 * Rows and marks that come from elsewhere (`Portable.load`). A step is larger than one transaction of etcd may be, so it goes in several, in order;
 * each may be written again over itself. The floor of a step goes first, with the step's rows, in one transaction: the bases of what is
 * shown (`bases.ts`), and where everything is imported, the proof that no other storage process serves the store.
 */
import type { Revision } from '../../proto/store';
import { encodeRecord } from '../../src/core/codec';
import { AppError, assertInvariant } from '../../src/core/errors';
import { keyAfter } from '../../src/core/tuple';
import { markScope } from '../load';
import type { LoadStep, PortableMark, PortableRow } from '../portable';
import type { RevisionBases } from './bases';
import type { EtcdChannel } from './channel';
import { encodeForeignMark, encodeNumber, encodeRow, formatByte } from './layout';
import type { Layout } from './layout';
import { areSinceBefore, deleteOp, isAtRevision, isSince, methods, putOp } from './messages';
import type { Compare, RequestOp } from './messages';
import { decodeMeta } from './meta';
import { batchBytesMax, nameOf } from './plan';
import type { Processes } from './processes';
import type { EtcdReader } from './reader';
import type { SharedTime } from './storage-time';
import type { EtcdWriter } from './writer';

export interface LoaderOptions {
  readonly channel: EtcdChannel;
  readonly layout: Layout;
  readonly reader: EtcdReader;
  readonly writer: EtcdWriter;
  readonly bases: RevisionBases;
  readonly processes: Processes;
  readonly time: SharedTime;
  readonly markKeepMs: number;
}

/** One thing to write, with the key of the row that it is for. */
interface Item {
  readonly name: string;
  readonly puts: readonly RequestOp[];
  readonly bytes: number;
}

/** Puts of one transaction: fewer than a batch has room for. */
const putsMax = 1_000;
/** Other writers of the row of the bases were in the way. */
const triesMax = 16;
/** Rows of a step with a floor. */
const floorRowsMax = 16;

export class Loader {
  readonly #options: LoaderOptions;

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  /** Gives one of etcd's own revisions. Rejects as `Store.commit`, and with INVALID_ARGUMENT where others serve the store. */
  async load({ rows, marks, floor }: LoadStep): Promise<Revision> {
    const { writer, reader } = this.#options;
    const items = this.#items(rows, marks);
    if (floor) {
      assertInvariant(items.length <= floorRowsMax, `at most ${floorRowsMax} rows with a floor`);
      return this.#raise(
        floor,
        items.flatMap(({ puts }) => puts),
      );
    }
    const written = await Promise.all(
      groupsOf(items).map((group) => {
        const writes = group.flatMap(({ puts }) => puts);
        const bytes = group.reduce((sum, each) => sum + each.bytes, 0);
        const plan = { compare: [], writes, reads: [], witness: undefined, dues: [] };
        return writer.write(plan, { reads: [], writes: group.map(({ name }) => name) }, bytes);
      }),
    );
    if (!written.every((isWritten) => isWritten))
      throw new AppError('UNAVAILABLE', 'etcd did not take all of it: import the same backup again');
    const { revision } = await reader.raw([]);
    return revision;
  }

  /** The last of a key counts. */
  #items(rows: readonly PortableRow[], marks: readonly PortableMark[]): readonly Item[] {
    const items = new Map<string, Item>();
    const add = (name: string, puts: RequestOp[]): void => {
      const bytes = puts.reduce((sum, { requestPut }) => sum + requestPut!.key.length + requestPut!.value.length, 0);
      items.set(name, { name, puts, bytes });
    };
    for (const row of rows) add(nameOf(row.key), this.#rowPuts(row));
    for (const mark of marks) {
      const put = this.#markPut(mark);
      if (put) add(`m${nameOf(put.requestPut!.key)}`, [put]);
    }
    return [...items.values()];
  }

  #rowPuts({ key, value, expiresAtMs, history }: PortableRow): RequestOp[] {
    const { layout } = this.#options;
    const put = putOp(layout.row(key), encodeRow(value, { expiresAtMs, history }));
    return expiresAtMs === 0 ? [put] : [put, putOp(layout.due(expiresAtMs, key), Buffer.alloc(0))];
  }

  /** Where it would be looked for; undefined: it is over by what this store keeps. */
  #markPut(mark: PortableMark): RequestOp | undefined {
    const { layout, markKeepMs, time } = this.#options;
    const nowMs = time.nowMs();
    if (mark.committedAtMs + markKeepMs <= nowMs) return undefined;
    const generation = Math.floor(Math.min(mark.committedAtMs, nowMs) / markKeepMs);
    return putOp(layout.mark(generation, markScope(mark.key), mark.key), encodeForeignMark(mark));
  }

  async #raise(floor: NonNullable<LoadStep['floor']>, puts: readonly RequestOp[]): Promise<Revision> {
    const { channel, layout, bases, time, processes, reader } = this.#options;
    const refusal = processes.refusal();
    if (refusal) throw refusal;
    for (let tries = 0; tries < triesMax; tries += 1) {
      const { start, end } = layout.processes;
      const { responses, revision } = await reader.raw([{ key: layout.meta }]);
      const [metaRow] = responses[0]!.kvs;
      if (!metaRow) throw new AppError('UNAVAILABLE', 'the data in etcd is gone: its prefix is empty');
      if (floor.isAll) {
        await this.#refuseOthers();
        bases.expectNewLife();
      }
      if (floor.clockMs !== undefined) time.seen(floor.clockMs);
      const raised = bases.raised({ floor: floor.revision, revision, isAll: floor.isAll });
      // Nobody has come since; those who were silent for long find, when they are back, that they are none any more.
      const alone: Compare[] = floor.isAll ? [areSinceBefore(start, end, revision + 1)] : [];
      const others = [deleteOp(start, processes.row), deleteOp(keyAfter(processes.row), end)];
      const { header, succeeded } = await channel.ask(methods.txn, {
        compare: [
          bases.guard(),
          isSince(processes.row, processes.createRevision()),
          isAtRevision(layout.meta, metaRow.modRevision),
          ...alone,
        ],
        success: [
          putOp(layout.bases, raised.value),
          putOp(layout.meta, encodeRecord(formatByte, { ...decodeMeta(metaRow), base: raised.base })),
          putOp(layout.time, encodeNumber(time.nowMs())),
          ...(floor.isAll ? others : []),
          ...puts,
        ],
        failure: [],
      });
      if (succeeded) {
        await reader.raw([]);
        return header!.revision;
      }
    }
    throw new AppError('UNAVAILABLE', 'others wrote to the store all the time: import the same backup again');
  }

  async #refuseOthers(): Promise<void> {
    const names = await this.#options.processes.othersAlive();
    if (names.length === 0) return;
    const rule = 'a whole store is imported while nobody serves it: stop all of them first';
    throw new AppError('INVALID_ARGUMENT', `storage processes serve this store (${names.join(', ')}): ${rule}`);
  }
}

/** Groups that fit a transaction each; a large item by itself. */
function groupsOf(items: readonly Item[]): readonly (readonly Item[])[] {
  const groups: Item[][] = [];
  let [bytes, puts] = [0, 0];
  for (const item of items) {
    const isFitting = bytes + item.bytes <= batchBytesMax && puts + item.puts.length <= putsMax;
    if (groups.length === 0 || !isFitting) {
      groups.push([]);
      [bytes, puts] = [0, 0];
    }
    groups.at(-1)!.push(item);
    bytes += item.bytes;
    puts += item.puts.length;
  }
  return groups;
}
