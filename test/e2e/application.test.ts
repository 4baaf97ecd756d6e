/** An application's own fields beside the gateway's: resolved, guarded and limited as ours are, and never in the place of ours. */
import { AppError } from '../../src/core/errors';
import { extendGatewaySchema } from '../../src/gateway/extend-schema';
import type { SchemaExtension } from '../../src/gateway/extend-schema';
import { buildGatewaySchema } from '../../src/gateway/schema';
import { RawEventSource } from './support/event-source';
import { post, sampleSdl, startSampleGateway } from './support/sample-gateway';
import type { SampleGateway } from './support/sample-gateway';
import { SampleResolver } from './support/sample-resolvers';

const typeDefs = `
  "A greeting."
  interface Greeting { text: String! }
  "In writing."
  type Letter implements Greeting { text: String! stamp: Upper! }
  "By voice."
  type Call implements Greeting { text: String! seconds: Int! }
  "Written large."
  scalar Upper
  extend type Query {
    "Greets."
    greet(name: Upper!, byLetter: Boolean! = true): Greeting!
    secrets: String!
  }
  extend type Mutation { rename(to: String!): String! }
  extend type Subscription { countdown(from: Int!): Int! }
`;

const extension: SchemaExtension = {
  typeDefs,
  resolvers: {
    Upper: {
      serialize: (value: unknown) => String(value).toUpperCase(),
      parseValue: (value: unknown) => `<${String(value)}>`,
    },
    Letter: { text: ({ to }: { to: string }) => `Dear ${to}` },
    Query: {
      greet: async (_source: unknown, { name, byLetter }: { name: string; byLetter: boolean }) =>
        byLetter ? { kind: 'Letter', to: name, stamp: 'red' } : { kind: 'Call', text: `Hi ${name}`, seconds: 3 },
      secrets: () => {
        throw new Error('a word that nobody is to see');
      },
    },
    Mutation: {
      rename: (_source: unknown, { to }: { to: string }, { tenantId }: { tenantId: string }) => {
        if (to === '') throw new AppError('INVALID_ARGUMENT', 'to is empty');
        return `${tenantId} is ${to}`;
      },
    },
    Subscription: {
      countdown: {
        async *subscribe(_source: unknown, { from }: { from: number }) {
          for (let left = from; left >= 0; left -= 1) yield left;
        },
      },
    },
  },
};

describe('fields of an application', () => {
  let gateway: SampleGateway;
  beforeAll(async () => {
    gateway = await startSampleGateway({ extension });
  });
  afterAll(() => gateway.stop());

  it('are served beside ours, compiled or not, with scalars and interfaces of their own', async () => {
    const query =
      'query ($name: Upper!) { hello a: greet(name: $name) { __typename text ... on Letter { stamp } } b: greet(name: "Bo", byLetter: false) { text } }';
    for (let run = 0; run < 3; run += 1)
      expect((await post(gateway.origin, { query, variables: { name: 'Al' } })).body).toEqual({
        data: {
          hello: 'hello default',
          a: { __typename: 'Letter', text: 'Dear <Al>', stamp: 'RED' },
          b: { text: 'Hi <Bo>' },
        },
      });
  });

  it('change the tenant of their caller; what they throw is shown, or masked and logged', async () => {
    const ask = async (query: string): Promise<unknown> =>
      (await post(gateway.origin, { query }, { 'x-tenant-id': 't' })).body;
    expect(await ask('mutation { rename(to: "Cy") }')).toEqual({ data: { rename: 't is Cy' } });
    expect(await ask('mutation { rename(to: "") }')).toMatchObject({
      errors: [{ message: 'to is empty', extensions: { code: 'BAD_USER_INPUT' } }],
    });
    const masked = JSON.stringify(await ask('{ secrets }'));
    expect(masked).toContain('Internal error (id ');
    expect(masked).not.toContain('nobody');
    expect(JSON.stringify(gateway.log)).toContain('a word that nobody is to see');
  });

  it('can be subscribed to', async () => {
    const source = await RawEventSource.open({ port: gateway.port, query: 'subscription { countdown(from: 3) }' });
    await source.ended;
    expect(source.events.items.map(({ event, data }) => [event, data])).toEqual([
      ...[3, 2, 1, 0].map((countdown) => ['next', { data: { countdown } }]),
      ['complete', undefined],
    ]);
  });

  it('leave ours as they were: their descriptions, @oneOf, limits', async () => {
    const ask = async (query: string): Promise<unknown> => (await post(gateway.origin, { query })).body;
    expect(await ask('{ oneOf(input: { text: "a", number: 1 }) }')).toMatchObject({
      errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }],
    });
    expect(gateway.server.sdl).toContain('"""Says hello."""');
    expect(gateway.server.sdl).toContain('"""Greets."""');
    const aliases = Array.from({ length: 101 }, (_, at) => `a${at}: secrets`).join(' ');
    expect(await ask(`{ ${aliases} }`)).toMatchObject({
      errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }],
    });
  });

  it('need a reader, a writer, or the role that the application says', async () => {
    const roles = { Query: { secrets: 'ADMIN' }, Mutation: { rename: 'WRITER' } } as const;
    const guarded = await startSampleGateway({
      extension: { ...extension, roles },
      authentication: {
        authenticate: ({ authorization = '' }) =>
          Promise.resolve({ tenantId: 'a', role: authorization as 'READER', isOperator: false }),
        hold: () => Promise.resolve(() => undefined),
      },
    });
    const codeFor = async (authorization: string, query: string): Promise<unknown> =>
      (await post(guarded.origin, { query }, { authorization })).body.errors?.[0]?.extensions.code;
    const greet = '{ greet(name: "x") { text } }';
    const rename = 'mutation { rename(to: "x") }';
    expect([await codeFor('READER', greet), await codeFor('READER', rename)]).toEqual([undefined, 'FORBIDDEN']);
    expect([await codeFor('WRITER', rename), await codeFor('WRITER', '{ secrets }')]).toEqual([undefined, 'FORBIDDEN']);
    expect(await codeFor('ADMIN', '{ secrets }')).toBe('INTERNAL');
    const source = await RawEventSource.open({
      port: guarded.port,
      query: 'subscription { countdown(from: 0) }',
      headers: { authorization: 'READER' },
    });
    await source.ended;
    expect(source.events.items[0]!.data).toEqual({ data: { countdown: 0 } });
    await guarded.stop();
  });
});

