/** What NoriKV's clients may send: parsed, or refused with INVALID_ARGUMENT that names field, value and limit. */
import { limits } from '../../proto/limits';
import type { WireVersion } from '../../proto/norikv-wire';
import type { ReadConsistency, Revision } from '../../proto/store';
import { invalidArgument } from '../../src/core/errors';
import { keyspace } from '../../src/core/keyspace';
import type { VectorDistance } from '../../src/core/vector-distance';

/** Every version that was ever given out has it. A version of another store has an index that none of ours has. */
export const term = 1;

/** What a write demands of what stands under its key. */
export type Condition =
  | { readonly kind: 'none' }
  | { readonly kind: 'absent' }
  /** `revision` undefined: a version that none of ours can be. */
  | { readonly kind: 'version'; readonly revision: Revision | undefined };

/** `2^53` and above were not read exactly, and are none of ours. */
export function requireCondition(version: WireVersion | null | undefined): Condition {
  if (!version) return { kind: 'none' };
  const { term: givenTerm, index } = version;
  if (givenTerm === 0 && index === 0) return { kind: 'absent' };
  const isOurs = givenTerm === term && index >= 1 && Number.isSafeInteger(index);
  return { kind: 'version', revision: isOurs ? index : undefined };
}

/** As it is stored. */
export function requireKey(key: Buffer): Buffer {
  if (key.length === 0) throw invalidArgument('key', 'is empty, a key has at least 1 byte');
  checkBytes('key', key.length, limits.keyBytesMax);
  return keyspace.kv(key);
}

export function requireValue(value: Buffer): Buffer {
  checkBytes('value', value.length, limits.valueBytesMax);
  return value;
}

/** Undefined: it never expires. */
export function requireTtl(ttlMs: number): number | undefined {
  if (ttlMs === 0) return undefined;
  if (ttlMs > limits.ttlMsMax) throw invalidArgument('ttl_ms', `is ${ttlMs}, at most ${limits.ttlMsMax} is allowed`);
  return ttlMs;
}

/** Undefined: there is none. */
export function requireIdempotencyKey(key: string): string | undefined {
  if (key === '') return undefined;
  checkBytes('idempotency_key', Buffer.byteLength(key), limits.idempotencyKeyBytesMax);
  return key;
}

const consistencies: ReadonlyMap<string, ReadConsistency> = new Map([
  ['', 'lease'],
  // What the stubs of one SDK send where nothing was chosen.
  ['undefined', 'lease'],
  ['lease', 'lease'],
  ['linearizable', 'linearizable'],
  ['strong', 'linearizable'],
  ['stale_ok', 'stale'],
  ['eventual', 'stale'],
  ['bounded_staleness', 'stale'],
]);

export function requireConsistency(word: string): ReadConsistency {
  const found = consistencies.get(word);
  if (!found) {
    const known = [...consistencies.keys()].filter((each) => each !== '' && each !== 'undefined').join(', ');
    throw invalidArgument('consistency', `is "${word.slice(0, 60)}", it must be one of ${known}`);
  }
  return found;
}

const distances: readonly (VectorDistance | undefined)[] = [undefined, 'euclidean', 'cosine', 'innerProduct'];

export function requireDistance(number: number): VectorDistance {
  const distance = distances[number];
  if (!distance)
    throw invalidArgument('distance', `is ${number}, it must be 1 (euclidean), 2 (cosine) or 3 (inner product)`);
  return distance;
}

/** Whether a search is exact: BRUTE_FORCE. Left out: HNSW. */
export function requireIndexType(number: number): boolean {
  if (number >= 0 && number <= 2) return number === 1;
  throw invalidArgument('index_type', `is ${number}, it must be 1 (brute force) or 2 (HNSW), or left out for HNSW`);
}

function checkBytes(field: string, bytes: number, bytesMax: number): void {
  if (bytes > bytesMax) throw invalidArgument(field, `has ${bytes} bytes, at most ${bytesMax} are allowed`);
}
