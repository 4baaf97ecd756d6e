import { mergePatch, requireJson } from '../../src/core/json';
import type { Json } from '../../src/core/json';

const parsed = (text: string): Json => JSON.parse(text) as Json;

describe('a merge patch', () => {
  // The examples of RFC 7396, appendix A.
  it.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ])('of %s with %s is %s', (target, patch, result) => {
    expect(mergePatch(parsed(target), parsed(patch))).toEqual(parsed(result));
  });

  it('takes __proto__ and constructor for names like any other', () => {
    const target = parsed('{"__proto__":{"a":1,"b":2}}');
    const merged = mergePatch(target, parsed('{"__proto__":{"a":null,"c":3},"constructor":{"prototype":{"d":4}}}'));
    expect(JSON.stringify(merged)).toBe('{"__proto__":{"b":2,"c":3},"constructor":{"prototype":{"d":4}}}');
    expect(JSON.stringify(target)).toBe('{"__proto__":{"a":1,"b":2}}');
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect([({} as Record<string, unknown>)['c'], ({} as Record<string, unknown>)['d']]).toEqual([
      undefined,
      undefined,
    ]);
  });
});

describe('JSON of a caller', () => {
  const rule = { bytesMax: 20, depthMax: 2 };

  it.each([
    [{ a: [1] }, '{"a":[1]}'],
    [null, 'null'],
    ['é'.repeat(9), `"${'é'.repeat(9)}"`],
    [[[]], '[[]]'],
  ])('%j is written out', (value, text) => expect(requireJson('f', value, rule)).toBe(text));

  it.each([
    ['é'.repeat(10), 'f is 22 bytes long as JSON, at most 20 are allowed'],
    [[[[]]], 'f nests too deep'],
    [Infinity, 'f holds Infinity: not a number of JSON'],
    [{ a: Number.NaN }, 'f holds NaN'],
    ['\ud800', 'f holds an unpaired surrogate'],
    [{ '\udc00': 1 }, 'f holds an unpaired surrogate'],
    [[1n], 'f holds a bigint'],
  ])('that breaks a rule is refused (%#)', (value, message) => {
    expect(() => requireJson('f', value, rule)).toThrow(message);
  });
});
