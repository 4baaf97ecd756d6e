/**
 * The one record of an identifier: all its meters, so that several policies are spent from in one commit, and reset is one deletion.
 *
 *     format (1 byte) | ttlMs | atMs | number of states | per state: algorithm (1 byte) | windowMs | pending | the meter's own
 *
 * **When was it spent?** A decision knows the storage clock as an estimate that may lag, by as much as the answer of a commit takes;
 * what is recorded at such a time would leave its window too early, and two gateways would admit more than the limit. So what a commit
 * spends is stored as `pending`, without a time, and whoever reads the row takes its time from the row itself: the store sets
 * expiresAtMs = its clock at the commit + ttlMs, and ttlMs is in the record. So every spend is counted at the very storage time of
 * its commit, on every gateway, whatever any of them believed.
 *
 * Within a batch the row has no commit yet: there pending stays pending, and stands at the time of the decision.
 */
import { AppError } from '../core/errors';
import { readingOf, readVarint, varintOf } from '../core/varint';
import { TokenBucket } from './rate-limit-bucket';
import { SlidingWindowCounter } from './rate-limit-counter';
import { SlidingWindowLog } from './rate-limit-log';
import type { Meter, RateLimitAlgorithm } from './rate-limit-meter';

/** What is known of one algorithm and window. */
export interface LimitState {
  /** Everything whose time is known. */
  readonly meter: SlidingWindowLog | SlidingWindowCounter | TokenBucket;
  /** Spent by the commit that writes, or wrote, this record. */
  readonly pending: number;
}

export interface LimitRecord {
  /** The time that the meters stand at: of the decision that wrote it, or of its commit where that is known. */
  readonly atMs: number;
  readonly states: readonly LimitState[];
}

/** A row as the store, or a decision before in the same batch, gives it. */
export interface StoredRecord {
  readonly value: Buffer;
  /** 0: not committed yet. */
  readonly revision: number;
  readonly expiresAtMs: number;
}

interface Written extends LimitRecord {
  readonly ttlMs: number;
}

const format = 1;

/** By their byte in a record. Numbers are never used again. */
const kinds = { 1: SlidingWindowLog, 2: SlidingWindowCounter, 3: TokenBucket } as const;
type Kind = keyof typeof kinds;
const kindOf = { SLIDING_WINDOW_LOG: 1, SLIDING_WINDOW_COUNTER: 2, TOKEN_BUCKET: 3 } as const satisfies Record<
  RateLimitAlgorithm,
  Kind
>;

/** The hundreds of commands of a batch read the same few buffers: each is decoded once. */
const decoded = new WeakMap<Buffer, Written>();
const settled = new WeakMap<Buffer, LimitRecord>();

/** A meter of a window in which nothing was spent. */
export function emptyMeter(algorithm: RateLimitAlgorithm, windowMs: number, atMs: number): LimitState['meter'] {
  return kinds[kindOf[algorithm]].empty(windowMs, atMs);
}

/** The meter with what is pending, as if it were spent at the record's own time. */
export function wholeMeter({ meter, pending }: LimitState): Meter {
  return pending === 0 ? meter : meter.spend(pending);
}

/** The record of a row, with everything at its time where the row was committed. Throws INTERNAL on damage. */
export function openRecord({ value, revision, expiresAtMs }: StoredRecord): LimitRecord {
  let written = decoded.get(value);
  if (!written) decoded.set(value, (written = decode(value)));
  if (revision === 0) return written;
  let record = settled.get(value);
  if (!record) settled.set(value, (record = settleAt(written, expiresAtMs - written.ttlMs)));
  return record;
}

/** Its bytes, and how long they are to be kept from the commit on: until nothing in it counts. */
export function closeRecord(record: LimitRecord): { value: Buffer; ttlMs: number } {
  const ends = record.states.map((state) => wholeMeter(state).endsAtMs);
  const ttlMs = Math.max(1, ...ends.map((endsAtMs) => endsAtMs - record.atMs));
  const parts: Buffer[] = [Buffer.of(format), ...[ttlMs, record.atMs, record.states.length].map(varintOf)];
  for (const { meter, pending } of record.states) {
    parts.push(Buffer.of(kindOf[meter.algorithm]), varintOf(meter.windowMs), varintOf(pending), meter.encode());
  }
  const value = Buffer.concat(parts);
  decoded.set(value, { ...record, ttlMs });
  return { value, ttlMs };
}

/** The record as it stands at a time, without the states of which nothing counts any more. */
export function rollTo(record: LimitRecord, atMs: number): LimitRecord {
  const states = record.states
    .map(({ meter, pending }) => ({ meter: meter.at(atMs), pending }))
    .filter((state) => wholeMeter(state).used > 0);
  return { atMs, states };
}

function settleAt(written: LimitRecord, committedAtMs: number): LimitRecord {
  const states = written.states.map(({ meter, pending }) => {
    const then = meter.at(committedAtMs);
    return { meter: pending === 0 ? then : then.spend(pending), pending: 0 };
  });
  return { atMs: committedAtMs, states };
}

function decode(value: Buffer): Written {
  const reading = readingOf(value, format, 'limits');
  const ttlMs = readVarint(reading);
  const atMs = readVarint(reading);
  const states = Array.from({ length: readVarint(reading) }, () => {
    const kind = kinds[value[reading.next++] as Kind];
    if (!kind) throw new AppError('INTERNAL', 'a limit of an unknown algorithm');
    const windowMs = readVarint(reading);
    const pending = readVarint(reading);
    return { meter: kind.decode(windowMs, atMs, reading), pending };
  });
  return { ttlMs, atMs, states };
}
