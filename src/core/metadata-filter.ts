/**
 * Filters on metadata. A filter is an object, and metadata matches it where every member of the filter matches the member of the same
 * name:
 *
 *  - a list in the filter, which holds plain values only, matches where one of its members does: an empty one never;
 *  - a list in the metadata matches where one of its members does;
 *  - an object in the filter matches an object all of whose named members match, in this same way;
 *  - a string, number, boolean or null matches what is equal to it, of the same type: 1 is not "1", and null is not a missing member.
 *
 * No metadata counts as an object without members.
 */
import type { Json } from './json';

export type MetadataFilter = { readonly [name: string]: Json };

/** Whether metadata matches. */
export type MatchMetadata = (metadata: Json | undefined) => boolean;

type Match = (found: Json) => boolean;

/** The filter, prepared for many questions. */
export function compileFilter(filter: MetadataFilter): MatchMetadata {
  const matches = matchObject(filter);
  return (metadata) => matches(isObject(metadata) ? metadata : noMembers);
}

const noMembers: MetadataFilter = {};

function matchObject(filter: MetadataFilter): (members: MetadataFilter) => boolean {
  const wanted = Object.keys(filter).map((name) => [name, matchValue(filter[name]!)] as const);
  return (members) => wanted.every(([name, matches]) => Object.hasOwn(members, name) && matches(members[name]!));
}

function matchValue(wanted: Json): Match {
  const matches = isList(wanted) ? matchAny(wanted) : matchOne(wanted);
  return (found) => (isList(found) ? found.some((each) => matches(each)) : matches(found));
}

/** Looked up, however long it is: else two long lists would cost their product. */
function matchAny(wanted: readonly Json[]): Match {
  const plain = new Set(wanted.filter(isPlain));
  return (found) => plain.has(found);
}

function matchOne(wanted: Json): Match {
  if (!isObject(wanted)) return (found) => wanted === found;
  const matches = matchObject(wanted);
  return (found) => isObject(found) && matches(found);
}

/** What metadata or a filter says as JSON text; empty text: nothing. */
export function parseMetadata(text: Buffer | string): Json | undefined {
  return text.length === 0 ? undefined : (JSON.parse(text.toString()) as Json);
}

/** Whether every list of a filter holds nothing but plain values. */
export function hasPlainLists(filter: Json): boolean {
  if (isList(filter)) return filter.every(isPlain);
  return !isObject(filter) || Object.values(filter).every(hasPlainLists);
}

function isPlain(value: Json): boolean {
  return typeof value !== 'object' || value === null;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json | undefined): value is MetadataFilter {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
