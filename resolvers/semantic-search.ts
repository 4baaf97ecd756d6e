/** Semantic search. */
import { Arg, Ctx, Float, Int, Mutation, Query, Resolver } from 'type-graphql';
import { JsonScalar } from '../schema/scalars';
import { Document, IndexDocumentsInput, IndexDocumentsPayload, SemanticSearchResult } from '../schema/semantic-search';
import { documentNodeId } from '../src/patterns/semantic-search';
import type { Document as Stored } from '../src/patterns/semantic-search';
import type { RequestContext } from './context';
import { given } from './shapes';

@Resolver()
export class SemanticSearchResolver {
  @Query(() => SemanticSearchResult)
  async semanticSearch(
    @Arg('query', () => String) query: string,
    @Arg('collection', () => String, { defaultValue: 'documents' }) collection: string,
    @Arg('first', () => Int, { defaultValue: 10 }) first: number,
    @Arg('minScore', () => Float, { nullable: true }) minScore: number | null | undefined,
    @Arg('filter', () => JsonScalar, { nullable: true }) filter: unknown,
    @Ctx() { patterns }: RequestContext,
  ): Promise<SemanticSearchResult> {
    const search = { query, collection, first, minScore: minScore ?? undefined, filter };
    const { hits, model, tookMs } = await patterns.semanticSearch.search(search);
    return { hits: hits.map(({ score, document }) => ({ score, document: toDocument(document) })), model, tookMs };
  }

  @Query(() => Document, { nullable: true })
  async document(
    @Arg('id', () => String) id: string,
    @Arg('collection', () => String, { defaultValue: 'documents' }) collection: string,
    @Ctx() { patterns }: RequestContext,
  ): Promise<Document | null> {
    const document = await patterns.semanticSearch.get(id, collection);
    return document ? toDocument(document) : null;
  }

  @Mutation(() => IndexDocumentsPayload)
  async indexDocuments(
    @Arg('input', () => IndexDocumentsInput) input: IndexDocumentsInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<IndexDocumentsPayload> {
    const parsed = { ...given(input), documents: input.documents.map(given) };
    const { indexed, documents } = await patterns.semanticSearch.index(parsed);
    return { indexed, documents: documents.map(toDocument) };
  }

  @Mutation(() => Boolean)
  deleteDocument(
    @Arg('id', () => String) id: string,
    @Arg('collection', () => String, { defaultValue: 'documents' }) collection: string,
    @Ctx() { patterns }: RequestContext,
  ): Promise<boolean> {
    return patterns.semanticSearch.delete(id, collection);
  }
}

export function toDocument(document: Stored): Document {
  const { id, collection, title, content, metadata } = document;
  return {
    kind: 'Document',
    id: documentNodeId(document),
    documentId: id,
    collection,
    title,
    content,
    metadata: metadata ?? {},
  };
}
