/** Semantic search. Prose is in semantic-search.graphql. */
import { Field, Float, InputType, Int, ObjectType } from 'type-graphql';
import { Node } from './common';
import { JsonScalar } from './scalars';

@ObjectType('Document', { implements: Node, simpleResolvers: true })
export class Document extends Node {
  kind!: 'Document';
  @Field(() => String)
  documentId!: string;
  @Field(() => String)
  collection!: string;
  @Field(() => String)
  title!: string;
  @Field(() => String)
  content!: string;
  @Field(() => JsonScalar)
  metadata!: unknown;
}

@InputType('DocumentInput')
export class DocumentInput {
  @Field(() => String)
  id!: string;
  @Field(() => String)
  title!: string;
  @Field(() => String)
  content!: string;
  @Field(() => JsonScalar, { nullable: true })
  metadata?: unknown;
}

@InputType('IndexDocumentsInput')
export class IndexDocumentsInput {
  @Field(() => String, { defaultValue: 'documents' })
  collection!: string;
  @Field(() => [DocumentInput])
  documents!: DocumentInput[];
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@ObjectType('IndexDocumentsPayload', { simpleResolvers: true })
export class IndexDocumentsPayload {
  @Field(() => Int)
  indexed!: number;
  @Field(() => [Document])
  documents!: Document[];
}

@ObjectType('SemanticHit', { simpleResolvers: true })
export class SemanticHit {
  @Field(() => Float)
  score!: number;
  @Field(() => Document)
  document!: Document;
}

@ObjectType('SemanticSearchResult', { simpleResolvers: true })
export class SemanticSearchResult {
  @Field(() => [SemanticHit])
  hits!: SemanticHit[];
  @Field(() => String)
  model!: string;
  @Field(() => Float)
  tookMs!: number;
}
