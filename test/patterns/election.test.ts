/** Elections over gateways that share a store. */
import { keyspace } from '../../src/core/keyspace';
import type { CampaignInput, CampaignOutcome, Leadership } from '../../src/patterns/election';
import { Collected } from './support/collected';
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

const campaign = (over: Partial<CampaignInput> = {}, by: Gateway = gateway): Promise<CampaignOutcome> =>
  by.elections.campaign({ election: 'e', candidateId: 'a', leaseMs: 1_000, ...over });
const lead = async (over: Partial<CampaignInput> = {}, by: Gateway = gateway): Promise<Leadership> => {
  const outcome = await campaign(over, by);
  if (outcome.kind !== 'leading') throw new Error(`${outcome.leader.candidateId} leads`);
  return outcome.leadership;
};
const renew = (fencingToken: number, over: { candidateId?: string; leaseMs?: number } = {}, by: Gateway = gateway) =>
  by.elections.renew({ election: 'e', candidateId: 'a', fencingToken, leaseMs: 1_000, ...over });
const resign = (fencingToken: number, candidateId = 'a', by: Gateway = gateway) =>
  by.elections.resign({ election: 'e', candidateId, fencingToken });
const leaderOf = async (by: Gateway = gateway): Promise<Leadership | undefined> => (await by.elections.get('e')).leader;

describe('an election', () => {
  it('in which nobody stood has no leader', async () => {
    expect(await gateway.elections.get('e')).toEqual({ name: 'e', leader: undefined });
  });

  it('is led by the first who stands, for its lease', async () => {
    const atMs = world.clock.nowMs();
    const leadership = {
      election: 'e',
      candidateId: 'a',
      fencingToken: 1,
      acquiredAtMs: atMs,
      leaseExpiresAtMs: atMs + 1_000,
    };
    expect(await campaign()).toEqual({ kind: 'leading', leadership });
    expect(await leaderOf(other)).toEqual(leadership);
  });

  it('begins a reign when it is written, however long that takes, and so never before the end of the last one', async () => {
    await lead();
    const { leaseExpiresAtMs } = await renew(1).then((outcome) => (outcome as { leadership: Leadership }).leadership);
    world.clock.advance(1_000);
    const beganMs = world.clock.nowMs();
    other.store.beforeCommit = () => world.clock.advance(300);
    const second = await lead({ candidateId: 'b' }, other);
    expect(second.acquiredAtMs).toBeGreaterThanOrEqual(beganMs + 300);
    expect(second.acquiredAtMs).toBeGreaterThanOrEqual(leaseExpiresAtMs);
    expect(second.leaseExpiresAtMs - second.acquiredAtMs).toBe(1_000);
    other.store.beforeCommit = undefined;
    expect(await leaderOf()).toEqual(second);
    const renewed = await renew(2, { candidateId: 'b', leaseMs: 500 });
    expect(renewed).toMatchObject({ leadership: { acquiredAtMs: second.acquiredAtMs } });
    expect((await leaderOf())?.acquiredAtMs).toBe(second.acquiredAtMs);
  });

  it('is led by one of many who stand at once, on two gateways', async () => {
    const outcomes = await atOnce(40, (index) =>
      campaign({ candidateId: `c${index}` }, index % 2 === 0 ? gateway : other),
    );
    const leading = outcomes.filter(({ kind }) => kind === 'leading');
    expect(leading).toHaveLength(1);
    const leader = await leaderOf();
    for (const outcome of outcomes) {
      expect(outcome.kind === 'leading' ? outcome.leadership : outcome.leader).toEqual(leader);
    }
  });

  it('is held for others, and for the sitting leader without its token', async () => {
    const leader = await lead();
    expect(await campaign({ candidateId: 'b' }, other)).toEqual({ kind: 'held', leader });
    expect(await campaign()).toEqual({ kind: 'held', leader });
    expect(await leaderOf()).toEqual(leader);
  });

  it('is held until the last millisecond of the lease, and free at the next', async () => {
    const leader = await lead();
    world.clock.advance(999);
    expect(await campaign({ candidateId: 'b' }, other)).toEqual({ kind: 'held', leader });
    expect(await leaderOf()).toEqual(leader);
    world.clock.advance(1);
    expect(await leaderOf()).toBeUndefined();
    expect(await lead({ candidateId: 'b' }, other)).toMatchObject({ candidateId: 'b', fencingToken: 2 });
  });

  it('gives every reign the next token: after resignation, expiry, and in new processes', async () => {
    for (let token = 1; token <= 12; token += 1) {
      const by = [gateway, other, world.gateway()][token % 3]!;
      expect((await lead({ candidateId: `c${token % 2}` }, by)).fencingToken).toBe(token);
      if (token % 2 === 0) world.clock.advance(1_000);
      else expect(await resign(token, `c${token % 2}`, by)).toBe(true);
    }
  });

  it('keeps its tokens apart from those of others', async () => {
    await lead();
    expect((await lead({ election: 'f' })).fencingToken).toBe(1);
  });
});

