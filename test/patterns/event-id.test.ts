/** Ids that are made for events. */
import { makeSeededIds, systemIds } from '../../src/core/ids';
import { makeEventId, versionOfMadeId } from '../../src/patterns/event-id';

const uuid = 'ffffffff-ffff-4abc-9def-0123456789ab';

it.each([
  [1, '00000000-0001-8abc-9def-0123456789ab'],
  [65_536, '00000001-0000-8abc-9def-0123456789ab'],
  [281_474_976_710_655, 'ffffffff-ffff-8abc-9def-0123456789ab'],
])('an id of version %d says so, and keeps what is random', (version, id) => {
  expect(makeEventId(version, uuid)).toBe(id);
  expect(versionOfMadeId(id)).toBe(version);
});

it('of any version and chance is read back, and in the order of versions', () => {
  const ids = makeSeededIds(3);
  let before = '';
  for (let version = 1; version < 2 ** 47; version = version * 3 + 1) {
    const id = makeEventId(version, ids.uuid());
    expect(versionOfMadeId(id)).toBe(version);
    expect(id > before).toBe(true);
    before = id;
  }
  expect(versionOfMadeId(makeEventId(9, systemIds.uuid()))).toBe(9);
});

it('there is none for a version that does not fit', () => {
  expect(() => makeEventId(2 ** 48, uuid)).toThrow('48 bits');
});

it.each([
  ['', 'nothing'],
  ['order-7', 'any name'],
  [uuid, 'a random UUID'],
  ['00000000-0001-7abc-9def-0123456789ab', 'one of time'],
  ['00000000-0000-8abc-9def-0123456789ab', 'one of version 0'],
  ['00000000-0001-8abc-cdef-0123456789ab', 'another variant'],
  ['00000000-000A-8abc-9def-0123456789ab', 'one in capitals, which is another text'],
  [' 00000000-0001-8abc-9def-0123456789ab', 'one with more before it'],
  ['00000000-0001-8abc-9def-0123456789ab\n', 'one with more behind it'],
])('%j is none: %s', (id) => {
  expect(versionOfMadeId(id)).toBeUndefined();
});
