/** Following events: history, then what comes, on one gateway and several, at any pace. */
import { AppError } from '../../src/core/errors';
import type { WatchBatch } from '../../proto/store';
import type { Delivery } from '../../src/patterns/event-stream';
import { positionCursor } from '../../src/patterns/event-pages';
import { Collected } from './support/collected';
import { failure, turn, World } from './support/world';
import type { Gateway } from './support/world';

let world: World;
let gateway: Gateway;
const open: Collected<Delivery>[] = [];
beforeEach(() => {
  world = new World();
  gateway = world.gateway();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.end()));
  await world.close();
});

const append = (streamId: string, count = 1, { through = gateway, type = 'noted', data = {} as unknown } = {}) =>
  through.events.append({ streamId, events: Array.from({ length: count }, () => ({ type, data })) });

function follow(streamId: string, afterVersion?: number, through = gateway): Collected<Delivery> {
  const collected = new Collected((signal) => through.events.follow({ streamId, afterVersion }, signal));
  open.push(collected);
  return collected;
}

function followAll(
  query: Partial<Parameters<Gateway['events']['followAll']>[0]> = {},
  through = gateway,
): Collected<Delivery> {
  const collected = new Collected((signal) => through.events.followAll({ streamPrefix: '', ...query }, signal));
  open.push(collected);
  return collected;
}

/** Versions or positions, and where history was done. */
const seen = ({ items }: Collected<Delivery>): (number | string)[] =>
  items.map(({ event, caughtUp, version }) =>
    event ? (version === undefined ? event.position : event.version) : caughtUp ? 'caughtUp' : 'moved',
  );
const upTo = (count: number, from = 1): number[] => Array.from({ length: count }, (_, index) => from + index);

