/** A small schema of its own that reaches every corner of the gateway: unions, defaults, oneOf, scalars, failures, subscriptions. */
import 'reflect-metadata';
import { GraphQLError, GraphQLScalarType } from 'graphql';
import {
  Arg,
  Ctx,
  Field,
  InputType,
  Int,
  Mutation,
  ObjectType,
  Query,
  Resolver,
  Root,
  Subscription,
  createUnionType,
  registerEnumType,
} from 'type-graphql';
import type { RequestContext } from '../../../resolvers/context';
import { AppError } from '../../../src/core/errors';
import { SampleFeed } from './sample-feed';
import { SampleLog } from './sample-log';
import { lifeArgument, passedArgument } from '../../../resolvers/subscription';

/** Bytes as base64: a scalar whose parsed value is an object. */
export const SampleBytes = new GraphQLScalarType<Buffer, string>({
  name: 'SampleBytes',
  serialize: (value) => (value as Buffer).toString('base64'),
  parseValue: (value) => {
    if (typeof value !== 'string') throw new TypeError('SampleBytes must be a string');
    return Buffer.from(value, 'base64');
  },
  parseLiteral: (node) => {
    if (node.kind !== 'StringValue') throw new GraphQLError('SampleBytes must be a string');
    return Buffer.from(node.value, 'base64');
  },
});

export enum Color {
  RED = 'red-inside',
  BLUE = 'blue-inside',
}
registerEnumType(Color, { name: 'Color' });

@InputType()
export class BumpInput {
  @Field(() => String)
  name!: string;
  @Field(() => Int, { defaultValue: 1 })
  by!: number;
  @Field(() => Int, { nullable: true })
  limit?: number | null;
  @Field(() => SampleBytes, { nullable: true })
  bytes?: Buffer | null;
  @Field(() => Color, { defaultValue: Color.RED })
  color!: Color;
}

@InputType()
export class OneOfInput {
  @Field(() => String, { nullable: true })
  text?: string | null;
  @Field(() => Int, { nullable: true })
  number?: number | null;
}

@ObjectType({ simpleResolvers: true })
export class Bumped {
  kind = 'Bumped' as const;
  @Field(() => String)
  seen!: string;
  @Field(() => SampleBytes, { nullable: true })
  bytes?: Buffer | null;
}

@ObjectType({ simpleResolvers: true })
export class Refused {
  kind = 'Refused' as const;
  @Field(() => String)
  message!: string;
}

export const BumpResult = createUnionType({
  name: 'BumpResult',
  types: () => [Bumped, Refused] as const,
  resolveType: (value) => value.kind,
});

@ObjectType({ simpleResolvers: true })
export class Item {
  @Field(() => Int)
  id!: number;
  @Field(() => String)
  name!: string;
  @Field(() => [Item])
  children!: Item[];
}

@ObjectType({ simpleResolvers: true })
export class Tick {
  @Field(() => Int)
  count!: number;
  @Field(() => String)
  cursor!: string;
  @Field(() => String)
  padding!: string;
}

@ObjectType({ simpleResolvers: true })
export class Entry {
  @Field(() => Int)
  entry!: number;
  @Field(() => String)
  padding!: string;
}

function item(id: number, depth: number): Item {
  return {
    id,
    name: `item ${id}`,
    children: depth === 0 ? [] : [item(id * 2, depth - 1), item(id * 2 + 1, depth - 1)],
  };
}

/** What `fail` may throw. */
const failures: Readonly<Record<string, () => unknown>> = {
  unavailable: () => new AppError('UNAVAILABLE', 'storage does not answer', { details: { since: 'a while' } }),
  input: () => new AppError('INVALID_ARGUMENT', 'key must not be empty'),
  bug: () => new Error('secret words from the inside'),
  internal: () => new AppError('INTERNAL', 'secret words from the inside'),
  graphql: () => new GraphQLError('secret words from the inside'),
  thrownText: () => 'secret words from the inside',
};

@Resolver()
export class SampleResolver {
  @Query(() => String)
  hello(@Ctx() context: RequestContext): string {
    return `hello ${context.tenantId}`;
  }

  @Query(() => String)
  echo(@Arg('text', () => String, { defaultValue: 'nothing' }) text: string): string {
    return text;
  }

  @Query(() => String, { nullable: true })
  maybe(@Arg('text', () => String, { nullable: true }) text?: string | null): string {
    return text === undefined ? 'absent' : text === null ? 'null' : text;
  }

  @Query(() => Item)
  item(@Arg('id', () => Int) id: number, @Arg('depth', () => Int, { defaultValue: 1 }) depth: number): Item {
    return item(id, depth);
  }

  @Query(() => String)
  oneOf(@Arg('input', () => OneOfInput) input: OneOfInput): string {
    return JSON.stringify(input);
  }

  @Query(() => [BumpResult])
  async outcomes(): Promise<(Bumped | Refused)[]> {
    await Promise.resolve();
    return [
      { kind: 'Bumped', seen: 'yes', bytes: Buffer.from('ab') },
      { kind: 'Refused', message: 'no' },
    ];
  }

  @Query(() => String, { nullable: true })
  fail(@Arg('how', () => String) how: string): string {
    throw failures[how]!();
  }

  @Query(() => String)
  async failStrictly(@Arg('how', () => String) how: string): Promise<string> {
    await Promise.resolve();
    throw failures[how]!();
  }

  @Query(() => [Int])
  notAList(): number[] {
    return 5 as unknown as number[];
  }

  @Mutation(() => BumpResult)
  async bump(@Arg('input', () => BumpInput) input: BumpInput): Promise<Bumped | Refused> {
    await Promise.resolve();
    if (input.by < 0) return { kind: 'Refused', message: `by is ${input.by}` };
    const limit = 'limit' in input && input.limit !== undefined ? String(input.limit) : 'absent';
    return { kind: 'Bumped', seen: `${input.name} ${input.by} ${limit} ${input.color}`, bytes: input.bytes ?? null };
  }

  @Subscription(() => Tick, {
    subscribe: ({ args, context }: { args: Record<string, unknown>; context: RequestContext }) =>
      SampleFeed.of(context.tenantId).subscribe(Number(args['from'])),
  })
  ticks(@Root() tick: Tick, @Arg('from', () => Int, { defaultValue: 0 }) _from: number): Tick {
    SampleFeed.executions += 1;
    return tick;
  }

  @Subscription(() => Entry, {
    subscribe: ({ args, context }: { args: Record<string, unknown>; context: RequestContext }) =>
      SampleLog.of(context.tenantId).subscribe(
        args['after'] as number | undefined,
        args[lifeArgument] as number | undefined,
        args[passedArgument] as ((place: number) => void) | undefined,
      ),
  })
  log(@Root() entry: Entry, @Arg('after', () => Int, { nullable: true }) _after: number | null | undefined): Entry {
    SampleFeed.executions += 1;
    return entry;
  }
}
