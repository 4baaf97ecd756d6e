/**
 * Variables are coerced as graphql-js coerces them: for every type that an argument of the contract has, with values that fit, values that
 * fit nearly, and garbage. Where our coercion answers it answers the same; where graphql-js finds no fault ours answers.
 */
import { inspect, isDeepStrictEqual } from 'node:util';
import {
  Kind,
  getVariableValues,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  parse,
  parseType,
} from 'graphql';
import type { GraphQLInputType, OperationDefinitionNode, VariableDefinitionNode } from 'graphql';
import { compileVariables } from '../../src/gateway/coerce-variables';
import { holdsForSeeds, makeChance } from '../model/support/seeds';
import type { Chance } from '../model/support/seeds';
import { builtSchema } from './support/built-schema';

const schema = builtSchema();
/** As JSON brings it. */
const garbage = [null, 0, -1, 1.5, 2 ** 60, '', 'x', 'ADMIN', true, [], [1], ['x'], {}, { x: 1 }, [[]]];

/** The types of all arguments, each once, as they are written. */
function argumentTypes(): GraphQLInputType[] {
  const types = new Map<string, GraphQLInputType>();
  for (const root of [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()])
    for (const field of Object.values(root!.getFields()))
      for (const { type } of field.args) types.set(String(type), type);
  return [...types.values()];
}

/** A value that fits, or, where `faults` says so now and then, does not. */
function valueOf(type: GraphQLInputType, chance: Chance, faults: number): unknown {
  if (chance.happens(faults)) return chance.pick(garbage);
  if (isNonNullType(type)) return valueOf(type.ofType as GraphQLInputType, chance, faults);
  if (chance.happens(0.1)) return null;
  if (isListType(type)) {
    const inner = type.ofType as GraphQLInputType;
    if (chance.happens(0.1)) return valueOf(inner, chance, faults);
    return Array.from({ length: chance.whole(4) }, () => valueOf(inner, chance, faults));
  }
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields());
    const given = type.isOneOf
      ? [chance.pick(fields)]
      : fields.filter(({ type: each }) => isNonNullType(each) || chance.happens(0.6));
    const value = Object.fromEntries(given.map((field) => [field.name, valueOf(field.type, chance, faults)]));
    return chance.happens(faults) ? { ...value, nonsense: 1 } : value;
  }
  if (isEnumType(type)) return chance.pick(type.getValues()).name;
  return { Boolean: true, Float: 0.5, Int: 7, SafeInt: 2 ** 40, JSON: { any: ['thing'] } }[type.name] ?? 'text';
}

function definitionsOf(types: readonly GraphQLInputType[]): readonly VariableDefinitionNode[] {
  const names = types.map((type, index) => `$v${index}: ${String(type)}`);
  const [operation] = parse(`query (${names.join(', ')}) { __typename }`).definitions;
  return (operation as OperationDefinitionNode).variableDefinitions!;
}

const types = argumentTypes();

/** What differs in a run over all types; `faults`: the share of wrong values. */
function differences(seed: number, faults: number): string[] {
  const chance = makeChance(seed);
  return types.flatMap((type) => {
    const definitions = definitionsOf([type]);
    const inputs = chance.happens(0.02) ? {} : { v0: valueOf(type, chance, faults) };
    const { coerced } = getVariableValues(schema, definitions, inputs);
    const ours = compileVariables(schema, definitions)(inputs);
    if (isDeepStrictEqual(ours, coerced && { ...coerced })) return [];
    return [`${String(type)} of ${inspect(inputs)}: ${inspect(ours)} instead of ${inspect(coerced)}`];
  });
}

describe('variables', () => {
  it('are of many types', () => {
    expect(types.length).toBeGreaterThan(40);
  });

  for (const faults of [0, 0.05, 0.3])
    it(`are coerced as by graphql-js, where ${faults * 100} % of the values are wrong`, () =>
      holdsForSeeds(40, (seed) => Promise.resolve(differences(seed, faults))));

  it('that are lists of numbers are taken as graphql-js takes them', () => {
    const definitions = definitionsOf([schema.getQueryType()!.getFields()['vectorSearch']!.args[1]!.type]);
    const lists = [
      [],
      [0, -0, 1.5, 2 ** 60, Number.MAX_VALUE, 5e-324],
      [1, Infinity],
      [Number.NaN],
      [1, '2'],
      [1, null],
      [1, undefined],
      [true],
      [[1]],
      [1n],
      7,
    ];
    for (const vector of lists) {
      const inputs = { v0: { vector } };
      const { coerced } = getVariableValues(schema, definitions, inputs);
      expect([vector, compileVariables(schema, definitions)(inputs)]).toEqual([vector, coerced && { ...coerced }]);
    }
  });

  it('may have defaults, and be called anything', () => {
    const named = (name: string, type: string, defaultValue?: string): VariableDefinitionNode => ({
      kind: Kind.VARIABLE_DEFINITION,
      variable: { kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: name } },
      type: parseType(type) as VariableDefinitionNode['type'],
      ...(defaultValue !== undefined && { defaultValue: { kind: Kind.STRING, value: defaultValue } }),
    });
    const coerce = compileVariables(schema, [
      named('a', 'String', 'x'),
      named('constructor', 'String'),
      named('c', 'String!', 'y'),
    ]);
    expect([coerce({}), coerce({ a: null, constructor: 'z' }), coerce({ c: null })]).toEqual([
      { a: 'x', c: 'y' } as object,
      { a: null, constructor: 'z', c: 'y' },
      undefined,
    ]);
    expect(compileVariables(schema, [named('__proto__', 'String')])({})).toBeUndefined();
  });
});
