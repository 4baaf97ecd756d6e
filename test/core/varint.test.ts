import { readVarint, varintBytes, varintOf, writeVarint } from '../../src/core/varint';

describe('varints', () => {
  it.each([
    [0, 1],
    [127, 1],
    [128, 2],
    [16_383, 2],
    [16_384, 3],
    [2 ** 31, 5],
    [2 ** 53 - 1, varintBytes],
  ])('hold %d in %d bytes', (value, bytes) => {
    const written = varintOf(value);
    expect(written).toHaveLength(bytes);
    expect(readVarint({ bytes: written, next: 0 })).toBe(value);
  });

  it('are read one behind the other', () => {
    const bytes = Buffer.alloc(24);
    let end = 0;
    for (const value of [300, 0, 2 ** 40]) end = writeVarint(bytes, end, value);
    const reading = { bytes, next: 0 };
    expect([readVarint(reading), readVarint(reading), readVarint(reading), reading.next]).toEqual([
      300,
      0,
      2 ** 40,
      end,
    ]);
  });

  it('that are cut off are damage', () => {
    expect(() => readVarint({ bytes: Buffer.of(128), next: 0 })).toThrow('a number that is whole');
  });
});
