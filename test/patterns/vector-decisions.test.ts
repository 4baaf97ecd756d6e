/** What becomes of a vector index's head: given, when, then. */
import { limits } from '../../proto/limits';
import {
  decideCreateIndex,
  decideDropIndex,
  decideSwept,
  decodeHead,
  decodeIndexCount,
  droppedMax,
  encodeHead,
  encodeIndexCount,
  refuseVectors,
} from '../../src/patterns/vector-decisions';
import type { VectorHead } from '../../src/patterns/vector-decisions';

const settings = { dimensions: 3, distance: 'cosine', isExact: false } as const;
const index = { ...settings, createdAtMs: 5, generation: 7 };
const none: VectorHead = { dropped: [] };

describe('making an index', () => {
  const make = (head: VectorHead, count = 0) => decideCreateIndex(head, { settings, generation: 7, count }, 5);

  it('makes one where there is none', () => {
    expect(make(none)).toEqual({ outcome: { kind: 'created', createdAtMs: 5 }, next: { index, dropped: [] } });
  });

  it('keeps in mind what is still to be removed', () => {
    expect(make({ dropped: [1, 2] }).next).toEqual({ index, dropped: [1, 2] });
  });

  it('leaves alone what is there, at the limit too', () => {
    expect(make({ index, dropped: [] }, limits.vectorIndexesMax)).toMatchObject({
      outcome: { kind: 'exists', dimensions: index.dimensions },
    });
  });

  it('makes the last one that is allowed, and no other', () => {
    expect(make(none, limits.vectorIndexesMax - 1).outcome.kind).toBe('created');
    expect(() => make(none, limits.vectorIndexesMax)).toThrow('one more than the 1000');
  });

  it('never takes a generation for a second time', () => {
    expect(() => make({ dropped: [7] })).toThrow('try again');
  });
});

describe('dropping an index', () => {
  it('leaves its generation to be removed', () => {
    expect(decideDropIndex({ index, dropped: [1] })).toEqual({ dropped: [1, 7] });
  });

  it('does nothing where there is none', () => {
    expect(decideDropIndex({ dropped: [1] })).toBeUndefined();
  });

  it('is refused where too much is still to be removed', () => {
    const dropped = Array.from({ length: droppedMax }, (_, at) => at);
    expect(() => decideDropIndex({ index, dropped })).toThrow(expect.objectContaining({ code: 'OVERLOADED' }) as Error);
    expect(decideDropIndex({ index, dropped: dropped.slice(1) })?.dropped).toHaveLength(droppedMax);
  });
});

describe('the end of a removal', () => {
  it.each<[string, VectorHead, VectorHead | undefined]>([
    ['leaves nothing of a head without index', { dropped: [1] }, undefined],
    ['leaves what else is to be removed', { dropped: [1, 2] }, { dropped: [2] }],
    ['leaves the index that was made since', { index, dropped: [1] }, { index, dropped: [] }],
    ['leaves alone what it does not know', { index, dropped: [2] }, { index, dropped: [2] }],
  ])('%s', (_, head, left) => {
    expect(decideSwept(head, 1)).toEqual(left);
  });
});

describe('writing vectors', () => {
  it.each([
    ['fit', index, [3, 3], undefined],
    ['have no index', undefined, [3], { kind: 'notFound' }],
    ['are too short, the first is named', index, [3, 2, 1], { kind: 'mismatch', expected: 3, actual: 2 }],
  ] as const)('that %s', (_, given, dimensions, refusal) => {
    expect(refuseVectors(given, dimensions)).toEqual(refusal);
  });
});

it('records are read as they were written; absent ones are empty', () => {
  const head: VectorHead = { index, dropped: [1, 2] };
  expect(decodeHead(encodeHead(head))).toEqual(head);
  expect(decodeHead(undefined)).toEqual({ dropped: [] });
  expect([decodeIndexCount(encodeIndexCount(4)), decodeIndexCount(undefined)]).toEqual([4, 0]);
});
