/**
 * Filters on metadata. A filter is an object, and metadata matches it where every member of the filter matches the member of the same
 * name:
 *
 *  - a list in the filter matches where one of its members does: an empty one never;
 *  - a list in the metadata matches where one of its members does;
 *  - an object in the filter matches an object all of whose named members match, in this same way;
 *  - a string, number, boolean or null matches what is equal to it, of the same type: 1 is not "1", and null is not a missing member.
 *
 * No metadata counts as an object without members.
 */
import type { Json } from './json';

export type MetadataFilter = { readonly [name: string]: Json };

export function matchesFilter(filter: MetadataFilter, metadata: Json | undefined): boolean {
  const members = isObject(metadata) ? metadata : {};
  for (const name of Object.keys(filter)) {
    if (!Object.hasOwn(members, name) || !matches(filter[name]!, members[name]!)) return false;
  }
  return true;
}

function matches(wanted: Json, found: Json): boolean {
  if (isList(wanted)) return wanted.some((each) => matches(each, found));
  if (isList(found)) return found.some((each) => matches(wanted, each));
  if (isObject(wanted)) return isObject(found) && matchesFilter(wanted, found);
  return wanted === found;
}

/** What metadata or a filter says as JSON text; empty text: nothing. */
export function parseMetadata(text: Buffer | string): Json | undefined {
  return text.length === 0 ? undefined : (JSON.parse(text.toString()) as Json);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json | undefined): value is MetadataFilter {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
