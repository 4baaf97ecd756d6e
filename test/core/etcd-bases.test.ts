/** What is shown of etcd's revisions, over imports. */
import { makeSeededIds } from '../../src/core/ids';
import { RevisionBases } from '../../storage/etcd/bases';
import { Layout } from '../../storage/etcd/layout';
import type { KeyValue } from '../../storage/etcd/messages';

const layout = new Layout('test/');
const rowAt = (modRevision: number, value: Buffer): KeyValue => {
  return { key: layout.bases, value, createRevision: 1, modRevision, version: 1 };
};

test.each([1, 2])('stays as it was shown, rises, and is found again: seed %i', (seed) => {
  const ids = makeSeededIds(seed);
  const upTo = (max: number): number => 1 + Math.floor(ids.fraction() * max);
  const bases = new RevisionBases(layout);
  /** By revision of etcd's. */
  const shown = new Map<number, number>();
  let revision = 1;
  const see = (): void => {
    const before = bases.shown(revision);
    revision += upTo(3);
    shown.set(revision, bases.shown(revision));
    expect(bases.shown(revision)).toBeGreaterThan(before);
  };
  for (let round = 0; round < 12; round += 1) {
    for (let step = upTo(5); step > 0; step -= 1) see();
    const newest = bases.shown(revision);
    // Above what is shown here, as often as below it.
    const floor = ids.fraction() < 0.5 ? upTo(newest) : newest + upTo(10_000);
    const { value, base } = bases.raised({ floor, revision, isAll: false });
    revision += upTo(4);
    bases.note(rowAt(revision, value), revision);
    expect(bases.shown(revision)).toBeGreaterThan(Math.max(floor, newest));
    expect(bases.floor).toBe(revision + base);
    for (const [own, was] of shown) expect([own, bases.shown(own)]).toEqual([own, was]);
    for (const [own, was] of shown) expect([was, bases.own(was)]).toEqual([was, own]);
  }
  const all = new Set(Array.from({ length: revision }, (_, own) => bases.shown(own)));
  expect(all.size).toBe(revision);
  // What nobody was shown is nobody's.
  for (let tries = 0; tries < 300; tries += 1) {
    const any = upTo(bases.shown(revision));
    if (!all.has(any))
      expect([any, bases.own(any)]).toEqual([any, any === bases.shown(revision) ? revision : undefined]);
  }
});

test('a row that is older than the one that is known changes nothing', () => {
  const bases = new RevisionBases(layout);
  const first = bases.raised({ floor: 1_000, revision: 10, isAll: false }).value;
  bases.note(rowAt(11, first), 11);
  bases.note(rowAt(20, bases.raised({ floor: 5_000, revision: 19, isAll: false }).value), 20);
  const before = [5, 11, 15, 20, 30].map((own) => bases.shown(own));
  bases.note(rowAt(11, first), 12);
  expect([5, 11, 15, 20, 30].map((own) => bases.shown(own))).toEqual(before);
  expect(before).toEqual([5, 1_001, 1_005, 5_001, 5_011]);
});

test('a mark of another store is shown as it was; a life that is another one is known', () => {
  const bases = new RevisionBases(layout);
  bases.begin();
  expect(bases.shown(-77)).toBe(77);
  const { value } = bases.raised({ floor: 9, revision: 5, isAll: true });
  bases.note(rowAt(6, value), 6);
  expect(bases.isAnotherLife).toBe(true);
});

test('more steps than there is room for are refused', () => {
  const bases = new RevisionBases(layout);
  let revision = 1;
  const raise = (): void => {
    const { value } = bases.raised({ floor: bases.shown(revision) + 10, revision, isAll: false });
    bases.note(rowAt((revision += 1), value), revision);
  };
  expect(() => {
    for (let step = 0; step < 1_100; step += 1) raise();
  }).toThrow('1000 imports');
  expect(bases.shown(revision)).toBeGreaterThan(10_000);
});
