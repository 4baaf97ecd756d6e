/** Low-level key/value. */
import { Arg, Ctx, Int, Mutation, Query, Resolver, Root, Subscription } from 'type-graphql';
import type { ReadConsistency } from '../proto/store';
import { ErrorCode } from '../schema/common';
import {
  Consistency,
  Fenced,
  KvChange,
  KvChangeType,
  KvDeleteInput,
  KvDeleteResult,
  KvEntry,
  KvEntryConnection,
  KvPutInput,
  KvPutResult,
  KvTransactInput,
  KvTransactResult,
  VersionConflict,
} from '../schema/kv';
import {
  type KvChange as Change,
  type KvConflict,
  type KvEntry as Entry,
  type KvFenced,
  type KvPut as Put,
  type KvPutOutcome,
  scanCursor,
} from '../src/patterns/kv';
import type { RequestContext } from './context';
import { KvValueView, valueBytes } from './kv-value';
import { given, toConnection } from './shapes';
import { passedArgument, subscribeTo } from './subscription';

const consistencies: Record<Consistency, ReadConsistency> = {
  [Consistency.LINEARIZABLE]: 'linearizable',
  [Consistency.LEASE]: 'lease',
  [Consistency.STALE_OK]: 'stale',
};

const changeTypes = { put: KvChangeType.PUT, delete: KvChangeType.DELETE, expire: KvChangeType.EXPIRE } as const;

@Resolver()
export class KvResolver {
  @Query(() => KvEntry, { nullable: true })
  async kvGet(
    @Arg('key', () => String) key: string,
    @Arg('consistency', () => Consistency, { defaultValue: Consistency.LINEARIZABLE }) consistency: Consistency,
    @Ctx() { patterns }: RequestContext,
  ): Promise<KvEntry | null> {
    const entry = await patterns.kv.get(key, consistencies[consistency]);
    return entry ? toEntry(entry) : null;
  }

  @Query(() => [KvEntry], { nullable: 'items' })
  async kvGetMany(
    @Arg('keys', () => [String]) keys: string[],
    @Arg('consistency', () => Consistency, { defaultValue: Consistency.LINEARIZABLE }) consistency: Consistency,
    @Ctx() { patterns }: RequestContext,
  ): Promise<(KvEntry | null)[]> {
    const entries = await patterns.kv.getMany(keys, consistencies[consistency]);
    return entries.map((entry) => (entry ? toEntry(entry) : null));
  }

  @Query(() => KvEntryConnection)
  async kvScan(
    @Arg('prefix', () => String, { defaultValue: '' }) prefix: string,
    @Arg('first', () => Int, { defaultValue: 100 }) first: number,
    @Arg('after', () => String, { nullable: true }) after: string | null | undefined,
    @Arg('reverse', () => Boolean, { defaultValue: false }) reverse: boolean,
    @Ctx() { patterns }: RequestContext,
  ): Promise<KvEntryConnection> {
    const { entries, hasMore } = await patterns.kv.scan({ prefix, first, after: after ?? undefined, reverse });
    return toConnection({
      nodes: entries.map(toEntry),
      cursorOf: ({ key }) => scanCursor(key),
      hasNextPage: hasMore,
      hasPreviousPage: after !== undefined && after !== null,
    });
  }

  @Mutation(() => KvPutResult)
  async kvPut(
    @Arg('input', () => KvPutInput) input: KvPutInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<KvPutResult> {
    return toPutResult(await patterns.kv.put(toPut(input)));
  }

  @Mutation(() => KvDeleteResult)
  async kvDelete(
    @Arg('input', () => KvDeleteInput) input: KvDeleteInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<KvDeleteResult> {
    const outcome = await patterns.kv.delete(given(input));
    if (outcome.kind === 'conflict' || outcome.kind === 'fenced') return toRefusal(outcome);
    const { key, wasPresent, revision } = outcome;
    return { kind: 'KvDeleteSuccess', key, deleted: wasPresent, version: String(revision) };
  }

  @Mutation(() => KvTransactResult)
  async kvTransact(
    @Arg('input', () => KvTransactInput) input: KvTransactInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<KvTransactResult> {
    const outcome = await patterns.kv.transact({
      ...given(input),
      checks: input.checks.map(given),
      puts: input.puts.map((put, index) => ({
        ...given(put),
        value: valueBytes(`input.puts[${index}].value`, put.value),
      })),
    });
    if (outcome.kind === 'conflict' || outcome.kind === 'fenced') return toRefusal(outcome);
    return { kind: 'KvTransactSuccess', version: String(outcome.revision) };
  }

  @Subscription(() => KvChange, {
    subscribe: ({ args, context }) => {
      const { prefix, after, [passedArgument]: passed } = args as ChangesArguments;
      const { kv } = (context as RequestContext).patterns;
      return subscribeTo((signal) => kv.changes(prefix, after ?? undefined, signal, passed));
    },
  })
  kvChanges(
    @Root() { kind, key, revision, cursor, entry }: Change,
    @Arg('prefix', () => String, { defaultValue: '' }) _prefix: string,
    @Arg('after', () => String, { nullable: true }) _after: string | null | undefined,
  ): KvChange {
    return { type: changeTypes[kind], key, cursor, version: String(revision), entry: entry ? toEntry(entry) : null };
  }
}

interface ChangesArguments {
  readonly prefix: string;
  readonly after?: string | null;
  readonly [passedArgument]?: (place: string) => void;
}

/** A put as the pattern takes it. */
export function toPut(input: KvPutInput): Put {
  return { ...given(input), value: valueBytes('input.value', input.value) };
}

/** What became of a put, as the SDL shows it. */
export function toPutResult(outcome: KvPutOutcome): KvPutResult {
  if (outcome.kind === 'conflict' || outcome.kind === 'fenced') return toRefusal(outcome);
  const { key, revision, expiresAtMs } = outcome;
  return { kind: 'KvPutSuccess', key, version: String(revision), expiresAt: expiresAtMs || null };
}

/** An entry as the SDL shows it. */
export function toEntry({ key, value, revision, expiresAtMs }: Entry): KvEntry {
  return { key, value: new KvValueView(value), version: String(revision), expiresAt: expiresAtMs || null };
}

function toRefusal(outcome: KvConflict | KvFenced): VersionConflict | Fenced {
  if (outcome.kind === 'conflict') return toConflict(outcome);
  const { election, token, currentToken } = outcome;
  return {
    kind: 'Fenced',
    code: ErrorCode.FENCED,
    message: `a later reign of election "${election}" has begun: token ${token} is behind ${currentToken}`,
    retryable: false,
    election,
    token,
    currentToken,
  };
}

function toConflict({ key, current }: KvConflict): VersionConflict {
  const stands = current ? `it is at version ${current.revision}` : 'there is no such key';
  return {
    kind: 'VersionConflict',
    code: ErrorCode.VERSION_CONFLICT,
    message: `key "${key}" is not at the version that was asked for: ${stands}`,
    retryable: false,
    key,
    current: current ? toEntry(current) : null,
  };
}
