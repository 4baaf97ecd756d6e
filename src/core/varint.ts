/**
 * Whole numbers below 2^53 in as few bytes as they need: 7 bits a byte, the least first, the top bit on all but the last (LEB128);
 * and texts behind their lengths, which are written so.
 */
import { requireFormat } from './codec';
import { assertInvariant } from './errors';

/** The longest one. */
export const varintBytes = 8;

/** Bytes that are read from front to back. */
export interface Reading {
  readonly bytes: Buffer;
  next: number;
}

/** What stands behind the format, which is the first byte. Throws as `requireFormat`. */
export function readingOf(bytes: Buffer, format: number, what: string): Reading {
  requireFormat(bytes, format, what);
  return { bytes, next: 1 };
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

/** Writes a text at `offset`; the offset behind it. It takes at most three bytes a UTF-16 unit, and its length. */
export function writeText(bytes: Buffer, offset: number, text: string): number {
  if (3 * text.length < 128) {
    // Its length takes one byte, whatever it is, and is known when the text is written.
    bytes[offset] = bytes.write(text, offset + 1);
    return offset + 1 + bytes[offset];
  }
  const at = writeVarint(bytes, offset, Buffer.byteLength(text));
  return at + bytes.write(text, at);
}

export function readText(reading: Reading): string {
  const end = readVarint(reading) + reading.next;
  assertInvariant(end <= reading.bytes.length, 'a text that is whole');
  const text = reading.bytes.toString('utf8', reading.next, end);
  reading.next = end;
  return text;
}
