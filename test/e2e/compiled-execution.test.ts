/** graphql-jit answers as graphql-js does: every document is run several times, the first uncompiled, and all answers are the same. */
import { execute, parse } from 'graphql';
import type { GraphQLSchema } from 'graphql';
import { Executor } from '../../src/gateway/executor';
import { isCompilable } from '../../src/gateway/compiled-query';
import { buildGatewaySchema } from '../../src/gateway/schema';
import { sampleSdl } from './support/sample-gateway';
import { SampleResolver } from './support/sample-resolvers';

const bump = '{ __typename ... on Bumped { seen bytes } ... on Refused { message } }';

/** Document, variables. */
const cases: readonly (readonly [string, Record<string, unknown>?])[] = [
  ['{ hello }'],
  ['{ a: hello b: hello __typename }'],
  ['query($t: String!) { echo(text: $t) }', { t: 'x' }],
  ['query($t: String! = "d") { echo(text: $t) }'],
  ['query($t: String) { echo(text: $t) }'],
  ['query($t: String) { echo(text: $t) }', { t: null }],
  ['{ maybe }'],
  ['{ maybe(text: null) }'],
  ['query($t: String) { maybe(text: $t) }'],
  ['query($t: String) { maybe(text: $t) }', { t: null }],
  ['query($t: String = "d") { maybe(text: $t) }'],
  ['{ item(id: 1, depth: 3) { id name children { id children { name children { id } } } } }'],
  [
    'query($d: Int!) { item(id: 2, depth: $d) { ...F } } fragment F on Item { id children { ...G } } fragment G on Item { id name }',
    { d: 2 },
  ],
  ['{ item(id: 1) { id } item(id: 1) { name } }'],
  ['{ outcomes { __typename ... on Bumped { seen bytes } ... on Refused { message } } }'],
  ['{ oneOf(input: {text: "a"}) }'],
  ['{ oneOf(input: {text: "a", number: 1}) }'],
  ['query($i: OneOfInput!) { oneOf(input: $i) }', { i: { number: 5 } }],
  ['query($i: OneOfInput!) { oneOf(input: $i) }', { i: { number: 5, text: 'x' } }],
  ['query($i: OneOfInput!) { oneOf(input: $i) }', { i: {} }],
  ['query($t: String!) { oneOf(input: {text: $t}) }', { t: 'x' }],
  [`mutation { bump(input: {name: "x"}) ${bump} }`],
  [`mutation { bump(input: {name: "x", by: -2}) ${bump} }`],
  [`mutation { bump(input: {name: "x", limit: null, bytes: "AAEC", color: BLUE}) ${bump} }`],
  [`mutation($i: BumpInput!) { bump(input: $i) ${bump} }`, { i: { name: 'x' } }],
  [
    `mutation($i: BumpInput!) { bump(input: $i) ${bump} }`,
    { i: { name: 'x', by: 3, limit: 4, bytes: 'AAEC', color: 'BLUE' } },
  ],
  [`mutation($i: BumpInput!) { bump(input: $i) ${bump} }`, { i: { name: 'x', by: null } }],
  [`mutation($i: BumpInput!) { bump(input: $i) ${bump} }`, { i: { by: 3 } }],
  [`mutation($i: BumpInput!) { bump(input: $i) ${bump} }`, { i: { name: 'x', nonsense: 1 } }],
  [
    `mutation($b: Int, $l: Int) { bump(input: {name: "x", by: 7, limit: $l}) ${bump} c: bump(input: {name: "y", limit: $b}) ${bump} }`,
    { b: 1 },
  ],
  [`mutation($b: SampleBytes) { bump(input: {name: "x", bytes: $b}) ${bump} }`, { b: 'AAEC' }],
  [`mutation($c: Color! = BLUE) { bump(input: {name: "x", color: $c}) ${bump} }`],
  [
    `mutation { a: bump(input: {name: "1"}) ${bump} b: bump(input: {name: "2"}) ${bump} c: bump(input: {name: "3"}) ${bump} }`,
  ],
  ['query($on: Boolean!) { hello @include(if: $on) __typename }', { on: false }],
  ['{ __proto__: hello }'],
  ['{ constructor: hello toString: echo(text: "x") }'],
  ['query($literal0: String!) { echo(text: $literal0) a: echo(text: "lit") }', { literal0: 'v' }],
  ['{ echo(text: "\\"); process.exit(3); (\\"") }'],
  ['{ fail(how: "unavailable") hello }'],
  ['{ failStrictly(how: "input") hello }'],
  ['query A { hello } query B { echo(text: "b") }'],
  ['query($t: [String!]) { __typename }', { t: 'one' }],
];

describe('compiled execution', () => {
  const schema: GraphQLSchema = buildGatewaySchema({ resolvers: [SampleResolver], sdl: sampleSdl });
  const contextValue = { tenantId: 't' };

  for (const [source, variables = {}] of cases)
    it(`${source} ${JSON.stringify(variables)}`, async () => {
      const executor = new Executor(schema);
      const document = parse(source);
      const names = document.definitions.flatMap((each) =>
        each.kind === 'OperationDefinition' ? [each.name?.value] : [],
      );
      for (const operationName of names) {
        const expected = plain(
          await execute({
            schema,
            document,
            contextValue,
            variableValues: variables,
            operationName: operationName ?? null,
          }),
        );
        const operation = executor.prepare(document, operationName);
        for (let run = 0; run < 4; run += 1)
          expect(plain(await operation.run(undefined, contextValue, variables))).toEqual(expected);
      }
    });

  it('compiles ordinary documents and leaves conditional ones, introspection and __proto__ to graphql-js', () => {
    expect(isCompilable(parse('mutation($i: BumpInput!) { bump(input: $i) { __typename } }'))).toBe(true);
    for (const source of [
      '{ hello @skip(if: true) }',
      '{ __schema { types { name } } }',
      '{ __type(name: "Item") { name } }',
      '{ __proto__: hello }',
    ])
      expect(isCompilable(parse(source))).toBe(false);
  });
});

/** As JSON shows it: data, and messages and paths of errors. */
function plain(result: unknown): unknown {
  const { data, errors } = result as { data?: unknown; errors?: readonly { message: string; path?: unknown }[] };
  const shown = errors?.map(({ message, path }) => ({ message, path }));
  return JSON.parse(JSON.stringify({ data, errors: shown })) as unknown;
}
