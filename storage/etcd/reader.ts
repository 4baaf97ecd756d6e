/**
 * Reads. All ranges of all reads of one turn of the event loop travel together, at most 127 in a transaction of etcd, so
 * that a burst of point reads costs one trip; each read has one snapshot all the same: what does not fit in its first transaction, or
 * comes in pages, is read at the revision that the first one was of. Rows that have expired are left out, and count towards no limit.
 */
import { storeLimits } from '../../proto/limits';
import type { Entry, KeyRange, RangeResult, ReadConsistency, ReadResult } from '../../proto/store';
import { invalidArgument } from '../../src/core/errors';
import { isEmptyRange } from '../collect-range';
import { isExpired } from '../judge';
import type { RevisionBases } from './bases';
import type { EtcdChannel } from './channel';
import { rowHead, rowValue } from './layout';
import type { Layout } from './layout';
import { methods } from './messages';
import type { KeyValue, RangeRequest, RangeResponse } from './messages';

/** etcd's default of --max-txn-ops, less one for the row of the bases. */
const operationsMax = 127;
/** Rows of a first page: what they weigh is not known yet. */
const firstPageRows = 129;
/** What a later page should weigh. */
const pageBytes = 4_194_304;
const noValue = Buffer.alloc(0);

export interface ReaderOptions {
  readonly channel: EtcdChannel;
  readonly layout: Layout;
  readonly bases: RevisionBases;
  readonly nowMs: () => number;
  /** Everything that a read shows is told of, so that a later commit knows when it expires. */
  readonly onEntry: (entry: Entry) => void;
}

interface Waiting {
  readonly requests: readonly RangeRequest[];
  readonly resolve: (snapshot: Snapshot) => void;
  readonly reject: (error: unknown) => void;
}

interface Snapshot {
  readonly responses: readonly RangeResponse[];
  readonly revision: number;
}

export class EtcdReader {
  readonly #options: ReaderOptions;
  readonly #waiting = new Map<boolean, Waiting[]>();

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** As `Store.read`; ranges were validated. */
  async read(ranges: readonly KeyRange[], consistency: ReadConsistency = 'linearizable'): Promise<ReadResult> {
    const pages = ranges.map((range) => new RangePages(range, this.#options.layout));
    const isStale = consistency === 'stale';
    let revision: number | undefined;
    let open = pages;
    let bytes = 0;
    do {
      const requests = open.map((each) => each.next(revision));
      const snapshot = await this.raw(requests, isStale);
      revision ??= snapshot.revision;
      const nowMs = this.#options.nowMs();
      for (const [index, each] of open.entries()) {
        bytes += each.take(snapshot.responses[index]!, nowMs);
        if (bytes > storeLimits.readBytesMax)
          throw invalidArgument('ranges', `bring more than ${storeLimits.readBytesMax} bytes together: ask for fewer`);
      }
      open = open.filter((each) => !each.isDone);
    } while (open.length > 0);
    const results = pages.map(({ result }) => result);
    for (const { entries } of results) for (const entry of entries) this.#options.onEntry(entry);
    return { results, revision, nowMs: this.#options.nowMs() };
  }

  /** Ranges of etcd from one snapshot. */
  raw(requests: readonly RangeRequest[], isStale = false): Promise<Snapshot> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(isStale) ?? [];
      if (waiting.length === 0) {
        this.#waiting.set(isStale, waiting);
        setImmediate(() => this.#flush(isStale));
      }
      waiting.push({ requests, resolve, reject });
    });
  }

  #flush(isStale: boolean): void {
    const waiting = this.#waiting.get(isStale) ?? [];
    this.#waiting.delete(isStale);
    let group: Waiting[] = [];
    let size = 0;
    for (const each of waiting) {
      if (group.length > 0 && size + each.requests.length > operationsMax) {
        void this.#send(group, isStale);
        group = [];
        size = 0;
      }
      group.push(each);
      size += each.requests.length;
    }
    void this.#send(group, isStale);
  }

