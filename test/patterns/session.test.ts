/** Sessions over gateways that share a store. */
import { tryDecodeOpaque } from '../../src/core/opaque';
import type { OpenedSession, Session } from '../../src/patterns/session';
import type { CreateSession, UpdateSession } from '../../src/patterns/session-input';
import { sessionCursor } from '../../src/patterns/session-token';
import { atOnce, failure, World } from './support/world';
import type { Gateway } from './support/world';

let world: World;
let gateway: Gateway;
let other: Gateway;

beforeEach(() => {
  world = new World();
  gateway = world.gateway();
  other = world.gateway();
});
afterEach(() => world.close());

const ttlMs = 10_000;
const absoluteTtlMs = 100_000;
const create = (over: Partial<CreateSession> = {}, by: Gateway = gateway): Promise<OpenedSession> =>
  by.sessions.create({ userId: 'ada', roles: [], ttlMs, absoluteTtlMs, ...over });
const update = (token: string, over: Omit<UpdateSession, 'token'>, by: Gateway = gateway) =>
  by.sessions.update({ token, ...over });
const invalid = { kind: 'invalid' } as const;
const live = async (userId = 'ada'): Promise<string[]> =>
  (await other.sessions.list(userId, 1_000, undefined)).sessions.map(({ id }) => id);

/** The session of an answer. */
function sessionIn(outcome: { kind: string; session?: Session }): Session {
  if (!outcome.session) throw new Error(`no session but ${outcome.kind}`);
  return outcome.session;
}

describe('creating', () => {
  it('answers a token and the session, which every gateway finds by it', async () => {
    const atMs = world.clock.nowMs();
    const { token, session } = await create({ email: 'a@b', roles: ['x', 'y', 'x'], attributes: { a: 1 } });
    expect(token).toMatch(/^[\w-]{72}$/);
    expect(session).toMatchObject({
      userId: 'ada',
      email: 'a@b',
      roles: ['x', 'y'],
      attributes: '{"a":1}',
      createdAtMs: atMs,
      lastAccessedAtMs: atMs,
      expiresAtMs: atMs + ttlMs,
      absoluteExpiresAtMs: atMs + absoluteTtlMs,
    });
    expect(await other.sessions.get(token)).toEqual(session);
    expect((await create({ absoluteTtlMs: 5 })).session.expiresAtMs).toBe(atMs + 5);
  });

  it('gives every session a token, an id and a number of its own', async () => {
    const opened = await Promise.all(
      [gateway, other, gateway, other, gateway, other].map((each) => world.until(create({}, each))),
    );
    expect(new Set(opened.map(({ token }) => token)).size).toBe(6);
    expect(new Set(opened.map(({ session }) => session.id)).size).toBe(6);
    expect((await live()).sort()).toEqual(opened.map(({ session }) => session.id).sort());
  });

  it('again with its key answers the same token and session, through another gateway and after changes too', async () => {
    const first = await create({ roles: ['x'], idempotencyKey: 'k' });
    await update(first.token, { addRoles: ['y'] });
    world.clock.advance(10);
    expect(await create({ roles: ['x'], idempotencyKey: 'k' }, other)).toEqual(first);
    expect(await live()).toEqual([first.session.id]);
    await gateway.sessions.destroy(first.token);
    expect(await create({ roles: ['x'], idempotencyKey: 'k' })).toEqual(first);
    expect(await live()).toEqual([]);
    await expect(create({ roles: ['z'], idempotencyKey: 'k' })).rejects.toEqual(failure('IDEMPOTENCY_KEY_REUSED'));
  });

  it('twice at once with the same key is one session', async () => {
    const opened = await Promise.all(
      [gateway, other, gateway].map((each) => world.until(create({ idempotencyKey: 'k' }, each))),
    );
    expect(new Set(opened.map(({ token }) => token)).size).toBe(1);
    expect(await live()).toHaveLength(1);
  });

  it.each<[Partial<CreateSession>, string]>([
    [{ userId: '' }, 'input.userId'],
    [{ userId: 'x'.repeat(257) }, 'input.userId'],
    [{ userId: 'a\ud800' }, 'input.userId'],
    [{ email: '' }, 'input.email'],
    [{ email: 'x'.repeat(257) }, 'input.email'],
    [{ roles: [''] }, 'input.roles[0]'],
    [{ roles: Array.from({ length: 101 }, (_, index) => `r${index}`) }, 'input.roles'],
    [{ attributes: 'x'.repeat(32_767) }, 'input.attributes'],
    [{ attributes: { a: Number.NaN } }, 'input.attributes'],
    [{ attributes: { 'a\ud800': 1 } }, 'input.attributes'],
    [{ ttlMs: 0 }, 'input.ttlMs'],
    [{ ttlMs: -5 }, 'input.ttlMs'],
    [{ absoluteTtlMs: 0 }, 'input.absoluteTtlMs'],
    [{ absoluteTtlMs: 3_153_600_000_001 }, 'input.absoluteTtlMs'],
    [{ maxPerUser: 0 }, 'input.maxPerUser'],
    [{ maxPerUser: 1_001 }, 'input.maxPerUser'],
    [{ idempotencyKey: '' }, 'input.idempotencyKey'],
  ])('refuses what breaks a rule, and stores nothing (%#)', async (over, field) => {
    await expect(create(over)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
    expect(gateway.store.commits).toEqual([]);
  });

  it('takes what is just within the limits', async () => {
    const roles = Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(256, 'r'));
    const attributes = 'x'.repeat(32_766);
    const { token } = await create({ roles, attributes, ttlMs: 3_153_600_000_000, absoluteTtlMs: 3_153_600_000_000 });
    expect(await other.sessions.get(token)).toMatchObject({ roles, attributes: JSON.stringify(attributes) });
  });
});

