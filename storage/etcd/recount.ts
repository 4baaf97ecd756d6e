/**
 * What accounts hold, counted anew from the rows: for when etcd has forgotten changes before they were written down (somebody else
 * compacted it, or all storage processes were away for longer than history is kept). Which tenants those were of nobody knows, so it goes through
 * all rows, as they stand at one revision, a page at a time, and corrects what differs; nothing of it is in the way of writing. The row that says how
 * far sums reach is claimed first and guards every correction, so that of several who count one wins; it is moved in the end, so that
 * who is broken off leaves the next one to begin anew.
 */
import {
  billedBytes,
  billedScopeLength,
  decodeUsage,
  encodeUsage,
  noUsage,
  usageKey,
  usageSpan,
} from '../../src/core/usage';
import type { Usage } from '../../src/core/usage';
import type { EtcdChannel } from './channel';
import { encodeNumber, encodeRow, rowHead, rowValue } from './layout';
import type { Layout } from './layout';
import { isAbsent, isAtRevision, methods, putOp } from './messages';
import type { KeyValue, RangeRequest, RangeResponse, RequestOp } from './messages';
import { spreadWrites } from './plan';
import { revisionPages } from './revision-pages';

/** The row that says how far sums reach. */
export interface Billed {
  readonly through: number;
  /** 0: there is none. */
  readonly modRevision: number;
}

export interface RecountOptions {
  readonly channel: EtcdChannel;
  readonly layout: Layout;
  readonly billed: Billed;
  readonly signal: AbortSignal;
}

/** Sums that one transaction corrects. */
const correctionsMax = 500;

/** A sum that stands or should; keys are those of usage rows, without a prefix. */
interface Sum {
  readonly key: Buffer;
  readonly usage: Usage;
}

/** Gives the row as it stands then; undefined: somebody else writes sums down, or it was broken off. Rejects with EtcdFailure. */
export async function recount({ channel, layout, billed, signal }: RecountOptions): Promise<Billed | undefined> {
  const write = async (modRevision: number, writes: readonly RequestOp[]): Promise<number | undefined> => {
    const { header, succeeded } = await channel.ask(methods.txn, {
      compare: [modRevision === 0 ? isAbsent(layout.billed) : isAtRevision(layout.billed, modRevision)],
      success: spreadWrites(writes, 1),
      failure: [],
    });
    return succeeded ? header!.revision : undefined;
  };
  const claimed = await write(billed.modRevision, [putOp(layout.billed, encodeNumber(billed.through))]);
  if (claimed === undefined) return undefined;
  const ask = (request: RangeRequest): Promise<RangeResponse> =>
    channel.ask(methods.range, { ...request, revision: claimed });
  let corrections: RequestOp[] = [];
  for await (const { key, usage } of differences(standing(layout, ask), counted(layout, ask))) {
    if (signal.aborted) return undefined;
    corrections.push(putOp(layout.row(key), encodeRow(encodeUsage(usage), { expiresAtMs: 0, history: 'none' })));
    if (corrections.length < correctionsMax) continue;
    if ((await write(claimed, corrections)) === undefined) return undefined;
    corrections = [];
  }
  if (signal.aborted) return undefined;
  const reached = encodeNumber(claimed);
  const last = [...corrections, putOp(layout.billed, reached), putOp(layout.recounted, reached)];
  const modRevision = await write(claimed, last);
  return modRevision === undefined ? undefined : { through: claimed, modRevision };
}

type Ask = (request: RangeRequest) => Promise<RangeResponse>;

/** The sums as they are written down. */
async function* standing(layout: Layout, ask: Ask): AsyncGenerator<Sum, void, void> {
  const { start, end } = usageSpan;
  for await (const page of revisionPages({ start: layout.row(start), end: layout.row(end) }, ask))
    for (const row of page) yield { key: layout.keyOfRow(row.key), usage: decodeUsage(rowValue(row)) };
}

/** The sums as the rows have them: those of one account lie together. */
async function* counted(layout: Layout, ask: Ask): AsyncGenerator<Sum, void, void> {
  let account: Buffer | undefined;
  let usage = noUsage;
  for await (const page of revisionPages(layout.rows, ask)) {
    for (const row of page) {
      const found = billedPart(row, layout);
      if (!found) continue;
      if (account && !account.equals(found.account)) {
        yield { key: usageKey(account), usage };
        usage = noUsage;
      }
      account = found.account;
      usage = { keys: usage.keys + 1, bytes: usage.bytes + found.bytes };
    }
    // A page may be the last one of its kind for long: not all of it is to be kept for a few bytes of a key.
    account = account && Buffer.from(account);
  }
  if (account) yield { key: usageKey(account), usage };
}

function billedPart(row: KeyValue, layout: Layout): { readonly account: Buffer; readonly bytes: number } | undefined {
  const key = layout.keyOfRow(row.key);
  const length = billedScopeLength(key);
  if (length === 0) return undefined;
  return { account: key.subarray(0, length), bytes: billedBytes(key, length, rowHead(row).valueBytes) };
}

/** Of two lists in order of their keys: what the second one has otherwise. What is only in the first comes to nothing. */
export async function* differences(
  stands: AsyncIterable<Sum>,
  should: AsyncIterable<Sum>,
): AsyncGenerator<Sum, void, void> {
  const left = stands[Symbol.asyncIterator]();
  const right = should[Symbol.asyncIterator]();
  let [one, other] = [await next(left), await next(right)];
  while (one ?? other) {
    const order = one && other ? Buffer.compare(one.key, other.key) : one ? -1 : 1;
    const wanted = order < 0 ? { key: one!.key, usage: noUsage } : other!;
    const present = order > 0 ? noUsage : one!.usage;
    if (wanted.usage.keys !== present.keys || wanted.usage.bytes !== present.bytes) yield wanted;
    if (order <= 0) one = await next(left);
    if (order >= 0) other = await next(right);
  }
}

async function next(sums: AsyncIterator<Sum>): Promise<Sum | undefined> {
  const { done, value } = await sums.next();
  return done === true ? undefined : (value as Sum);
}
