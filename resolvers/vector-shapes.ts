/** Vectors as the SDL shows them, and searches as the pattern takes them. */
import { Kind } from 'graphql';
import type { GraphQLResolveInfo, SelectionSetNode } from 'graphql';
import { ErrorCode } from '../schema/common';
import { DistanceFunction, VectorIndexType } from '../schema/vector';
import type { VectorIndex, VectorInsertResult, VectorMatch, VectorRecord } from '../schema/vector';
import type {
  InsertVectorsOutcome,
  StoredVector,
  VectorIndex as Index,
  VectorMatch as Match,
} from '../src/patterns/vector';

export const distances = {
  [DistanceFunction.COSINE]: 'cosine',
  [DistanceFunction.EUCLIDEAN]: 'euclidean',
  [DistanceFunction.INNER_PRODUCT]: 'innerProduct',
} as const;

const distanceNames = {
  cosine: DistanceFunction.COSINE,
  euclidean: DistanceFunction.EUCLIDEAN,
  innerProduct: DistanceFunction.INNER_PRODUCT,
} as const;

export function toIndex({ namespace, dimensions, distance, isExact, size, createdAtMs }: Index): VectorIndex {
  return {
    kind: 'VectorIndex',
    namespace,
    dimensions,
    distance: distanceNames[distance],
    indexType: isExact ? VectorIndexType.BRUTE_FORCE : VectorIndexType.HNSW,
    size,
    createdAt: createdAtMs,
  };
}

export function toRecord({ id, vector, metadata, revision }: StoredVector): VectorRecord {
  return { id, vector: Array.from(vector), metadata: metadata ?? null, version: String(revision) };
}

export function toMatch({ id, distance, vector, metadata }: Match): VectorMatch {
  return { id, distance, vector: vector ? Array.from(vector) : null, metadata: metadata ?? null };
}

export function toInsertResult(namespace: string, outcome: InsertVectorsOutcome): VectorInsertResult {
  if (outcome.kind === 'inserted') {
    const { inserted, updated, revision } = outcome;
    return { kind: 'VectorInsertSuccess', inserted, updated, version: String(revision) };
  }
  if (outcome.kind === 'notFound') {
    const message = `there is no vector index "${namespace}"`;
    return { kind: 'NotFound', code: ErrorCode.NOT_FOUND, message, retryable: false };
  }
  const { expected, actual } = outcome;
  return {
    kind: 'DimensionMismatch',
    code: ErrorCode.DIMENSION_MISMATCH,
    message: `the vectors of the index "${namespace}" have ${expected} dimensions, not ${actual}`,
    retryable: false,
    expected,
    actual,
  };
}

/** Whether a field is asked for below this one, by the names on the way to it; perhaps only under a condition. */
export function isSelected({ fieldNodes, fragments }: GraphQLResolveInfo, path: readonly string[]): boolean {
  const selects = (set: SelectionSetNode | undefined, [name, ...rest]: readonly string[]): boolean =>
    set?.selections.some((selection) => {
      if (selection.kind === Kind.FIELD)
        return selection.name.value === name && (rest.length === 0 || selects(selection.selectionSet, rest));
      const inner = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments[selection.name.value];
      return selects(inner?.selectionSet, [name!, ...rest]);
    }) ?? false;
  return fieldNodes.some(({ selectionSet }) => selects(selectionSet, path));
}