describe('maxPerUser', () => {
  it('ends the oldest in the commit that begins the new', async () => {
    const opened: OpenedSession[] = [];
    for (let count = 0; count < 5; count += 1) {
      opened.push(await create({ maxPerUser: 3 }));
      world.clock.advance(1);
    }
    expect(await live()).toEqual(opened.slice(2).map(({ session }) => session.id));
    expect(gateway.store.commits.at(-1)!.writes).toHaveLength(4);
    expect(await other.sessions.touch(opened[1]!.token)).toEqual(invalid);
    expect(await other.sessions.destroy(opened[0]!.token)).toBe(false);
  });

  it('counts neither the destroyed nor the expired, and ends none for them', async () => {
    const first = await create();
    const second = await create({ ttlMs: 5 });
    const third = await create();
    await gateway.sessions.destroy(third.token);
    world.clock.advance(5);
    const fourth = await create({ maxPerUser: 2 });
    expect(await live()).toEqual([first.session.id, fourth.session.id]);
    expect(await gateway.sessions.get(second.token)).toBeUndefined();
  });

  it('of many at once leaves exactly as many, on several gateways too', async () => {
    await world.until(
      Promise.all(Array.from({ length: 24 }, (_, index) => create({ maxPerUser: 4 }, index % 2 ? gateway : other))),
    );
    expect(await live()).toHaveLength(4);
  });

  it('ends a great many with one write', async () => {
    await world.until(atOnce(300, () => create()));
    gateway.store.reset();
    const { session } = await create({ maxPerUser: 1 });
    expect(gateway.store.commits.at(-1)!.writes).toHaveLength(4);
    expect(await live()).toEqual([session.id]);
  });

  it('reads as many as there may be, however many ended ones have left their rows', async () => {
    await world.until(atOnce(250, () => create()));
    await gateway.sessions.destroyAll('ada');
    for (let count = 0; count < 4; count += 1) await create({ maxPerUser: 2 });
    gateway.store.reset();
    await create({ maxPerUser: 2 });
    // The sessions, then what the commit writes.
    expect(gateway.store.reads).toHaveLength(2);
    expect(await live()).toHaveLength(2);
  });

  it('reads again where another gateway was faster', async () => {
    await create();
    gateway.store.beforeCommit = async () => {
      gateway.store.beforeCommit = undefined;
      await create({}, other);
    };
    const { session } = await world.until(create({ maxPerUser: 2 }));
    expect(await live()).toHaveLength(2);
    expect((await live()).at(-1)).toBe(session.id);
  });

  it('gives up with CONTENTION where others always win, and has written nothing', async () => {
    gateway.store.beforeCommit = async () => void (await create({ userId: 'ada' }, other));
    await expect(world.until(create({ maxPerUser: 1_000 }))).rejects.toEqual(failure('CONTENTION'));
    expect(await live()).toHaveLength(gateway.store.commits.length);
  });
});