describe('a stream', () => {
  it('is history, then caughtUp, then what comes, through any gateway', async () => {
    await append('s', 3);
    const all = follow('s', 0);
    const some = follow('s', 2);
    const now = follow('s');
    await all.atLeast(4);
    await now.atLeast(1);
    await append('s', 2, { through: world.gateway() });
    await Promise.all([all.atLeast(6), some.atLeast(4), now.atLeast(3)]);
    expect(seen(all)).toEqual([1, 2, 3, 'caughtUp', 4, 5]);
    expect(seen(some)).toEqual([3, 'caughtUp', 4, 5]);
    expect(seen(now)).toEqual(['caughtUp', 4, 5]);
    expect(all.items.map(({ version }) => version)).toEqual([1, 2, 3, 3, 4, 5]);
  });

  it('may come to be later, and may be behind the place that is given', async () => {
    const early = follow('s', 0);
    const ahead = follow('s', 2);
    await Promise.all([early.atLeast(1), ahead.atLeast(1)]);
    await append('s', 3);
    await Promise.all([early.atLeast(4), ahead.atLeast(2)]);
    expect([seen(early), seen(ahead)]).toEqual([
      ['caughtUp', 1, 2, 3],
      ['caughtUp', 3],
    ]);
  });

  it('has neither hole nor double at the hand-over, however many append meanwhile', async () => {
    const other = world.gateway();
    await append('s', 100);
    const followers: Collected<Delivery>[] = [];
    const writing = Promise.all(
      [gateway, other].flatMap((through) =>
        Array.from({ length: 4 }, async () => {
          for (let round = 0; round < 20; round += 1) await append('s', 1 + (round % 3), { through });
        }),
      ),
    );
    const joining = (async () => {
      for (let round = 0; round < 30; round += 1) {
        followers.push(follow('s', round % 2 === 0 ? 0 : 90 + round, round % 3 === 0 ? other : gateway));
        await turn();
        await turn();
      }
    })();
    await world.until(Promise.all([writing, joining]));
    const { version } = (await gateway.events.get('s'))!;
    for (const [round, follower] of followers.entries()) {
      const first = round % 2 === 0 ? 1 : 91 + round;
      await world.until(follower.atLeast(version - first + 2));
      const events = seen(follower).filter((each) => each !== 'caughtUp');
      expect(events).toEqual(upTo(version - first + 1, first));
      expect(follower.items.filter(({ caughtUp }) => caughtUp)).toHaveLength(1);
    }
  });

  it('is read once for all who are at the same place, and hands them the same objects', async () => {
    const followers = Array.from({ length: 50 }, () => follow('s'));
    await Promise.all(followers.map((each) => each.atLeast(1)));
    gateway.store.reset();
    await append('s', 3, { through: world.gateway() });
    await Promise.all(followers.map((each) => each.atLeast(4)));
    expect(gateway.store.reads).toHaveLength(1);
    for (const { items } of followers) {
      items.slice(1).forEach((item, index) => expect(item).toBe(followers[0]!.items[index + 1]));
    }
  });

  it('is watched once, whoever follows it, and not any more when nobody does', async () => {
    let watches = 0;
    gateway.store.watchBatches = () => void (watches += 1);
    const followers = [follow('s'), follow('s', 0), follow('s', 3)];
    await Promise.all(followers.map((each) => each.atLeast(1)));
    expect(watches).toBe(1);
    await Promise.all(followers.map((each) => each.end()));
    const again = follow('s');
    await again.atLeast(1);
    expect(watches).toBe(2);
  });

  it('is left at once, also by one who waits', async () => {
    const follower = follow('s');
    await follower.atLeast(1);
    await follower.end();
    expect(follower.failure).toBeUndefined();
  });

  it('is over for those who follow it when it is deleted, and begins anew for those who come then', async () => {
    await append('s', 3);
    const before = follow('s', 0);
    await before.atLeast(4);
    await gateway.events.delete({ streamId: 's' });
    await before.over;
    expect([seen(before), before.failure]).toEqual([[1, 2, 3, 'caughtUp'], undefined]);
    const after = follow('s', 0);
    await after.atLeast(1);
    await append('s', 1);
    await after.atLeast(2);
    expect(seen(after)).toEqual(['caughtUp', 4]);
    // Whoever goes on in the life that is over learns the same, however late.
    const late = follow('s', 2);
    await late.over;
    expect([seen(late), late.failure]).toEqual([[], undefined]);
  });

  it('is over for them although new events came right behind the deletion', async () => {
    await append('s', 2);
    const before = follow('s', 0);
    await before.atLeast(3);
    const other = world.gateway();
    gateway.store.beforeRead = async () => {
      gateway.store.beforeRead = undefined;
      await append('s', 1, { through: other });
    };
    await other.events.delete({ streamId: 's' });
    await before.over;
    expect(seen(before)).toEqual([1, 2, 'caughtUp']);
  });

  it('is gone on with in the life in which it was followed, and in no other', async () => {
    await append('s', 2);
    await gateway.events.delete({ streamId: 's' });
    await append('s', 1);
    const goOn = (life?: number) => {
      const collected = new Collected((signal) =>
        gateway.events.follow({ streamId: 's', afterVersion: 2, life }, signal),
      );
      open.push(collected);
      return collected;
    };
    // At the very end of the life that is over there is nothing more to come.
    const over = goOn(0);
    await over.over;
    expect(over.items).toEqual([]);
    const [present, whichever] = [goOn(2), goOn()];
    await Promise.all([present.atLeast(2), whichever.atLeast(2)]);
    expect([seen(present), seen(whichever)]).toEqual([
      [3, 'caughtUp'],
      [3, 'caughtUp'],
    ]);
    expect(present.items.map(({ life }) => life)).toEqual([2, 2]);
  });

  it('waits for those who take nothing, a page at a time, while others go on', async () => {
    await append('s', 100, { data: 'x'.repeat(2_000) });
    for (let at = 0; at < 9; at += 1) await append('s', 100, { data: 'x'.repeat(2_000) });
    const leaving = new AbortController();
    const slow = gateway.events.follow({ streamId: 's', afterVersion: 0 }, leaving.signal);
    const taken: number[] = [];
    const take = async (): Promise<void> => {
      const { value } = await slow.next();
      taken.push((value as Delivery).version!);
    };
    await take();
    gateway.store.reset();
    const fast = follow('s', 0);
    await fast.atLeast(1_001);
    const reads = gateway.store.reads.length;
    // Pages of 64 KiB.
    expect(reads).toBeGreaterThan(20);
    for (let at = 1; at < 1_000; at += 1) await take();
    expect(taken).toEqual(upTo(1_000));
    leaving.abort();
    await slow.return();
  });

  it('refuses what is no place', () => {
    const { signal } = new AbortController();
    for (const start of [
      () => gateway.events.follow({ streamId: '', afterVersion: 0 }, signal),
      () => gateway.events.follow({ streamId: 's', afterVersion: -1 }, signal),
      () => gateway.events.follow({ streamId: 's', afterVersion: 0.5 }, signal),
      () => gateway.events.followAll({ streamPrefix: '', after: 'x' }, signal),
      () => gateway.events.followAll({ streamPrefix: '', types: [] }, signal),
      () => gateway.events.followAll({ streamPrefix: 'x'.repeat(257) }, signal),
    ])
      expect(start).toThrow(AppError);
  });
});

