/**
 * A vector as a row of the store: the same bytes for whoever writes it (a pattern) and whoever searches it (storage).
 *
 *     format (1 byte, now 1) | dimensions (2 bytes) | bytes of metadata (4 bytes) | numbers (32-bit floats, little endian) | metadata (JSON) | payload
 *
 * The payload is the business of the pattern that writes the row: the text of a document, say.
 */
import { AppError } from './errors';

export interface VectorRow {
  readonly vector: Float32Array;
  /** JSON text of an object; empty: none. */
  readonly metadata: Buffer;
  readonly payload: Buffer;
}

const format = 1;
const headBytes = 7;
const numberBytes = 4;
const none = Buffer.alloc(0);

/** Bytes of a row beside its metadata and payload. */
export function vectorRowBytes(dimensions: number): number {
  return headBytes + dimensions * numberBytes;
}

export function encodeVectorRow(row: Pick<VectorRow, 'vector'> & Partial<VectorRow>): Buffer {
  const { vector, metadata = none, payload = none } = row;
  return Buffer.concat([headOf(vector.length, metadata.length), vectorBytes(vector), metadata, payload]);
}

/** Throws INTERNAL where the bytes are no row of this format: damage, or data of a later program. */
export function decodeVectorRow(value: Buffer): VectorRow {
  const { metadataAt, payloadAt } = placesIn(value);
  return {
    vector: vectorFrom(value.subarray(headBytes, metadataAt)),
    metadata: value.subarray(metadataAt, payloadAt),
    payload: value.subarray(payloadAt),
  };
}

/** The JSON text of a row's metadata; empty: none. */
export function metadataOf(value: Buffer): Buffer {
  const { metadataAt, payloadAt } = placesIn(value);
  return value.subarray(metadataAt, payloadAt);
}

/** Copies a row's numbers into `into`, which has as many; false where the row has another number of dimensions. */
export function readVector(value: Buffer, into: Float32Array): boolean {
  const { metadataAt } = placesIn(value);
  if (metadataAt - headBytes !== into.byteLength) return false;
  value.copy(new Uint8Array(into.buffer, into.byteOffset, into.byteLength), 0, headBytes, metadataAt);
  return true;
}

/** The same row with a vector of no dimensions: what a search answers where the numbers are not asked for. */
export function withoutVector(value: Buffer): Buffer {
  const { metadataAt, payloadAt } = placesIn(value);
  return Buffer.concat([headOf(0, payloadAt - metadataAt), value.subarray(metadataAt)]);
}

/** The numbers of a vector as bytes: a view where the machine is little endian, as all that we run on are. */
export function vectorBytes(vector: Float32Array): Buffer {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
}

/** A vector of its own from such bytes, which may begin anywhere in their buffer. */
export function vectorFrom(bytes: Buffer): Float32Array {
  const vector = new Float32Array(bytes.length / numberBytes);
  new Uint8Array(vector.buffer).set(bytes);
  return vector;
}

function headOf(dimensions: number, metadataBytes: number): Buffer {
  const head = Buffer.allocUnsafe(headBytes);
  head[0] = format;
  head.writeUInt16BE(dimensions, 1);
  head.writeUInt32BE(metadataBytes, 3);
  return head;
}

function placesIn(value: Buffer): { readonly metadataAt: number; readonly payloadAt: number } {
  if (value[0] === format && value.length >= headBytes) {
    const metadataAt = headBytes + value.readUInt16BE(1) * numberBytes;
    const payloadAt = metadataAt + value.readUInt32BE(3);
    if (payloadAt <= value.length) return { metadataAt, payloadAt };
  }
  throw new AppError('INTERNAL', `a row of ${value.length} bytes that is no vector of format ${format}`);
}
