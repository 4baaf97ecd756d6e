/** Low-level vectors. Prose is in vector.graphql. */
import { createUnionType, Field, Float, InputType, Int, ObjectType, registerEnumType } from 'type-graphql';
import { AlreadyExists, DomainError, NotFound } from './common';
import { DateTimeScalar, JsonScalar, SafeIntScalar, VersionScalar } from './scalars';

export enum DistanceFunction {
  COSINE = 'COSINE',
  EUCLIDEAN = 'EUCLIDEAN',
  INNER_PRODUCT = 'INNER_PRODUCT',
}
registerEnumType(DistanceFunction, { name: 'DistanceFunction' });

export enum VectorIndexType {
  HNSW = 'HNSW',
  BRUTE_FORCE = 'BRUTE_FORCE',
}
registerEnumType(VectorIndexType, { name: 'VectorIndexType' });

export enum VectorConsistency {
  STRONG = 'STRONG',
  EVENTUAL = 'EVENTUAL',
}
registerEnumType(VectorConsistency, { name: 'VectorConsistency' });

@ObjectType('VectorIndex', { simpleResolvers: true })
export class VectorIndex {
  kind!: 'VectorIndex';
  @Field(() => String)
  namespace!: string;
  @Field(() => Int)
  dimensions!: number;
  @Field(() => DistanceFunction)
  distance!: DistanceFunction;
  @Field(() => VectorIndexType)
  indexType!: VectorIndexType;
  @Field(() => SafeIntScalar)
  size!: number;
  @Field(() => DateTimeScalar)
  createdAt!: number;
}

@ObjectType('VectorRecord', { simpleResolvers: true })
export class VectorRecord {
  @Field(() => String)
  id!: string;
  @Field(() => [Float])
  vector!: number[];
  @Field(() => JsonScalar, { nullable: true })
  metadata!: unknown;
  @Field(() => VersionScalar)
  version!: string;
}

@ObjectType('VectorMatch', { simpleResolvers: true })
export class VectorMatch {
  @Field(() => String)
  id!: string;
  @Field(() => Float)
  distance!: number;
  @Field(() => [Float], { nullable: true })
  vector!: number[] | null;
  @Field(() => JsonScalar, { nullable: true })
  metadata!: unknown;
}

@ObjectType('VectorSearchResult', { simpleResolvers: true })
export class VectorSearchResult {
  @Field(() => [VectorMatch])
  matches!: VectorMatch[];
  @Field(() => SafeIntScalar)
  searchTimeUs!: number;
}

@InputType('VectorNearInput')
export class VectorNearInput {
  @Field(() => [Float], { nullable: true })
  vector?: number[] | null;
  @Field(() => String, { nullable: true })
  id?: string | null;
}

@InputType('VectorCreateIndexInput')
export class VectorCreateIndexInput {
  @Field(() => String)
  namespace!: string;
  @Field(() => Int)
  dimensions!: number;
  @Field(() => DistanceFunction, { defaultValue: DistanceFunction.COSINE })
  distance!: DistanceFunction;
  @Field(() => VectorIndexType, { defaultValue: VectorIndexType.HNSW })
  indexType!: VectorIndexType;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

export const VectorCreateIndexResult = createUnionType({
  name: 'VectorCreateIndexResult',
  types: () => [VectorIndex, AlreadyExists] as const,
});
export type VectorCreateIndexResult = typeof VectorCreateIndexResult;

@InputType('VectorDropIndexInput')
export class VectorDropIndexInput {
  @Field(() => String)
  namespace!: string;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@InputType('VectorInput')
export class VectorInput {
  @Field(() => String)
  id!: string;
  @Field(() => [Float])
  vector!: number[];
  @Field(() => JsonScalar, { nullable: true })
  metadata?: unknown;
}

@InputType('VectorInsertInput')
export class VectorInsertInput {
  @Field(() => String)
  namespace!: string;
  @Field(() => [VectorInput])
  vectors!: VectorInput[];
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@ObjectType('VectorInsertSuccess', { simpleResolvers: true })
export class VectorInsertSuccess {
  kind!: 'VectorInsertSuccess';
  @Field(() => Int)
  inserted!: number;
  @Field(() => Int)
  updated!: number;
  @Field(() => VersionScalar)
  version!: string;
}

@ObjectType('DimensionMismatch', { implements: DomainError, simpleResolvers: true })
export class DimensionMismatch extends DomainError {
  kind!: 'DimensionMismatch';
  @Field(() => Int)
  expected!: number;
  @Field(() => Int)
  actual!: number;
}

export const VectorInsertResult = createUnionType({
  name: 'VectorInsertResult',
  types: () => [VectorInsertSuccess, NotFound, DimensionMismatch] as const,
});
export type VectorInsertResult = typeof VectorInsertResult;

@InputType('VectorDeleteInput')
export class VectorDeleteInput {
  @Field(() => String)
  namespace!: string;
  @Field(() => String)
  id!: string;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}
