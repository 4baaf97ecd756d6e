/** Holds whose gateway is gone, found by another one that never saw them. */
import { AppError } from '../../src/core/errors';
import { holdsDueRange, readHoldsDueKey, storedHoldsDue } from '../../src/core/holds-due';
import { keyspace, reservedScope, stockMovementsRange, tenantScope } from '../../src/core/keyspace';
import { makeSeededIds } from '../../src/core/ids';
import { decodeItem, recentMovements, toMovements } from '../../src/patterns/inventory-records';
import type { Patterns } from '../../src/patterns/patterns';
import { makeDueRows } from '../../src/patterns/patterns';
import { ScopedStore } from '../../src/store/scoped-store';
import { TenancyWorld } from './support/tenancy-world';
import type { TenancyGateway } from './support/tenancy-world';
import { turn } from './support/world';

let world: TenancyWorld;
/** Makes holds, then is killed. */
let gone: TenancyGateway;
let there: TenancyGateway;

beforeEach(() => {
  world = new TenancyWorld();
  gone = world.tenancy({ unknownExists: true });
  there = world.tenancy({ unknownExists: true });
});
afterEach(() => world.close());

const never = new AbortController().signal;

/** Looks as a gateway does that has just started. */
async function look(by = there, patternsOf = known(by)): Promise<void> {
  const rows = makeDueRows({ store: by.store, clock: world.clock, ids: makeSeededIds(5) }, patternsOf);
  await world.until(rows.look(never));
}

function known(by: TenancyGateway): (tenantId: string) => Patterns {
  const made = new Map<string, Patterns>();
  return (tenantId) => {
    const patterns = made.get(tenantId) ?? by.patternsOf(tenantId);
    made.set(tenantId, patterns);
    return patterns;
  };
}

async function hold(tenantId: string, sku: string, holdsMs: readonly number[]): Promise<void> {
  const { inventory, reservations } = gone.patternsOf(tenantId);
  await inventory.create({ sku, quantity: 1_000 });
  for (const holdMs of holdsMs) await reservations.reserve({ lines: [{ sku, quantity: 1 }], holdMs });
}

/** Nothing comes from it any more. */
function kill(): void {
  const refuse = (): void => {
    throw new AppError('UNAVAILABLE', 'killed');
  };
  gone.store.beforeRead = refuse;
  gone.store.beforeCommit = refuse;
}

/** Lets what was planned run. */
async function pass(ms: number): Promise<void> {
  world.clock.advance(ms);
  for (let turns = 0; turns < 20; turns += 1) await turn();
}

/** What was recorded so far; read past everything that records it. */
async function expired(tenantId: string, sku: string): Promise<number[]> {
  const store = new ScopedStore(world.base, tenantScope(tenantId, 1));
  const { results } = await store.read([stockMovementsRange(sku), { start: keyspace.inventoryItem(sku) }]);
  const inRows = results[0]!.entries.flatMap((entry) => toMovements(sku, entry));
  return [...recentMovements(sku, decodeItem(results[1]!.entries[0]!.value)), ...inRows]
    .filter(({ type }) => type === 'expired')
    .map(({ atMs }) => atMs);
}

const reservedStore = (): ScopedStore => new ScopedStore(world.base, reservedScope);
const due = async (): Promise<string[]> => {
  const { results } = await reservedStore().read([holdsDueRange(Number.MAX_SAFE_INTEGER - 1)]);
  return results[0]!.entries.map(({ key }) => {
    const { tenantId, incarnation, sku, atMs } = readHoldsDueKey(key);
    return `${tenantId} ${incarnation} ${sku} ${atMs - startMs}`;
  });
};
let startMs: number;
beforeEach(() => {
  startMs = world.clock.nowMs();
});

