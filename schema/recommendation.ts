/** Recommendations. Prose is in recommendation.graphql. */
import { createUnionType, Field, Float, InputType, Int, ObjectType } from 'type-graphql';
import { Node, NotFound } from './common';
import { SafeIntScalar } from './scalars';

@ObjectType('Product', { implements: Node, simpleResolvers: true })
export class Product extends Node {
  kind!: 'Product';
  @Field(() => String)
  productId!: string;
  @Field(() => String)
  name!: string;
  @Field(() => String)
  description!: string;
  @Field(() => String)
  category!: string;
}

@InputType('ProductInput')
export class ProductInput {
  @Field(() => String)
  id!: string;
  @Field(() => String)
  name!: string;
  @Field(() => String, { defaultValue: '' })
  description!: string;
  @Field(() => String, { defaultValue: '' })
  category!: string;
}

@InputType('IndexProductsInput')
export class IndexProductsInput {
  @Field(() => [ProductInput])
  products!: ProductInput[];
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@ObjectType('IndexProductsPayload', { simpleResolvers: true })
export class IndexProductsPayload {
  @Field(() => Int)
  indexed!: number;
  @Field(() => [Product])
  products!: Product[];
}

@InputType('RecordInteractionInput')
export class RecordInteractionInput {
  @Field(() => String)
  userId!: string;
  @Field(() => String)
  productId!: string;
  @Field(() => Float, { defaultValue: 1 })
  weight!: number;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@ObjectType('RecordInteractionSuccess', { simpleResolvers: true })
export class RecordInteractionSuccess {
  kind!: 'RecordInteractionSuccess';
  @Field(() => String)
  userId!: string;
  @Field(() => SafeIntScalar)
  interactions!: number;
}

export const RecordInteractionResult = createUnionType({
  name: 'RecordInteractionResult',
  types: () => [RecordInteractionSuccess, NotFound] as const,
  resolveType: (value) => value.kind,
});
export type RecordInteractionResult = RecordInteractionSuccess | NotFound;

@ObjectType('Recommendation', { simpleResolvers: true })
export class Recommendation {
  @Field(() => Float)
  score!: number;
  @Field(() => Product)
  product!: Product;
}
