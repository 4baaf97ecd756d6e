/**
 * Messages of `store.proto` to what they mean, and back. Decoded keys and values are views of the message that brought
 * them, not copies: whoever keeps a small one for long copies it, else it keeps its whole message alive. Malformed
 * bytes, members of enumerations that we do not know and numbers beyond 2^53 are refused with INVALID_ARGUMENT.
 */
import { AppError } from '../src/core/errors';
import { storeLimits } from './limits';
import type {
  CommitOutcome,
  KeyRange,
  ReadConsistency,
  ReadResult,
  SearchOutcome,
  SearchRequest,
  StoreStatus,
  Transaction,
  WatchBatch,
} from './store';
import { fromWireFailure, toWireFailure } from './wire-failure';
import type { WireFailure } from './wire-failure';
import { makeReader, makeWriter, messageType } from './wire-types';
import {
  consistencies,
  inChange,
  inNumber,
  inOutcome,
  inRange,
  inReadResult,
  inSearch,
  inSearchOutcome,
  inStatus,
  inTransaction,
  inWhole,
  isSent,
  malformed,
  nodeRoles,
  outChange,
  outNumber,
  outOutcome,
  outRange,
  outSearch,
  outSearchOutcome,
  outTransaction,
} from './wire-values';
import type {
  WireChange,
  WireOutcome,
  WireRange,
  WireSearch,
  WireSearchResult,
  WireStatus,
  WireTransaction,
} from './wire-values';

/** The first message of either side. What only the server says is left out by clients. */
export interface Hello {
  readonly major: number;
  readonly minor: number;
  readonly storeId: string;
  readonly engine: string;
  readonly limits: {
    readonly messageBytesMax: number;
    readonly readRangesMax: number;
    readonly commitTransactionsMax: number;
  };
  readonly revision: number;
}

export type OperationBody =
  | { readonly kind: 'read'; readonly ranges: readonly KeyRange[]; readonly consistency: ReadConsistency | undefined }
  | { readonly kind: 'commit'; readonly transactions: readonly Transaction[] }
  | { readonly kind: 'search'; readonly request: SearchRequest }
  | { readonly kind: 'status' };

export interface Operation {
  readonly id: number;
  readonly body: OperationBody;
}

export type ReplyBody =
  | { readonly kind: 'read'; readonly result: ReadResult }
  | { readonly kind: 'commit'; readonly outcomes: readonly CommitOutcome[] }
  | { readonly kind: 'search'; readonly outcome: SearchOutcome }
  | { readonly kind: 'status'; readonly status: StoreStatus }
  | { readonly kind: 'failure'; readonly error: AppError; readonly notBegun: boolean };

export interface Reply {
  readonly id: number;
  readonly body: ReplyBody;
}

export interface ClientMessage {
  readonly hello: Hello | undefined;
  readonly operations: readonly Operation[];
}

export interface ServerMessage {
  readonly hello: Hello | undefined;
  readonly replies: readonly Reply[];
}

export interface WatchRequest {
  readonly ranges: readonly KeyRange[];
  readonly afterRevision: number | undefined;
  readonly keysOnly: boolean;
  readonly storeId: string;
}

// --- operations and replies --------------------------------------------------------------------------------------

type WireOperation = {
  id: number;
  body?: 'read' | 'commit' | 'search' | 'status';
  read: { ranges: WireRange[]; consistency: number };
  commit: { transactions: WireTransaction[] };
  search: WireSearch;
};
type WireReply = {
  id: number;
  body?: 'read' | 'commit' | 'search' | 'status' | 'failure';
  read: ReadResult;
  commit: { outcomes: WireOutcome[] };
  search: WireSearchResult;
  status: WireStatus;
  failure: WireFailure;
};
type WireHello = Omit<Hello, 'limits'> & { limits: Hello['limits'] | null };

function outOperation({ id, body }: Operation): object {
  if (body.kind === 'commit') return { id, commit: { transactions: body.transactions.map(outTransaction) } };
  if (body.kind === 'search') return { id, search: outSearch(body.request) };
  if (body.kind === 'status') return { id, status: {} };
  return {
    id,
    read: { ranges: body.ranges.map(outRange), consistency: consistencies.toWire[body.consistency ?? 'default'] },
  };
}

