/**
 * The Store on etcd: rows in a prefix of etcd, written by batches of nested transactions (`writer.ts`), read by batches of ranges
 * (`reader.ts`), watched through one watch (`hub.ts`). Several storage processes serve one store, each beside its gateway; what they
 * agree on is decided in etcd's transactions alone. Revisions are etcd's own: independent transactions of one batch share one, and they grow without a
 * change too. Without a majority of etcd's members reads and writes are UNAVAILABLE, and a write that was on its way OUTCOME_UNKNOWN.
 */
import type {
  CommitOptions,
  CommitOutcome,
  KeyRange,
  ReadOptions,
  ReadResult,
  SearchOptions,
  SearchOutcome,
  SearchRequest,
  Store,
  StoreStatus,
  Transaction,
  WatchBatch,
  WatchOptions,
} from '../../proto/store';
import type { CancelTimer, Clock } from '../../src/core/clock';
import { endable } from '../../src/core/endable';
import { AppError } from '../../src/core/errors';
import type { Ids } from '../../src/core/ids';
import { AttemptTable } from '../attempt-table';
import { defaultRetention } from '../engine';
import type { RetentionOptions } from '../engine';
import { isReadOnly } from '../judge';
import type { DataSnapshot, LoadStep, Portable } from '../portable';
import { faultOf, validateCommit, validateLoad, validateRanges, validateSearch, validateWatch } from '../validate';
import { scanSearch } from '../vectors/scan-search';
import { RevisionBases } from './bases';
import type { ChannelOptions } from './channel';
import { EtcdChannel, toStoreError } from './channel';
import { openEtcdSnapshot } from './etcd-snapshot';
import type { FeedPage } from './feed';
import { History } from './history';
import { Biller } from './biller';
import { decideClockState } from './clock-word';
import type { ClockState } from './clock-word';
import { Holds } from './holds';
import { Quotas } from './quotas';
import { Housekeeping } from './housekeeping';
import { EtcdHub } from './hub';
import { KnownRows } from './known-rows';
import { Layout, decodeNumber, decodeProcess, encodeNumber } from './layout';
import { Loader } from './loader';
import { MarkCounts } from './mark-counts';
import { Members } from './members';
import type { KeyValue } from './messages';
import { changeMeta, decodeMeta, started } from './meta';
import { loadPastBatches } from './past-batches';
import { Processes, heartbeatMs } from './processes';
import { EtcdReader } from './reader';
import { ShownStore } from './shown-store';
import { SharedTime } from './storage-time';
import { Sweeper } from './sweeper';
import { EtcdWriter } from './writer';
import { bucketMs } from './writer-parts';

/** Where etcd is, and how it is spoken to. */
export interface EtcdOptions extends Omit<ChannelOptions, 'clock'> {
  /** Before every key; one store of ours lies behind it. Default 'norigate/'. */
  readonly prefix?: string;
}

export interface EtcdStoreOptions {
  readonly etcd: EtcdOptions;
  readonly clock: Clock;
  /** For deadlines and pauses of calls; default `clock`. */
  readonly transportClock?: Clock;
  readonly ids: Ids;
  /** What this process is called, the same over its restarts, another one for every process. */
  readonly name: string;
  readonly retention?: Partial<RetentionOptions>;
  /** The store cannot go on: the process should end. */
  readonly onFatal?: (error: AppError) => void;
  /** The clock of this machine is another way off than before: past half of what is allowed, past it all, or right again. */
  readonly onClock?: (state: ClockState, skewMs: number | undefined) => void;
}

/** etcd holds 8 GiB at most, so marks are kept for less time than on a disk of our own. */
const etcdRetention: RetentionOptions = { ...defaultRetention, markKeepMs: 3_600_000 };
const lookEveryMs = 250;
/** A clock that is further off is no further off for anybody: 32 bits. */
const skewSaidMax = 2 ** 31 - 1;

/** Opens the store. Throws UNAVAILABLE where etcd does not answer or refuses, INTERNAL where the data is of a later format. */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store & Portable> {
  const { etcd, transportClock = options.clock } = options;
  const channel = new EtcdChannel({ ...etcd, clock: transportClock });
  try {
    return await EtcdStore.open({ ...options, transportClock }, channel);
  } catch (error) {
    channel.close();
    throw toStoreError(error);
  }
}

interface Parts {
  readonly clock: Clock;
  readonly channel: EtcdChannel;
  readonly layout: Layout;
  readonly reader: EtcdReader;
  readonly writer: EtcdWriter;
  readonly time: SharedTime;
  readonly processes: Processes;
  readonly history: History;
  readonly storeId: string;
  readonly revision: number;
  readonly transportClock: Clock;
  readonly housekeeping: Housekeeping;
  readonly sweeper: Sweeper;
  readonly quotas: Quotas;
  readonly biller: Biller;
  readonly bases: RevisionBases;
  readonly holds: Holds;
  readonly loader: Loader;
  readonly markKeepMs: number;
  readonly hooks: { hub: EtcdHub | undefined };
  readonly end: (error: AppError) => void;
  readonly onClock: NonNullable<EtcdStoreOptions['onClock']>;
}

