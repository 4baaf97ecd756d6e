/** Records of patterns as bytes: a format byte, then JSON. Small, bounded records; callers' own values never pass here. */
import { AppError } from './errors';

export function encodeRecord(format: number, record: object): Buffer {
  // A format is below 128, so that as text it is the one byte.
  return Buffer.from(String.fromCharCode(format) + JSON.stringify(record), 'utf8');
}

/** Throws INTERNAL where the format is not the one expected: damage, or data of a later program. */
export function decodeRecord<T>(format: number, bytes: Buffer): T {
  if (bytes[0] !== format)
    throw new AppError('INTERNAL', `a record of format ${bytes[0]} where ${format} was expected`);
  return JSON.parse(bytes.toString('utf8', 1)) as T;
}
