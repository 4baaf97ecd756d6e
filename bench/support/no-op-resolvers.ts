/** Resolvers that do nothing: what is measured with them is the way to a resolver and back, with types of the real schema. */
import 'reflect-metadata';
import { Arg, Mutation, Query, Resolver } from 'type-graphql';
import { CachedEntry } from '../../schema/cache';
import { IncrementCounterInput, IncrementCounterResult } from '../../schema/counter';
import { KvEntry } from '../../schema/kv';
import { KvValueView } from '../../resolvers/kv-value';

const value = new KvValueView(Buffer.alloc(200, 'v'));

@Resolver()
export class NoOpResolver {
  @Query(() => String)
  hello(): string {
    return 'hello';
  }

  @Query(() => KvEntry, { nullable: true })
  async kvGet(@Arg('key', () => String) key: string): Promise<KvEntry> {
    return { key, value, version: '1', expiresAt: null };
  }

  @Query(() => CachedEntry)
  async cached(@Arg('key', () => String) key: string): Promise<CachedEntry> {
    return { entry: { key, value, version: '1', expiresAt: null }, hit: true, ageMs: 0 };
  }

  @Mutation(() => IncrementCounterResult)
  async incrementCounter(
    @Arg('input', () => IncrementCounterInput) { name, by }: IncrementCounterInput,
  ): Promise<IncrementCounterResult> {
    return { kind: 'IncrementCounterSuccess', name, value: by };
  }
}

export const noOpSdl = 'type Query { hello: String! }';
