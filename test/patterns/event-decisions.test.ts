/** The rules of event streams, as given, when, then. */
import { decideAppend, decideDelete, decideSnapshot } from '../../src/patterns/event-decisions';
import type { AppendRules, AppendState } from '../../src/patterns/event-decisions';
import { noStream } from '../../src/patterns/event-record';
import type { StreamHead } from '../../src/patterns/event-record';

const nowMs = 1_000;
const head = (version: number, more: Partial<StreamHead> = {}): StreamHead => ({
  ...noStream,
  version,
  createdAtMs: 500,
  updatedAtMs: 900,
  ...more,
});
const append = (state: Partial<AppendState>, rules: Partial<AppendRules> = {}) => {
  const ids = rules.ids ?? ['a'];
  return decideAppend(
    { head: head(3), tail: { position: 10, atMs: 900 }, standing: ids.map(() => undefined), ...state },
    { ids, expectedVersion: undefined, fenced: undefined, ...rules },
    nowMs,
  );
};
const fenced = { kind: 'fenced', currentToken: 2 } as const;
const duplicate = (...versions: number[]) => ({ kind: 'duplicate', versions });

describe('an append', () => {
  it('goes behind what the stream and the tenant have, and moves the head', () => {
    expect(append({}, { ids: ['a', 'b'], expectedVersion: 3 })).toEqual({
      kind: 'appended',
      version: 4,
      position: 11,
      atMs: nowMs,
      head: head(5, { updatedAtMs: nowMs }),
    });
  });

  it('begins a stream at 1, and goes on behind a deleted one without changing when it was made', () => {
    expect(append({ head: noStream }, { expectedVersion: 0 })).toMatchObject({
      version: 1,
      head: { version: 1, createdAtMs: nowMs, updatedAtMs: nowMs, deletedThrough: 0 },
    });
    expect(append({ head: head(3, { deletedThrough: 3 }) }, { expectedVersion: 3 })).toMatchObject({
      version: 4,
      head: { version: 4, createdAtMs: 500, deletedThrough: 3 },
    });
  });

  it('is never dated before an earlier event of the tenant', () => {
    expect(append({ tail: { position: 10, atMs: 5_000 } })).toMatchObject({
      atMs: 5_000,
      head: { updatedAtMs: 5_000 },
    });
  });

  it.each([
    ['another version', 2],
    ['a version that is still to come', 4],
    ['a new stream', 0],
  ])('on %s is refused with what it is', (_, expectedVersion) => {
    expect(append({}, { expectedVersion })).toEqual({ kind: 'wrongVersion', actualVersion: 3 });
  });

  it('to a new stream is refused where one was deleted', () => {
    expect(append({ head: head(3, { deletedThrough: 3 }) }, { expectedVersion: 0 })).toMatchObject({
      actualVersion: 3,
    });
  });

  it('of what stands is a replay, wherever it stands, or where it is expected to', () => {
    const ids = ['b', 'c'];
    expect(append({ standing: [2, 3] }, { ids })).toEqual({ kind: 'standing', version: 2 });
    expect(append({ standing: [2, 3] }, { ids, expectedVersion: 1 })).toEqual({ kind: 'standing', version: 2 });
    expect(append({ standing: [1, 2] }, { ids, fenced })).toEqual({ kind: 'standing', version: 1 });
  });

  it.each([
    ['in another place', [2, 3], 3, [2, 3]],
    ['in another order', [3, 2], undefined, [2, 3]],
    ['with another event between', [1, 3], undefined, [1, 3]],
    ['of which one is new', [3, undefined], undefined, [3]],
    ['of which the first is new', [undefined, 1], 3, [1]],
    ['twice the same', [2, 2], undefined, [2]],
  ] as const)('of what stands %s is a duplicate', (_, standing, expectedVersion, versions) => {
    expect(append({ standing }, { ids: ['x', 'y'], expectedVersion })).toEqual(duplicate(...versions));
  });

  it('that gives one new id twice is a duplicate of nothing that stands', () => {
    expect(append({}, { ids: ['x', 'y', 'x'] })).toEqual(duplicate());
  });

  it('is judged by its fence before its ids, and by these before its version', () => {
    expect(append({ standing: [2, undefined] }, { ids: ['x', 'y'], fenced, expectedVersion: 9 })).toEqual(fenced);
    expect(append({ standing: [2, undefined] }, { ids: ['x', 'y'], expectedVersion: 9 })).toEqual(duplicate(2));
  });

  it('stops where positions would pass what a number can hold', () => {
    const tail = { position: Number.MAX_SAFE_INTEGER, atMs: 0 };
    expect(() => append({ tail })).toThrow('positions below 2^53');
  });
});

describe('a deletion', () => {
  it('ends the life of all events so far, and the snapshot', () => {
    expect(decideDelete(head(3, { snapshotVersion: 2 }), 3, nowMs)).toEqual({
      kind: 'deleted',
      isNew: true,
      head: head(3, { deletedThrough: 3, updatedAtMs: nowMs }),
    });
  });

  it('of what is deleted answers the same, as long as nothing was appended', () => {
    const deleted = head(3, { deletedThrough: 3 });
    expect(decideDelete(deleted, undefined, nowMs)).toEqual({ kind: 'deleted', isNew: false, head: deleted });
    expect(decideDelete(head(4, { deletedThrough: 3 }), undefined, nowMs)).toMatchObject({
      isNew: true,
      head: { deletedThrough: 4 },
    });
  });

  it('is refused where there is no stream, or it has another version', () => {
    expect(decideDelete(undefined, undefined, nowMs)).toEqual({ kind: 'notFound' });
    expect(decideDelete(head(3), 2, nowMs)).toEqual({ kind: 'wrongVersion', actualVersion: 3 });
    expect(decideDelete(head(3, { deletedThrough: 3 }), 0, nowMs)).toEqual({ kind: 'wrongVersion', actualVersion: 3 });
  });
});

describe('a snapshot', () => {
  it('is kept where it is newer, and of events that are there', () => {
    expect(decideSnapshot(head(3, { snapshotVersion: 1 }), 2, nowMs)).toEqual({
      kind: 'saved',
      takenAtMs: nowMs,
      head: head(3, { snapshotVersion: 2 }),
    });
    expect(decideSnapshot(head(3, { snapshotVersion: 2 }), 2, nowMs)).toEqual({ kind: 'kept' });
    expect(decideSnapshot(head(3, { snapshotVersion: 3 }), 2, nowMs)).toEqual({ kind: 'kept' });
    expect(decideSnapshot(head(3), 4, nowMs)).toEqual({ kind: 'ahead', actualVersion: 3 });
    expect(decideSnapshot(undefined, 1, nowMs)).toEqual({ kind: 'notFound' });
    expect(decideSnapshot(head(3, { deletedThrough: 2 }), 2, nowMs)).toEqual({ kind: 'notFound' });
  });
});
