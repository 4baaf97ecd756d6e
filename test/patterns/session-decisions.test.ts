/** The rules of sessions: given, when, then. */
import {
  beginSession,
  decideEviction,
  decideRotate,
  decideTouch,
  decideUpdate,
  headAfterBegin,
  isOver,
} from '../../src/patterns/session-decisions';
import { decodeSession, encodeSession, noHead } from '../../src/patterns/session-record';
import type { SessionRecord } from '../../src/patterns/session-record';

const session = (over: Partial<SessionRecord> = {}): SessionRecord => ({
  userId: 'ada',
  email: 'a@b',
  roles: ['x', 'y'],
  attributes: '{"a":1}',
  createdAtMs: 1_000,
  lastAccessedAtMs: 1_000,
  expiresAtMs: 1_100,
  absoluteExpiresAtMs: 1_250,
  ttlMs: 100,
  secretHash: 'hash',
  ...over,
});

describe('a new session', () => {
  const given = { userId: 'ada', roles: ['x', 'y', 'x'], attributes: '{}', ttlMs: 100, absoluteTtlMs: 250 };

  it('ends after its ttl, or at its absolute end where that is earlier', () => {
    expect(beginSession(given, 'hash', 1_000)).toEqual({
      userId: 'ada',
      roles: ['x', 'y'],
      attributes: '{}',
      createdAtMs: 1_000,
      lastAccessedAtMs: 1_000,
      expiresAtMs: 1_100,
      absoluteExpiresAtMs: 1_250,
      ttlMs: 100,
      secretHash: 'hash',
    });
    expect(beginSession({ ...given, absoluteTtlMs: 50 }, 'hash', 1_000).expiresAtMs).toBe(1_050);
  });

  it('moves the head, which outlives it', () => {
    const head = headAfterBegin(noHead, 7, session());
    expect(head).toEqual({ last: 7, changes: 1, keepUntilMs: 1_250 + 86_400_000 });
    expect(headAfterBegin(head, 9, session({ absoluteExpiresAtMs: 5 }))).toEqual({ ...head, last: 9, changes: 2 });
  });
});

describe('a session is over', () => {
  it.each([
    [1_099, 0, false],
    [1_100, 0, true],
    [1_099, 4, false],
    [1_099, 5, true],
    [1_099, 6, true],
  ])('at %i where all through %i are: %s', (nowMs, endedThrough, over) => {
    expect(isOver(session(), 5, { endedThrough, nowMs })).toBe(over);
  });
});

describe('a touch', () => {
  it.each([
    [1_000, undefined],
    [1_009, undefined],
    [1_010, 1_110],
    [1_099, 1_199],
    [1_200, 1_250],
  ])('at %i moves the end to %s', (nowMs, expiresAtMs) => {
    const next = decideTouch(session(), nowMs);
    expect(next).toEqual(expiresAtMs === undefined ? undefined : session({ lastAccessedAtMs: nowMs, expiresAtMs }));
  });

  it('of a very short life is recorded when any time has passed', () => {
    const short = session({ ttlMs: 5, expiresAtMs: 1_005 });
    expect(decideTouch(short, 1_000)).toBeUndefined();
    expect(decideTouch(short, 1_001)).toMatchObject({ lastAccessedAtMs: 1_001, expiresAtMs: 1_006 });
  });
});

describe('a change', () => {
  const at = { lastAccessedAtMs: 1_001, expiresAtMs: 1_101 };

  it.each([
    [{}, {}],
    [{ email: 'c@d' }, { email: 'c@d' }],
    [{ email: null }, { email: undefined }],
    [{ roles: ['z'] }, { roles: ['z'] }],
    [{ roles: [] }, { roles: [] }],
    [{ addRoles: ['z', 'x'] }, { roles: ['x', 'y', 'z'] }],
    [{ removeRoles: ['x', 'w'] }, { roles: ['y'] }],
    [{ roles: ['z', 'z'], addRoles: ['w'], removeRoles: ['z'] }, { roles: ['w'] }],
    [{ attributes: { b: 2 } }, { attributes: '{"a":1,"b":2}' }],
    [{ attributes: { a: null } }, { attributes: '{}' }],
    [{ attributes: [1] }, { attributes: '[1]' }],
  ])('of %j leaves %j, and extends', (change, expected) => {
    expect(decideUpdate(session(), change, 1_001)).toEqual(session({ ...at, ...expected }));
  });
});

describe('a rotation', () => {
  it('puts another hash, and extends', () => {
    const rotated = decideRotate(session(), 'other', 1_001);
    expect(rotated).toEqual(session({ secretHash: 'other', lastAccessedAtMs: 1_001, expiresAtMs: 1_101 }));
  });
});

describe('of a user who may have so many sessions', () => {
  const newestFirst = [9, 7, 4].map((number) => ({ number, expiresAtMs: 1 }));
  it.each([
    [1, 9],
    [2, 7],
    [3, 4],
    [4, undefined],
  ])('as %i, those through %s end', (perUserMax, through) => {
    expect(decideEviction(newestFirst, perUserMax)).toBe(through);
  });
});

describe('the record of a session', () => {
  it('survives being written and read, whatever its attributes are', () => {
    for (const attributes of ['{}', '"é\\u0000"', '{"__proto__":1}', 'null']) {
      expect(decodeSession(encodeSession(session({ attributes })))).toEqual(session({ attributes }));
    }
    expect(() => decodeSession(Buffer.of(9))).toThrow('a session of format 9');
  });
});
