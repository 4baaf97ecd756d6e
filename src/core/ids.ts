/** Chance and identity, passed in: outside this file nobody calls Math.random or the crypto generators. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Hash, Hmac } from 'node:crypto';
import { assertInvariant } from './errors';

export interface Ids {
  /** A random (version 4) UUID. */
  uuid(): string;
  /** `size` bytes from a cryptographically secure generator. */
  bytes(size: number): Buffer;
  /** A number in [0, 1), for jitter and choice; not for secrets. */
  fraction(): number;
}

const uuidText = Buffer.alloc(36);

/**
 * The library's are strings put together of twenty, each an object for garbage collection, and a request holds one until the next
 * comes on its connection: here it is one piece.
 */
function makeUuid(): string {
  uuidText.write(randomUUID(), 'latin1');
  return uuidText.toString('latin1');
}

/** The machine's generators. */
export const systemIds: Ids = {
  uuid: makeUuid,
  bytes: (size) => randomBytes(size),
  fraction: () => Math.random(),
};

/** Repeatable "randomness" for tests: the same seed gives the same run (mulberry32, by Tommy Ettinger, public domain). */
export function makeSeededIds(seed: number): Ids {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const bytes = (size: number): Buffer => Buffer.from(Array.from({ length: size }, () => Math.floor(fraction() * 256)));
  const uuid = (): string => {
    const raw = bytes(16);
    raw[6] = (raw[6]! & 0x0f) | 0x40;
    raw[8] = (raw[8]! & 0x3f) | 0x80;
    return raw.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  };
  return { uuid, bytes, fraction };
}

/**
 * A UUID of version 7 or 8 (RFC 9562): `stamp`, a whole number below 2^48, then 74 random bits, those of `uuid`, which is of version 4.
 * Such ids are in the order of their stamps.
 */
export function stampUuid(stamp: number, version: 7 | 8, uuid: string): string {
  assertInvariant(stamp < 2 ** 48, 'a stamp of 48 bits');
  const digits = stamp.toString(16).padStart(12, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8)}-${version}${uuid.slice(15)}`;
}

/** SHA-256 of the parts, each preceded by its length, so that no two lists of parts meet. 32 bytes. */
export function hashParts(...parts: readonly (string | Buffer)[]): Buffer {
  return digestOfParts(createHash('sha256'), parts);
}

/** The digest of the parts, each preceded by its length in 4 bytes. */
export function digestOfParts(hash: Hash | Hmac, parts: readonly (string | Buffer)[]): Buffer {
  const length = Buffer.alloc(4);
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
    length.writeUInt32BE(bytes.length);
    hash.update(length);
    hash.update(bytes);
  }
  return hash.digest();
}