describe('reading', () => {
  it('does not extend, and ends at the very millisecond', async () => {
    const { token, session } = await create();
    world.clock.advance(ttlMs - 1);
    expect(await other.sessions.get(token)).toEqual(session);
    world.clock.advance(1);
    expect(await other.sessions.get(token)).toBeUndefined();
    expect(await other.sessions.touch(token)).toEqual(invalid);
    expect(await live()).toEqual([]);
  });

  it('costs one trip, and none where the token cannot be ours', async () => {
    const { token } = await create();
    gateway.store.reset();
    await gateway.sessions.get(token);
    expect(gateway.store.reads).toHaveLength(1);
    gateway.store.reset();
    const cut = token.slice(1);
    for (const wrong of [
      '',
      'x',
      `${token}A`,
      cut,
      `${cut}=`,
      `=${cut}`,
      ` ${cut}`,
      `+${cut}`,
      `/${cut}`,
      `\u00e9${cut}`,
      '\ud800',
    ]) {
      expect(await gateway.sessions.get(wrong)).toBeUndefined();
      expect(await gateway.sessions.touch(wrong)).toEqual(invalid);
      expect(await update(wrong, { addRoles: ['x'] })).toEqual(invalid);
      expect(await gateway.sessions.rotate({ token: wrong })).toEqual(invalid);
      expect(await gateway.sessions.destroy(wrong)).toBe(false);
    }
    expect([gateway.store.reads, gateway.store.commits]).toEqual([[], []]);
  });

  it('needs every bit of the token', async () => {
    const { token } = await create();
    const bytes = Buffer.from(token, 'base64url');
    for (const at of [0, 15, 31, 32, 47, 48, 53]) {
      const forged = Buffer.from(bytes);
      forged[at]! ^= 1;
      expect(await gateway.sessions.get(forged.toString('base64url'))).toBeUndefined();
      expect(await gateway.sessions.touch(forged.toString('base64url'))).toEqual(invalid);
    }
  });

  it('finds a live session by its id, which tells nothing of the token', async () => {
    const { token, session } = await create();
    const payload = tryDecodeOpaque('sessionNode', session.id)!.toString('utf8');
    expect(await other.sessions.byId(payload)).toEqual(session);
    const secret = Buffer.from(token, 'base64url').subarray(0, 32);
    expect(Buffer.from(payload, 'base64url')).toEqual(Buffer.from(token, 'base64url').subarray(32));
    expect(session.id).not.toContain(secret.toString('base64url').slice(0, 20));
    for (const wrong of ['', 'x', payload.slice(1), token]) expect(await other.sessions.byId(wrong)).toBeUndefined();
    await gateway.sessions.destroy(token);
    expect(await other.sessions.byId(payload)).toBeUndefined();
  });

  it('stores no token anywhere, in marks neither', async () => {
    const opened = await create({ idempotencyKey: 'k' });
    const rotated = await gateway.sessions.rotate({ token: opened.token, idempotencyKey: 'k' });
    await update(opened.token, { addRoles: ['x'], idempotencyKey: 'k' });
    const stored = gateway.store.commits.flatMap(({ writes, marks = [] }) => [
      ...writes.flatMap((write) => [write.key, write.kind === 'put' ? write.value : Buffer.alloc(0)]),
      ...marks.flatMap(({ key, value }) => [key, value]),
    ]);
    const bytes = Buffer.concat(stored);
    for (const token of [opened.token, (rotated as OpenedSession).token]) {
      const secret = Buffer.from(token, 'base64url').subarray(0, 32);
      for (const form of [
        secret,
        secret.toString('base64'),
        secret.toString('base64url'),
        secret.toString('hex'),
        token,
      ])
        expect(bytes.includes(form)).toBe(false);
    }
  });

  it('is of one tenant and one secret: nothing of it shows as a key', async () => {
    await create();
    expect((await gateway.kv.scan({ prefix: '', first: 10, reverse: false })).entries).toEqual([]);
    for (const { writes } of gateway.store.commits)
      for (const { key } of writes)
        expect(await gateway.kv.get(key.toString('latin1'), 'linearizable')).toBeUndefined();
  });
});

