/**
 * What was stored in a collection of fingerprints lately. Every store moves the tail on, and every commit checks it: so a document is
 * compared with all that was there when it was searched for, and with all that came since, of which the tail gives the names.
 * Pure.
 */
import { decodeRecord, encodeRecord } from '../core/codec';

/** A fingerprint that was stored. */
export interface Stored {
  readonly id: string;
  /** SHA-256 of the canonical text, in base64url: two of one hash have the same vector. */
  readonly hash: string;
}

export interface Tail {
  /** Fingerprints stored so far. */
  readonly sequence: number;
  /** The latest, the last one being number `sequence`; as many as fit. */
  readonly latest: readonly Stored[];
}

const format = 1;
const latestMax = 128;
const latestBytesMax = 16_384;
const overheadBytes = 80;

export const emptyTail: Tail = { sequence: 0, latest: [] };

export function encodeTail(tail: Tail): Buffer {
  return encodeRecord(format, tail);
}

export function decodeTail(value: Buffer | undefined): Tail {
  return value ? decodeRecord<Tail>(format, value) : emptyTail;
}

export function withStored({ sequence, latest }: Tail, stored: Stored): Tail {
  const kept: Stored[] = [];
  let bytes = 0;
  for (const each of [...latest, stored].reverse()) {
    bytes += Buffer.byteLength(each.id, 'utf8') + overheadBytes;
    if (kept.length > 0 && (kept.length === latestMax || bytes > latestBytesMax)) break;
    kept.unshift(each);
  }
  return { sequence: sequence + 1, latest: kept };
}

/** What was stored after that number; undefined: more than the tail still names. */
export function storedSince({ sequence, latest }: Tail, after: number): readonly Stored[] | undefined {
  const count = sequence - after;
  if (count > latest.length) return undefined;
  return count <= 0 ? [] : latest.slice(-count);
}