describe('what does not fit is said at the start', () => {
  const ours = buildGatewaySchema({ resolvers: [SampleResolver], sdl: sampleSdl });
  const faultsOf = (given: Partial<SchemaExtension>): string => {
    try {
      extendGatewaySchema(ours, { resolvers: {}, ...given } as SchemaExtension);
      return 'none';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const f = (): number => 1;

  it.each<[string, Partial<SchemaExtension>, readonly string[]]>([
    ['SDL that is none', { typeDefs: 'extend type Query {' }, ['typeDefs: Syntax Error']],
    [
      'a field in the place of ours',
      { typeDefs: 'extend type Query { hello: String }' },
      ['Field "Query.hello" already exists'],
    ],
    ['a type in the place of ours', { typeDefs: 'type Item { a: Int }' }, ['Type "Item" already exists']],
    ['a root that is written anew', { typeDefs: 'type Query { a: Int }' }, ['Type "Query" already exists']],
    ['more fields for a type of ours', { typeDefs: 'extend type Item { a: Int }' }, ['Item is a type of the gateway']],
    ['a value for an enum of ours', { typeDefs: 'extend enum Color { GREEN }' }, ['Color is a type of the gateway']],
    ['another schema', { typeDefs: 'schema { query: Query }' }, ['the schema itself']],
    ['a type that is not defined', { typeDefs: 'extend type Query { a: Nothing }' }, ['Unknown type "Nothing"']],
    [
      'an interface that is not kept',
      {
        typeDefs: 'interface I { a: Int } type T implements I { b: Int } extend type Query { t: T }',
        resolvers: { Query: { t: f } },
      },
      ['Interface field I.a expected but T does not provide it'],
    ],
    [
      'resolvers of nothing, and nothing that resolves: all of it at once',
      {
        typeDefs: 'extend type Query { a: Int b: Int } extend type Mutation { c: Int } enum E { X }',
        resolvers: { Query: { a: f, d: f, hello: f }, Lost: { e: f }, E: { X: f }, Color: { RED: f } },
        roles: { Query: { hello: 'READER', z: 'ADMIN' } },
      },
      [
        'resolvers.Query.d: typeDefs define no such field',
        'resolvers.Query.hello is a field of the gateway',
        'resolvers.Lost: typeDefs define no such type',
        'resolvers.E is neither an object nor a scalar',
        'resolvers.Query.b is missing',
        'resolvers.Mutation.c is missing',
        'roles.Query.hello is no root field of the application',
        'roles.Query.z is no root field',
      ],
    ],
    [
      'a scalar in the place of ours',
      { typeDefs: 'extend type Query { a: Int }', resolvers: { Query: { a: f }, SampleBytes: { serialize: f } } },
      ['resolvers.SampleBytes is a scalar of the gateway'],
    ],
    [
      'a subscription without a source',
      { typeDefs: 'extend type Subscription { s: Int }', resolvers: { Subscription: { s: f } } },
      ['resolvers.Subscription.s must be { subscribe, resolve? }'],
    ],
  ])('%s', (_, given, expected) => {
    const faults = faultsOf(given);
    for (const each of expected) expect(faults).toContain(each);
  });
});
