import { distanceBetween } from '../../src/core/vector-distance';
import {
  decodeVectorRow,
  encodeVectorRow,
  metadataOf,
  readVector,
  vectorFrom,
  vectorRowBytes,
  withoutVector,
} from '../../src/core/vector-row';

const row = {
  vector: Float32Array.of(1.5, -2, 0),
  metadata: Buffer.from('{"a":1}'),
  payload: Buffer.from('text'),
};

describe('a row', () => {
  it('is read as it was written, wherever it begins in its buffer', () => {
    const bytes = encodeVectorRow(row);
    expect(bytes.length).toBe(vectorRowBytes(3) + 7 + 4);
    for (const shift of [0, 1, 2, 3]) {
      const shifted = Buffer.concat([Buffer.alloc(shift), bytes]).subarray(shift);
      expect(decodeVectorRow(shifted)).toEqual(row);
      const into = new Float32Array(3);
      expect(readVector(shifted, into)).toBe(true);
      expect(into).toEqual(row.vector);
    }
  });

  it('may have no metadata and no payload', () => {
    const none = Buffer.alloc(0);
    expect(decodeVectorRow(encodeVectorRow({ vector: row.vector }))).toEqual({
      vector: row.vector,
      metadata: none,
      payload: none,
    });
  });

  it('without its vector keeps the rest', () => {
    const bare = withoutVector(encodeVectorRow(row));
    expect(decodeVectorRow(bare)).toEqual({ ...row, vector: new Float32Array(0) });
    expect(metadataOf(bare)).toEqual(row.metadata);
  });

  it('is not read into a vector of another length', () => {
    expect(readVector(encodeVectorRow(row), new Float32Array(2))).toBe(false);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['another format', Buffer.concat([Buffer.of(2), encodeVectorRow(row).subarray(1)])],
    ['a row that is cut in its vector', encodeVectorRow(row).subarray(0, 12)],
    ['a row that is cut in its metadata', encodeVectorRow(row).subarray(0, 20)],
  ])('is not made of %s', (_, bytes) => {
    expect(() => decodeVectorRow(bytes)).toThrow(expect.objectContaining({ code: 'INTERNAL' }) as Error);
  });

  it('holds a vector of its own, not a view', () => {
    const bytes = Buffer.from(Float32Array.of(1, 2).buffer);
    const vector = vectorFrom(bytes);
    bytes.fill(0);
    expect([...vector]).toEqual([1, 2]);
  });
});

describe('distances', () => {
  const of = (...numbers: number[]): Float32Array => Float32Array.from(numbers);

  it.each([
    ['cosine', of(1, 0), of(5, 0), 0],
    ['cosine', of(1, 0), of(0, 3), 1],
    ['cosine', of(1, 0), of(-2, 0), 2],
    ['cosine', of(0, 0), of(1, 0), 1],
    ['cosine', of(0, 0), of(0, 0), 1],
    ['cosine', of(1e15, 1e15), of(1e-15, 1e-15), 0],
    ['euclidean', of(1, 1), of(4, 5), 5],
    ['euclidean', of(0, 0), of(0, 0), 0],
    ['innerProduct', of(1, 2), of(3, 4), -11],
    ['innerProduct', of(0, 0), of(3, 4), 0],
  ] as const)('%s of %p and %p', (distance, a, b, expected) => {
    expect(distanceBetween(distance, a, b)).toBeCloseTo(expected, 6);
    expect(distanceBetween(distance, b, a)).toBe(distanceBetween(distance, a, b));
  });

  it('are never below nothing or above two for cosines, whatever the rounding', () => {
    for (let at = 1; at < 200; at += 1) {
      const vector = Float32Array.from({ length: 7 }, (_, index) => Math.sin(at * (index + 1)));
      const back = vector.map((each) => -each);
      expect(distanceBetween('cosine', vector, vector)).toBeGreaterThanOrEqual(0);
      expect(distanceBetween('cosine', vector, back)).toBeLessThanOrEqual(2);
    }
  });
});
