/** Deduplication. */
import { Arg, Ctx, Mutation, Resolver } from 'type-graphql';
import { CheckAndStoreDocumentInput, DeduplicationMethod, DeduplicationResult } from '../schema/deduplication';
import type { RequestContext } from './context';

const methods = { exact: DeduplicationMethod.EXACT, semantic: DeduplicationMethod.SEMANTIC } as const;

@Resolver()
export class DeduplicationResolver {
  @Mutation(() => DeduplicationResult)
  async checkAndStoreDocument(
    @Arg('input', () => CheckAndStoreDocumentInput) input: CheckAndStoreDocumentInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<DeduplicationResult> {
    const { duplicateOf, method, ...said } = await patterns.deduplication.check(input);
    return { ...said, duplicateOf: duplicateOf ?? null, method: method ? methods[method] : null };
  }

  @Mutation(() => Boolean)
  removeFingerprint(
    @Arg('id', () => String) id: string,
    @Arg('collection', () => String, { defaultValue: 'fingerprints' }) collection: string,
    @Ctx() { patterns }: RequestContext,
  ): Promise<boolean> {
    return patterns.deduplication.remove(id, collection);
  }
}
