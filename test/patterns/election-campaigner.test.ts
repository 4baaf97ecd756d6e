/** Candidates that stand for as long as somebody listens. */
import { AppError } from '../../src/core/errors';
import type { CampaignStatus, Leadership } from '../../src/patterns/election';
import { Collected } from './support/collected';
import { atOnce, failure, turn, World } from './support/world';
import type { Gateway } from './support/world';

let world: World;
let gateway: Gateway;
let other: Gateway;
const open: Candidate[] = [];

beforeEach(() => {
  world = new World();
  gateway = world.gateway();
  other = world.gateway();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.leave()));
  await world.close();
});

class Candidate extends Collected<CampaignStatus> {
  readonly id: string;

  constructor(id: string, { by = gateway, leaseMs = 900 }: { by?: Gateway; leaseMs?: number } = {}) {
    super((signal) => by.elections.stand({ election: 'e', candidateId: id, leaseMs }, signal));
    this.id = id;
    open.push(this);
  }

  get leads(): boolean {
    return this.items.at(-1)?.leadership !== undefined;
  }

  /** Each time that it began or ceased to lead, with the token. */
  get turns(): (number | undefined)[] {
    const tokens = this.items.map(({ leadership }) => leadership?.fencingToken);
    return tokens.filter((token, index) => index === 0 || token !== tokens[index - 1]);
  }

  async leave(): Promise<void> {
    await this.end();
    await settle();
  }
}

/** Lets all that is ready run. */
async function settle(): Promise<void> {
  for (let round = 0; round < 12; round += 1) await turn();
}

/** Moves time on in small steps, each with all that follows from it. */
async function pass(ms: number, stepMs = 10): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    world.clock.advance(Math.min(stepMs, ms - passed));
    await settle();
  }
}

/** How long it takes until something holds, in milliseconds. */
async function msUntil(holds: () => boolean, mostMs = 20_000): Promise<number> {
  const fromMs = world.clock.monotonicMs();
  while (!holds()) {
    if (world.clock.monotonicMs() - fromMs > mostMs) throw new Error(`not within ${mostMs} ms`);
    await pass(5, 5);
  }
  return world.clock.monotonicMs() - fromMs;
}

const leaderOf = async (): Promise<Leadership | undefined> => (await other.elections.get('e')).leader;
const away = (): void => {
  throw new AppError('UNAVAILABLE', 'storage is away');
};

describe('a candidate', () => {
  it('leads at once where the place is free, and says so first', async () => {
    const a = new Candidate('a');
    await settle();
    const leadership = await leaderOf();
    expect(leadership).toMatchObject({ candidateId: 'a', fencingToken: 1 });
    expect(a.items).toEqual([{ leadership, leader: leadership }]);
  });

  it('hears first who leads, where somebody does', async () => {
    new Candidate('a');
    await settle();
    const b = new Candidate('b', { by: other });
    await settle();
    expect(b.items).toEqual([{ leadership: undefined, leader: await leaderOf() }]);
  });

  it('keeps its reign for as long as it stands: one token, renewed at each third of the lease', async () => {
    const a = new Candidate('a');
    await settle();
    await pass(9_000);
    expect(a.turns).toEqual([1]);
    expect(a.items).toHaveLength(31);
    const [first, last] = [a.items[0]!.leadership!, a.items.at(-1)!.leadership!];
    expect(last).toMatchObject({ acquiredAtMs: first.acquiredAtMs, fencingToken: 1 });
    expect(last.leaseExpiresAtMs - first.leaseExpiresAtMs).toBe(9_000);
  });

  it('that waits hears nothing of renewals', async () => {
    new Candidate('a');
    await settle();
    const b = new Candidate('b', { by: other });
    await pass(9_000);
    expect(b.items).toHaveLength(1);
  });

  it('resigns at once when nobody listens any more, and the next one leads at once', async () => {
    const a = new Candidate('a');
    await settle();
    const b = new Candidate('b', { by: other });
    await settle();
    await a.leave();
    await settle();
    expect(b.turns).toEqual([undefined, 2]);
    expect(a.turns).toEqual([1]);
    await b.leave();
    expect(await leaderOf()).toBeUndefined();
  });

  it('that leaves while it waits writes nothing', async () => {
    new Candidate('a');
    await settle();
    const b = new Candidate('b', { by: other });
    await settle();
    other.store.reset();
    await b.leave();
    expect(other.store.commits).toEqual([]);
    expect((await leaderOf())?.candidateId).toBe('a');
  });

  it('is one of its own, also with the id of another', async () => {
    const [one, two] = [new Candidate('a'), new Candidate('a', { by: other })];
    const three = new Candidate('a');
    await pass(3_000);
    expect([one, two, three].filter(({ leads }) => leads)).toHaveLength(1);
    const leading = [one, two, three].find(({ leads }) => leads)!;
    const waiting = [one, two, three].find(({ leads }) => !leads)!;
    expect(waiting.items).toEqual([{ leadership: undefined, leader: expect.objectContaining({ candidateId: 'a' }) }]);
    await leading.leave();
    await settle();
    expect([one, two, three].filter((each) => each !== leading && each.leads)).toHaveLength(1);
  });

  it('does not inherit what a mutation took in its name', async () => {
    await other.elections.campaign({ election: 'e', candidateId: 'a', leaseMs: 900 });
    const a = new Candidate('a');
    await pass(890);
    expect(a.turns).toEqual([undefined]);
    await pass(20);
    expect(a.turns).toEqual([undefined, 2]);
  });

  it('of many leads alone, one after another, without a gap in the tokens', async () => {
    const candidates = await atOnce(
      12,
      async (index) => new Candidate(`c${index}`, { by: index % 2 ? gateway : other }),
    );
    await settle();
    for (let token = 1; token <= 12; token += 1) {
      const leading = candidates.filter(({ leads }) => leads);
      expect(leading.map(({ turns }) => turns.at(-1))).toEqual([token]);
      candidates.splice(candidates.indexOf(leading[0]!), 1);
      await leading[0]!.leave();
      await settle();
    }
  });
});

