/** The table of attempts against a map: every attempt of the last minute is found, however many came and went. */
import { systemClock } from '../../src/core/clock';
import { makeSeededIds } from '../../src/core/ids';
import { AttemptTable } from '../../storage/attempt-table';

const keepMs = 1_000;
const seed = systemClock.nowMs() % 1_000_000;

/** Ids as clients make them: random in front, counted behind; some all random, and some alike but for one byte. */
function makeId(ids: ReturnType<typeof makeSeededIds>, count: number): Buffer {
  const id = Buffer.alloc(16);
  if (count % 3 === 0) return ids.bytes(16);
  id.writeUInt32BE(count % 3 === 1 ? 0xdeadbeef : count, count % 3 === 1 ? 0 : 4);
  id.writeUIntBE(count, 10, 6);
  return id;
}

test(`finds what was added within its time, after growing and shrinking (seed ${seed})`, () => {
  const ids = makeSeededIds(seed);
  const table = new AttemptTable(keepMs);
  const kept = new Map<string, { id: Buffer; revision: number; nowMs: number }>();
  let nowMs = 1_000_000;
  for (let count = 1; count <= 60_000; count += 1) {
    // Busy for a while, then quiet, so that the table grows and shrinks.
    const isBusy = Math.floor(count / 10_000) % 2 === 0;
    if (ids.fraction() < (isBusy ? 0.02 : 0.5)) nowMs += Math.floor(ids.fraction() * (isBusy ? 5 : 50));
    const entry = { id: makeId(ids, count), revision: count, nowMs };
    table.add(entry.id, entry);
    kept.set(entry.id.toString('hex'), entry);
    for (const [name, { nowMs: atMs }] of kept) {
      if (atMs + keepMs >= nowMs) break;
      kept.delete(name);
    }
    if (count % 5_000 !== 0) continue;
    for (const { id, revision, nowMs: atMs } of kept.values()) {
      if (table.find(id)?.revision !== revision || table.find(id)?.nowMs !== atMs) {
        throw new Error(`attempt ${revision} of ${atMs} is not found at ${nowMs}, with ${kept.size} kept`);
      }
    }
    for (let other = 0; other < 100; other += 1) expect(table.find(ids.bytes(16))).toBeUndefined();
  }
});

test('does not grow with what is too old', () => {
  const table = new AttemptTable(keepMs);
  const ids = makeSeededIds(1);
  const first = ids.bytes(16);
  table.add(first, { revision: 1, nowMs: 0 });
  expect(table.find(first)).toEqual({ revision: 1, nowMs: 0 });
  for (let count = 0; count < 5_000; count += 1) table.add(ids.bytes(16), { revision: 2 + count, nowMs: 10 * count });
  expect(table.find(first)).toBeUndefined();
});
