/**
 * Values of `store.proto` (ranges, entries, transactions, outcomes, changes) to those of `store.ts`, and back. `out…` gives
 * what protobufjs encodes, `in…` takes what it decoded.
 */
import { AppError } from '../src/core/errors';
import type { History } from '../src/core/keyspace';
import type { Quota } from '../src/core/usage';
import type { VectorDistance } from '../src/core/vector-distance';
import { vectorBytes, vectorFrom } from '../src/core/vector-row';
import type {
  Change,
  ChangeKind,
  Check,
  CommitOutcome,
  Conflict,
  Entry,
  KeyRange,
  MarkEntry,
  ReadConsistency,
  ReadResult,
  SearchConsistency,
  SearchHit,
  SearchOutcome,
  SearchRequest,
  StoreNode,
  StoreStatus,
  Transaction,
  Write,
} from './store';
import { fromWireFailure, toWireFailure } from './wire-failure';
import type { WireFailure } from './wire-failure';
import { enumNumbers } from './wire-types';

// --- members of enumerations -------------------------------------------------------------------------------------

interface EnumMap<Member extends string> {
  readonly toWire: Readonly<Record<Member, number>>;
  fromWire(value: number): Member;
}

function enumMap<Member extends string>(name: string, wireNames: Readonly<Record<Member, string>>): EnumMap<Member> {
  const numbers = enumNumbers(name);
  const members = Object.keys(wireNames) as Member[];
  const toWire = Object.fromEntries(members.map((member) => [member, numbers[wireNames[member]]!]));
  const byNumber = new Map(members.map((member) => [toWire[member]!, member]));
  const fromWire = (value: number): Member => {
    const member = byNumber.get(value);
    if (member === undefined) throw malformed(`${name} ${value} is not known`);
    return member;
  };
  return { toWire: toWire as Record<Member, number>, fromWire };
}

const histories = enumMap<History>('History', { value: 'HISTORY_VALUE', key: 'HISTORY_KEY', none: 'HISTORY_NONE' });
const writeKinds = enumMap<Write['kind']>('WriteKind', { put: 'WRITE_PUT', delete: 'WRITE_DELETE' });
const changeKinds = enumMap<ChangeKind>('ChangeKind', {
  put: 'CHANGE_PUT',
  delete: 'CHANGE_DELETE',
  expire: 'CHANGE_EXPIRE',
});
export const nodeRoles = enumMap<StoreNode['role']>('NodeRole', {
  leader: 'NODE_ROLE_LEADER',
  follower: 'NODE_ROLE_FOLLOWER',
  unreachable: 'NODE_ROLE_UNREACHABLE',
});
export const consistencies = enumMap<ReadConsistency | 'default'>('Consistency', {
  default: 'CONSISTENCY_DEFAULT',
  linearizable: 'CONSISTENCY_LINEARIZABLE',
  lease: 'CONSISTENCY_LEASE',
  stale: 'CONSISTENCY_STALE',
});

const distances = enumMap<VectorDistance>('Distance', {
  cosine: 'DISTANCE_COSINE',
  euclidean: 'DISTANCE_EUCLIDEAN',
  innerProduct: 'DISTANCE_INNER_PRODUCT',
});
const searchConsistencies = enumMap<SearchConsistency>('SearchConsistency', {
  strong: 'SEARCH_STRONG',
  eventual: 'SEARCH_EVENTUAL',
});

// --- scalars -----------------------------------------------------------------------------------------------------

const noNumber = 2 ** 64;
const noNumberLong = { low: -1, high: -1 };
const noBytes = Buffer.alloc(0);

export function malformed(what: string, cause?: unknown): AppError {
  return new AppError('INVALID_ARGUMENT', `malformed message: ${what}`, { cause });
}

type WireNumber = number | typeof noNumberLong;

/** A number of a caller: what is none (negative, broken, too large) travels as 2^64-1, so that the store refuses it. */
export function outNumber(value: number): WireNumber {
  return Number.isSafeInteger(value) && value >= 0 ? value : noNumberLong;
}

export function inNumber(value: number): number {
  if (value <= Number.MAX_SAFE_INTEGER) return value;
  if (value >= noNumber) return Number.NaN;
  throw malformed(`the number ${value} is not below 2^53`);
}

export function inWhole(value: number): number {
  if (value > Number.MAX_SAFE_INTEGER) throw malformed(`the number ${value} is not below 2^53`);
  return value;
}

/** Whether a field that has presence was in the message. */
export function isSent<Value>(value: Value | null | undefined): value is Value {
  return value !== null && value !== undefined;
}

/** Byte fields that were not sent come as an empty array from protobufjs. */
function inBytes(value: Buffer): Buffer {
  return value.length === 0 ? noBytes : value;
}

// --- what is read, written and watched ---------------------------------------------------------------------------

// Where a type of ours has the names of its message, protobufjs encodes it as it is. Members with a question mark have
// presence: they are undefined or null where they were not sent; others have their defaults.