describe('touching', () => {
  it('extends from a tenth of the ttl on, and before that writes and moves nothing', async () => {
    const { token, session } = await create();
    gateway.store.reset();
    world.clock.advance(ttlMs / 10 - 1);
    expect(await gateway.sessions.touch(token)).toEqual({ kind: 'session', session });
    expect(gateway.store.commits.flatMap(({ writes }) => writes)).toEqual([]);
    world.clock.advance(1);
    const nowMs = world.clock.nowMs();
    const touched = sessionIn(await other.sessions.touch(token));
    expect(touched).toMatchObject({ lastAccessedAtMs: nowMs, expiresAtMs: nowMs + ttlMs });
    expect(touched.revision).toBeGreaterThan(session.revision);
    world.clock.advance(ttlMs - 1);
    expect(await gateway.sessions.get(token)).toEqual(touched);
  });

  it('never past the absolute end', async () => {
    const { token } = await create({ absoluteTtlMs: 15_000 });
    const beganMs = world.clock.nowMs();
    world.clock.advance(9_999);
    expect(sessionIn(await gateway.sessions.touch(token)).expiresAtMs).toBe(beganMs + 15_000);
    world.clock.advance(5_000);
    expect(sessionIn(await gateway.sessions.touch(token)).expiresAtMs).toBe(beganMs + 15_000);
    world.clock.advance(1);
    expect(await gateway.sessions.touch(token)).toEqual(invalid);
  });

  it('of many at once is one write, with one answer for all', async () => {
    const { token } = await create();
    world.clock.advance(5_000);
    gateway.store.reset();
    const answers = await atOnce(50, () => gateway.sessions.touch(token));
    expect(gateway.store.commits.flatMap(({ writes }) => writes)).toHaveLength(1);
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await other.sessions.get(token)).toEqual(sessionIn(answers[0]!));
  });

  it('revives nothing that ended on another gateway while it was on its way', async () => {
    for (const end of ['destroy', 'destroyAll', 'expire', 'evict', 'rotate'] as const) {
      const { token } = await create({ userId: end });
      world.clock.advance(ttlMs - 10);
      // The lane knows the session well.
      gateway.store.beforeCommit = async () => {
        gateway.store.beforeCommit = undefined;
        if (end === 'destroy') await other.sessions.destroy(token);
        if (end === 'destroyAll') await other.sessions.destroyAll(end);
        if (end === 'evict') await create({ userId: end, maxPerUser: 1 }, other);
        if (end === 'rotate') await other.sessions.rotate({ token });
        if (end === 'expire') world.clock.advance(10);
      };
      expect([end, await gateway.sessions.touch(token)]).toEqual([end, invalid]);
      expect(await other.sessions.get(token)).toBeUndefined();
    }
  });

  it('as a no-op is never answered from what a gateway remembers', async () => {
    const { token } = await create();
    await gateway.sessions.touch(token);
    await other.sessions.destroyAll('ada');
    expect(await gateway.sessions.touch(token)).toEqual(invalid);
  });
});

