/**
 * The three records of a user's sessions as bytes. A session's own holds its attributes as text behind the rest, so that a touch
 * copies them and parses nothing:
 *
 *     format (1 byte) | length of the JSON that follows (4 bytes) | JSON of the rest | attributes as JSON text
 */
import { AppError } from '../core/errors';
import { decodeRecord, encodeRecord } from '../core/codec';
import { uint32 } from '../core/tuple';

export const sessionSecretBytes = 32;

/** What stands in a session's row. */
export interface SessionRecord {
  readonly userId: string;
  readonly email?: string | undefined;
  readonly roles: readonly string[];
  /** JSON text. */
  readonly attributes: string;
  readonly createdAtMs: number;
  readonly lastAccessedAtMs: number;
  /** min(last touch + ttl, absoluteExpiresAtMs): what decides. The row's own end comes some milliseconds later, and cleans up. */
  readonly expiresAtMs: number;
  readonly absoluteExpiresAtMs: number;
  readonly ttlMs: number;
  /** SHA-256 of the token's secret, base64. */
  readonly secretHash: string;
}

/** Counts what begins and ends by itself, so that a decision over all of a user's sessions can be checked by one record. */
export interface SessionHead {
  /** No session has a higher number. */
  readonly last: number;
  /** Rises with every session that begins or is destroyed. */
  readonly changes: number;
  /** Every session of the user is over by then. */
  readonly keepUntilMs: number;
}

/** Sessions with a number up to `through` are over. */
export interface SessionsEnded {
  readonly through: number;
  readonly atMs: number;
}

const format = 1;
const headerAt = 5;

export const noHead: SessionHead = { last: 0, changes: 0, keepUntilMs: 0 };
export const noneEnded: SessionsEnded = { through: 0, atMs: 0 };

export function encodeSession({ attributes, ...rest }: SessionRecord): Buffer {
  const header = Buffer.from(JSON.stringify(rest), 'utf8');
  return Buffer.concat([Buffer.of(format), uint32(header.length), header, Buffer.from(attributes, 'utf8')]);
}

/** Throws INTERNAL where the format is not the one expected. */
export function decodeSession(value: Buffer): SessionRecord {
  if (value[0] !== format) throw new AppError('INTERNAL', `a session of format ${value[0]}, ${format} was expected`);
  const attributesAt = headerAt + value.readUInt32BE(1);
  const rest = JSON.parse(value.toString('utf8', headerAt, attributesAt)) as Omit<SessionRecord, 'attributes'>;
  return Object.assign(rest, { attributes: value.toString('utf8', attributesAt) });
}

export const encodeHead = (head: SessionHead): Buffer => encodeRecord(format, head);
export const encodeEnded = (ended: SessionsEnded): Buffer => encodeRecord(format, ended);

export function decodeHead(value: Buffer | undefined): SessionHead {
  return value ? decodeRecord<SessionHead>(format, value) : noHead;
}

export function decodeEnded(value: Buffer | undefined): SessionsEnded {
  return value ? decodeRecord<SessionsEnded>(format, value) : noneEnded;
}