/** Speaks of etcd's own revisions: `shown-store.ts` stands before it. */
class EtcdStore implements Store, Portable {
  readonly #parts: Parts;
  readonly #hub: EtcdHub;
  readonly #members: Members;
  readonly #snapshots = new Set<DataSnapshot>();
  #cancelLook: CancelTimer | undefined;
  #cancelBeat: CancelTimer | undefined;
  #clockState: ClockState = 'right';
  #death: AppError | undefined;
  #closed: Promise<void> | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
    const { channel, layout, clock, transportClock, time, history, processes, revision } = parts;
    this.#members = new Members(channel, clock);
    this.#hub = new EtcdHub({
      channel,
      layout,
      clock,
      transportClock,
      nowMs: () => time.nowMs(),
      oldestRevision: () => history.oldestRevision,
      newestRevision: async () => (await this.#newest()).revision,
      nudge: () => processes.touch(),
      onPage: (page) => this.#onPage(page),
      onHole: (through) => parts.quotas.noteHole(through),
      onFatal: parts.end,
      revision,
    });
    parts.hooks.hub = this.#hub;
    this.#scheduleLook();
    this.#scheduleBeat();
  }

  static async open(
    options: EtcdStoreOptions & { readonly transportClock: Clock },
    channel: EtcdChannel,
  ): Promise<Store & Portable> {
    const { clock, transportClock, ids, name, etcd } = options;
    const retention = { ...etcdRetention, ...options.retention };
    const layout = new Layout(etcd.prefix ?? 'norigate/');
    const hooks: Parts['hooks'] & { store?: EtcdStore } = { hub: undefined };
    const end = (error: AppError): void => {
      hooks.store?.die(error);
      options.onFatal?.(error);
    };
    const { identity } = await new Members(channel, clock).view();
    const { storeId, beginning } = await changeMeta({ channel, layout }, (meta, revision) =>
      started(meta, { revision, members: identity, ids }),
    );
    const processes = new Processes({ channel, layout, clock, transportClock, ids, name, onReplaced: end });
    await processes.begin();
    const known = new KnownRows();
    let nowMs = (): number => clock.nowMs();
    const bases = new RevisionBases(layout);
    const reader = new EtcdReader({
      channel,
      layout,
      bases,
      nowMs: () => nowMs(),
      onEntry: (entry) => known.note(entry),
    });
    const control = await readControl(reader, layout);
    const attempts = new AttemptTable(retention.attemptKeepMs);
    bases.begin();
    const floorMs = floorOf(control.rows, layout);
    const lateMs = Math.max(clock.nowMs(), floorMs) - retention.attemptKeepMs - bucketMs;
    const past = await loadPastBatches({
      reader,
      layout,
      attempts,
      fromBucket: Math.max(0, Math.floor(lateMs / bucketMs)),
    });
    const time = new SharedTime(clock, Math.max(floorMs, past.nowMs));
    nowMs = () => time.nowMs();
    processes.useTime(time);
    for (const row of control.rows) if (layout.isProcess(row.key)) processes.note(row.key, row, false);
    const holds = new Holds({ channel, layout, reader, ids, transportClock, nowMs: () => time.nowMs() });
    const historyRow = control.rows.find(({ key }) => key.equals(layout.history));
    const history = new History({
      channel,
      layout,
      keepMs: retention.logKeepMs,
      bytesMax: retention.logBytesMax,
      oldestRevision: Math.max(beginning, historyRow ? decodeNumber(historyRow.value) : 0),
      oldestHeld: () => holds.oldest(),
      beginning: { revision: control.revision, nowMs: time.nowMs() },
    });
    const quotas = new Quotas({ reader, layout, revision: control.revision });
    const writer = new EtcdWriter({
      channel,
      layout,
      reader,
      bases,
      known,
      marks: new MarkCounts(reader, layout),
      time,
      transportClock,
      ids,
      registration: processes,
      attempts,
      quotas,
      markKeepMs: retention.markKeepMs,
      marksPerScopeMax: retention.marksPerScopeMax,
      onWritten: (revision) => hooks.hub?.noteSeen(revision),
    });
    const isFirst = (): boolean => processes.isEldest;
    const biller = new Biller({
      channel,
      layout,
      reader,
      holds,
      transportClock,
      isFirst,
      oldestRevision: () => history.oldestRevision,
      beginning,
      published: () => hooks.hub?.published ?? control.revision,
    });
    const sweeper = new Sweeper({ clock, layout, reader, writer, nowMs, isFirst });
    const housekeeping = new Housekeeping({ channel, layout, reader, retention });
    const { markKeepMs } = retention;
    const loader = new Loader({ channel, layout, reader, writer, bases, processes, time, markKeepMs });
    const store = new EtcdStore({
      clock,
      channel,
      layout,
      reader,
      writer,
      time,
      processes,
      history,
      storeId,
      revision: control.revision,
      transportClock,
      housekeeping,
      sweeper,
      quotas,
      biller,
      bases,
      holds,
      loader,
      markKeepMs,
      hooks,
      end,
      onClock: options.onClock ?? (() => undefined),
    });
    hooks.store = store;
    await processes.compared();
    return new ShownStore({ store, bases, refresh: async () => void (await reader.raw([])) });
  }

  async read(ranges: readonly KeyRange[], options: ReadOptions = {}): Promise<ReadResult> {
    this.#refuseIfOver();
    validateRanges(ranges);
    return this.#answered(async () => {
      const result = await this.#parts.reader.read(ranges, options.consistency);
      this.#hub.noteSeen(result.revision);
      return result;
    });
  }

  async commit(transactions: readonly Transaction[], _options?: CommitOptions): Promise<readonly CommitOutcome[]> {
    this.#refuseIfOver();
    validateCommit(transactions);
    if (transactions.length === 0) return [];
    const faults = transactions.map(faultOf);
    try {
      if (transactions.every(isReadOnly)) return await this.#judge(transactions, faults);
      return await this.#parts.writer.commit(transactions, faults);
    } catch (error) {
      throw toStoreError(error);
    }
  }

  watch(ranges: readonly KeyRange[], options: WatchOptions = {}): AsyncIterable<WatchBatch> {
    return endable((signal) => this.#watch(ranges, options, signal), options.signal);
  }

  /** Reads all rows of the namespace: `vectors/vector-store.ts` has an index. */
  async search(request: SearchRequest, _options?: SearchOptions): Promise<SearchOutcome> {
    this.#refuseIfOver();
    validateSearch(request);
    return this.#answered(() => scanSearch(this, request));
  }

  async status(): Promise<StoreStatus> {
    this.#refuseIfOver();
    return this.#answered(async () => {
      const { history, channel, layout, storeId, time, processes } = this.#parts;
      const { nodes, identity } = await this.#members.view();
      let { meta } = await this.#newest();
      if (meta.members !== identity)
        meta = await changeMeta({ channel, layout }, (found) =>
          found!.members === identity ? found! : { ...found!, members: identity, epoch: found!.epoch + 1 },
        );
      await history.settled();
      const { revision } = await this.#newest();
      const { epoch } = meta;
      const { oldestRevision } = history;
      const skewMs = processes.skewMs();
      return {
        engine: 'etcd',
        storeId,
        epoch,
        revision,
        nowMs: time.nowMs(),
        oldestRevision,
        nodes,
        ...(skewMs !== undefined && { clockSkewMs: Math.round(Math.max(-skewSaidMax, Math.min(skewMs, skewSaidMax))) }),
      };
    });
  }

  async snapshot(): Promise<DataSnapshot> {
    this.#refuseIfOver();
    const { channel, layout, bases, holds, time, reader, processes, markKeepMs } = this.#parts;
    return this.#answered(async () => {
      // By a clock that is wrong it would leave out what has not expired.
      const refusal = processes.refusal();
      if (refusal) throw refusal;
      const hold = await holds.take();
      // What is shown of the revision that is held.
      await reader.raw([]);
      const onRelease = (): void => void this.#snapshots.delete(snapshot);
      const options = { channel, layout, bases, hold, nowMs: time.nowMs(), markKeepMs, onRelease };
      const snapshot = await openEtcdSnapshot(options).catch((error: unknown) => {
        hold.release();
        throw error;
      });
      this.#snapshots.add(snapshot);
      return snapshot;
    });
  }

  async load(step: LoadStep): Promise<number> {
    this.#refuseIfOver();
    validateLoad(step);
    return this.#answered(async () => {
      const revision = await this.#parts.loader.load(step);
      this.#hub.noteSeen(revision);
      return revision;
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** It cannot go on. */
  die(error: AppError): void {
    this.#death ??= new AppError('UNAVAILABLE', `storage is ending: ${error.message}`, { cause: error });
  }

  // --- answers -----------------------------------------------------------------------------------------------------

  async #answered<Result>(ask: () => Promise<Result>): Promise<Result> {
    try {
      return await ask();
    } catch (error) {
      throw toStoreError(error);
    }
  }

  async #judge(
    transactions: readonly Transaction[],
    faults: readonly (AppError | undefined)[],
  ): Promise<readonly CommitOutcome[]> {
    const outcomes = await this.#parts.writer.judge(transactions.filter((_, index) => !faults[index]));
    for (const outcome of outcomes) if (outcome.kind !== 'failed') this.#hub.noteSeen(outcome.revision);
    const judged = outcomes[Symbol.iterator]();
    return faults.map((error) => (error ? { kind: 'failed', error } : judged.next().value!));
  }

  async *#watch(
    ranges: readonly KeyRange[],
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    this.#refuseIfOver();
    validateWatch(ranges, options);
    try {
      yield* this.#hub.watch(ranges, options, signal);
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /** What etcd has now, by a majority of its members. */
  async #newest(): Promise<{ readonly revision: number; readonly meta: ReturnType<typeof decodeMeta> }> {
    const { reader, layout } = this.#parts;
    const { responses, revision } = await reader.raw([{ key: layout.meta }]);
    this.#hub.noteSeen(revision);
    const [row] = responses[0]!.kvs;
    if (!row) throw new AppError('UNAVAILABLE', 'the data in etcd is gone: its prefix is empty');
    return { revision, meta: decodeMeta(row) };
  }

  // --- what goes on by itself --------------------------------------------------------------------------------------

  #onPage(page: FeedPage): void {
    const { control, nowMs, through, bytes, usage } = page;
    const { layout, history, processes, time, quotas, biller, bases, end } = this.#parts;
    quotas.note(usage, through);
    biller.note(page);
    for (const { key, row } of control) {
      if (layout.isProcess(key)) processes.note(key, row, true);
      else if (key.equals(layout.history) && row) history.noteOldest(decodeNumber(row.value));
      else if (key.equals(layout.bases)) bases.note(row, 0);
      else if (key.equals(layout.recounted)) quotas.forget();
      else if (key.equals(layout.billed) && row) quotas.noteBilled(decodeNumber(row.value));
    }
    bases.note(undefined, through);
    if (bases.isAnotherLife && !this.#death) end(replacedError());
    time.seen(nowMs);
    history.note({ revision: through, nowMs: nowMs > 0 ? nowMs : time.nowMs(), bytes });
    if (processes.isEldest) history.cut(time.nowMs());
  }

  #scheduleLook(): void {
    this.#cancelLook = this.#parts.clock.after(lookEveryMs, () => {
      const { sweeper, housekeeping, processes, time, history } = this.#parts;
      this.#scheduleLook();
      sweeper.look();
      if (!processes.isEldest) return;
      housekeeping.look(time.nowMs());
      history.cut(time.nowMs());
    });
  }

  #scheduleBeat(): void {
    this.#cancelBeat = this.#parts.clock.after(heartbeatMs, () => {
      this.#scheduleBeat();
      this.#lookAtClock();
      void this.#parts.processes.beat();
    });
  }

  #lookAtClock(): void {
    const skewMs = this.#parts.processes.skewMs();
    const state = decideClockState(this.#clockState, skewMs);
    if (state !== this.#clockState) this.#parts.onClock(state, skewMs);
    this.#clockState = state;
  }

  #refuseIfOver(): void {
    if (this.#death) throw this.#death;
    if (this.#closed) throw new AppError('UNAVAILABLE', 'the store is closed');
  }

  async #close(): Promise<void> {
    const { sweeper, writer, housekeeping, history, processes, channel, time, biller } = this.#parts;
    this.#cancelLook?.();
    this.#cancelBeat?.();
    this.#hub.end();
    for (const snapshot of this.#snapshots) snapshot.release();
    await Promise.all([sweeper.end(), writer.close()]);
    await biller.end(this.#hub.seen);
    await Promise.all([housekeeping.settled(), history.settled()]);
    const nowMs = time.nowMs();
    if (!this.#death) await processes.end(encodeNumber(nowMs)).catch(() => undefined);
    channel.close();
  }
}

function replacedError(): AppError {
  const message = 'everything in this store was imported anew while this storage process served it: it starts again';
  return new AppError('UNAVAILABLE', message);
}

/** Rows of control, but for the batches. */
async function readControl(
  reader: EtcdReader,
  layout: Layout,
): Promise<{ readonly rows: readonly KeyValue[]; readonly revision: number }> {
  const { start: key, end: rangeEnd } = layout.processes;
  const { responses, revision } = await reader.raw([{ key, rangeEnd }, { key: layout.history }, { key: layout.time }]);
  return { rows: responses.flatMap(({ kvs }) => kvs), revision };
}

/** The latest time that others have written. */
function floorOf(rows: readonly KeyValue[], layout: Layout): number {
  let floorMs = 0;
  for (const row of rows) {
    if (row.key.equals(layout.time)) floorMs = Math.max(floorMs, decodeNumber(row.value));
    else if (layout.isProcess(row.key)) floorMs = Math.max(floorMs, decodeProcess(row.value).storageMs);
  }
  return floorMs;
}
