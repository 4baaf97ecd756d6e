/** Records of patterns as bytes: a format byte, then JSON. Small, bounded records; callers' own values never pass here. */
import { AppError } from './errors';

export function encodeRecord(format: number, record: object): Buffer {
  // A format is below 128, so that as text it is the one byte.
  return Buffer.from(String.fromCharCode(format) + JSON.stringify(record), 'utf8');
}

/** Throws INTERNAL where the first byte is not the format expected: damage, or data of a later program. `what` it is, with its article. */
export function requireFormat(bytes: Buffer, expected: number, what: string): void {
  if (bytes[0] === expected) return;
  throw new AppError('INTERNAL', `${what} of format ${bytes[0]} where ${expected} was expected`);
}

/** Throws as `requireFormat`. */
export function decodeRecord<T>(format: number, bytes: Buffer): T {
  requireFormat(bytes, format, 'a record');
  return JSON.parse(bytes.toString('utf8', 1)) as T;
}
