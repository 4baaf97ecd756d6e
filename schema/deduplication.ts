/** Deduplication. Prose is in deduplication.graphql. */
import { Field, Float, InputType, ObjectType, registerEnumType } from 'type-graphql';

@InputType('CheckAndStoreDocumentInput')
export class CheckAndStoreDocumentInput {
  @Field(() => String)
  id!: string;
  @Field(() => String)
  content!: string;
  @Field(() => Float, { defaultValue: 0.95 })
  threshold!: number;
  @Field(() => String, { defaultValue: 'fingerprints' })
  collection!: string;
}

export enum DeduplicationMethod {
  EXACT = 'EXACT',
  SEMANTIC = 'SEMANTIC',
}
registerEnumType(DeduplicationMethod, { name: 'DeduplicationMethod' });

@ObjectType('DeduplicationResult', { simpleResolvers: true })
export class DeduplicationResult {
  @Field(() => Boolean)
  isDuplicate!: boolean;
  @Field(() => String, { nullable: true })
  duplicateOf!: string | null;
  @Field(() => DeduplicationMethod, { nullable: true })
  method!: DeduplicationMethod | null;
  @Field(() => Float)
  similarity!: number;
  @Field(() => Boolean)
  stored!: boolean;
}
