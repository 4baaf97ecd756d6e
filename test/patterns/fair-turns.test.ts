/** Turns of tenants in the gateway. */
import { ManualClock } from '../../src/core/clock';
import { FairTurns } from '../../src/gateway/fair-turns';
import { failure, turn } from './support/world';

let clock: ManualClock;
let turns: FairTurns;
/** What was let in, in order. */
let begun: string[];

beforeEach(() => {
  clock = new ManualClock();
  turns = new FairTurns({ clock, atOnce: 4, waitingMax: 3 });
  begun = [];
});

/** Enters; whether it may go at once. */
function enter(tenantId: string, name = tenantId): boolean {
  const waiting = turns.enter(tenantId);
  if (waiting) void waiting.then(() => begun.push(name));
  else begun.push(name);
  return waiting === undefined;
}

it('a tenant alone runs everything at once', () => {
  for (let count = 0; count < 100; count += 1) expect(enter('a')).toBe(true);
});

it('with another tenant each has its share, and what is beyond waits in order, behind its own tenant alone', async () => {
  expect(enter('b')).toBe(true);
  expect([enter('a', 'a1'), enter('a', 'a2'), enter('a', 'a3'), enter('a', 'a4')]).toEqual([true, true, false, false]);
  expect(enter('b')).toBe(true);
  turns.leave('a');
  await turn();
  expect(begun).toEqual(['b', 'a1', 'a2', 'b', 'a3']);
  // Nobody overtakes who waits.
  expect(enter('a', 'a5')).toBe(false);
  turns.leave('a');
  await turn();
  expect(begun.slice(5)).toEqual(['a4']);
});

it('what runs already when another comes runs on, and new work waits until it is below the share', async () => {
  for (let count = 0; count < 5; count += 1) enter('a');
  expect(enter('b')).toBe(true);
  expect(enter('a', 'late')).toBe(false);
  for (let count = 0; count < 3; count += 1) turns.leave('a');
  await turn();
  expect(begun).not.toContain('late');
  turns.leave('a');
  await turn();
  expect(begun).toContain('late');
});

it('every tenant may run something, however many there are', () => {
  for (let count = 0; count < 50; count += 1) expect(enter(`t${count}`)).toBe(true);
  expect(enter('t0')).toBe(false);
});

it('a tenant that has sent nothing for a second counts no more, and lets those that wait go', async () => {
  enter('b');
  turns.leave('b');
  for (let count = 0; count < 4; count += 1) enter('a', `a${count}`);
  clock.advance(1_001);
  // The next that comes sees that b is gone.
  expect(enter('a', 'a4')).toBe(false);
  turns.leave('a');
  await turn();
  expect(begun).toEqual(['b', 'a0', 'a1', 'a2', 'a3', 'a4']);
  expect(enter('a')).toBe(true);
});

it('a line that is too long is OVERLOADED, and takes more when it is shorter', async () => {
  enter('b');
  for (let count = 0; count < 5; count += 1) enter('a');
  await expect(turns.enter('a')).rejects.toEqual(failure('OVERLOADED'));
  turns.leave('a');
  await turn();
  expect(enter('a')).toBe(false);
});
