/**
 * etcd's watch as the store's changes. One event of etcd is one row; what stood before it (`previous-rows.ts`) says what a deletion or a put took away:
 * what had expired by the time of the batch is announced as its expiry, before the put that came over it. A stream goes on after the last
 * revision that it gave, on another member where need be, without hole or double.
 */
import type { Change, Revision } from '../../proto/store';
import type { Clock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import type { CommitChanges } from '../engine';
import { isExpired, removal } from '../judge';
import type { RowHead } from '../judge';
import { UsageChanges } from '../usage';
import type { UsageChange } from '../usage';
import type { EtcdChannel } from './channel';
import { batchTimeMs, rowHead, rowValue } from './layout';
import type { Layout } from './layout';
import type { EtcdEvent, KeyValue, WatchResponse } from './messages';
import { PreviousRows } from './previous-rows';

/** What one message of etcd brought: whole revisions, in order. */
export interface FeedPage {
  /** It follows right on this revision. */
  readonly after: Revision;
  readonly commits: readonly CommitChanges[];
  /** Everything through this revision was given. */
  readonly through: Revision;
  /** The latest time that was written in it. */
  readonly nowMs: number;
  /** Rows of control (processes, the lock, history), as they were written; undefined: gone. */
  readonly control: readonly {
    readonly key: Buffer;
    readonly row: KeyValue | undefined;
    readonly revision: Revision;
  }[];
  /** What accounts gained and lost by it, by revisions. */
  readonly usage: readonly { readonly revision: Revision; readonly changes: readonly UsageChange[] }[];
  /** Bytes of rows and keys. */
  readonly bytes: number;
}

export interface FeedOptions {
  readonly channel: EtcdChannel;
  readonly layout: Layout;
  /** For pauses. */
  readonly transportClock: Clock;
  readonly signal: AbortSignal;
  /** The oldest revision that a watch can start after. */
  readonly oldestRevision: () => Revision;
  /** The last revision that is wanted: the stream ends when everything through it was given. */
  readonly through?: Revision;
  /** Rows that it keeps in mind, to know what the next event of theirs replaces; default 10,000. */
  readonly rowsMax?: number;
}

const retryMs = 50;
const rowsMaxDefault = 10_000;
/** gRPC's OUT_OF_RANGE: that revision is not kept any more. */
const outOfRange = 11;

/** Everything after a revision, until the signal aborts. Throws HISTORY_GONE where etcd no longer has it. */
export async function* feed(options: FeedOptions, afterRevision: Revision): AsyncGenerator<FeedPage, void, undefined> {
  const { signal, transportClock, layout } = options;
  const { channel, through: last = Infinity, rowsMax = rowsMaxDefault } = options;
  const previous = new PreviousRows({ channel, layout, rowsMax });
  let through = afterRevision;
  while (!signal.aborted && through < last) {
    try {
      for await (const response of responses(options, through + 1)) {
        if (response.compactRevision > 0)
          throw goneError(through, Math.max(response.compactRevision, options.oldestRevision()));
        if (response.canceled) {
          channel.doubtToken();
          break;
        }
        const events = response.events.filter(({ kv }) => kv.modRevision <= last);
        const isLast = events.length < response.events.length;
        // A page that came twice was given already.
        if (events.length > 0 && events.at(-1)!.kv.modRevision > through) {
          const page = toPage(events, { before: await previous.of(events), after: through, layout });
          through = page.through;
          yield page;
        }
        if (isLast || through >= last) return;
      }
    } catch (error) {
      // The transport broke, or etcd said why it ends: another try. All else is gone history, or a fault of ours.
      const { code } = error as { readonly code?: unknown };
      if (code === outOfRange) throw goneError(through, options.oldestRevision());
      if (typeof code !== 'number') throw error;
    }
    await transportClock.sleep(retryMs, signal);
  }
}

/** One stream on the member that is used now; it ends when another one is. */
async function* responses(
  { channel, layout, signal }: FeedOptions,
  startRevision: Revision,
): AsyncGenerator<WatchResponse, void, undefined> {
  const call = await channel.watch();
  call.on('error', () => undefined);
  const cancel = (): void => call.cancel();
  const stopListening = channel.onLeave(cancel);
  signal.addEventListener('abort', cancel, { once: true });
  try {
    if (signal.aborted) return;
    const { start: key, end: rangeEnd } = layout.watched;
    call.write({ createRequest: { key, rangeEnd, startRevision } });
    for await (const response of call) {
      yield response as WatchResponse;
      if (signal.aborted) return;
    }
  } finally {
    stopListening();
    signal.removeEventListener('abort', cancel);
    call.cancel();
  }
}

export function goneError(after: Revision, oldest: Revision): AppError {
  const message = `revision ${after} is older than what is kept: the oldest revision to start after is ${oldest}`;
  return new AppError('HISTORY_GONE', message, { details: { oldest } });
}

interface PageContext {
  /** What stood before each event. */
  readonly before: readonly (RowHead | undefined)[];
  readonly after: Revision;
  readonly layout: Layout;
}

function toPage(events: readonly EtcdEvent[], { before, after, layout }: PageContext): FeedPage {
  const commits: CommitChanges[] = [];
  const control: { key: Buffer; row: KeyValue | undefined; revision: Revision }[] = [];
  const usages: { revision: Revision; changes: readonly UsageChange[] }[] = [];
  let latestMs = 0;
  let bytes = 0;
  for (let at = 0; at < events.length;) {
    const revision = events[at]!.kv.modRevision;
    let end = at;
    while (end < events.length && events[end]!.kv.modRevision === revision) end += 1;
    const group = events.slice(at, end);
    const first = at;
    at = end;
    const nowMs = timeOf(group, layout);
    latestMs = Math.max(latestMs, nowMs);
    const changes: Change[] = [];
    const usage = new UsageChanges();
    for (const [index, event] of group.entries()) {
      const { key, value } = event.kv;
      bytes += key.length + value.length;
      if (layout.isRow(key)) {
        const row = layout.keyOfRow(key);
        const head = before[first + index];
        changes.push(...changesOf(event, { key: row, before: head, nowMs }));
        usage.add(row, head?.valueBytes, sizeNow(event));
      } else if (!layout.isBatch(key)) control.push({ key, row: event.type === 0 ? event.kv : undefined, revision });
    }
    // The order is stable, so an EXPIRE stays before the PUT of its key.
    changes.sort((a, b) => Buffer.compare(a.key, b.key));
    if (changes.length > 0) commits.push({ revision, changes });
    const billed = usage.all();
    if (billed.length > 0) usages.push({ revision, changes: billed });
  }
  const through = events.at(-1)!.kv.modRevision;
  return { after, commits, through, nowMs: latestMs, control, usage: usages, bytes };
}

function sizeNow({ type, kv }: EtcdEvent): number | undefined {
  return type === 0 ? rowHead(kv).valueBytes : undefined;
}

/** When the writes of a revision were judged: their batch says it. */
function timeOf(group: readonly EtcdEvent[], layout: Layout): number {
  const batch = group.find(({ type, kv }) => type === 0 && layout.isBatch(kv.key) && !layout.isWitness(kv.key));
  return batch ? batchTimeMs(batch.kv.value) : 0;
}

interface Replaced {
  readonly key: Buffer;
  readonly before: RowHead | undefined;
  readonly nowMs: number;
}

function changesOf({ type, kv }: EtcdEvent, { key, before, nowMs }: Replaced): Change[] {
  const hasExpired = before !== undefined && isExpired(before, nowMs);
  const revision = kv.modRevision;
  if (type !== 0) {
    if (before?.history === 'none') return [];
    return [removal(hasExpired ? 'expire' : 'delete', key, revision)];
  }
  const changes: Change[] = [];
  if (hasExpired && before.history !== 'none') changes.push(removal('expire', key, revision));
  const head = rowHead(kv);
  if (head.history === 'none') return changes;
  const value = head.history === 'value' ? rowValue(kv) : undefined;
  changes.push({ kind: 'put', key, revision, value, expiresAtMs: head.expiresAtMs });
  return changes;
}