function inOperation(operation: WireOperation): Operation {
  const { id } = operation;
  if (operation.body === 'commit') {
    return { id, body: { kind: 'commit', transactions: operation.commit.transactions.map(inTransaction) } };
  }
  if (operation.body === 'read') {
    const consistency = consistencies.fromWire(operation.read.consistency);
    const ranges = operation.read.ranges.map(inRange);
    return { id, body: { kind: 'read', ranges, consistency: consistency === 'default' ? undefined : consistency } };
  }
  if (operation.body === 'search') return { id, body: { kind: 'search', request: inSearch(operation.search) } };
  if (operation.body === 'status') return { id, body: { kind: 'status' } };
  throw malformed('an operation that is none of read, commit, search, status');
}

function outReply({ id, body }: Reply): object {
  if (body.kind === 'commit') return { id, commit: { outcomes: body.outcomes.map(outOutcome) } };
  if (body.kind === 'read') return { id, read: body.result };
  if (body.kind === 'search') return { id, search: outSearchOutcome(body.outcome) };
  if (body.kind === 'failure') return { id, failure: toWireFailure(body.error, body.notBegun) };
  const nodes = body.status.nodes.map((node) => ({ ...node, role: nodeRoles.toWire[node.role] }));
  return { id, status: { ...body.status, nodes } };
}

function inReply(reply: WireReply): Reply {
  const { id } = reply;
  if (reply.body === 'commit') return { id, body: { kind: 'commit', outcomes: reply.commit.outcomes.map(inOutcome) } };
  if (reply.body === 'read') return { id, body: { kind: 'read', result: inReadResult(reply.read) } };
  if (reply.body === 'search') return { id, body: { kind: 'search', outcome: inSearchOutcome(reply.search) } };
  if (reply.body === 'status') return { id, body: { kind: 'status', status: inStatus(reply.status) } };
  if (reply.body !== 'failure') throw malformed('a reply that is none of read, commit, search, status, failure');
  return { id, body: { kind: 'failure', error: fromWireFailure(reply.failure), notBegun: reply.failure.notBegun } };
}

function inHello(hello: WireHello | null | undefined): Hello | undefined {
  if (!isSent(hello)) return undefined;
  const limits = hello.limits ?? { messageBytesMax: 0, readRangesMax: 0, commitTransactionsMax: 0 };
  return {
    major: hello.major,
    minor: hello.minor,
    storeId: hello.storeId,
    engine: hello.engine,
    limits: {
      messageBytesMax: inWhole(limits.messageBytesMax),
      readRangesMax: limits.readRangesMax,
      commitTransactionsMax: limits.commitTransactionsMax,
    },
    revision: inWhole(hello.revision),
  };
}

// --- messages ----------------------------------------------------------------------------------------------------

const types = {
  clientMessage: messageType('ClientMessage'),
  serverMessage: messageType('ServerMessage'),
  operation: messageType('Operation'),
  reply: messageType('Reply'),
  watchRequest: messageType('WatchRequest'),
  watchBatch: messageType('WatchBatch'),
} as const;

type MessageName = keyof typeof types;

function encode(name: MessageName, message: object): Buffer {
  return types[name].encode(message).finish() as Buffer;
}

function decode<Wire, Meaning>(name: MessageName, bytes: Buffer, meaning: (message: Wire) => Meaning): Meaning {
  try {
    return meaning(types[name].decode(makeReader(bytes)) as Wire);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw malformed(`no ${types[name].name} (${(error as Error).message})`, error);
  }
}

/** The hello of either side: both messages have it in the same place. */
export const encodeHello = (hello: Hello): Buffer => encode('clientMessage', { hello });

export const decodeClientMessage = (bytes: Buffer): ClientMessage =>
  decode('clientMessage', bytes, (message: { hello: WireHello | null; operations: WireOperation[] }) => ({
    hello: inHello(message.hello),
    operations: message.operations.map(inOperation),
  }));