describe('a reign that is ended from outside', () => {
  const end = (fencingToken: number) => other.elections.resign({ election: 'e', candidateId: 'a', fencingToken });

  it('is heard of at once; the candidate then stands anew', async () => {
    const a = new Candidate('a');
    await settle();
    expect(await end(1)).toBe(true);
    await settle();
    expect(a.turns).toEqual([1, undefined, 2]);
  });

  it('is heard of as ended, not only as the next', async () => {
    const a = new Candidate('a');
    await settle();
    // One batch, in which the lease is written once.
    await Promise.all([end(1), other.elections.campaign({ election: 'e', candidateId: 'b', leaseMs: 900 })]);
    await settle();
    expect(a.turns).toEqual([1, undefined]);
    expect(a.items.at(-1)!.leader).toMatchObject({ candidateId: 'b', fencingToken: 2 });
  });

  it('is heard of where its lease was cut short by a renewal from outside', async () => {
    const a = new Candidate('a', { leaseMs: 60_000 });
    await settle();
    await other.elections.renew({ election: 'e', candidateId: 'a', fencingToken: 1, leaseMs: 100 });
    await settle();
    expect(a.turns).toEqual([1]);
    const { leaseExpiresAtMs } = (await leaderOf())!;
    expect(leaseExpiresAtMs - world.clock.nowMs()).toBe(60_000);
  });

  it('is heard of where the storage clock jumped past its lease', async () => {
    const a = new Candidate('a', { leaseMs: 60_000 });
    await settle();
    world.clock.setWallMs(world.clock.nowMs() + 60_000);
    const ms = await msUntil(() => a.turns.length > 1);
    expect(ms).toBeLessThanOrEqual(1_000);
    await settle();
    expect(a.turns).toEqual([1, undefined, 2]);
  });
});

describe('a gateway that is gone', () => {
  it('frees the place after the lease, and one that waits leads within a third of it and a second', async () => {
    new Candidate('a', { leaseMs: 3_000 });
    await settle();
    const waiting = [1, 2, 3].map((number) => new Candidate(`b${number}`, { by: other, leaseMs: 3_000 }));
    await pass(5_000);
    gateway.store.beforeCommit = away;
    gateway.store.beforeRead = away;
    const { leaseExpiresAtMs } = (await leaderOf())!;
    await msUntil(() => waiting.some(({ leads }) => leads));
    const lateMs = world.clock.nowMs() - leaseExpiresAtMs;
    expect(lateMs).toBeGreaterThanOrEqual(0);
    expect(lateMs).toBeLessThanOrEqual(2_000);
    await settle();
    expect(waiting.filter(({ leads }) => leads)).toHaveLength(1);
  });

  it('is found also by those whose watch brings nothing', async () => {
    const [blind] = [world.gateway()];
    blind.store.watchBatches = async function* ({ signal }) {
      await new Promise((resolve) => signal!.addEventListener('abort', resolve));
    };
    const a = new Candidate('a', { leaseMs: 3_000 });
    await settle();
    const b = new Candidate('b', { by: blind, leaseMs: 3_000 });
    await pass(2_000);
    await a.leave();
    expect(await msUntil(() => b.leads)).toBeLessThanOrEqual(2_000);
  });
});