describe('a campaign with a key', () => {
  it('gives its first answer again, whatever came since', async () => {
    const first = await campaign({ idempotencyKey: 'k' });
    await resign(1);
    await lead({ candidateId: 'b' });
    world.clock.advance(500);
    expect(await campaign({ idempotencyKey: 'k' }, other)).toEqual(first);
    expect((await leaderOf())?.candidateId).toBe('b');
  });

  it('that was refused is refused again, with who leads now, else with who led then', async () => {
    const leader = await lead();
    const refused = { candidateId: 'b', idempotencyKey: 'k' };
    expect(await campaign(refused)).toEqual({ kind: 'held', leader });
    await resign(1);
    expect(await campaign(refused, other)).toEqual({ kind: 'held', leader });
    const next = await lead({ candidateId: 'c' });
    expect(await campaign(refused)).toEqual({ kind: 'held', leader: next });
  });

  it('does not fit another input, and leaves leaseMs out where it is the default', async () => {
    const first = await campaign({ leaseMs: 10_000, idempotencyKey: 'k' });
    expect(await campaign({ leaseMs: 10_000, idempotencyKey: 'k' })).toEqual(first);
    await expect(campaign({ candidateId: 'b', idempotencyKey: 'k' })).rejects.toEqual(
      failure('IDEMPOTENCY_KEY_REUSED'),
    );
  });

  it('at the same time from two callers is one reign, and one answer for both', async () => {
    const [one, two] = await Promise.all([campaign({ idempotencyKey: 'k' }), campaign({ idempotencyKey: 'k' }, other)]);
    expect(one.kind).toBe('leading');
    expect(two).toEqual(one);
  });
});

describe('a renewal', () => {
  it('lets the same reign run on from now', async () => {
    const leader = await lead();
    world.clock.advance(600);
    const leaseExpiresAtMs = world.clock.nowMs() + 2_000;
    const renewed = { kind: 'leading', leadership: { ...leader, leaseExpiresAtMs } };
    expect(await renew(1, { leaseMs: 2_000 }, other)).toEqual(renewed);
    expect(await leaderOf()).toEqual(renewed.leadership);
  });

  it('is in time at the last millisecond, and late at the next, though nobody came', async () => {
    await lead();
    world.clock.advance(999);
    expect(await renew(1)).toMatchObject({ kind: 'leading' });
    world.clock.advance(1_000);
    expect(await renew(1)).toEqual({ kind: 'lost', leader: undefined });
    expect(await leaderOf()).toBeUndefined();
    expect((await lead()).fencingToken).toBe(2);
  });

  it('is late where the clock passes the expiry on the way to the store', async () => {
    await lead();
    gateway.store.beforeCommit = () => {
      gateway.store.beforeCommit = undefined;
      world.clock.advance(1_000);
    };
    expect(await renew(1)).toEqual({ kind: 'lost', leader: undefined });
  });

  it('by another, or with another token, is lost, and changes nothing', async () => {
    const leader = await lead();
    expect(await renew(1, { candidateId: 'b' })).toEqual({ kind: 'lost', leader });
    expect(await renew(2)).toEqual({ kind: 'lost', leader });
    await resign(1);
    const next = await lead({ candidateId: 'b' }, other);
    expect(await renew(1)).toEqual({ kind: 'lost', leader: next });
    expect(await leaderOf()).toEqual(next);
  });

  it('writes the lease alone', async () => {
    await lead();
    gateway.store.reset();
    await renew(1);
    const [transaction] = gateway.store.commits;
    expect(gateway.store.reads).toEqual([]);
    expect(gateway.store.commits).toHaveLength(1);
    expect(transaction!.writes.map(({ key }) => key)).toEqual([keyspace.electionLease('e')]);
    expect(transaction!.checks.map(({ key }) => key)).toEqual([keyspace.electionLease('e')]);
  });
});

describe('a resignation', () => {
  it('frees the place at once', async () => {
    await lead();
    expect(await resign(1, 'a', other)).toBe(true);
    expect(await leaderOf()).toBeUndefined();
    expect(await resign(1)).toBe(false);
  });

  it('with a wrong or late token changes nothing', async () => {
    const leader = await lead();
    expect(await resign(2)).toBe(false);
    expect(await resign(1, 'b')).toBe(false);
    expect(await leaderOf()).toEqual(leader);
    world.clock.advance(1_000);
    expect(await resign(1)).toBe(false);
  });

  it('leaves the token that the next reign counts from', async () => {
    await lead();
    gateway.store.reset();
    await resign(1);
    expect(gateway.store.commits.flatMap(({ writes }) => writes)).toEqual([
      { kind: 'delete', key: keyspace.electionLease('e'), history: 'key' },
    ]);
  });
});

