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

const dayMs = 86_400_000;
/** The last one of a Date. */
const instantMsMax = 8_640_000_000_000_000;
const twoDigits = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0'));
/** The day of the last instant, with the T behind it: those of an answer, and of answers one after the other, mostly share it. */
let lastDay = NaN;
let lastDayText = '';

/** As `toISOString`, for less where the day is the same as the last time. Throws RangeError beyond the instants that a Date has. */
function instantText(ms: number): string {
  if (!Number.isInteger(ms) || ms > instantMsMax) return new Date(ms).toISOString();
  const day = Math.floor(ms / dayMs);
  if (day !== lastDay) {
    const text = new Date(ms).toISOString();
    lastDayText = text.slice(0, text.indexOf('T') + 1);
    lastDay = day;
    return text;
  }
  const ofDay = ms - day * dayMs;
  const seconds = Math.floor(ofDay / 1_000);
  const minutes = Math.floor(seconds / 60);
  const thousandths = ofDay % 1_000;
  const clock = `${twoDigits[Math.floor(minutes / 60)]}:${twoDigits[minutes % 60]}:${twoDigits[seconds % 60]}`;
  return `${lastDayText}${clock}.${Math.floor(thousandths / 100)}${twoDigits[thousandths % 100]}Z`;
}

/** An answer's instant: milliseconds since 1970 inside, RFC 3339 outside. Never an input. */
export const DateTimeScalar = new GraphQLScalarType<number, string>({
  name: 'DateTime',
  serialize: (value) => {
    if (typeof value !== 'number') throw new GraphQLError('DateTime is made of milliseconds');
    return instantText(value);
  },
  parseValue: () => {
    throw new GraphQLError('DateTime is not an input');
  },
});

export const JsonScalar = GraphQLJSON;
export const SafeIntScalar = GraphQLSafeInt;
