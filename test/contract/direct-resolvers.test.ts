/** Which fields call their methods directly, and with what. */
import 'reflect-metadata';
import { graphql } from 'graphql';
import { Arg, Ctx, Field, Info, InputType, Int, Mutation, Query, Resolver } from 'type-graphql';
import { buildGatewaySchema } from '../../src/gateway/schema';

@InputType('DirectInput')
class DirectInput {
  @Field(() => Int, { defaultValue: 1 })
  by!: number;
}

const calls: unknown[][] = [];

@Resolver()
class DirectResolver {
  readonly #name = 'own';

  @Query(() => String)
  direct(
    @Ctx() context: object,
    @Arg('input', () => DirectInput) input: DirectInput,
    @Arg('inputs', () => [DirectInput], { nullable: true }) inputs: DirectInput[] | null | undefined,
  ): string {
    calls.push([context, input, inputs]);
    return this.#name;
  }

  @Mutation(() => String)
  member(@Ctx('tenantId') tenantId: string): string {
    return tenantId;
  }

  @Query(() => String)
  described(@Info() info: { fieldName: string }, @Arg('input', () => DirectInput) input: DirectInput): string {
    calls.push([input]);
    return info.fieldName;
  }
}

const schema = buildGatewaySchema({ resolvers: [DirectResolver], sdl: 'type Query { direct: String! }' });
const contextValue = { tenantId: 't' };
const ask = (source: string) => graphql({ schema, source, contextValue });

it('a method is called on its class, with what the caller sent and the context, in its order', async () => {
  expect(await ask('{ direct(inputs: [{ by: 2 }], input: {}) }')).toEqual({ data: { direct: 'own' } });
  const [context, input, inputs] = calls.pop()!;
  expect(context).toBe(contextValue);
  expect({ input, inputs }).toEqual({ input: { by: 1 }, inputs: [{ by: 2 }] });
  // Not an instance: nothing was copied.
  expect(input).not.toBeInstanceOf(DirectInput);
});

it('a method is given what is asked for, where it wants to know', async () => {
  expect(await ask('{ described(input: {}) }')).toEqual({ data: { described: 'described' } });
  expect(calls.pop()![0]).not.toBeInstanceOf(DirectInput);
});

it('a method that wants something else is called as type-graphql does', async () => {
  expect(await ask('mutation { member }')).toEqual({ data: { member: 't' } });
});
