/** Fences on writes of keys and values, with elections on gateways that share a store. */
import { keyspace } from '../../src/core/keyspace';
import type { KvDelete, KvPut, KvTransact } from '../../src/patterns/kv';
import { failure, World } from './support/world';
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

const reign = async (by: Gateway = other): Promise<number> => {
  const outcome = await by.elections.campaign({ election: 'e', candidateId: 'a', leaseMs: 1_000 });
  if (outcome.kind !== 'leading') throw new Error('somebody leads');
  return outcome.leadership.fencingToken;
};
const nextReign = async (): Promise<number> => {
  world.clock.advance(1_000);
  return reign();
};
const under = (token: number) => ({ fence: { election: 'e', token } });
const put = (over: Partial<KvPut> = {}, by: Gateway = gateway) =>
  by.kv.put({ key: 'k', value: Buffer.from('v'), ifAbsent: false, ...over });
const remove = (over: Partial<KvDelete> = {}, by: Gateway = gateway) => by.kv.delete({ key: 'k', ...over });
const transact = (over: Partial<KvTransact> = {}, by: Gateway = gateway) =>
  by.kv.transact({ checks: [], puts: [{ key: 'k', value: Buffer.from('v') }], deletes: [], ...over });
const present = async (): Promise<boolean> => (await gateway.kv.get('k', 'linearizable')) !== undefined;

/** The three mutations, and one more way of deleting. */
const ways = {
  kvPut: { write: put, done: 'put' },
  kvTransact: { write: transact, done: 'committed' },
  kvDelete: { write: remove, done: 'deleted' },
} as const;
const names = Object.keys(ways) as (keyof typeof ways)[];

describe.each(names)('%s under a fence', (name) => {
  const { done } = ways[name];
  type Over = { fence?: { election: string; token: number }; idempotencyKey?: string };
  const write = (over: Over, by?: Gateway): Promise<{ kind: string }> => ways[name].write(over, by);

  it('is done with the highest token, also after the lease has lapsed, until the next reign', async () => {
    await reign();
    expect(await write(under(1))).toMatchObject({ kind: done });
    world.clock.advance(5_000);
    expect(await write(under(1))).toMatchObject({ kind: done });
    expect(await reign()).toBe(2);
    expect(await write(under(1))).toEqual({ kind: 'fenced', election: 'e', token: 1, currentToken: 2 });
    expect(await write(under(2))).toMatchObject({ kind: done });
  });

  it('is refused by every later token, and changes nothing', async () => {
    await reign();
    await put();
    for (let token = 2; token <= 4; token += 1) {
      await nextReign();
      const before = await gateway.kv.get('k', 'linearizable');
      expect(await write(under(1))).toMatchObject({ kind: 'fenced', currentToken: token });
      expect(await gateway.kv.get('k', 'linearizable')).toEqual(before);
    }
  });

  it('is not moved by renewals and resignations', async () => {
    await reign();
    await write(under(1));
    await other.elections.renew({ election: 'e', candidateId: 'a', fencingToken: 1, leaseMs: 5_000 });
    await other.elections.resign({ election: 'e', candidateId: 'a', fencingToken: 1 });
    gateway.store.reset();
    expect(await write(under(1))).toMatchObject({ kind: done });
    expect(gateway.store.commits).toHaveLength(1);
  });

  it.each([2, 99])('with token %s that was never issued is BAD_USER_INPUT, now and the next time', async (token) => {
    await reign();
    await write(under(1));
    for (let time = 0; time < 2; time += 1) {
      await expect(write(under(token))).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { field: 'input.fence.token' },
      });
    }
    if (token === 2) {
      // Once it is issued, it is good.
      expect(await nextReign()).toBe(2);
      expect(await write(under(2))).toMatchObject({ kind: done });
    }
  });

  it('of an unknown election is BAD_USER_INPUT', async () => {
    await expect(write({ fence: { election: 'unknown', token: 1 } })).rejects.toEqual(failure('INVALID_ARGUMENT'));
    expect(await present()).toBe(false);
  });

  it.each([
    [{ election: '', token: 1 }, 'input.fence.election'],
    [{ election: 'x'.repeat(257), token: 1 }, 'input.fence.election'],
    [{ election: 'e', token: 0 }, 'input.fence.token'],
    [{ election: 'e', token: -1 }, 'input.fence.token'],
    [{ election: 'e', token: 1.5 }, 'input.fence.token'],
  ])('like %j is refused before anything is sent', async (fence, field) => {
    await expect(write({ fence })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
    expect([gateway.store.reads, gateway.store.commits]).toEqual([[], []]);
  });

  it('with a key is done once, and replayed as done though a later reign has begun', async () => {
    await reign();
    const first = await write({ ...under(1), idempotencyKey: 'i' });
    expect(first).toMatchObject({ kind: done });
    await nextReign();
    for (const by of [gateway, other, world.gateway()])
      expect(await write({ ...under(1), idempotencyKey: 'i' }, by)).toEqual(first);
  });

  it('with a key that was fenced stays so, with the token of the first answer', async () => {
    await reign();
    await nextReign();
    const first = await write({ ...under(1), idempotencyKey: 'i' });
    expect(first).toMatchObject({ kind: 'fenced', currentToken: 2 });
    await nextReign();
    for (const by of [gateway, other, world.gateway()])
      expect(await write({ ...under(1), idempotencyKey: 'i' }, by)).toEqual(first);
    await expect(write({ ...under(2), idempotencyKey: 'i' })).rejects.toEqual(failure('IDEMPOTENCY_KEY_REUSED'));
    await expect(write({ idempotencyKey: 'i' })).rejects.toEqual(failure('IDEMPOTENCY_KEY_REUSED'));
  });

  it.each([undefined, 'i'])('is refused where the reign begins on the way to the store (key %s)', async (key) => {
    const idempotency = key === undefined ? {} : { idempotencyKey: key };
    await reign();
    await write(under(1));
    await put();
    const before = await gateway.kv.get('k', 'linearizable');
    gateway.store.beforeCommit = async () => {
      gateway.store.beforeCommit = undefined;
      await nextReign();
    };
    expect(await write({ ...under(1), ...idempotency })).toMatchObject({ kind: 'fenced', currentToken: 2 });
    expect(await gateway.kv.get('k', 'linearizable')).toEqual(before);
    expect(await write({ ...under(1), ...idempotency })).toMatchObject({ kind: 'fenced', currentToken: 2 });
  });

  it('finds its own mark where its answer was lost, though a later reign has begun since', async () => {
    await reign();
    gateway.store.afterCommit = async () => {
      gateway.store.afterCommit = undefined;
      await nextReign();
      throw new Error('lost');
    };
    await expect(write({ ...under(1), idempotencyKey: 'i' })).rejects.toThrow('lost');
    expect(await write({ ...under(1), idempotencyKey: 'i' })).toMatchObject({ kind: done });
  });

  it('costs no trip of its own, but the first of a reign', async () => {
    await reign();
    await write(under(1));
    gateway.store.reset();
    await write(under(1));
    expect(gateway.store.commits).toHaveLength(1);
    const fenceKey = keyspace.electionFence('e');
    const readsOfFence = gateway.store.reads.flat().filter(({ start }) => start.equals(fenceKey));
    expect(readsOfFence).toEqual([]);
  });
});

