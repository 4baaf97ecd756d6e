/** Recommendations. */
import { Arg, Ctx, Int, Mutation, Query, Resolver } from 'type-graphql';
import { ErrorCode } from '../schema/common';
import {
  IndexProductsInput,
  IndexProductsPayload,
  Product,
  Recommendation,
  RecordInteractionInput,
  RecordInteractionResult,
} from '../schema/recommendation';
import { productNodeId } from '../src/patterns/recommendation';
import type { InteractionOutcome, Product as Stored, Recommendation as Found } from '../src/patterns/recommendation';
import type { RequestContext } from './context';
import { given } from './shapes';

@Resolver()
export class RecommendationResolver {
  @Query(() => Product, { nullable: true })
  async product(@Arg('id', () => String) id: string, @Ctx() { patterns }: RequestContext): Promise<Product | null> {
    const product = await patterns.recommendations.product(id);
    return product ? toProduct(product) : null;
  }

  @Query(() => [Recommendation])
  async recommendations(
    @Arg('userId', () => String) userId: string,
    @Arg('first', () => Int, { defaultValue: 10 }) first: number,
    @Arg('category', () => String, { nullable: true }) category: string | null | undefined,
    @Arg('excludeSeen', () => Boolean, { defaultValue: true }) excludeSeen: boolean,
    @Ctx() { patterns }: RequestContext,
  ): Promise<Recommendation[]> {
    const asked = { userId, first, category: category ?? undefined, excludeSeen };
    return (await patterns.recommendations.recommend(asked)).map(toRecommendation);
  }

  @Query(() => [Recommendation])
  async similarProducts(
    @Arg('productId', () => String) productId: string,
    @Arg('first', () => Int, { defaultValue: 10 }) first: number,
    @Ctx() { patterns }: RequestContext,
  ): Promise<Recommendation[]> {
    return (await patterns.recommendations.similar(productId, first)).map(toRecommendation);
  }

  @Mutation(() => IndexProductsPayload)
  async indexProducts(
    @Arg('input', () => IndexProductsInput) input: IndexProductsInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<IndexProductsPayload> {
    const { indexed, products } = await patterns.recommendations.index(given(input));
    return { indexed, products: products.map(toProduct) };
  }

  @Mutation(() => Boolean)
  deleteProduct(@Arg('id', () => String) id: string, @Ctx() { patterns }: RequestContext): Promise<boolean> {
    return patterns.recommendations.deleteProduct(id);
  }

  @Mutation(() => RecordInteractionResult)
  async recordInteraction(
    @Arg('input', () => RecordInteractionInput) input: RecordInteractionInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<RecordInteractionResult> {
    return toRecorded(input, await patterns.recommendations.record(given(input)));
  }
}

export function toProduct(product: Stored): Product {
  const { id, name, description, category } = product;
  return { kind: 'Product', id: productNodeId(product), productId: id, name, description, category };
}

function toRecommendation({ score, product }: Found): Recommendation {
  return { score, product: toProduct(product) };
}

function toRecorded(
  { userId, productId }: RecordInteractionInput,
  outcome: InteractionOutcome,
): RecordInteractionResult {
  if (outcome.kind === 'recorded')
    return { kind: 'RecordInteractionSuccess', userId, interactions: outcome.interactions };
  return {
    kind: 'NotFound',
    code: ErrorCode.NOT_FOUND,
    message: `there is no product "${productId}": nothing was recorded`,
    retryable: false,
  };
}
