/** Low-level vectors. */
import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Ctx, Info, Int, Mutation, Query, Resolver } from 'type-graphql';
import { ErrorCode } from '../schema/common';
import { JsonScalar } from '../schema/scalars';
import {
  VectorConsistency,
  VectorCreateIndexInput,
  VectorCreateIndexResult,
  VectorDeleteInput,
  VectorDropIndexInput,
  VectorIndex,
  VectorIndexType,
  VectorInsertInput,
  VectorInsertResult,
  VectorNearInput,
  VectorRecord,
  VectorSearchResult,
} from '../schema/vector';
import type { RequestContext } from './context';
import { given } from './shapes';
import { distances, isSelected, toIndex, toInsertResult, toMatch, toRecord } from './vector-shapes';

@Resolver()
export class VectorResolver {
  @Query(() => VectorIndex, { nullable: true })
  async vectorIndex(
    @Arg('namespace', () => String) namespace: string,
    @Ctx() { patterns }: RequestContext,
  ): Promise<VectorIndex | null> {
    const index = await patterns.vectors.index(namespace);
    return index ? toIndex(index) : null;
  }

  @Query(() => [VectorIndex])
  async vectorIndexes(@Ctx() { patterns }: RequestContext): Promise<VectorIndex[]> {
    return (await patterns.vectors.indexes()).map(toIndex);
  }

  @Query(() => VectorRecord, { nullable: true })
  async vectorGet(
    @Arg('namespace', () => String) namespace: string,
    @Arg('id', () => String) id: string,
    @Ctx() { patterns }: RequestContext,
  ): Promise<VectorRecord | null> {
    const vector = await patterns.vectors.get(namespace, id);
    return vector ? toRecord(vector) : null;
  }

  @Query(() => VectorSearchResult)
  async vectorSearch(
    @Arg('namespace', () => String) namespace: string,
    @Arg('near', () => VectorNearInput) near: VectorNearInput,
    @Arg('k', () => Int, { defaultValue: 10 }) k: number,
    @Arg('filter', () => JsonScalar, { nullable: true }) filter: unknown,
    @Arg('consistency', () => VectorConsistency, { defaultValue: VectorConsistency.STRONG })
    consistency: VectorConsistency,
    @Info() info: GraphQLResolveInfo,
    @Ctx() { patterns }: RequestContext,
  ): Promise<VectorSearchResult> {
    const { matches, searchMs } = await patterns.vectors.search({
      namespace,
      near: given(near),
      k,
      filter,
      consistency: consistency === VectorConsistency.STRONG ? 'strong' : 'eventual',
      withVectors: isSelected(info, ['matches', 'vector']),
    });
    return { matches: matches.map(toMatch), searchTimeUs: Math.round(searchMs * 1_000) };
  }

  @Mutation(() => VectorCreateIndexResult)
  async vectorCreateIndex(
    @Arg('input', () => VectorCreateIndexInput) input: VectorCreateIndexInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<VectorCreateIndexResult> {
    const { distance, indexType, ...rest } = given(input);
    const isExact = indexType === VectorIndexType.BRUTE_FORCE;
    const outcome = await patterns.vectors.create({ ...rest, distance: distances[distance], isExact });
    if (outcome.kind === 'created') return toIndex(outcome.index);
    return {
      kind: 'AlreadyExists',
      code: ErrorCode.ALREADY_EXISTS,
      message: `vector index "${input.namespace}" exists already: it was left alone`,
      retryable: false,
    };
  }

  @Mutation(() => Boolean)
  vectorDropIndex(
    @Arg('input', () => VectorDropIndexInput) input: VectorDropIndexInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<boolean> {
    return patterns.vectors.drop(given(input));
  }

  @Mutation(() => VectorInsertResult)
  async vectorInsert(
    @Arg('input', () => VectorInsertInput) input: VectorInsertInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<VectorInsertResult> {
    return toInsertResult(input.namespace, await patterns.vectors.insert(given(input)));
  }

  @Mutation(() => Boolean)
  vectorDelete(
    @Arg('input', () => VectorDeleteInput) input: VectorDeleteInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<boolean> {
    return patterns.vectors.delete(given(input));
  }
}
