/** sessionEnded: every end of a user's sessions, once, in time, with its reason. */
import { AppError } from '../../src/core/errors';
import type { OpenedSession, SessionEnd } from '../../src/patterns/session';
import type { CreateSession } from '../../src/patterns/session-input';
import { failure, turn, World } from './support/world';
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

const create = (over: Partial<CreateSession> = {}): Promise<OpenedSession> =>
  other.sessions.create({ userId: 'ada', roles: [], ttlMs: 10_000, absoluteTtlMs: 100_000, ...over });

interface Subscriber {
  readonly seen: readonly SessionEnd[];
  readonly ended: Promise<void>;
  readonly leave: () => void;
}

function subscribe(userId = 'ada'): Subscriber {
  const leaving = new AbortController();
  const seen: SessionEnd[] = [];
  const ended = (async () => {
    for await (const end of gateway.sessions.ended(userId, leaving.signal)) seen.push(end);
  })();
  ended.catch(() => undefined);
  return { seen, ended, leave: () => leaving.abort() };
}

/** Lets time pass, and all that it brings. */
async function pass(ms: number): Promise<void> {
  for (let step = 0; step < 10; step += 1) await turn();
  world.clock.advance(ms);
  for (let step = 0; step < 10; step += 1) await turn();
}

const end = ({ session }: OpenedSession, reason: SessionEnd['reason']): SessionEnd => ({
  sessionId: session.id,
  userId: session.userId,
  reason,
});

describe('sessionEnded', () => {
  it('tells of a destroyed and an expired session, and of nothing else', async () => {
    const before = await create();
    await other.sessions.destroy(before.token);
    const [first, second] = [await create(), await create()];
    const subscriber = subscribe();
    await pass(1);
    expect(subscriber.seen).toEqual([]);
    const third = await create({ ttlMs: 500 });
    await create({ userId: 'bob', ttlMs: 1 });
    await other.sessions.update({ token: first.token, addRoles: ['x'] });
    await other.sessions.rotate({ token: first.token });
    await pass(400);
    expect(subscriber.seen).toEqual([]);
    await other.sessions.destroy(second.token);
    await other.sessions.destroy(second.token);
    await pass(1);
    expect(subscriber.seen).toEqual([end(second, 'destroyed')]);
    await pass(1_000);
    expect(subscriber.seen).toEqual([end(second, 'destroyed'), end(third, 'expired')]);
    subscriber.leave();
    await subscriber.ended;
  });

  it('tells of an expiry at its own time, however the life was extended', async () => {
    const opened = await create({ ttlMs: 1_000 });
    const subscriber = subscribe();
    await pass(900);
    await other.sessions.touch(opened.token);
    await pass(999);
    expect(subscriber.seen).toEqual([]);
    await pass(1_000);
    expect(subscriber.seen).toEqual([end(opened, 'expired')]);
    subscriber.leave();
    await subscriber.ended;
  });

  it('tells of each of many that ended together, once, though their rows are swept and expire afterwards', async () => {
    const opened = [await create(), await create(), await create({ ttlMs: 50 })];
    const subscriber = subscribe();
    await pass(50);
    await pass(1_000);
    opened.push(await create());
    expect(await other.sessions.destroyAll('ada')).toBe(3);
    const after = await create();
    await pass(1);
    await pass(20_000);
    const ended = (reason: SessionEnd['reason']): string[] =>
      subscriber.seen.filter((each) => each.reason === reason).map(({ sessionId }) => sessionId);
    expect(subscriber.seen).toHaveLength(5);
    expect(ended('expired')).toEqual([opened[2]!.session.id, after.session.id]);
    expect(ended('destroyed').sort()).toEqual([0, 1, 3].map((index) => opened[index]!.session.id).sort());
    subscriber.leave();
    await subscriber.ended;
  });

  it('calls expired what had expired when all were ended', async () => {
    const [old, young] = [await create({ ttlMs: 100 }), await create()];
    const subscriber = subscribe();
    await pass(1);
    // The sweeper comes later than the end of all.
    world.clock.setWallMs(world.clock.nowMs() + 100);
    expect(await other.sessions.destroyAll('ada')).toBe(1);
    await pass(5_000);
    expect([...subscriber.seen].sort((a, b) => (a.reason < b.reason ? -1 : 1))).toEqual([
      end(young, 'destroyed'),
      end(old, 'expired'),
    ]);
    subscriber.leave();
    await subscriber.ended;
  });

  it('tells of those that maxPerUser ended', async () => {
    const opened = [await create(), await create()];
    const subscriber = subscribe();
    await pass(1);
    await create({ maxPerUser: 1 });
    await pass(1);
    expect(subscriber.seen.map(({ sessionId }) => sessionId).sort()).toEqual(
      opened.map(({ session }) => session.id).sort(),
    );
    subscriber.leave();
    await subscriber.ended;
  });

  it('waits for a storage that is away, and misses nothing', async () => {
    const opened = await create();
    const subscriber = subscribe();
    await pass(1);
    gateway.store.beforeRead = () => {
      throw new AppError('UNAVAILABLE', 'away');
    };
    await other.sessions.destroyAll('ada');
    await pass(100);
    gateway.store.beforeRead = undefined;
    // The watch's next sign of life; meanwhile the row itself was swept, which is news enough.
    await pass(500);
    expect(subscriber.seen).toEqual([end(opened, 'destroyed')]);
    subscriber.leave();
    await subscriber.ended;
  });

  it('does not need the history: where it is gone it reads anew', async () => {
    const opened = [await create(), await create(), await create({ ttlMs: 5 }), await create()];
    let isGone = true;
    gateway.store.watchBatches = () => {
      if (!isGone) return undefined;
      isGone = false;
      return {
        [Symbol.asyncIterator]: () => ({
          next: async () => {
            await other.sessions.destroy(opened[1]!.token);
            world.clock.advance(5);
            throw new AppError('HISTORY_GONE', 'gone');
          },
        }),
      };
    };
    const subscriber = subscribe();
    await pass(60);
    expect(subscriber.seen).toEqual([end(opened[1]!, 'destroyed'), end(opened[2]!, 'expired')]);
    await other.sessions.destroy(opened[0]!.token);
    await pass(1);
    expect(subscriber.seen.slice(2)).toEqual([end(opened[0]!, 'destroyed')]);
    subscriber.leave();
    await subscriber.ended;
  });

  it('ends with the failure of its watch, and refuses a user who is none before anything is opened', async () => {
    gateway.store.watchBatches = () => ({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new AppError('UNAVAILABLE', 'away for too long')) }),
    });
    await expect(subscribe().ended).rejects.toEqual(failure('UNAVAILABLE'));
    expect(() => gateway.sessions.ended('', new AbortController().signal)).toThrow(
      failure('INVALID_ARGUMENT') as Error,
    );
  });
});