export type WireRange = {
  start: Buffer;
  end?: Buffer | null;
  limit?: number | null;
  reverse: boolean;
  keysOnly: boolean;
  bytesMax?: number | null;
};
type WireWrite = { kind: number; key: Buffer; value: Buffer; ttlMs?: number | null; history: number };
export type WireTransaction = {
  checks: { key: Buffer; revision: number }[];
  writes: WireWrite[];
  marks: { key: Buffer; value: Buffer }[];
  validUntilMs?: number | null;
  scope?: Buffer | null;
  attemptId?: Buffer | null;
  quota?: WireQuota | null;
};
type WireQuota = { keysMax?: number | null; bytesMax?: number | null };
export type WireOutcome = {
  kind?: 'committed' | 'conflict' | 'failed';
  committed: { revision: number; nowMs: number };
  conflict: { entries: Entry[]; marks: MarkEntry[]; revision: number; nowMs: number };
  failed: WireFailure;
};
type WireSpan = { start: Buffer; end: Buffer };
export type WireSearch = {
  rows?: WireSpan | null;
  stamps?: WireSpan | null;
  checks: { key: Buffer; revision: number }[];
  distance: number;
  isExact: boolean;
  near: Buffer;
  k: number;
  filter?: string | null;
  except?: Buffer | null;
  consistency: number;
  withVectors: boolean;
};
export type WireSearchResult = {
  kind?: 'found' | 'conflict';
  found: { hits: SearchHit[]; revision: number };
  conflict: WireOutcome['conflict'];
};
export type WireChange = { kind: number; key: Buffer; revision: number; value?: Buffer | null; expiresAtMs: number };
export type WireStatus = Omit<StoreStatus, 'nodes' | 'clockSkewMs' | 'indexing'> & {
  nodes: { id: string; address: string; role: number }[];
  clockSkewMs?: number | null;
  indexing?: { rows: number; total: number } | null;
};

export function outRange(range: KeyRange): object {
  if (range.limit === undefined && range.bytesMax === undefined) return range;
  return {
    ...range,
    limit: range.limit === undefined ? undefined : outNumber(range.limit),
    bytesMax: range.bytesMax === undefined ? undefined : outNumber(range.bytesMax),
  };
}

export function inRange(range: WireRange): KeyRange {
  const start = inBytes(range.start);
  if (!isSent(range.end) && !isSent(range.limit) && !isSent(range.bytesMax) && !range.reverse && !range.keysOnly)
    return { start };
  return {
    start,
    ...(isSent(range.end) && { end: inBytes(range.end) }),
    ...(isSent(range.limit) && { limit: inNumber(range.limit) }),
    ...(range.reverse && { reverse: true }),
    ...(range.keysOnly && { keysOnly: true }),
    ...(isSent(range.bytesMax) && { bytesMax: inNumber(range.bytesMax) }),
  };
}

function inEntry(entry: Entry): Entry {
  return {
    key: inBytes(entry.key),
    value: inBytes(entry.value),
    revision: inWhole(entry.revision),
    expiresAtMs: inWhole(entry.expiresAtMs),
  };
}

function inMarkEntry(mark: MarkEntry): MarkEntry {
  return {
    key: inBytes(mark.key),
    value: inBytes(mark.value),
    revision: inWhole(mark.revision),
    committedAtMs: inWhole(mark.committedAtMs),
  };
}

export function inReadResult(result: ReadResult): ReadResult {
  return {
    results: result.results.map((range) => ({ entries: range.entries.map(inEntry), more: range.more })),
    revision: inWhole(result.revision),
    nowMs: inWhole(result.nowMs),
  };
}

function outWrite(write: Write): object {
  const kind = writeKinds.toWire[write.kind];
  const history = histories.toWire[write.history];
  if (write.kind === 'delete') return { kind, key: write.key, history };
  const ttlMs = write.ttlMs === undefined ? undefined : outNumber(write.ttlMs);
  return { kind, key: write.key, value: write.value, ttlMs, history };
}

function inWrite(write: WireWrite): Write {
  const kind = writeKinds.fromWire(write.kind);
  const history = histories.fromWire(write.history);
  const key = inBytes(write.key);
  if (kind === 'delete') return { kind, key, history };
  if (!isSent(write.ttlMs)) return { kind, key, value: inBytes(write.value), history };
  return { kind, key, value: inBytes(write.value), ttlMs: inNumber(write.ttlMs), history };
}

function outCheck(check: Check): object {
  return { key: check.key, revision: outNumber(check.revision) };
}

function inCheck(check: Check): Check {
  return { key: inBytes(check.key), revision: inNumber(check.revision) };
}

export function outTransaction(transaction: Transaction): object {
  return {
    checks: transaction.checks.map(outCheck),
    writes: transaction.writes.map(outWrite),
    marks: transaction.marks,
    validUntilMs: transaction.validUntilMs === undefined ? undefined : outNumber(transaction.validUntilMs),
    scope: transaction.scope,
    attemptId: transaction.attemptId,
    quota: transaction.quota && outQuota(transaction.quota),
  };
}

