/**
 * Keys as tuples. Parts are encoded so that byte order is tuple order and no two tuples meet: a string or
 * byte part is escaped (00 -> 00 FF) and ends with 00 01; numbers have a fixed width. The last
 * part of a key may stay raw, so that escaping never lengthens the key that a caller chose.
 * The escaping is CockroachDB's for ascending bytes (pkg/util/encoding). A terminator of 00 alone, as in the FoundationDB tuple layer, will
 * not do: it needs that no next part begins with FF, and an encoded part would begin those of longer ones.
 */

const zero = 0x00;
const escape = 0xff;
const terminator = 0x01;

/** A part that others follow: inner 00 bytes become 00 FF, then a terminating 00 01. At most 2n + 2 bytes. None begins another. */
export function escaped(part: string | Buffer): Buffer {
  if (typeof part === 'string' && !part.includes('\0')) return Buffer.from(`${part}\0\x01`, 'utf8');
  const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
  let zeros = 0;
  for (const byte of bytes) if (byte === zero) zeros += 1;
  const out = Buffer.allocUnsafe(bytes.length + zeros + 2);
  let at = 0;
  for (const byte of bytes) {
    out[at++] = byte;
    if (byte === zero) out[at++] = escape;
  }
  out[at++] = zero;
  out[at] = terminator;
  return out;
}

/** Reads one escaped part at `offset`: its bytes and the offset behind its terminator. */
export function readEscaped(key: Buffer, offset: number): { part: Buffer; next: number } {
  const bytes: number[] = [];
  for (let at = offset; at < key.length; at += 1) {
    const byte = key[at]!;
    if (byte !== zero) {
      bytes.push(byte);
      continue;
    }
    at += 1;
    if (key[at] === terminator) return { part: Buffer.from(bytes), next: at + 1 };
    if (key[at] !== escape) break;
    bytes.push(zero);
  }
  throw new RangeError('a tuple part without its terminator');
}

/** The offset behind the terminator of the escaped part at `offset`; 0: it has none. */
export function escapedEnd(key: Buffer, offset: number): number {
  for (let at = key.indexOf(zero, offset); at !== -1 && at + 1 < key.length; at = key.indexOf(zero, at + 2)) {
    if (key[at + 1] === terminator) return at + 2;
    if (key[at + 1] !== escape) return 0;
  }
  return 0;
}

/** An unsigned 32-bit number, big endian. */
export function uint32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeUInt32BE(value);
  return out;
}

/** An unsigned number below 2^48, big endian in 6 bytes. */
export function uint48(value: number): Buffer {
  const out = Buffer.allocUnsafe(6);
  out.writeUIntBE(value, 0, 6);
  return out;
}

/** An unsigned number below 2^53, big endian in 8 bytes, so that byte order is number order. */
export function uint64(value: number): Buffer {
  const out = Buffer.allocUnsafe(8);
  out.writeUInt32BE(Math.floor(value / 4294967296), 0);
  out.writeUInt32BE(value % 4294967296, 4);
  return out;
}

export function readUint64(bytes: Buffer, offset = 0): number {
  return bytes.readUInt32BE(offset) * 4294967296 + bytes.readUInt32BE(offset + 4);
}

/** The first key behind all keys that begin with `prefix`; undefined where there is none (all bytes FF, or empty). */
export function prefixEnd(prefix: Buffer): Buffer | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1;
  if (length === 0) return undefined;
  const end = Buffer.from(prefix.subarray(0, length));
  end[length - 1]! += 1;
  return end;
}

/** The smallest key above `key`. */
export function keyAfter(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.of(zero)]);
}