describe('storage that is away', () => {
  it('ends what the candidate says at two thirds of the lease, counted from the last renewal that was sent', async () => {
    const a = new Candidate('a', { leaseMs: 3_000 });
    await settle();
    await pass(1_000);
    expect(a.items).toHaveLength(2);
    const lastSentMs = world.clock.monotonicMs();
    gateway.store.beforeCommit = away;
    await msUntil(() => !a.leads);
    expect(a.items.at(-1)).toEqual({ leadership: undefined, leader: undefined });
    expect(world.clock.monotonicMs() - lastSentMs).toBe(2_000);
    expect(await leaderOf()).toBeDefined();
  });

  it('does so where storage does not answer at all', async () => {
    const a = new Candidate('a', { leaseMs: 3_000 });
    await settle();
    gateway.store.beforeCommit = () => new Promise(() => undefined);
    expect(await msUntil(() => !a.leads)).toBe(2_000);
  });

  it('counts from the sending, not from the answer', async () => {
    gateway.store.afterCommit = async () => {
      gateway.store.afterCommit = undefined;
      await world.clock.sleep(1_500);
      gateway.store.beforeCommit = away;
    };
    const a = new Candidate('a', { leaseMs: 3_000 });
    await settle();
    expect(await msUntil(() => a.leads)).toBe(1_500);
    expect(await msUntil(() => !a.leads)).toBe(500);
  });

  it('does not let it say what came too late to be believed', async () => {
    let delayMs = 2_500;
    gateway.store.afterCommit = () => world.clock.sleep(delayMs);
    const a = new Candidate('a', { leaseMs: 3_000 });
    await pass(4_900);
    expect(a.items).toEqual([]);
    delayMs = 0;
    await msUntil(() => a.leads);
    expect(a.turns).toEqual([1]);
  });

  it('and comes back within the lease: the same reign goes on', async () => {
    const a = new Candidate('a', { leaseMs: 3_000 });
    await settle();
    gateway.store.beforeCommit = away;
    await pass(2_500);
    expect(a.turns).toEqual([1, undefined]);
    gateway.store.beforeCommit = undefined;
    await msUntil(() => a.leads);
    expect(a.turns).toEqual([1, undefined, 1]);
  });

  it('and comes back after it: a new reign', async () => {
    const a = new Candidate('a', { leaseMs: 3_000 });
    await settle();
    gateway.store.beforeCommit = away;
    await pass(5_000);
    gateway.store.beforeCommit = undefined;
    await msUntil(() => a.leads);
    expect(a.turns).toEqual([1, undefined, 2]);
  });

  it('at the beginning: says that it does not know, and leads when storage comes', async () => {
    gateway.store.beforeCommit = away;
    gateway.store.beforeRead = away;
    const a = new Candidate('a');
    await pass(2_000);
    expect(a.items).toEqual([{ leadership: undefined, leader: undefined }]);
    gateway.store.beforeCommit = undefined;
    gateway.store.beforeRead = undefined;
    await msUntil(() => a.leads);
    expect(a.turns).toEqual([undefined, 1]);
  });

  it('for more than a minute ends it with UNAVAILABLE', async () => {
    const a = new Candidate('a');
    await settle();
    gateway.store.beforeCommit = away;
    await pass(59_000, 100);
    expect(a.failure).toBeUndefined();
    await pass(3_000, 100);
    expect(a.failure).toEqual(failure('UNAVAILABLE'));
    expect(a.leads).toBe(false);
  });

  it('with the answer to its campaign lost: it finds its reign again, renews it, and leads', async () => {
    let times = 0;
    gateway.store.afterCommit = () => {
      times += 1;
      if (times === 1) throw new AppError('OUTCOME_UNKNOWN', 'the answer was lost');
    };
    const a = new Candidate('a', { leaseMs: 3_000 });
    await msUntil(() => a.leads);
    expect(a.turns).toEqual([undefined, 1]);
    expect((await leaderOf())?.fencingToken).toBe(1);
  });

  it('with the answer to its campaign lost, and left then: it resigns what it may have won', async () => {
    gateway.store.afterCommit = () => {
      throw new AppError('OUTCOME_UNKNOWN', 'the answer was lost');
    };
    const a = new Candidate('a', { leaseMs: 60_000 });
    await turn();
    await turn();
    expect(await leaderOf()).toBeDefined();
    gateway.store.afterCommit = undefined;
    await a.leave();
    await pass(1_000);
    expect(await leaderOf()).toBeUndefined();
  });

  it('while it leaves: it tries to resign until that is of no use', async () => {
    const a = new Candidate('a', { leaseMs: 60_000 });
    await settle();
    gateway.store.beforeCommit = away;
    await a.leave();
    await pass(2_000);
    gateway.store.beforeCommit = undefined;
    await pass(1_000);
    expect(await leaderOf()).toBeUndefined();
  });

  it('left while its campaign is under way: it resigns right behind it', async () => {
    const a = new Candidate('a', { leaseMs: 60_000 });
    await turn();
    await a.leave();
    await settle();
    expect(await leaderOf()).toBeUndefined();
  });
});