describe('the end of a hold whose gateway is gone', () => {
  it('is recorded by one that never saw it, dated at the expiry; then nothing is due', async () => {
    await hold('shop', 'a', [100]);
    expect(await due()).toEqual(['shop 1 a 100']);
    kill();
    await pass(100);
    await look();
    expect(await expired('shop', 'a')).toEqual([]);
    await pass(250);
    await look();
    expect(await expired('shop', 'a')).toEqual([startMs + 100]);
    expect(await due()).toEqual([]);
  });

  it('is recorded within a second of it by a gateway that looks by itself', async () => {
    await hold('shop', 'a', [100]);
    kill();
    const stopping = new AbortController();
    const rows = makeDueRows({ store: there.store, clock: world.clock, ids: makeSeededIds(5) }, known(there));
    const running = rows.run(stopping.signal);
    while ((await expired('shop', 'a')).length === 0) await pass(1);
    expect(world.clock.nowMs() - startMs - 100).toBeLessThan(1_000);
    stopping.abort();
    await running;
  });

  it('is recorded in every tenant, and of skus alike in two of them each its own', async () => {
    await hold('one', 'a', [100]);
    await hold('other\0', 'a', [200]);
    await hold('one', 'b', [5_000]);
    kill();
    await pass(1_000);
    await look();
    expect(await expired('one', 'a')).toEqual([startMs + 100]);
    expect(await expired('other\0', 'a')).toEqual([startMs + 200]);
    expect(await due()).toEqual(['one 1 b 5000']);
  });

  it('is followed by the next one: an item has one row, for its first hold', async () => {
    await hold('shop', 'a', [900, 100, 500, 500]);
    expect(await due()).toEqual(['shop 1 a 100']);
    kill();
    await pass(400);
    await look();
    expect(await due()).toEqual(['shop 1 a 500']);
    await pass(400);
    await look();
    expect(await due()).toEqual(['shop 1 a 900']);
    await pass(400);
    await look();
    expect([(await expired('shop', 'a')).length, await due()]).toEqual([4, []]);
  });

  it('is recorded of 450 holds that end at once, and of 300 skus', async () => {
    await hold('shop', 'a', Array<number>(450).fill(100));
    for (let sku = 0; sku < 300; sku += 1) await hold('shop', `s${sku}`, [100]);
    kill();
    await pass(1_000);
    await look();
    expect((await expired('shop', 'a')).length).toBe(450);
    expect(await due()).toEqual([]);
  });

  it('that was committed, or folded by a reserve, leaves nothing behind', async () => {
    await hold('shop', 'a', [100]);
    const { reservations } = gone.patternsOf('shop');
    await hold('shop', 'b', []);
    const sold = await reservations.reserve({ lines: [{ sku: 'b', quantity: 1 }], holdMs: 100 });
    if (sold.kind === 'reserved') await reservations.commit({ reservationId: sold.reservation.id });
    kill();
    await pass(200);
    const all = [{ sku: 'a', quantity: 1_000 }];
    expect((await there.patternsOf('shop').reservations.reserve({ lines: all, holdMs: 60_000 })).kind).toBe('reserved');
    await pass(500);
    const { updatedAtMs } = (await there.patternsOf('shop').inventory.get('b'))!;
    await look();
    expect(await expired('shop', 'a')).toEqual([startMs + 100]);
    expect(await expired('shop', 'b')).toEqual([]);
    expect(await due()).toEqual(['shop 1 a 60200']);
    expect((await there.patternsOf('shop').inventory.get('b'))!.updatedAtMs).toBe(updatedAtMs);
  });

  it('is recorded once by several gateways at once', async () => {
    await hold('shop', 'a', Array<number>(150).fill(100));
    kill();
    await pass(1_000);
    const third = world.tenancy({ unknownExists: true });
    await Promise.all([look(there), look(third), look(there)]);
    expect((await expired('shop', 'a')).length).toBe(150);
    await pass(1_000);
    await look();
    expect(await due()).toEqual([]);
  });

  it('waits where storage fails, without being in the way of others', async () => {
    await hold('shop', 'a', [100]);
    await hold('shop', 'b', [101]);
    kill();
    await pass(1_000);
    const patterns = known(there);
    let failures = 0;
    there.store.beforeCommit = (transactions) => {
      if (!transactions.some(({ checks }) => checks.some(({ key }) => key.includes('@a')))) return;
      failures += 1;
      throw new AppError('INTERNAL', 'damaged');
    };
    const rows = makeDueRows({ store: there.store, clock: world.clock, ids: makeSeededIds(5) }, (id) => patterns(id));
    await world.until(rows.look(never));
    await world.until(rows.look(never));
    expect([failures, await expired('shop', 'b')]).toEqual([1, [startMs + 101]]);
    there.store.beforeCommit = undefined;
    await pass(11_000);
    await world.until(rows.look(never));
    expect([await expired('shop', 'a'), await due()]).toEqual([[startMs + 100], []]);
  });
});

describe('a row', () => {
  it('of a tenant that was deleted is removed; one that is imported, and shut until then, keeps it', async () => {
    await hold('shop', 'a', [100]);
    kill();
    await pass(1_000);
    const importing = reservedStore();
    await there.tenants.delete('shop');
    await importing.commit([
      { checks: [], writes: [{ kind: 'put', key: keyspace.dataImport('shop'), value: Buffer.of(1), history: 'none' }] },
    ]);
    await look();
    expect(await due()).toEqual(['shop 1 a 100']);
    await importing.commit([
      { checks: [], writes: [{ kind: 'delete', key: keyspace.dataImport('shop'), history: 'none' }] },
    ]);
    await look();
    expect(await due()).toEqual([]);
  });

  it('of an earlier life is removed, and the new one is left alone', async () => {
    await hold('shop', 'a', [100]);
    kill();
    await there.tenants.delete('shop');
    await there.tenants.create({ tenantId: 'shop', name: 'again', plan: 'ENTERPRISE' });
    await pass(1_000);
    await look();
    expect(await due()).toEqual([]);
  });

  it('that its item knows nothing of is removed', async () => {
    await hold('shop', 'a', [5_000]);
    const value = Buffer.of(1);
    const rows = ['a', 'unknown'].map((sku) => keyspace.holdsDue(startMs + 50, sku));
    const writes = rows.map((key) => ({
      kind: 'put' as const,
      key: storedHoldsDue(tenantScope('shop', 1), key),
      value,
      history: 'none' as const,
    }));
    await world.base.commit([{ checks: [], writes }]);
    kill();
    await pass(1_000);
    await look();
    expect(await due()).toEqual(['shop 1 a 5000']);
  });
});