  /** Reads that fit one transaction, or one that is larger and goes in several at one revision. */
  async #send(group: readonly Waiting[], isStale: boolean): Promise<void> {
    const requests = group
      .flatMap((each) => each.requests)
      .map((each) => (isStale ? { ...each, serializable: true } : each));
    try {
      const first = await this.#ask(requests.slice(0, operationsMax));
      const responses = [...first.responses];
      const parts: Promise<Snapshot>[] = [];
      for (let at = operationsMax; at < requests.length; at += operationsMax) {
        const part = requests.slice(at, at + operationsMax);
        parts.push(this.#ask(part.map((each) => ({ ...each, revision: each.revision ?? first.revision }))));
      }
      for (const part of await Promise.all(parts)) responses.push(...part.responses);
      let at = 0;
      for (const { requests: own, resolve } of group) {
        resolve({ responses: responses.slice(at, at + own.length), revision: first.revision });
        at += own.length;
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  async #ask(requests: readonly RangeRequest[]): Promise<Snapshot> {
    const { channel, layout, bases } = this.#options;
    // What is shown of the revisions of this snapshot belongs to it.
    const isStale = requests.length > 0 && requests.every(({ serializable = false }) => serializable);
    const asked = [...requests, { key: layout.bases, ...(isStale && { serializable: true }) }];
    const { header, responses } = await channel.ask(methods.txn, {
      compare: [],
      success: asked.map((requestRange) => ({ requestRange })),
      failure: [],
    });
    const ranges = responses.map(({ responseRange }) => responseRange!);
    const { revision } = header!;
    bases.note(ranges.at(-1)!.kvs[0], revision);
    return { responses: ranges.slice(0, -1), revision };
  }
}

/** One range, page after page. */
class RangePages {
  readonly #range: KeyRange;
  readonly #layout: Layout;
  readonly #entries: Entry[] = [];
  readonly #limit: number;
  readonly #bytesMax: number;
  #start: Buffer;
  #end: Buffer | undefined;
  #bytes = 0;
  #rawRows = 0;
  #rawBytes = 0;
  #more = false;
  isDone = false;

  constructor(range: KeyRange, layout: Layout) {
    this.#range = range;
    this.#layout = layout;
    this.#limit = range.limit ?? storeLimits.rangeEntriesMax;
    this.#bytesMax = range.bytesMax ?? storeLimits.rangeBytesMax;
    this.#start = layout.row(range.start);
    if (range.end !== undefined) this.#end = layout.rowEnd(isEmptyRange(range) ? range.start : range.end);
  }

  get result(): RangeResult {
    return { entries: this.#entries, more: this.#more };
  }

  next(revision: number | undefined): RangeRequest {
    const at = revision === undefined ? {} : { revision };
    if (this.#end === undefined) return { key: this.#start, ...at };
    // One more than is asked for, to know whether there is more.
    const wanted = this.#limit + 1 - this.#entries.length;
    const averageBytes = this.#rawRows === 0 ? 0 : this.#rawBytes / this.#rawRows;
    const rows = this.#rawRows === 0 ? firstPageRows : Math.max(1, Math.floor(pageBytes / averageBytes));
    return {
      key: this.#start,
      // An empty end would mean the single key; this range holds nothing.
      rangeEnd: Buffer.compare(this.#start, this.#end) < 0 ? this.#end : this.#start,
      limit: Math.min(wanted, rows),
      ...(this.#range.reverse && { sortOrder: 2 }),
      ...at,
    };
  }

  /** Takes a page; the bytes that it brought for the caller. */
  take({ kvs, more }: RangeResponse, nowMs: number): number {
    const before = this.#bytes;
    for (const row of kvs) {
      this.#rawRows += 1;
      this.#rawBytes += row.key.length + row.value.length;
      if (!this.isDone) this.#takeRow(row, nowMs);
    }
    if (!more || this.#end === undefined || kvs.length === 0) this.isDone = true;
    else if (!this.isDone) this.#moveTo(kvs.at(-1)!.key);
    return this.#bytes - before;
  }

  #takeRow(row: KeyValue, nowMs: number): void {
    const head = rowHead(row);
    if (isExpired(head, nowMs)) return;
    const { keysOnly = false } = this.#range;
    const key = this.#layout.keyOfRow(row.key);
    const value = keysOnly ? noValue : rowValue(row);
    const bytes = this.#bytes + key.length + value.length;
    const isFull = this.#entries.length === this.#limit || bytes > this.#bytesMax;
    if (this.#end !== undefined && isFull && this.#entries.length > 0) {
      this.#more = true;
      this.isDone = true;
      return;
    }
    this.#bytes = bytes;
    this.#entries.push({ key, value, revision: head.revision, expiresAtMs: head.expiresAtMs });
  }

  #moveTo(last: Buffer): void {
    if (this.#range.reverse) this.#end = last;
    else this.#start = Buffer.concat([last, Buffer.of(0)]);
  }
}