describe('updating', () => {
  it('changes what is given, keeps the rest, and extends', async () => {
    const { token, session } = await create({ email: 'a@b', roles: ['x'], attributes: { a: { b: 1, c: 2 }, d: 3 } });
    world.clock.advance(1);
    const nowMs = world.clock.nowMs();
    const changed = sessionIn(await update(token, { attributes: { a: { b: null, e: 4 } }, addRoles: ['y', 'x'] }));
    expect(changed).toMatchObject({
      id: session.id,
      email: 'a@b',
      roles: ['x', 'y'],
      attributes: '{"a":{"c":2,"e":4},"d":3}',
      createdAtMs: session.createdAtMs,
      lastAccessedAtMs: nowMs,
      expiresAtMs: nowMs + ttlMs,
    });
    expect(await other.sessions.get(token)).toEqual(changed);
    const changes = { email: null, roles: ['z'], addRoles: ['w'], removeRoles: ['z'] };
    expect(sessionIn(await update(token, changes))).toMatchObject({ roles: ['w'] });
    expect((await other.sessions.get(token))!.email).toBeUndefined();
    expect(sessionIn(await update(token, { email: 'c@d', roles: [] }))).toMatchObject({ email: 'c@d', roles: [] });
  });

  it('of many at once applies all', async () => {
    const { token } = await create();
    const roles = Array.from({ length: 30 }, (_, index) => `r${index}`);
    const answers = await world.until(
      Promise.all(roles.map((role, index) => update(token, { addRoles: [role] }, index % 2 ? gateway : other))),
    );
    expect([...(await gateway.sessions.get(token))!.roles].sort()).toEqual([...roles].sort());
    const revisions = answers.map((answer) => sessionIn(answer).revision);
    expect(new Set(revisions).size).toBe(30);
  });

  it('with ifVersion only over that version', async () => {
    const { token, session } = await create();
    const ifVersion = String(session.revision);
    const changed = sessionIn(await update(token, { addRoles: ['x'], ifVersion }));
    expect(await update(token, { addRoles: ['y'], ifVersion }, other)).toEqual({ kind: 'conflict', current: changed });
    expect(await update(token, { addRoles: ['y'], ifVersion: String(changed.revision) })).toMatchObject({
      kind: 'session',
    });
    await expect(update(token, { ifVersion: 'x' })).rejects.toMatchObject({ details: { field: 'input.ifVersion' } });
  });

  it('of several with the same ifVersion at once lets one through', async () => {
    const { token, session } = await create();
    const ifVersion = String(session.revision);
    const answers = await world.until(
      Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          update(token, { addRoles: [`r${index}`], ifVersion }, index % 2 ? gateway : other),
        ),
      ),
    );
    expect(answers.filter(({ kind }) => kind === 'session')).toHaveLength(1);
    expect((await gateway.sessions.get(token))!.roles).toHaveLength(1);
  });

  it('again with its key answers as the first time and changes nothing', async () => {
    const { token, session } = await create();
    const first = await update(token, { addRoles: ['x'], idempotencyKey: 'k' });
    await update(token, { removeRoles: ['x'], addRoles: ['y'] });
    expect(await update(token, { addRoles: ['x'], idempotencyKey: 'k' }, other)).toEqual(first);
    expect((await gateway.sessions.get(token))!.roles).toEqual(['y']);
    const stale = { addRoles: ['z'], ifVersion: String(session.revision), idempotencyKey: 'l' };
    const refused = await update(token, stale);
    expect(refused).toMatchObject({ kind: 'conflict', current: { roles: ['y'] } });
    expect(await update(token, stale, other)).toEqual(refused);
    await gateway.sessions.destroy(token);
    expect(await update(token, { addRoles: ['x'], idempotencyKey: 'k' }, other)).toEqual(first);
    expect(await update(token, stale, other)).toEqual(invalid);
  });

  it('again with its key shows the session as it is where the first answer was too large to keep', async () => {
    const { token } = await create({ attributes: { text: 'x'.repeat(10_000) } });
    await update(token, { addRoles: ['x'], idempotencyKey: 'k' });
    const now = sessionIn(await update(token, { removeRoles: ['x'] }));
    expect(await update(token, { addRoles: ['x'], idempotencyKey: 'k' })).toEqual({ kind: 'session', session: now });
    await gateway.sessions.destroy(token);
    expect(await update(token, { addRoles: ['x'], idempotencyKey: 'k' })).toEqual(invalid);
  });

  it('keeps names such as __proto__ as plain members', async () => {
    const attributes = JSON.parse('{"__proto__":{"admin":true},"constructor":{"a":1}}') as unknown;
    const { token } = await create({ attributes });
    const patch = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"x":1}}}') as unknown;
    const { attributes: text } = sessionIn(await update(token, { attributes: patch }));
    expect(text).toBe('{"__proto__":{"admin":true,"polluted":1},"constructor":{"a":1,"prototype":{"x":1}}}');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  it.each<[Omit<UpdateSession, 'token'>, string]>([
    [{ addRoles: ['x', ''] }, 'input.addRoles[1]'],
    [{ removeRoles: [''] }, 'input.removeRoles[0]'],
    [{ addRoles: ['x'], removeRoles: ['x'] }, 'input.addRoles'],
    [{ email: '' }, 'input.email'],
    [{ attributes: 'x'.repeat(40_000) }, 'input.attributes'],
    [{ addRoles: Array.from({ length: 100 }, (_, index) => `r${index}`) }, 'input.addRoles'],
    [{ attributes: { more: 'x'.repeat(30_000) } }, 'input.attributes'],
  ])('refuses what breaks a rule, and changes nothing (%#)', async (over, field) => {
    const { token, session } = await create({ roles: ['own'], attributes: { text: 'x'.repeat(5_000) } });
    const refusal: unknown = await update(token, over).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
    expect((refusal as Error).message).not.toContain(token);
    expect(await gateway.sessions.get(token)).toEqual(session);
  });
});