export const decodeServerMessage = (bytes: Buffer): ServerMessage =>
  decode('serverMessage', bytes, (message: { hello: WireHello | null; replies: WireReply[] }) => ({
    hello: inHello(message.hello),
    replies: message.replies.map(inReply),
  }));

export const encodeWatchRequest = (request: WatchRequest): Buffer =>
  encode('watchRequest', {
    ...request,
    ranges: request.ranges.map(outRange),
    afterRevision: request.afterRevision === undefined ? undefined : outNumber(request.afterRevision),
  });

export const decodeWatchRequest = (bytes: Buffer): WatchRequest =>
  decode(
    'watchRequest',
    bytes,
    (message: { ranges: WireRange[]; afterRevision?: number | null; keysOnly: boolean; storeId: string }) => ({
      ranges: message.ranges.map(inRange),
      afterRevision: !isSent(message.afterRevision) ? undefined : inNumber(message.afterRevision),
      keysOnly: message.keysOnly,
      storeId: message.storeId,
    }),
  );

export const encodeWatchBatch = (batch: WatchBatch): Buffer =>
  encode('watchBatch', { ...batch, changes: batch.changes.map(outChange) });

export const decodeWatchBatch = (bytes: Buffer): WatchBatch =>
  decode('watchBatch', bytes, (message: { changes: WireChange[]; revision: number; nowMs: number }) => ({
    changes: message.changes.map(inChange),
    revision: inWhole(message.revision),
    nowMs: inWhole(message.nowMs),
  }));

// --- gathering ---------------------------------------------------------------------------------------------------

/** A message that has this many bytes is sent; what comes then begins another. */
const gatherBytes = 1_048_576;
/** Tag and length of a member. */
const memberBytes = 6;
/** `operations` of ClientMessage and `replies` of ServerMessage: field 2, length-delimited. */
const memberTag = (2 << 3) | 2;

/**
 * Puts operations (or replies) together into messages, each encoded once, so that sizes are known as they come.
 * Several of them stand in one message as long as it stays under 1 MiB; a larger one travels alone.
 */
export class Gatherer<Item extends Operation | Reply> {
  readonly #encode: (item: Item) => Uint8Array;
  readonly #full: Buffer[] = [];
  #scratch = makeWriter();
  #writer = makeWriter();

  constructor(kind: Item extends Operation ? 'operations' : 'replies') {
    this.#encode =
      kind === 'operations'
        ? (item) => types.operation.encode(outOperation(item as Operation), this.#scratch).finish(true)
        : (item) => types.reply.encode(outReply(item as Reply), this.#scratch).finish(true);
  }

  /** Adds one. Throws INVALID_ARGUMENT, and adds nothing, where it would not fit into a message of `storeLimits.messageBytesMax`. */
  add(item: Item): void {
    let isWhole = false;
    try {
      const bytes = this.#encode(item);
      if (bytes.length > storeLimits.messageBytesMax - memberBytes) {
        const rule = `has ${bytes.length} bytes, at most ${storeLimits.messageBytesMax - memberBytes} fit into a message`;
        throw new AppError('INVALID_ARGUMENT', `the ${item.body.kind} ${rule}`);
      }
      if (this.#writer.len > 0 && this.#writer.len + bytes.length > gatherBytes) this.#finish();
      this.#writer.uint32(memberTag).bytes(bytes);
      isWhole = true;
    } finally {
      // A writer that became large, or in which something failed half-way, is not used again.
      this.#scratch = isWhole && this.#scratch.len <= gatherBytes ? this.#scratch.reset() : makeWriter();
    }
  }

  /** The messages so far; the gatherer is empty then. */
  take(): readonly Buffer[] {
    if (this.#writer.len > 0) this.#finish();
    return this.#full.splice(0);
  }

  #finish(): void {
    this.#full.push(this.#writer.finish() as Buffer);
    this.#writer = this.#writer.len > gatherBytes ? makeWriter() : this.#writer.reset();
  }
}