describe('input', () => {
  it.each([
    [{ election: '' }, 'input.election'],
    [{ election: 'x'.repeat(257) }, 'input.election'],
    [{ election: 'a\ud800' }, 'input.election'],
    [{ candidateId: '' }, 'input.candidateId'],
    [{ candidateId: 'x'.repeat(257) }, 'input.candidateId'],
    [{ leaseMs: 99 }, 'input.leaseMs'],
    [{ leaseMs: 86_400_001 }, 'input.leaseMs'],
    [{ leaseMs: 100.5 }, 'input.leaseMs'],
    [{ leaseMs: Number.NaN }, 'input.leaseMs'],
    [{ idempotencyKey: '' }, 'input.idempotencyKey'],
  ])('of a campaign like %j is refused, nothing is written', async (over, field) => {
    await expect(campaign(over)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
    expect(gateway.store.commits).toEqual([]);
  });

  it.each([100, 86_400_000])('of a lease of %s is taken', async (leaseMs) => {
    expect(await campaign({ leaseMs })).toMatchObject({ kind: 'leading' });
  });

  it('of the others is refused as well', async () => {
    await expect(renew(0)).rejects.toMatchObject({ details: { field: 'input.fencingToken' } });
    await expect(renew(1, { leaseMs: 1 })).rejects.toMatchObject({ details: { field: 'input.leaseMs' } });
    await expect(renew(1, { candidateId: '' })).rejects.toMatchObject({ details: { field: 'input.candidateId' } });
    await expect(resign(1.5)).rejects.toMatchObject({ details: { field: 'input.fencingToken' } });
    await expect(gateway.elections.get('')).rejects.toMatchObject({ details: { field: 'name' } });
    const { signal } = new AbortController();
    expect(() => gateway.elections.changed('', signal)).toThrow('election');
    const standing = { election: 'e', candidateId: 'a', leaseMs: 99 };
    expect(() => gateway.elections.stand(standing, signal)).toThrow('leaseMs is 99');
  });
});

describe('leadershipChanged', () => {
  let following: Collected<{ leader: Leadership | undefined }>;
  const leaders = (): (string | undefined)[] =>
    following.items.map(({ leader }) => leader && `${leader.candidateId}${leader.fencingToken}`);
  const follow = (by: Gateway = other): void => {
    following = new Collected((signal) => by.elections.changed('e', signal));
  };
  afterEach(() => following.end());

  it('begins with the leader now, or with none', async () => {
    follow();
    await world.until(following.atLeast(1));
    expect(leaders()).toEqual([undefined]);
    await following.end();
    await lead();
    follow();
    await world.until(following.atLeast(1));
    expect(leaders()).toEqual(['a1']);
  });

  it('tells each reign, and that it ended', async () => {
    follow();
    await world.until(following.atLeast(1));
    await lead();
    await world.until(following.atLeast(2));
    await resign(1);
    await world.until(following.atLeast(3));
    await lead({ candidateId: 'b' });
    await world.until(following.atLeast(4));
    expect(leaders()).toEqual([undefined, 'a1', undefined, 'b2']);
  });

  it('tells of a lapse within a second of it', async () => {
    const { leaseExpiresAtMs } = await lead();
    follow();
    await world.until(following.atLeast(1));
    await world.until(following.atLeast(2));
    expect(leaders()).toEqual(['a1', undefined]);
    const lateMs = world.clock.nowMs() - leaseExpiresAtMs;
    expect(lateMs).toBeGreaterThanOrEqual(0);
    expect(lateMs).toBeLessThanOrEqual(1_000);
  });

  it('does not tell of renewals', async () => {
    await lead();
    follow();
    await world.until(following.atLeast(1));
    for (let round = 0; round < 5; round += 1) {
      await world.until(world.clock.sleep(300));
      await renew(1);
    }
    await resign(1);
    await world.until(following.atLeast(2));
    expect(leaders()).toEqual(['a1', undefined]);
  });

  it('puts an end between reigns that follow each other at once', async () => {
    await lead();
    follow();
    await world.until(following.atLeast(1));
    await resign(1);
    await lead({ candidateId: 'b' });
    await world.until(following.atLeast(3));
    expect(leaders()).toEqual(['a1', undefined, 'b2']);
  });
});