describe('rotating', () => {
  it('gives a new token for the same session, extends it, and the old one is dead', async () => {
    const { token, session } = await create({ roles: ['x'] });
    world.clock.advance(1);
    const rotated = (await gateway.sessions.rotate({ token })) as OpenedSession;
    expect(rotated.token).not.toBe(token);
    const { revision, lastAccessedAtMs, expiresAtMs, ...rest } = rotated.session;
    expect(session).toMatchObject(rest);
    expect([lastAccessedAtMs, expiresAtMs]).toEqual([world.clock.nowMs(), world.clock.nowMs() + ttlMs]);
    expect(revision).toBeGreaterThan(session.revision);
    expect(await other.sessions.get(rotated.token)).toEqual(rotated.session);
    expect(await other.sessions.get(token)).toBeUndefined();
    for (const by of [gateway, other]) {
      expect(await by.sessions.touch(token)).toEqual(invalid);
      expect(await by.sessions.rotate({ token })).toEqual(invalid);
      expect(await by.sessions.destroy(token)).toBe(false);
    }
    expect(await live()).toEqual([session.id]);
  });

  it('of several at once goes to one', async () => {
    const { token } = await create();
    const outcomes = await world.until(
      Promise.all([gateway, other, gateway, other].map((each) => each.sessions.rotate({ token }))),
    );
    expect(outcomes.filter(({ kind }) => kind === 'opened')).toHaveLength(1);
  });

  it('again with its key answers the same new token', async () => {
    const { token } = await create();
    const outcomes = await world.until(
      Promise.all([gateway, other, gateway].map((each) => each.sessions.rotate({ token, idempotencyKey: 'k' }))),
    );
    const [first] = outcomes;
    expect(outcomes).toEqual([first, first, first]);
    expect(await gateway.sessions.get((first as OpenedSession).token)).toBeDefined();
    await gateway.sessions.destroy((first as OpenedSession).token);
    expect(await other.sessions.rotate({ token, idempotencyKey: 'k' })).toEqual(first);
    await expect(gateway.sessions.rotate({ token, idempotencyKey: '' })).rejects.toMatchObject({
      details: { field: 'idempotencyKey' },
    });
  });

  it('that was refused is refused again with its key', async () => {
    const { token } = await create();
    await gateway.sessions.destroy(token);
    for (const by of [gateway, other])
      expect(await by.sessions.rotate({ token, idempotencyKey: 'k' })).toEqual(invalid);
  });
});

