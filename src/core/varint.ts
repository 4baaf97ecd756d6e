/** Whole numbers below 2^53 in as few bytes as they need: 7 bits a byte, the least first, the top bit on all but the last (LEB128). */
import { assertInvariant } from './errors';

/** The longest one. */
export const varintBytes = 8;

/** Bytes that are read from front to back. */
export interface Reading {
  readonly bytes: Buffer;
  next: number;
}

/** Writes it at `offset`; the offset behind it. */
export function writeVarint(bytes: Buffer, offset: number, value: number): number {
  let rest = value;
  let at = offset;
  while (rest > 127) {
    bytes[at++] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  return at;
}

export function varintOf(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(varintBytes);
  return bytes.subarray(0, writeVarint(bytes, 0, value));
}

/** Reads one and moves on. Throws INTERNAL where the bytes end before it does: damage. */
export function readVarint(reading: Reading): number {
  let value = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = reading.bytes[reading.next];
    assertInvariant(byte !== undefined, 'a number that is whole');
    reading.next += 1;
    value += (byte % 128) * factor;
    if (byte < 128) return value;
  }
}
