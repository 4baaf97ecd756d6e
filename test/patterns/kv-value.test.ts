import { KvValueView, valueBytes } from '../../resolvers/kv-value';

const field = 'input.value';

describe("a caller's value", () => {
  it.each([
    [{ text: 'é\0' }, 'é\0'],
    [{ text: '' }, ''],
    [{ json: false }, 'false'],
    [{ json: 0 }, '0'],
    [{ json: '' }, '""'],
    [{ json: { b: [1, null], a: 'é' } }, '{"b":[1,null],"a":"é"}'],
    [{ base64: 'AA==' }, '\0'],
    [{ base64: '' }, ''],
    [{ text: 'a', json: null, base64: null }, 'a'],
  ])('%j is stored as %j', (input, text) => {
    expect(valueBytes(field, input).toString()).toBe(text);
  });

  it('of JSON keeps names of Object.prototype as plain members, and pollutes nothing', () => {
    const text = '{"__proto__":{"isAdmin":true},"constructor":{"prototype":1},"toString":2,"toJSON":3}';
    expect(valueBytes(field, { json: JSON.parse(text) }).toString()).toBe(text);
    // As graphql-scalars makes it of a literal in a query.
    const literal = Object.assign(Object.create(null) as object, { ['__proto__']: 1 });
    expect(valueBytes(field, { json: literal }).toString()).toBe('{"__proto__":1}');
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
  it.each([
    [{}, field],
    [{ json: null }, field],
    [{ text: 'a', json: 1 }, field],
    [{ text: 'a', base64: '' }, field],
    [{ text: 'a\ud800' }, `${field}.text`],
    [{ text: 'x'.repeat(1_048_577) }, `${field}.text`],
    [{ json: 'x'.repeat(1_048_575) }, `${field}.json`],
    [{ json: { a: [Infinity] } }, `${field}.json`],
    [{ json: Number.NaN }, `${field}.json`],
    [{ json: ['\udfff'] }, `${field}.json`],
    [{ json: { '\ud83d': 1 } }, `${field}.json`],
    [{ json: nested(501) }, `${field}.json`],
    [{ json: nested(100_000) }, `${field}.json`],
    [{ base64: 'A' }, `${field}.base64`],
    [{ base64: 'AB==C' }, `${field}.base64`],
  ])('is refused where it is none, or not exactly one (%#)', (input, place) => {
    expect(() => valueBytes(field, input)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', details: { field: place } }) as Error,
    );
  });

  it('may nest as deep as can be read', () => {
    const bytes = valueBytes(field, { json: nested(500) });
    expect(JSON.stringify(new KvValueView(bytes).json)).toBe(bytes.toString());
  });
});

describe('the three ways to see bytes', () => {
  const seen = (bytes: Buffer): unknown => {
    const { text, json, base64, size } = new KvValueView(bytes);
    return { text, json, base64, size };
  };

  it.each([
    [Buffer.from('{"a":1}'), { text: '{"a":1}', json: { a: 1 }, base64: 'eyJhIjoxfQ==', size: 7 }],
    [Buffer.from('é'), { text: 'é', json: null, base64: 'w6k=', size: 2 }],
    [Buffer.from([0xff, 0]), { text: null, json: null, base64: '/wA=', size: 2 }],
    [Buffer.alloc(0), { text: '', json: null, base64: '', size: 0 }],
    [Buffer.from('null'), { text: 'null', json: null, base64: 'bnVsbA==', size: 4 }],
    // A surrogate as three bytes is not UTF-8.
    [Buffer.from([0xed, 0xa0, 0x80]), { text: null, json: null, base64: '7aCA', size: 3 }],
  ])('%#', (bytes, expected) => {
    expect(seen(bytes)).toEqual(expected);
  });

  it('refuses to show JSON that an answer could not be written with, and shows it as text', () => {
    const deep = '{"a":'.repeat(2_000) + '"]]]\\"["' + '}'.repeat(2_000);
    const view = new KvValueView(Buffer.from(deep));
    expect(() => view.json).toThrow('nests deeper than 500 levels');
    expect(view.text).toBe(deep);
    // Brackets in strings are none.
    const flat = JSON.stringify('[{"\\'.repeat(1_000));
    expect(new KvValueView(Buffer.from(flat)).json).toBe(JSON.parse(flat));
  });
});
