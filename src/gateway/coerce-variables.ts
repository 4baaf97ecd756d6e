/**
 * The variables of a document, coerced by functions that are made once for it. They do what graphql-js does (`getVariableValues`),
 * as long as nothing is wrong; where anything is, the answer is undefined, and graphql-js says what. It looks up types and builds
 * the path of an error for every member of every input, right or wrong: with a vector of a few hundred numbers that is most of a request.
 */
import {
  GraphQLFloat,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  typeFromAST,
  valueFromAST,
} from 'graphql';
import type {
  GraphQLInputField,
  GraphQLInputObjectType,
  GraphQLInputType,
  GraphQLSchema,
  VariableDefinitionNode,
} from 'graphql';
import type { Inputs } from './compiled-query';

/** The coerced value; `wrong` where the value does not fit. May throw, which says the same. */
type Coerce = (value: unknown) => unknown;

/** Undefined: graphql-js is to say what they come to. */
export type CoerceVariables = (inputs: Inputs) => Record<string, unknown> | undefined;

/** A variable, or a member of an input object. */
interface Named {
  readonly name: string;
  readonly coerce: Coerce;
  /** Where it is left out; `wrong`: it must not be; undefined: it is simply not there. */
  readonly otherwise: unknown;
}

const wrong = Symbol('does not fit');

export function compileVariables(
  schema: GraphQLSchema,
  definitions: readonly VariableDefinitionNode[],
): CoerceVariables {
  const variables = definitions.map((definition) => variableOf(schema, definition));
  // Assigned to an object it would be no member.
  if (variables.some(({ name }) => name === '__proto__')) return () => undefined;
  return (inputs) => {
    const coerced: Record<string, unknown> = {};
    try {
      for (const { name, coerce, otherwise } of variables) {
        const isGiven = Object.hasOwn(inputs, name);
        const value = isGiven ? coerce(inputs[name]) : otherwise;
        if (value === wrong) return undefined;
        if (isGiven || value !== undefined) coerced[name] = value;
      }
    } catch {
      return undefined;
    }
    return coerced;
  };
}

function variableOf(schema: GraphQLSchema, definition: VariableDefinitionNode): Named {
  const { variable, defaultValue } = definition;
  // The document is valid: it is a type of inputs.
  const type = typeFromAST(schema, definition.type) as GraphQLInputType;
  const otherwise = defaultValue ? valueFromAST(defaultValue, type) : isNonNullType(type) ? wrong : undefined;
  return { name: variable.name.value, coerce: coercerOf(type, new Map()), otherwise };
}

/** `made`: of input objects, which may hold themselves. */
function coercerOf(type: GraphQLInputType, made: Map<GraphQLInputObjectType, Coerce>): Coerce {
  if (isNonNullType(type)) {
    const coerce = coercerOf(type.ofType, made);
    return (value) => (value === null || value === undefined ? wrong : coerce(value));
  }
  const coerce = coercerOfNamed(type, made);
  return (value) => (value === null || value === undefined ? null : coerce(value));
}

function coercerOfNamed(type: GraphQLInputType, made: Map<GraphQLInputObjectType, Coerce>): Coerce {
  if (isListType(type)) return coercerOfList(type.ofType as GraphQLInputType, made);
  if (isInputObjectType(type)) return objectCoercer(type, made);
  if (!isLeafType(type)) return () => wrong;
  return (value) => {
    const parsed: unknown = type.parseValue(value);
    return parsed === undefined ? wrong : parsed;
  };
}

function coercerOfList(member: GraphQLInputType, made: Map<GraphQLInputObjectType, Coerce>): Coerce {
  const coerce = listCoercer(coercerOf(member, made));
  if (!isNonNullType(member) || member.ofType !== GraphQLFloat) return coerce;
  // A vector: such numbers come to themselves, and so does a list of nothing else.
  return (value) => (Array.isArray(value) && hasOnlyNumbers(value) ? value : coerce(value));
}

function hasOnlyNumbers(list: readonly unknown[]): boolean {
  for (let index = 0; index < list.length; index += 1) if (!Number.isFinite(list[index])) return false;
  return true;
}

function listCoercer(coerce: Coerce): Coerce {
  return (value) => {
    if (!Array.isArray(value)) {
      const only = coerce(value);
      return only === wrong ? wrong : [only];
    }
    const coerced = new Array<unknown>(value.length);
    for (let index = 0; index < value.length; index += 1) {
      const member = coerce(value[index]);
      if (member === wrong) return wrong;
      coerced[index] = member;
    }
    return coerced;
  };
}

function objectCoercer(type: GraphQLInputObjectType, made: Map<GraphQLInputObjectType, Coerce>): Coerce {
  const known = made.get(type);
  if (known) return known;
  let members: readonly Named[] = [];
  const coerce: Coerce = (value) => {
    if (typeof value !== 'object' || Array.isArray(value)) return wrong;
    return coerceMembers(type, members, value as Readonly<Record<string, unknown>>);
  };
  made.set(type, coerce);
  members = Object.values(type.getFields()).map((field) => memberOf(field, made));
  return coerce;
}

function memberOf({ name, type, defaultValue }: GraphQLInputField, made: Map<GraphQLInputObjectType, Coerce>): Named {
  const otherwise: unknown = defaultValue === undefined && isNonNullType(type) ? wrong : defaultValue;
  return { name, coerce: coercerOf(type, made), otherwise };
}

function coerceMembers(
  { isOneOf }: GraphQLInputObjectType,
  members: readonly Named[],
  value: Readonly<Record<string, unknown>>,
): unknown {
  const coerced: Record<string, unknown> = {};
  let given = 0;
  for (const { name, coerce, otherwise } of members) {
    const member = value[name];
    if (member === undefined) {
      if (otherwise === wrong) return wrong;
      if (otherwise !== undefined) coerced[name] = otherwise;
      continue;
    }
    given += 1;
    const result = coerce(member);
    if (result === wrong || (isOneOf && result === null)) return wrong;
    coerced[name] = result;
  }
  // Members that the type does not know, or that are there and undefined.
  if (Object.keys(value).length !== given || (isOneOf && given !== 1)) return wrong;
  return coerced;
}