describe('a fenced write', () => {
  it('that is fenced and breaks a condition as well is fenced', async () => {
    await put();
    await reign();
    await nextReign();
    expect(await put({ ifAbsent: true, ...under(1) })).toMatchObject({ kind: 'fenced' });
    expect(await remove({ ifVersion: '999', ...under(1) })).toMatchObject({ kind: 'fenced' });
  });

  it('under a good token is refused for its condition as ever', async () => {
    await put();
    await reign();
    expect(await put({ ifAbsent: true, ...under(1) })).toMatchObject({ kind: 'conflict', current: { key: 'k' } });
    expect(await remove({ ifVersion: '999', ...under(1) })).toMatchObject({ kind: 'conflict' });
    const checks = [{ key: 'other' }, { key: 'k' }];
    expect(await transact({ checks, puts: [], deletes: ['k'], ...under(1) })).toMatchObject({
      kind: 'conflict',
      key: 'k',
    });
  });

  it('of the most that a transaction may hold fits', async () => {
    await reign();
    const checks = Array.from({ length: 100 }, (_, index) => ({ key: `c${index}` }));
    const puts = Array.from({ length: 100 }, (_, index) => ({ key: `p${index}`, value: Buffer.from('v') }));
    expect(await transact({ checks, puts, ...under(1), idempotencyKey: 'i' })).toMatchObject({ kind: 'committed' });
  });

  it('that deletes reads the key without its value, and the fence with it', async () => {
    await put({ value: Buffer.alloc(100_000) });
    await reign();
    const fresh = world.gateway();
    expect(await remove(under(1), fresh)).toMatchObject({ kind: 'deleted', wasPresent: true });
    expect(fresh.store.reads).toEqual([
      [{ start: keyspace.kv('k'), keysOnly: true }, { start: keyspace.electionFence('e') }],
    ]);
    expect(await remove(under(1), fresh)).toMatchObject({ kind: 'deleted', wasPresent: false });
  });

  it('learns of a reign that it did not know from the store, and is not refused for what it knew', async () => {
    await reign();
    await put(under(1));
    await nextReign();
    await nextReign();
    expect(await put(under(3))).toMatchObject({ kind: 'put' });
    gateway.store.reset();
    expect(await put(under(3))).toMatchObject({ kind: 'put' });
    expect(gateway.store.reads).toEqual([]);
  });

  it('is fenced at once on the gateway on which the reign began', async () => {
    await reign(gateway);
    world.clock.advance(1_000);
    await reign(gateway);
    expect(await put(under(1))).toMatchObject({ kind: 'fenced', currentToken: 2 });
    expect(await put(under(2))).toMatchObject({ kind: 'put' });
  });
});
