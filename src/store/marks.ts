/**
 * Idempotency marks: what is kept of a command so that a caller who sends it again gets the first answer. The key is
 * a hash of mutation and caller's key (the scope comes from the scoped store); the value is
 *
 *     format (1 byte) | hash of the canonical input (16 bytes) | outcome, as the pattern writes it
 *
 * A mark commits together with the effect. Outcomes are marked, refusals included; failures are not.
 */
import { storeLimits } from '../../proto/limits';
import type { MarkEntry } from '../../proto/store';
import { AppError } from '../core/errors';
import { hashParts } from '../core/ids';

const format = 1;
const hashBytes = 16;

/** What makes a command one that happens once. */
export interface Idempotency {
  /** The SDL's name of the mutation. */
  readonly mutation: string;
  /** The caller's key. */
  readonly key: string;
  /** The parsed input without its idempotencyKey. Members equal to their default are left out by `canonical`. */
  readonly input: Readonly<Record<string, unknown>>;
  /** Defaults of the input's members: a member equal to its default hashes as one left out. */
  readonly defaults?: Readonly<Record<string, unknown>>;
}

/** How a command with an idempotency key is remembered. The mark keeps scalars; what they refer to is resolved when read. */
export interface Remembered<O> {
  readonly idempotency: Idempotency;
  /** At most about 4 KiB. */
  readonly encode: (outcome: O) => Buffer;
  /** The commit's own revision and time come from the mark. */
  readonly decode: (bytes: Buffer, mark: Pick<MarkEntry, 'revision' | 'committedAtMs'>) => O;
}

export interface MarkIdentity {
  /** 32 bytes. */
  readonly key: Buffer;
  /** 16 bytes. */
  readonly inputHash: Buffer;
}

/** JSON with the members of every object in order of their names, so that member order is indifferent. */
export function canonicalJson(value: unknown): string {
  if (Buffer.isBuffer(value)) return canonicalJson({ base64: value.toString('base64') });
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/** The input with members that are left out, undefined or equal to their default removed, as canonical JSON. */
export function canonicalInput(input: Idempotency['input'], defaults: Idempotency['input'] = {}): string {
  const kept = Object.entries(input).filter(
    ([name, value]) =>
      value !== undefined && !(Object.hasOwn(defaults, name) && canonicalJson(value) === canonicalJson(defaults[name])),
  );
  return canonicalJson(Object.fromEntries(kept));
}

export function makeMarkIdentity(idempotency: Idempotency): MarkIdentity {
  return {
    key: hashParts(idempotency.mutation, idempotency.key),
    inputHash: hashParts(canonicalInput(idempotency.input, idempotency.defaults)).subarray(0, hashBytes),
  };
}

/** The stored form of a mark. Throws INTERNAL where a pattern's outcome is too large: a bug of the pattern. */
export function encodeMark(inputHash: Buffer, outcome: Buffer): Buffer {
  const value = Buffer.concat([Buffer.of(format), inputHash, outcome]);
  if (value.length > storeLimits.markBytesMax) {
    throw new AppError('INTERNAL', `a mark of ${value.length} bytes passes the limit of ${storeLimits.markBytesMax}`);
  }
  return value;
}

/** The outcome in a stored mark. Throws IDEMPOTENCY_KEY_REUSED where it was made for another input. */
export function decodeMark(value: Buffer, inputHash: Buffer): Buffer {
  if (value[0] !== format) throw new AppError('INTERNAL', `an idempotency mark of unknown format ${value[0]}`);
  if (!value.subarray(1, 1 + hashBytes).equals(inputHash)) throw keyReused();
  return value.subarray(1 + hashBytes);
}

export function keyReused(): AppError {
  return new AppError(
    'IDEMPOTENCY_KEY_REUSED',
    'idempotencyKey was used before with another input: use a new key for a new command',
  );
}
