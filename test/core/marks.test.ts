import { canonicalInput, canonicalJson, decodeMark, encodeMark, makeMarkIdentity } from '../../src/store/marks';

describe('canonical input', () => {
  it('is indifferent to the order of members, at every depth', () => {
    expect(canonicalJson({ b: [{ y: 1, x: 2 }], a: null })).toBe(canonicalJson({ a: null, b: [{ x: 2, y: 1 }] }));
  });

  it('leaves out what is undefined or equal to its default, so that a new field does not change old hashes', () => {
    const defaults = { by: 1, checks: [] };
    expect(canonicalInput({ name: 'a', by: 1, checks: [], later: undefined }, defaults)).toBe('{"name":"a"}');
    expect(canonicalInput({ name: 'a', by: 2 }, defaults)).toBe('{"by":2,"name":"a"}');
  });

  it('tells absent, null and empty apart', () => {
    const texts = [{}, { v: null }, { v: '' }, { v: [] }].map((input) => canonicalInput(input));
    expect(new Set(texts).size).toBe(4);
  });

  it('takes members named __proto__ as plain members', () => {
    const input = JSON.parse('{"__proto__":{"a":1}}') as Record<string, unknown>;
    expect(canonicalInput(input)).toBe('{"__proto__":{"a":1}}');
  });
});

describe('marks', () => {
  const identity = makeMarkIdentity({ mutation: 'incrementCounter', key: 'k', input: { name: 'a', by: 2 } });

  it('keep mutations and keys apart', () => {
    const keys = [
      makeMarkIdentity({ mutation: 'a', key: 'bc', input: {} }),
      makeMarkIdentity({ mutation: 'ab', key: 'c', input: {} }),
      makeMarkIdentity({ mutation: 'a', key: 'bd', input: {} }),
    ].map(({ key }) => key.toString('hex'));
    expect(new Set(keys).size).toBe(3);
  });

  it('give the outcome back to the same input', () => {
    expect(decodeMark(encodeMark(identity.inputHash, Buffer.from('done')), identity.inputHash).toString()).toBe('done');
  });

  it('refuse another input with IDEMPOTENCY_KEY_REUSED', () => {
    const other = makeMarkIdentity({ mutation: 'incrementCounter', key: 'k', input: { name: 'a', by: 3 } });
    const value = encodeMark(identity.inputHash, Buffer.from('done'));
    expect(() => decodeMark(value, other.inputHash)).toThrow(
      expect.objectContaining({ code: 'IDEMPOTENCY_KEY_REUSED' }),
    );
  });

  it('refuse an outcome that is too large to keep', () => {
    expect(() => encodeMark(identity.inputHash, Buffer.alloc(5_000))).toThrow('passes the limit of 4096');
  });
});
