import { makeSeededIds } from '../../src/core/ids';
import { keyspace, familyRange, tenantScope, counterShardsRange } from '../../src/core/keyspace';
import { escaped, prefixEnd, readEscaped, readUint64, uint64 } from '../../src/core/tuple';

const ids = makeSeededIds(7);
const randomBytes = (): Buffer => {
  const size = Math.floor(ids.fraction() * 12);
  // Few different bytes, the awkward ones among them, so that prefixes and equal parts are common.
  return Buffer.from(Array.from({ length: size }, () => [0, 1, 0xff, 0x3a, 0x2f][Math.floor(ids.fraction() * 5)]!));
};

describe('escaped parts', () => {
  it('are read back as they were, and say where they end', () => {
    for (let round = 0; round < 2_000; round += 1) {
      const [first, second] = [randomBytes(), randomBytes()];
      const key = Buffer.concat([escaped(first), escaped(second)]);
      const one = readEscaped(key, 0);
      const two = readEscaped(key, one.next);
      const isRight = one.part.equals(first) && two.part.equals(second) && two.next === key.length;
      expect([isRight, first, second]).toEqual([true, first, second]);
    }
  });

  it('keep the order of what they encode', () => {
    for (let round = 0; round < 2_000; round += 1) {
      const [a, b] = [randomBytes(), randomBytes()];
      expect(Math.sign(Buffer.compare(escaped(a), escaped(b)))).toBe(Math.sign(Buffer.compare(a, b)));
    }
  });

  it('refuse a part without its end', () => {
    expect(() => readEscaped(Buffer.from([1, 2, 3]), 0)).toThrow('without its terminator');
  });
});

describe('numbers', () => {
  it('survive the trip up to 2^53-1 and sort as numbers', () => {
    const values = [0, 1, 255, 256, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER];
    expect(values.map((value) => readUint64(uint64(value)))).toEqual(values);
    const encoded = values.map(uint64);
    expect([...encoded].sort(Buffer.compare)).toEqual(encoded);
  });
});

describe('prefixEnd', () => {
  it.each([
    ['', undefined],
    ['ff', undefined],
    ['00', '01'],
    ['61ff', '62'],
    ['61fffe', '61ffff'],
  ])('of %s is %s', (prefix, end) => {
    expect(prefixEnd(Buffer.from(prefix, 'hex'))?.toString('hex')).toBe(end);
  });

  it('stands behind every key with the prefix and before every other larger key', () => {
    for (let round = 0; round < 2_000; round += 1) {
      const [prefix, key] = [randomBytes(), randomBytes()];
      const end = prefixEnd(prefix);
      const isInRange = Buffer.compare(key, prefix) >= 0 && (end === undefined || Buffer.compare(key, end) < 0);
      expect(isInRange).toBe(key.subarray(0, prefix.length).equals(prefix));
    }
  });
});

describe('the keyspace', () => {
  it('never lets two (tenant, incarnation, family, key) meet', () => {
    const seen = new Map<string, string>();
    const few = ['', 'a', ':', '/', '\0', 'a\0', '\0a', 'a:b', 'é', '\u{1F98A}'];
    for (const tenant of few) {
      for (const incarnation of [0, 1, 0x00ff0000]) {
        for (const name of few) {
          const keys = {
            kv: keyspace.kv(name),
            counter: keyspace.counter(name),
            shard0: keyspace.counterShard(name, 0),
            shard1: keyspace.counterShard(name, 1),
          };
          for (const [family, key] of Object.entries(keys)) {
            const stored = Buffer.concat([tenantScope(tenant, incarnation), key]).toString('hex');
            const what = JSON.stringify([tenant, incarnation, family, name]);
            expect(seen.get(stored) ?? what).toBe(what);
            seen.set(stored, what);
          }
        }
      }
    }
  });

  it("has each counter's shards, and no other's, in its range", () => {
    const isIn = (key: Buffer, { start, end }: { start: Buffer; end: Buffer }): boolean =>
      Buffer.compare(key, start) >= 0 && Buffer.compare(key, end) < 0;
    for (const [one, other] of [
      ['a', 'a\0'],
      ['a', 'ab'],
      ['a\0', 'a'],
      ['', 'a'],
    ] as const) {
      expect(isIn(keyspace.counterShard(one, 63), counterShardsRange(one))).toBe(true);
      expect(isIn(keyspace.counterShard(other, 0), counterShardsRange(one))).toBe(false);
    }
  });

  it('lists a family by the prefix of what the caller chose', () => {
    const { start, end } = familyRange('kv', 'a');
    expect(Buffer.compare(keyspace.kv('a'), start)).toBe(0);
    expect(Buffer.compare(keyspace.kv('b'), end)).toBe(0);
  });
});
