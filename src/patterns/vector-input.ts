/** What callers give of vectors, parsed: each refusal names the field, the value and the rule. */
import { limits } from '../../proto/limits';
import { invalidArgument } from '../core/errors';
import { requireCount, requireInteger, requireText } from '../core/input';
import { vectorRowBytes } from '../core/vector-row';
import type { VectorDistance } from '../core/vector-distance';
import { requireMetadata, requireVector } from '../store/vector-rows';
import type { VectorSettings } from '../store/vector-rows';

export interface CreateVectorIndex {
  readonly namespace: string;
  readonly dimensions: number;
  readonly distance: VectorDistance;
  readonly isExact: boolean;
  readonly idempotencyKey?: string | undefined;
}

export interface InsertVectors {
  readonly namespace: string;
  readonly vectors: readonly { readonly id: string; readonly vector: readonly number[]; readonly metadata?: unknown }[];
  readonly idempotencyKey?: string | undefined;
}

/** A vector, ready to be written. */
export interface NewVector {
  readonly id: string;
  readonly vector: Float32Array;
  readonly metadata: Buffer;
}

export function requireNamespace(field: string, namespace: string): void {
  requireText(field, namespace, { bytesMax: limits.nameBytesMax });
}

export function requireVectorId(field: string, id: string): Buffer {
  return requireText(field, id, { bytesMax: limits.vectorIdBytesMax });
}

export function requireNewIndex({ namespace, dimensions, distance, isExact }: CreateVectorIndex): VectorSettings {
  requireNamespace('input.namespace', namespace);
  requireInteger('input.dimensions', dimensions, { min: 1, max: limits.vectorDimensionsMax });
  return { dimensions, distance, isExact };
}

/** The vectors of a batch, each id once, all together within what one mutation stores. */
export function requireNewVectors({ namespace, vectors }: InsertVectors): readonly NewVector[] {
  requireNamespace('input.namespace', namespace);
  requireCount('input.vectors', vectors, { min: 1, max: limits.vectorsOfBatchMax });
  const seen = new Set<string>();
  let bytes = 0;
  const parsed = vectors.map(({ id, vector, metadata }, at) => {
    const field = `input.vectors[${at}]`;
    const idBytes = requireVectorId(`${field}.id`, id);
    if (seen.has(id)) throw invalidArgument(`${field}.id`, `names "${id.slice(0, 60)}" a second time`);
    seen.add(id);
    const row = {
      id,
      vector: requireVector(`${field}.vector`, vector),
      metadata: requireMetadata(`${field}.metadata`, metadata),
    };
    const keyBytes = 2 * Buffer.byteLength(namespace, 'utf8') + idBytes.length;
    bytes += vectorRowBytes(row.vector.length) + row.metadata.length + 2 * keyBytes;
    return row;
  });
  if (bytes > limits.vectorBatchBytesMax) {
    const counted = '4 for a number, the metadata as JSON, twice the id and four times the namespace for each';
    const rule = `come to ${bytes} bytes (${counted}), at most ${limits.vectorBatchBytesMax} fit one mutation: send fewer`;
    throw invalidArgument('input.vectors', rule);
  }
  return parsed;
}
