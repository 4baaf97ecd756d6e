/** The cache. Prose is in cache.graphql. */
import { Field, Float, Int, ObjectType } from 'type-graphql';
import { KvEntry } from './kv';
import { SafeIntScalar } from './scalars';

@ObjectType('CachedEntry', { simpleResolvers: true })
export class CachedEntry {
  @Field(() => KvEntry, { nullable: true })
  entry!: KvEntry | null;
  @Field(() => Boolean)
  hit!: boolean;
  @Field(() => SafeIntScalar)
  ageMs!: number;
}

@ObjectType('CacheStats', { simpleResolvers: true })
export class CacheStats {
  @Field(() => Int)
  size!: number;
  @Field(() => Int)
  maxSize!: number;
  @Field(() => SafeIntScalar)
  ttlMs!: number;
  @Field(() => SafeIntScalar)
  hits!: number;
  @Field(() => SafeIntScalar)
  misses!: number;
  @Field(() => Float)
  hitRatio!: number;
  @Field(() => SafeIntScalar)
  evictions!: number;
  @Field(() => SafeIntScalar)
  invalidations!: number;
}