export function inTransaction(transaction: WireTransaction): Transaction {
  return {
    checks: transaction.checks.map(inCheck),
    writes: transaction.writes.map(inWrite),
    ...(transaction.marks.length > 0 && {
      marks: transaction.marks.map((mark) => ({ key: inBytes(mark.key), value: inBytes(mark.value) })),
    }),
    ...(isSent(transaction.validUntilMs) && { validUntilMs: inNumber(transaction.validUntilMs) }),
    ...(isSent(transaction.scope) && { scope: inBytes(transaction.scope) }),
    ...(isSent(transaction.attemptId) && { attemptId: inBytes(transaction.attemptId) }),
    ...(isSent(transaction.quota) && { quota: inQuota(transaction.quota) }),
  };
}

function outQuota({ keysMax, bytesMax }: Quota): object {
  return {
    keysMax: keysMax === undefined ? undefined : outNumber(keysMax),
    bytesMax: bytesMax === undefined ? undefined : outNumber(bytesMax),
  };
}

function inQuota({ keysMax, bytesMax }: WireQuota): Quota {
  return {
    ...(isSent(keysMax) && { keysMax: inNumber(keysMax) }),
    ...(isSent(bytesMax) && { bytesMax: inNumber(bytesMax) }),
  };
}

export function outOutcome(outcome: CommitOutcome): object {
  if (outcome.kind === 'committed') return { committed: outcome };
  return outcome.kind === 'conflict' ? { conflict: outcome } : { failed: toWireFailure(outcome.error) };
}

export function inOutcome(outcome: WireOutcome): CommitOutcome {
  if (outcome.kind === 'committed') {
    const { revision, nowMs } = outcome.committed;
    return { kind: 'committed', revision: inWhole(revision), nowMs: inWhole(nowMs) };
  }
  if (outcome.kind === 'conflict') return inConflict(outcome.conflict);
  if (outcome.kind === 'failed') return { kind: 'failed', error: fromWireFailure(outcome.failed) };
  throw malformed('an outcome that is none of committed, conflict, failed');
}

function inConflict({ entries, marks, revision, nowMs }: WireOutcome['conflict']): Conflict {
  const found = { entries: entries.map(inEntry), marks: marks.map(inMarkEntry) };
  return { kind: 'conflict', ...found, revision: inWhole(revision), nowMs: inWhole(nowMs) };
}

export function outSearch(request: SearchRequest): object {
  return {
    ...request,
    checks: request.checks.map(outCheck),
    distance: distances.toWire[request.distance],
    near: vectorBytes(request.near),
    consistency: searchConsistencies.toWire[request.consistency],
  };
}

export function inSearch(search: WireSearch): SearchRequest {
  const { filter, except, near, k, isExact, withVectors } = search;
  return {
    rows: inSpan(search.rows),
    stamps: inSpan(search.stamps),
    checks: search.checks.map(inCheck),
    distance: distances.fromWire(search.distance),
    isExact,
    // Bytes that are no whole number of floats make none of them: the store refuses a vector without dimensions.
    near: near.length % 4 === 0 ? vectorFrom(near) : new Float32Array(0),
    k,
    ...(isSent(filter) && { filter }),
    ...(isSent(except) && { except: inBytes(except) }),
    consistency: searchConsistencies.fromWire(search.consistency),
    withVectors,
  };
}

function inSpan(span: WireSpan | null | undefined): { start: Buffer; end: Buffer } {
  if (!isSent(span)) throw malformed('a search without its rows or its stamps');
  return { start: inBytes(span.start), end: inBytes(span.end) };
}

export function outSearchOutcome(outcome: SearchOutcome): object {
  return outcome.kind === 'found' ? { found: outcome } : { conflict: outcome };
}

export function inSearchOutcome(result: WireSearchResult): SearchOutcome {
  if (result.kind === 'conflict') return inConflict(result.conflict);
  if (result.kind !== 'found') throw malformed('a search result that is none of found, conflict');
  const hits = result.found.hits.map(({ key, value, revision, distance }) => ({
    key: inBytes(key),
    value: inBytes(value),
    revision: inWhole(revision),
    distance,
  }));
  return { kind: 'found', hits, revision: inWhole(result.found.revision) };
}

export function inStatus(status: WireStatus): StoreStatus {
  return {
    engine: status.engine,
    storeId: status.storeId,
    epoch: inWhole(status.epoch),
    revision: inWhole(status.revision),
    nowMs: inWhole(status.nowMs),
    oldestRevision: inWhole(status.oldestRevision),
    nodes: status.nodes.map(({ id, address, role }) => ({ id, address, role: nodeRoles.fromWire(role) })),
    ...(isSent(status.clockSkewMs) && { clockSkewMs: status.clockSkewMs }),
    ...(isSent(status.indexing) && {
      indexing: { rows: inWhole(status.indexing.rows), total: inWhole(status.indexing.total) },
    }),
  };
}

export function outChange(change: Change): object {
  return { ...change, kind: changeKinds.toWire[change.kind] };
}

export function inChange(change: WireChange): Change {
  return {
    kind: changeKinds.fromWire(change.kind),
    key: inBytes(change.key),
    revision: inWhole(change.revision),
    value: !isSent(change.value) ? undefined : inBytes(change.value),
    expiresAtMs: inWhole(change.expiresAtMs),
  };
}
