/** The cache of this gateway. */
import { Arg, Ctx, Int, Mutation, Query, Resolver } from 'type-graphql';
import { CachedEntry, CacheStats } from '../schema/cache';
import { KvPutInput, KvPutResult } from '../schema/kv';
import { SafeIntScalar } from '../schema/scalars';
import type { CachedRead } from '../src/patterns/cache';
import type { RequestContext } from './context';
import { toEntry, toPut, toPutResult } from './kv';

@Resolver()
export class CacheResolver {
  @Query(() => CachedEntry, { nullable: true })
  cached(
    @Arg('key', () => String) key: string,
    @Arg('maxAgeMs', () => SafeIntScalar, { nullable: true }) maxAgeMs: number | null | undefined,
    @Ctx() { patterns }: RequestContext,
  ): CachedEntry | Promise<CachedEntry> {
    const read = patterns.cache.get(key, maxAgeMs ?? undefined);
    return read instanceof Promise ? read.then(toCached) : toCached(read);
  }

  @Query(() => CacheStats)
  cacheStats(@Ctx() { patterns }: RequestContext): CacheStats {
    return patterns.cache.stats();
  }

  @Mutation(() => KvPutResult)
  async cachePut(
    @Arg('input', () => KvPutInput) input: KvPutInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<KvPutResult> {
    return toPutResult(await patterns.cachedKv.put(toPut(input)));
  }

  @Mutation(() => Boolean)
  async cacheDelete(@Arg('key', () => String) key: string, @Ctx() { patterns }: RequestContext): Promise<boolean> {
    const outcome = await patterns.cachedKv.delete({ key });
    return outcome.kind === 'deleted' && outcome.wasPresent;
  }

  @Mutation(() => Int)
  invalidateCache(@Arg('keys', () => [String]) keys: string[], @Ctx() { patterns }: RequestContext): number {
    return patterns.cache.invalidate(keys);
  }

  @Mutation(() => Int)
  invalidateAllCache(@Ctx() { patterns }: RequestContext): number {
    return patterns.cache.invalidateAll();
  }
}

function toCached({ entry, isHit, ageMs }: CachedRead): CachedEntry {
  return { entry: entry ? toEntry(entry) : null, hit: isHit, ageMs };
}
