/** What a vector index's head says, and what becomes of it: pure. */
import { decodeRecord, encodeRecord } from '../core/codec';
import { AppError, invalidArgument } from '../core/errors';
import { limits } from '../../proto/limits';
import type { VectorSettings } from '../store/vector-rows';

export interface VectorIndexRecord extends VectorSettings {
  readonly createdAtMs: number;
  /** Its rows have it in their keys. */
  readonly generation: number;
}

/** There is a head as long as there is an index, or rows of one that was dropped. */
export interface VectorHead {
  readonly index?: VectorIndexRecord | undefined;
  /** Generations that were dropped, and whose rows are not all removed yet. */
  readonly dropped: readonly number[];
}

export type CreateIndexOutcome =
  | { readonly kind: 'created'; readonly createdAtMs: number }
  /** With what it was made with. */
  | ({ readonly kind: 'exists' } & VectorSettings);

/** Nothing was written: there is no such index, or its vectors have another number of dimensions. */
export type VectorRefusal =
  { readonly kind: 'notFound' } | { readonly kind: 'mismatch'; readonly expected: number; readonly actual: number };

export type InsertOutcome =
  { readonly kind: 'inserted'; readonly inserted: number; readonly updated: number } | VectorRefusal;

/** Dropped indexes of one namespace whose rows are still being removed. */
export const droppedMax = 16;

const format = 1;

export function encodeHead(head: VectorHead): Buffer {
  return encodeRecord(format, head);
}

export function decodeHead(value: Buffer | undefined): VectorHead {
  return value ? decodeRecord<VectorHead>(format, value) : { dropped: [] };
}

export function encodeIndexCount(count: number): Buffer {
  return encodeRecord(format, { count });
}

export function decodeIndexCount(value: Buffer | undefined): number {
  return value ? decodeRecord<{ count: number }>(format, value).count : 0;
}

/** Makes an index, or leaves alone what is there. `count`: of all indexes of the tenant. Throws INVALID_ARGUMENT past their limit. */
export function decideCreateIndex(
  head: VectorHead,
  command: { readonly settings: VectorSettings; readonly generation: number; readonly count: number },
  nowMs: number,
): { readonly outcome: CreateIndexOutcome; readonly next?: VectorHead } {
  if (head.index) {
    const { dimensions, distance, isExact } = head.index;
    return { outcome: { kind: 'exists', dimensions, distance, isExact } };
  }
  const { settings, generation, count } = command;
  if (count >= limits.vectorIndexesMax) {
    const rule = `would be one more than the ${limits.vectorIndexesMax} vector indexes that a tenant may have`;
    throw invalidArgument('input.namespace', rule);
  }
  // Six random bytes: the rows of a dropped index must never count as those of a new one.
  if (head.dropped.includes(generation))
    throw new AppError('CONTENTION', 'this generation was there before: try again');
  const { dimensions, distance, isExact } = settings;
  const index = { dimensions, distance, isExact, createdAtMs: nowMs, generation };
  return { outcome: { kind: 'created', createdAtMs: nowMs }, next: { ...head, index } };
}

/** Drops the index at once; its rows are removed later. Undefined: there is none. Throws OVERLOADED where too much is still to be removed. */
export function decideDropIndex({ index, dropped }: VectorHead): VectorHead | undefined {
  if (!index) return undefined;
  if (dropped.length >= droppedMax) {
    const rule = `rows of ${droppedMax} indexes of this namespace that were dropped before are still being removed`;
    throw new AppError('OVERLOADED', `${rule}: try again later`);
  }
  return { dropped: [...dropped, index.generation] };
}

/** What is left of a head when the rows of a dropped index are gone; undefined: nothing. */
export function decideSwept({ index, dropped }: VectorHead, generation: number): VectorHead | undefined {
  const left = dropped.filter((each) => each !== generation);
  return index || left.length > 0 ? { ...(index && { index }), dropped: left } : undefined;
}

/** Why vectors of these dimensions cannot be written to the index; undefined: they can. */
export function refuseVectors(
  index: VectorIndexRecord | undefined,
  dimensions: readonly number[],
): VectorRefusal | undefined {
  if (!index) return { kind: 'notFound' };
  const actual = dimensions.find((each) => each !== index.dimensions);
  return actual === undefined ? undefined : { kind: 'mismatch', expected: index.dimensions, actual };
}
