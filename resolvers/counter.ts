/** Counters. */
import { Arg, Ctx, FieldResolver, Int, Mutation, Query, Resolver, Root, Subscription } from 'type-graphql';
import { ErrorCode } from '../schema/common';
import {
  Counter,
  CounterConnection,
  CreateCounterInput,
  CreateCounterResult,
  IncrementCounterInput,
  IncrementCounterResult,
  IncrementCounterSuccess,
  SetCounterInput,
} from '../schema/counter';
import { AppError } from '../src/core/errors';
import { encodeOpaque } from '../src/core/opaque';
import { type Counter as Read, counterCursor, type IncrementOutcome } from '../src/patterns/counter';
import type { RequestContext } from './context';
import { given, toConnection } from './shapes';
import { shownArgument, subscribeTo } from './subscription';

@Resolver()
export class CounterResolver {
  @Query(() => Counter, { nullable: true })
  async counter(@Arg('name', () => String) name: string, @Ctx() { patterns }: RequestContext): Promise<Counter | null> {
    const counter = await patterns.counters.get(name);
    return counter ? toCounter(counter) : null;
  }

  @Query(() => CounterConnection)
  async counters(
    @Arg('prefix', () => String, { defaultValue: '' }) prefix: string,
    @Arg('first', () => Int, { defaultValue: 50 }) first: number,
    @Arg('after', () => String, { nullable: true }) after: string | null | undefined,
    @Ctx() { patterns }: RequestContext,
  ): Promise<CounterConnection> {
    const { counters, hasMore } = await patterns.counters.list(prefix, first, after ?? undefined);
    return toConnection({
      nodes: counters.map(toCounter),
      cursorOf: ({ name }) => counterCursor(name),
      hasNextPage: hasMore,
      hasPreviousPage: after !== undefined && after !== null,
    });
  }

  @Mutation(() => CreateCounterResult)
  async createCounter(
    @Arg('input', () => CreateCounterInput) input: CreateCounterInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<CreateCounterResult> {
    const outcome = await patterns.counters.create(given(input));
    if (outcome.kind === 'created') return toCounter(outcome.counter);
    return {
      kind: 'AlreadyExists',
      code: ErrorCode.ALREADY_EXISTS,
      message: `counter "${input.name}" exists already: it was left alone`,
      retryable: false,
    };
  }

  @Mutation(() => IncrementCounterResult)
  async incrementCounter(
    @Arg('input', () => IncrementCounterInput) input: IncrementCounterInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<IncrementCounterResult> {
    return toResult(input.name, await patterns.counters.increment(given(input)));
  }

  @Mutation(() => IncrementCounterResult)
  async setCounter(
    @Arg('input', () => SetCounterInput) input: SetCounterInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<IncrementCounterResult> {
    return toResult(input.name, await patterns.counters.set(given(input)));
  }

  @Mutation(() => Boolean)
  deleteCounter(@Arg('name', () => String) name: string, @Ctx() { patterns }: RequestContext): Promise<boolean> {
    return patterns.counters.delete(name);
  }

  @Subscription(() => Counter, {
    subscribe: ({ args, context }) => {
      const { name, [shownArgument]: shown } = args as { name: string; [shownArgument]?: Read };
      const { counters } = (context as RequestContext).patterns;
      return subscribeTo((signal) => counters.changed(name, signal, shown));
    },
  })
  counterChanged(@Root() counter: Read, @Arg('name', () => String) _name: string): Counter {
    return toCounter(counter);
  }
}

@Resolver(() => IncrementCounterSuccess)
export class IncrementCounterSuccessResolver {
  @FieldResolver(() => Counter)
  async counter(@Root() { name }: IncrementCounterSuccess, @Ctx() { patterns }: RequestContext): Promise<Counter> {
    return toCounter(requirePresent(name, await patterns.counters.get(name)));
  }
}

function requirePresent(name: string, counter: Read | undefined): Read {
  if (!counter) throw new AppError('NOT_FOUND', `counter "${name}" was deleted meanwhile`);
  return counter;
}

/** A counter as the SDL shows it. */
export function toCounter({ name, value, shards, min, max, createdAtMs, updatedAtMs }: Read): Counter {
  return {
    kind: 'Counter',
    id: encodeOpaque('counterNode', Buffer.from(name, 'utf8')),
    name,
    value,
    shards,
    min: min ?? null,
    max: max ?? null,
    createdAt: createdAtMs,
    updatedAt: updatedAtMs,
  };
}

function toResult(name: string, outcome: IncrementOutcome): IncrementCounterResult {
  if (outcome.kind === 'changed') return { kind: 'IncrementCounterSuccess', name, value: outcome.value ?? null };
  const { value, min, max } = outcome;
  return {
    kind: 'OutOfBounds',
    code: ErrorCode.OUT_OF_BOUNDS,
    message: `counter "${name}" stands at ${value} and stays within ${min ?? 'no minimum'} and ${max ?? 'no maximum'}, and below 2^53`,
    retryable: false,
    value,
    min: min ?? null,
    max: max ?? null,
  };
}
