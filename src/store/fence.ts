/**
 * Fences: a leader gives the token of its reign with what it writes, and a write whose token is not the election's highest
 * is refused in its own commit. The highest token stands in a row of its own, written by a new reign alone, so that a check of
 * that row's revision is a check of the token. In a lane the row is a guard of the command; a write past the lanes
 * (`direct-write.ts`) has it as its guard. Either keeps the row in the memory of the lanes, so that a fence
 * usually costs no trip; what is kept is never the reason of a refusal, and a row that moved is a conflict, which brings it.
 */
import { limits } from '../../proto/limits';
import { decodeRecord, encodeRecord } from '../core/codec';
import { invalidArgument } from '../core/errors';
import { requireInteger, requireText } from '../core/input';
import { keyspace } from '../core/keyspace';

/** What a caller gives with a write. */
export interface Fence {
  readonly election: string;
  /** Of the caller's reign. */
  readonly token: number;
}

/** The refusal: a later reign has begun. */
export interface Fenced {
  readonly kind: 'fenced';
  /** The highest that has been issued. */
  readonly currentToken: number;
}

/** The row of an election's fence. */
export interface FenceRecord {
  /** The highest that has been issued. */
  readonly token: number;
  /** When, in storage milliseconds. */
  readonly issuedAtMs: number;
}

const format = 1;

export function encodeFence(record: FenceRecord): Buffer {
  return encodeRecord(format, record);
}

export function decodeFence(value: Buffer): FenceRecord {
  return decodeRecord<FenceRecord>(format, value);
}

/** The key of a fence's row: a guard of the write. Throws INVALID_ARGUMENT where the fence breaks a rule by itself. */
export function requireFenceKey({ election, token }: Fence): Buffer {
  requireText('input.fence.election', election, { bytesMax: limits.nameBytesMax });
  requireInteger('input.fence.token', token, { min: 1, max: Number.MAX_SAFE_INTEGER });
  return keyspace.electionFence(election);
}

/** Undefined: the token is the highest. Throws INVALID_ARGUMENT where it was never issued. Pure. */
export function judgeFence(
  { election, token }: Fence,
  row: { readonly value: Buffer } | undefined,
): Fenced | undefined {
  const highest = row ? decodeFence(row.value).token : 0;
  if (token === highest) return undefined;
  if (token < highest) return { kind: 'fenced', currentToken: highest };
  const issued = highest === 0 ? 'has issued none' : `has issued none above ${highest}`;
  throw invalidArgument('input.fence.token', `is ${token}: election "${election}" ${issued}`);
}
