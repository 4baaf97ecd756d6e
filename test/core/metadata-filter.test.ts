import type { Json } from '../../src/core/json';
import { compileFilter, hasPlainLists, parseMetadata } from '../../src/core/metadata-filter';
import type { MetadataFilter } from '../../src/core/metadata-filter';

const parsed = (text: string): Json => JSON.parse(text) as Json;

it.each<[string, string, string, boolean]>([
  ['no member matches everything', '{}', '{"a":1}', true],
  ['an equal number', '{"a":1}', '{"a":1,"b":2}', true],
  ['another number', '{"a":1}', '{"a":2}', false],
  ['a text that looks like the number', '{"a":1}', '{"a":"1"}', false],
  ['true is not 1', '{"a":true}', '{"a":1}', false],
  ['null is null', '{"a":null}', '{"a":null}', true],
  ['null is not a missing member', '{"a":null}', '{"b":1}', false],
  ['every member must match', '{"a":1,"b":2}', '{"a":1,"b":3}', false],
  ['a list in the filter: one of it', '{"a":[1,2]}', '{"a":2}', true],
  ['a list in the filter: none of it', '{"a":[1,2]}', '{"a":3}', false],
  ['an empty list matches nothing', '{"a":[]}', '{"a":1}', false],
  ['an empty list does not match an empty list', '{"a":[]}', '{"a":[]}', false],
  ['a list in the metadata: one of it', '{"a":1}', '{"a":[3,1]}', true],
  ['two lists that share a member', '{"a":[1,2]}', '{"a":[2,3]}', true],
  ['two lists that share none', '{"a":[1,2]}', '{"a":[3,4]}', false],
  ['an object in the filter', '{"a":{"b":1}}', '{"a":{"b":1,"c":2}}', true],
  ['an object that does not match', '{"a":{"b":1}}', '{"a":{"b":2}}', false],
  ['an object against a number', '{"a":{"b":1}}', '{"a":1}', false],
  ['a number against an object', '{"a":1}', '{"a":{"b":1}}', false],
  ['an object in a list of objects', '{"a":{"b":1}}', '{"a":[{"b":2},{"b":1}]}', true],
  ['dots are part of a name', '{"a.b":1}', '{"a":{"b":1}}', false],
  ['a name of the prototype that is a member', '{"__proto__":1}', '{"__proto__":1}', true],
  ['a name of the prototype that is none', '{"constructor":{"name":"Object"}}', '{"a":1}', false],
  ['-0 is 0', '{"a":-0}', '{"a":0}', true],
  ['metadata that is no object', '{"a":1}', '[{"a":1}]', false],
])('%s', (_, filter, metadata, expected) => {
  expect(compileFilter(parsed(filter) as MetadataFilter)(parsed(metadata))).toBe(expected);
});

it('takes no metadata for an object without members', () => {
  expect(parseMetadata(Buffer.alloc(0))).toBeUndefined();
  expect(compileFilter({})(undefined)).toBe(true);
  expect(compileFilter({ a: null })(undefined)).toBe(false);
});

it.each([
  ['{"a":[1,"b",null,true]}', true],
  ['{"a":{"b":[1]}}', true],
  ['{"a":[[1]]}', false],
  ['{"a":[{"b":1}]}', false],
  ['{"a":{"b":[1,{}]}}', false],
])('has only plain values in its lists: %s', (filter, expected) => {
  expect(hasPlainLists(parsed(filter))).toBe(expected);
});

it('takes no longer where two lists are long', () => {
  const many = Array.from({ length: 3_000 }, (_, at) => at);
  const matches = compileFilter({ a: many });
  const metadata = { a: many.map((each) => each + 3_000) };
  for (let round = 0; round < 300; round += 1) expect(matches(metadata)).toBe(false);
});
