/** The judge of answers and the book of what was reached, on a small schema: both must be able to say no. */
import { buildSchema, parse } from 'graphql';
import { answerFaults } from './support/answer-shape';
import { givenVariables, textOf, withTypeNames } from './support/operations';
import { Reached, reachableNames } from './support/reached';

const schema = buildSchema(`
  type Query { thing(name: String!, like: Like): Thing things: [Thing!]! pet: Pet count: Int! }
  type Thing { name: String! size: Int color: Color! made: DateTime }
  type Cat { lives: Int! }
  type Dog { name: String! }
  union Pet = Cat | Dog
  enum Color { RED BLUE }
  input Like { color: Color tags: [String!] }
  scalar DateTime
`);
const document = parse(`
  query All($name: String! = "a") {
    thing(name: $name, like: { color: BLUE }) { ...T }
    things { alias: name __typename }
    pet { __typename ... on Cat { lives } }
    count
  }
  query Other { count }
  fragment T on Thing { name size @skip(if: true) color made }
`);

const right = {
  thing: { name: 'a', color: 'RED', made: '2026-01-01T00:00:00.000Z' },
  things: [{ alias: 'b', __typename: 'Thing' }],
  pet: { __typename: 'Cat', lives: 9 },
  count: 1,
};

function judge(data: unknown, reached = new Reached()): string[] {
  return answerFaults({ schema, document, operationName: 'All', variables: {}, reached }, data);
}

describe('an answer', () => {
  it('that is right has no fault, null where the schema allows it included', () => {
    expect(judge(right)).toEqual([]);
    expect(judge({ ...right, thing: null, pet: null })).toEqual([]);
    expect(judge({ ...right, pet: { __typename: 'Dog' } })).toEqual([]);
  });

  it.each([
    ['lacks a field', { ...right, count: undefined as unknown, things: [] }, 'query.count'],
    ['has a field that was not asked for', { ...right, extra: 1 }, 'query.extra: was not asked for'],
    [
      'has a field that was skipped',
      { ...right, thing: { ...right.thing, size: 1 } },
      'query.thing.size: was not asked for',
    ],
    ['is null where it must not be', { ...right, count: null }, 'query.count: is null'],
    ['has null in a list of what is never null', { ...right, things: [null] }, 'query.things[0]: is null'],
    ['has one thing in place of a list', { ...right, things: right.things[0] }, 'query.things: expected a list'],
    ['has a text in place of a number', { ...right, count: '1' }, 'query.count: "1" is not a Int'],
    ['has an instant of another form', { ...right, thing: { ...right.thing, made: '2026-01-01' } }, 'query.thing.made'],
    [
      'has a value that the enumeration has not',
      { ...right, thing: { ...right.thing, color: 'GREEN' } },
      'is no Color',
    ],
    ['has a type that the union has not', { ...right, pet: { __typename: 'Thing' } }, 'Thing is not one of Pet'],
    ['does not say which member it is', { ...right, pet: { lives: 9 } }, 'asks for __typename'],
    ['is another kind of thing', [], 'expected an object of Query'],
  ])('that %s has a fault', (_what, data, fault) => {
    // As it comes over the wire: members that are undefined do not.
    expect(judge(JSON.parse(JSON.stringify(data)))).toEqual([expect.stringContaining(fault)]);
  });
});

describe('what was reached', () => {
  it('is what stood in answers and what was given, and nothing that was merely mentioned', () => {
    const reached = new Reached();
    judge(right, reached);
    reached.inputs(schema, document, 'All', { name: 'a' });
    expect(reached.missing(schema)).toEqual(['Dog.name', 'Like.tags', 'Pet = Dog', 'Thing.size']);
    const all = reachableNames(schema);
    for (const name of ['Query.thing(name:)', 'Color.BLUE', 'Pet = Cat', 'Like.color']) expect(all).toContain(name);
  });

  it('does not count a variable that was not given', () => {
    const reached = new Reached();
    reached.inputs(schema, document, 'All', {});
    expect(reached.missing(schema)).toContain('Query.thing(name:)');
    expect(givenVariables({ document, name: 'All' }, {})).toEqual({ name: 'a' });
    expect(givenVariables({ document, name: 'All' }, { name: 'b' })).toEqual({ name: 'b' });
  });
});

describe('documents', () => {
  it('are made to ask which member of a union they were given', () => {
    const bare = parse('{ pet { ... on Cat { lives } } count }');
    expect(textOf(withTypeNames(schema, bare)).replace(/\s+/g, ' ')).toBe(
      '{ pet { __typename ... on Cat { lives } } count }',
    );
  });
});
