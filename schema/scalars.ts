/** Scalars of the contract. Version and Base64 are judged by the patterns, which name the field in their refusals. */
import { GraphQLError, GraphQLScalarType, Kind } from 'graphql';
import { GraphQLJSON, GraphQLSafeInt } from 'graphql-scalars';

function textScalar(name: string): GraphQLScalarType<string, string> {
  const requireString = (value: unknown): string => {
    if (typeof value !== 'string') throw new GraphQLError(`${name} is a string, not ${typeof value}`);
    return value;
  };
  return new GraphQLScalarType<string, string>({
    name,
    serialize: requireString,
    parseValue: requireString,
    parseLiteral: (node) => {
      if (node.kind !== Kind.STRING) throw new GraphQLError(`${name} is a string`, { nodes: node });
      return node.value;
    },
  });
}

/** A revision as a decimal number in a string. */
export const VersionScalar = textScalar('Version');

/** Bytes in standard base64. */
export const Base64Scalar = textScalar('Base64');

/** An answer's instant: milliseconds since 1970 inside, RFC 3339 outside. Never an input. */
export const DateTimeScalar = new GraphQLScalarType<number, string>({
  name: 'DateTime',
  serialize: (value) => {
    if (typeof value !== 'number') throw new GraphQLError('DateTime is made of milliseconds');
    return new Date(value).toISOString();
  },
  parseValue: () => {
    throw new GraphQLError('DateTime is not an input');
  },
});

export const JsonScalar = GraphQLJSON;
export const SafeIntScalar = GraphQLSafeInt;
