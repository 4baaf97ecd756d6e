/** Counters. Prose is in counter.graphql. */
import { createUnionType, Field, InputType, Int, ObjectType } from 'type-graphql';
import { AlreadyExists, DomainError, Node, PageInfo } from './common';
import { DateTimeScalar, SafeIntScalar } from './scalars';

@ObjectType('Counter', { implements: Node, simpleResolvers: true })
export class Counter extends Node {
  kind!: 'Counter';
  @Field(() => String)
  name!: string;
  @Field(() => SafeIntScalar)
  value!: number;
  @Field(() => Int)
  shards!: number;
  @Field(() => SafeIntScalar, { nullable: true })
  min!: number | null;
  @Field(() => SafeIntScalar, { nullable: true })
  max!: number | null;
  @Field(() => DateTimeScalar)
  createdAt!: number;
  @Field(() => DateTimeScalar)
  updatedAt!: number;
}

@ObjectType('CounterEdge', { simpleResolvers: true })
export class CounterEdge {
  @Field(() => String)
  cursor!: string;
  @Field(() => Counter)
  node!: Counter;
}

@ObjectType('CounterConnection', { simpleResolvers: true })
export class CounterConnection {
  @Field(() => [CounterEdge])
  edges!: CounterEdge[];
  @Field(() => [Counter])
  nodes!: Counter[];
  @Field(() => PageInfo)
  pageInfo!: PageInfo;
}

@InputType('CreateCounterInput')
export class CreateCounterInput {
  @Field(() => String)
  name!: string;
  @Field(() => SafeIntScalar, { defaultValue: 0 })
  initialValue!: number;
  @Field(() => Int, { defaultValue: 1 })
  shards!: number;
  @Field(() => SafeIntScalar, { nullable: true })
  min?: number | null;
  @Field(() => SafeIntScalar, { nullable: true })
  max?: number | null;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@InputType('IncrementCounterInput')
export class IncrementCounterInput {
  @Field(() => String)
  name!: string;
  @Field(() => SafeIntScalar, { defaultValue: 1 })
  by!: number;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@InputType('SetCounterInput')
export class SetCounterInput {
  @Field(() => String)
  name!: string;
  @Field(() => SafeIntScalar)
  value!: number;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@ObjectType('IncrementCounterSuccess', { simpleResolvers: true })
export class IncrementCounterSuccess {
  kind!: 'IncrementCounterSuccess';
  /** Whose it is: `counter` is read only where it is asked for. */
  name!: string;
  @Field(() => SafeIntScalar, { nullable: true })
  value!: number | null;
}

@ObjectType('OutOfBounds', { implements: DomainError, simpleResolvers: true })
export class OutOfBounds extends DomainError {
  kind!: 'OutOfBounds';
  @Field(() => SafeIntScalar, { nullable: true })
  value!: number | null;
  @Field(() => SafeIntScalar, { nullable: true })
  min!: number | null;
  @Field(() => SafeIntScalar, { nullable: true })
  max!: number | null;
}

export const CreateCounterResult = createUnionType({
  name: 'CreateCounterResult',
  types: () => [Counter, AlreadyExists] as const,
  resolveType: (value) => value.kind,
});
export type CreateCounterResult = Counter | AlreadyExists;

export const IncrementCounterResult = createUnionType({
  name: 'IncrementCounterResult',
  types: () => [IncrementCounterSuccess, OutOfBounds] as const,
  resolveType: (value) => value.kind,
});
export type IncrementCounterResult = IncrementCounterSuccess | OutOfBounds;