describe('destroying', () => {
  it('ends the session everywhere, once', async () => {
    const { token, session } = await create();
    await other.sessions.touch(token);
    expect(await gateway.sessions.destroy(token)).toBe(true);
    expect(await gateway.sessions.destroy(token)).toBe(false);
    expect(await other.sessions.get(token)).toBeUndefined();
    expect(await other.sessions.touch(token)).toEqual(invalid);
    expect(await update(token, { addRoles: ['x'] }, other)).toEqual(invalid);
    expect(await live()).not.toContain(session.id);
  });

  it('of an expired session is false', async () => {
    const { token } = await create();
    world.clock.advance(ttlMs);
    expect(await gateway.sessions.destroy(token)).toBe(false);
  });

  it('ends all of a user with one write, and nobody else', async () => {
    const mine = await atOnce(5, () => create());
    const theirs = await create({ userId: 'bob' });
    await gateway.sessions.destroy(mine[0]!.token);
    gateway.store.reset();
    expect(await gateway.sessions.destroyAll('ada')).toBe(4);
    expect(gateway.store.commits[0]!.writes).toHaveLength(1);
    for (const { token } of mine) {
      expect(await other.sessions.get(token)).toBeUndefined();
      expect(await other.sessions.touch(token)).toEqual(invalid);
    }
    expect(await live()).toEqual([]);
    expect(await gateway.sessions.destroyAll('ada')).toBe(0);
    expect(await gateway.sessions.destroyAll('nobody')).toBe(0);
    expect(await other.sessions.get(theirs.token)).toEqual(theirs.session);
    const { token } = await create();
    expect(await other.sessions.get(token)).toBeDefined();
  });

  it('reads only that user', async () => {
    await create({ userId: 'bob' });
    gateway.store.reset();
    await gateway.sessions.destroyAll('ada');
    expect(gateway.store.reads.flat().filter(({ end }) => end)).toHaveLength(1);
  });

  it('counts each session that it ends once, while others end and expire', async () => {
    const opened = await atOnce(6, () => create());
    await create({ ttlMs: 5 });
    let isFirst = true;
    gateway.store.beforeCommit = async () => {
      if (!isFirst) return;
      isFirst = false;
      await other.sessions.destroy(opened[0]!.token);
      world.clock.advance(5);
    };
    expect(await world.until(gateway.sessions.destroyAll('ada'))).toBe(5);
  });

  it('leaves no rows behind when all their time is over', async () => {
    const { token } = await create();
    await create({ maxPerUser: 1 });
    await gateway.sessions.destroyAll('ada');
    expect(await other.sessions.get(token)).toBeUndefined();
    world.clock.advance(absoluteTtlMs + 86_400_000 + 1_000);
    await new Promise((resolve) => setImmediate(resolve));
    const everything = { start: Buffer.of(0x30), end: Buffer.of(0x40) };
    expect((await gateway.store.read([everything])).results[0]!.entries).toEqual([]);
    const { session } = await create();
    expect(await live()).toEqual([session.id]);
  });
});

describe('the list of a user', () => {
  it('has the live ones, oldest first, in pages that stay valid', async () => {
    const opened: OpenedSession[] = [];
    for (let count = 0; count < 7; count += 1) {
      opened.push(await create({}, count % 2 ? gateway : other));
      world.clock.advance(1);
    }
    await create({ userId: 'bob' });
    const ids = opened.map(({ session }) => session.id);
    const first = await gateway.sessions.list('ada', 3, undefined);
    expect(first.sessions.map(({ id }) => id)).toEqual(ids.slice(0, 3));
    expect(first.hasMore).toBe(true);
    await gateway.sessions.destroy(opened[2]!.token);
    await gateway.sessions.destroy(opened[4]!.token);
    const second = await gateway.sessions.list('ada', 3, sessionCursor(first.sessions.at(-1)!));
    expect(second.sessions.map(({ id }) => id)).toEqual([ids[3], ids[5], ids[6]]);
    expect(second.hasMore).toBe(false);
    expect(await gateway.sessions.list('nobody', 3, undefined)).toEqual({ sessions: [], hasMore: false });
  });

  it('goes past any number of sessions that were ended together', async () => {
    await world.until(atOnce(250, () => create()));
    await gateway.sessions.destroyAll('ada');
    const { session } = await create();
    gateway.store.reset();
    const page = await gateway.sessions.list('ada', 1, undefined);
    expect(page).toEqual({ sessions: [session], hasMore: false });
    expect(gateway.store.reads.length).toBeLessThanOrEqual(2);
  });

  it('ends a page early where its sessions are large', async () => {
    const attributes = 'x'.repeat(32_000);
    await world.until(atOnce(150, () => create({ attributes })));
    const first = await gateway.sessions.list('ada', 1_000, undefined);
    expect(first.hasMore).toBe(true);
    expect(first.sessions.length).toBeLessThan(150);
    const second = await gateway.sessions.list('ada', 1_000, sessionCursor(first.sessions.at(-1)!));
    expect(first.sessions.length + second.sessions.length).toBe(150);
    expect(second.hasMore).toBe(false);
  });

  it.each([
    ['', 1, undefined],
    ['ada', 0, undefined],
    ['ada', 1_001, undefined],
    ['ada', 1, 'nonsense'],
  ])('refuses %j, %j, %j', async (userId, first, after) => {
    await expect(gateway.sessions.list(userId, first, after)).rejects.toEqual(failure('INVALID_ARGUMENT'));
  });
});