describe('all streams', () => {
  it('are followed in one order, from a cursor of a message or of a page, or from now', async () => {
    await append('a', 2);
    await append('b', 1);
    const { events } = await gateway.events.all({ first: 1, streamPrefix: '' });
    const all = followAll({ after: positionCursor(0) });
    const some = followAll({ after: positionCursor(events[0]!.position) });
    const now = followAll();
    await Promise.all([all.atLeast(4), some.atLeast(3), now.atLeast(1)]);
    await append('c', 1, { through: world.gateway() });
    await Promise.all([all.atLeast(5), some.atLeast(4), now.atLeast(2)]);
    expect([seen(all), seen(some), seen(now)]).toEqual([
      [1, 2, 3, 'caughtUp', 4],
      [2, 3, 'caughtUp', 4],
      ['caughtUp', 4],
    ]);
    const resumed = followAll({ after: all.items[1]!.cursor }, world.gateway());
    await resumed.atLeast(3);
    expect(seen(resumed)).toEqual([3, 4, 'caughtUp']);
  });

  it('are filtered, and the cursor moves on over what is left out', async () => {
    await append('a', 1, { type: 'rare' });
    for (let at = 0; at < 12; at += 1) await append('b', 100);
    const rare = followAll({ after: positionCursor(0), types: ['rare'] });
    const prefix = followAll({ streamPrefix: 'a' });
    await Promise.all([rare.atLeast(2), prefix.atLeast(1)]);
    expect(seen(rare)).toEqual([1, 'caughtUp']);
    expect(rare.items[1]!.cursor).toBe(positionCursor(1_201));
    for (let at = 0; at < 11; at += 1) await append('b', 100);
    await append('a', 1, { type: 'rare' });
    await Promise.all([rare.atLeast(4), prefix.atLeast(3)]);
    expect(seen(rare)).toEqual([1, 'caughtUp', 'moved', 2_302]);
    expect(seen(prefix)).toEqual(['caughtUp', 'moved', 2_302]);
  });

  it('leave out deleted streams, and go on over them', async () => {
    await append('a', 2);
    await append('b', 1);
    await gateway.events.delete({ streamId: 'a' });
    const all = followAll({ after: positionCursor(0) });
    await all.atLeast(2);
    expect(seen(all)).toEqual([3, 'caughtUp']);
  });
});

describe('while storage is away', () => {
  it('followers wait, and go on without a hole', async () => {
    const follower = follow('s');
    await follower.atLeast(1);
    let failures = 0;
    gateway.store.beforeRead = () => {
      failures += 1;
      throw new AppError('UNAVAILABLE', 'away');
    };
    await append('s', 2, { through: world.gateway() });
    await world.until(
      (async () => {
        while (failures < 3) await turn();
      })(),
    );
    gateway.store.beforeRead = undefined;
    await world.until(follower.atLeast(3));
    expect(seen(follower)).toEqual(['caughtUp', 1, 2]);
  });

  it('they end as the watch does, and new ones begin anew', async () => {
    const follower = follow('s');
    gateway.store.watchBatches = async function* (): AsyncGenerator<WatchBatch, void, void> {
      yield { changes: [], revision: 1, nowMs: 1 };
      await turn();
      throw new AppError('UNAVAILABLE', 'storage did not answer for 60 s');
    };
    await follower.end();
    const failing = follow('s', 0);
    await failing.over;
    expect(failing.failure).toEqual(failure('UNAVAILABLE'));
    gateway.store.watchBatches = undefined;
    const next = follow('s');
    await next.atLeast(1);
    await append('s', 1);
    await next.atLeast(2);
    expect(seen(next)).toEqual(['caughtUp', 1]);
  });

  it('a history that is gone costs nothing: the events are read', async () => {
    let watches = 0;
    gateway.store.watchBatches = () => {
      watches += 1;
      if (watches > 1) return undefined;
      return (async function* (): AsyncGenerator<WatchBatch, void, void> {
        yield { changes: [], revision: 1, nowMs: 1 };
        await append('s', 2, { through: world.gateway() });
        throw new AppError('HISTORY_GONE', 'gone');
      })();
    };
    const follower = follow('s', 0);
    await world.until(follower.atLeast(3));
    expect(seen(follower).filter((each) => each !== 'caughtUp')).toEqual([1, 2]);
  });
});