describe('what a candidate says', () => {
  it('is never taken when it is over, however late it is asked for', async () => {
    const leaving = new AbortController();
    const statuses = gateway.elections.stand({ election: 'e', candidateId: 'a', leaseMs: 3_000 }, leaving.signal);
    const first = statuses.next();
    await settle();
    expect((await first).value).toMatchObject({ leadership: { fencingToken: 1 } });
    await pass(1_000);
    // As after a pause of the whole process: no timer came, and the word that waits is old.
    gateway.store.beforeCommit = away;
    world.clock.advance(10_000);
    expect((await statuses.next()).value).toEqual({ leadership: undefined, leader: undefined });
    leaving.abort();
    await statuses.return();
    gateway.store.beforeCommit = undefined;
  });

  it('to a slow listener is the last end and the newest reign', async () => {
    const leaving = new AbortController();
    const statuses = gateway.elections.stand({ election: 'e', candidateId: 'a', leaseMs: 900 }, leaving.signal);
    const first = statuses.next();
    await settle();
    await first;
    for (let token = 1; token <= 5; token += 1) {
      await other.elections.resign({ election: 'e', candidateId: 'a', fencingToken: token });
      await pass(300);
    }
    expect((await statuses.next()).value).toMatchObject({ leadership: undefined });
    expect((await statuses.next()).value).toMatchObject({ leadership: { fencingToken: 6 } });
    leaving.abort();
    await statuses.return();
    await settle();
    expect(await leaderOf()).toBeUndefined();
  });

  it('is an object of its own, so that nothing is collected behind one that all share', async () => {
    gateway.store.beforeCommit = away;
    const [a, b] = [new Candidate('a'), new Candidate('b')];
    await pass(100);
    expect(a.items).toEqual(b.items);
    expect(a.items[0]).not.toBe(b.items[0]);
  });

  it('ends when the iteration is left, and resigns', async () => {
    for await (const { leadership } of gateway.elections.stand(
      { election: 'e', candidateId: 'a', leaseMs: 900 },
      new AbortController().signal,
    ))
      if (leadership) break;
    await settle();
    expect(await leaderOf()).toBeUndefined();
  });

  it('goes on where the watch fails, or its history is gone', async () => {
    let failing: AppError | undefined = new AppError('HISTORY_GONE', 'gone');
    gateway.store.watchBatches = () => {
      const error = failing;
      if (!error) return undefined;
      failing = new AppError('UNAVAILABLE', 'away');
      return (async function* () {
        throw error;
      })();
    };
    const a = new Candidate('a', { leaseMs: 60_000 });
    await pass(2_000);
    failing = undefined;
    await pass(1_000);
    await other.elections.resign({ election: 'e', candidateId: 'a', fencingToken: 1 });
    await settle();
    expect(a.turns).toEqual([1, undefined, 2]);
  });
});
