/**
 * What the gateway promises clients: the SDL files, what the resolvers build, the contract of the whole product, and the
 * SDL of the last release are held against each other.
 *
 * `contract.graphql` is the contract as it was agreed on; it changes only where the contract does. `released.graphql` is what
 * the last release served. At a release, and only then, it is renewed with
 *
 *     npm run build && node dist/src/main.js schema > test/contract/released.graphql
 */
import { buildSchema, parse, print, visit } from 'graphql';
import type { GraphQLSchema } from 'graphql';
import { builtSchema, sorted, writtenSchema } from './support/built-schema';
import { readText } from './support/repository';
import { breakingChanges } from './support/schema-changes';
import { compareWithContract, partsOf, undescribedParts, unexpected } from './support/schema-parts';

/** Parts of the contract that are not built yet, by pattern of the product. This list only shrinks: what exists must leave it. */
const notBuiltYet: Readonly<Record<string, readonly string[]>> = {};

const contract = buildSchema(readText('test/contract/contract.graphql'));
const released = buildSchema(readText('test/contract/released.graphql'));

describe('the schema', () => {
  it('is the same in the SDL files and in what the resolvers build, descriptions included', () => {
    expect(sorted(builtSchema())).toBe(sorted(writtenSchema()));
  });

  it('has a description for every type, field, argument and value', () => {
    expect(undescribedParts(builtSchema())).toEqual([]);
    const bare = buildSchema('"Reads." type Query { "A." a("B." b: Int, c: C): Int } enum C { "D." D E }');
    expect(undescribedParts(bare)).toEqual(['C', 'C.E', 'Query.a(c:)']);
  });

  it('says nothing else than the contract, and may add to it only what breaks no caller', () => {
    expect(compareWithContract(contract, builtSchema()).faults).toEqual([]);
  });

  it('lacks nothing of the contract but what is listed as not built yet, and nothing that is listed exists', () => {
    const { missing } = compareWithContract(contract, builtSchema());
    const patterns = Object.values(notBuiltYet).flat();
    expect(unexpected(patterns, { all: partsOf(contract).keys(), missing })).toEqual([]);
  });

  it('breaks nothing for clients of the last release', async () => {
    expect(await breakingChanges(released, builtSchema())).toEqual([]);
  });
});

/** The written SDL, without its prose, with one thing changed; throws where there is no such text. */
function changed(from: string, to: string): GraphQLSchema {
  const text = print(
    visit(parse(sorted(writtenSchema())), {
      enter: (node) => ('description' in node ? { ...node, description: undefined } : undefined),
    }),
  );
  if (!text.includes(from)) throw new Error(`the SDL does not hold ${JSON.stringify(from)} any more: change this test`);
  return buildSchema(text.replace(from, to));
}

const changes: readonly { what: string; from: string; to: string; part: string }[] = [
  { what: 'a field that is gone', from: '  text: String\n', to: '', part: 'KvValue.text' },
  {
    what: 'an answer that may now be null',
    from: 'cluster: Cluster!',
    to: 'cluster: Cluster',
    part: 'Query.cluster',
  },
  {
    what: 'an argument that must now be given',
    from: 'counters(after: String, first: Int! = 50, prefix: String! = "")',
    to: 'counters(after: String, first: Int! = 50, prefix: String!)',
    part: 'Query.counters(prefix:)',
  },
  {
    what: 'a new argument that must be given',
    from: 'cluster: Cluster!',
    to: 'cluster(verbose: Boolean!): Cluster!',
    part: 'Query.cluster(verbose:)',
  },
  {
    what: 'another default',
    from: 'by: SafeInt! = 1',
    to: 'by: SafeInt! = 2',
    part: 'IncrementCounterInput.by',
  },
  {
    what: 'an input field that is gone',
    from: 'input KvDeleteInput {\n  fence: FenceInput\n  idempotencyKey: String\n  ifVersion: Version',
    to: 'input KvDeleteInput {\n  fence: FenceInput\n  idempotencyKey: String',
    part: 'KvDeleteInput.ifVersion',
  },
  {
    what: 'a union without one of its members',
    from: 'union CreateCounterResult = AlreadyExists | Counter',
    to: 'union CreateCounterResult = Counter',
    part: 'CreateCounterResult = AlreadyExists',
  },
  { what: 'an enum without one of its values', from: '  EXPIRE\n', to: '', part: 'KvChangeType.EXPIRE' },
  {
    what: 'a type that implements an interface no more',
    from: 'type Counter implements Node',
    to: 'type Counter',
    part: 'Counter implements Node',
  },
];

describe('a broken schema', () => {
  it.each(changes)('with $what is not what the contract says', ({ from, to, part }) => {
    const { missing, faults } = compareWithContract(contract, changed(from, to));
    const patterns = Object.values(notBuiltYet).flat();
    const all = [...faults, ...unexpected(patterns, { all: partsOf(contract).keys(), missing })];
    expect(all).toEqual([expect.stringContaining(part)]);
  });

  it.each(changes)('with $what breaks clients of the release', async ({ from, to }) => {
    expect(await breakingChanges(writtenSchema(), changed(from, to))).not.toEqual([]);
  });

  it('breaks nobody where something is merely added', async () => {
    const larger = changed(
      'cluster: Cluster!',
      'cluster(verbose: Boolean! = false, detail: Int): Cluster!\n  news: String',
    );
    expect(await breakingChanges(writtenSchema(), larger)).toEqual([]);
    expect(compareWithContract(contract, larger).faults).toEqual([]);
  });
});

describe('the list of what is not built yet', () => {
  const all = ['Query.a', 'Query.b', 'B'];

  it('must name all that is missing', () => {
    expect(unexpected(['Query.a'], { all, missing: ['Query.a', 'B'] })).toEqual(['B is missing']);
  });

  it('must not name what exists', () => {
    expect(unexpected(['Query.*'], { all, missing: ['Query.a'] })).toEqual([
      'Query.b exists: take Query.* off the list',
    ]);
  });

  it('must not name what the contract does not have', () => {
    expect(unexpected(['Query.c'], { all, missing: [] })).toEqual(['Query.c is listed and names nothing']);
  });
});
