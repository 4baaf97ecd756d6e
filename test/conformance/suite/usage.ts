/**
 * What every store promises about usage: each commit counts what it stores for the tenants whose it is, each expiry takes it
 * away, and a quota refuses what would pass it. For stores that see all scopes.
 */
import type { Store, Transaction, Write } from '../../../proto/store';
import { systemClock } from '../../../src/core/clock';
import { keyspace, reservedScope, tenantScope } from '../../../src/core/keyspace';
import type { Quota, Usage } from '../../../src/core/usage';
import { decodeUsage, noUsage, usageKey } from '../../../src/core/usage';
import type { MakeFixture, StoreFixture } from './fixture';

const tenant = tenantScope('shop', 1);
const other = tenantScope('shop', 2);

function put(scope: Buffer, key: string, valueBytes: number, ttlMs?: number): Write {
  return {
    kind: 'put',
    key: Buffer.concat([scope, keyspace.kv(key)]),
    value: Buffer.alloc(valueBytes, 1),
    history: 'value',
    ...(ttlMs !== undefined && { ttlMs }),
  };
}

function remove(scope: Buffer, key: string): Write {
  return { kind: 'delete', key: Buffer.concat([scope, keyspace.kv(key)]), history: 'value' };
}

function transaction(writes: readonly Write[], quota?: Quota): Transaction {
  return { checks: [], writes, scope: tenant, ...(quota && { quota }) };
}

/** How long a store that writes usage down in its own time takes for it at the most. */
const writtenMsMax = 1_000;

/** What is said to be stored is this, at once or, where the store takes its time, within a second. */
async function expectUsage(store: Store, expected: Usage, scope = tenant): Promise<void> {
  const { engine } = await store.status();
  const beganMs = systemClock.monotonicMs();
  let usage = await usageOf(store, scope);
  while (engine === 'etcd' && !isSame(usage, expected) && systemClock.monotonicMs() - beganMs < writtenMsMax) {
    await systemClock.sleep(10);
    usage = await usageOf(store, scope);
  }
  expect(usage).toEqual(expected);
}

function isSame(a: Usage, b: Usage): boolean {
  return a.keys === b.keys && a.bytes === b.bytes;
}

async function usageOf(store: Store, scope = tenant): Promise<Usage> {
  const { results } = await store.read([{ start: usageKey(scope) }]);
  const [entry] = results[0]!.entries;
  return entry ? decodeUsage(entry.value) : noUsage;
}

/** Commits one transaction; the code of its failure, or what became of it. */
async function fate(store: Store, writes: readonly Write[], quota?: Quota): Promise<string> {
  const [outcome] = await store.commit([transaction(writes, quota)]);
  return outcome!.kind === 'failed' ? outcome!.error.code : outcome!.kind;
}

/** Registers the suite of usage for the stores that `makeFixture` makes; with `reopen`, over a restart too. */
export function describeUsage(name: string, makeFixture: MakeFixture): void {
  describe(`usage on ${name}`, () => {
    let fixture: StoreFixture;
    beforeEach(async () => {
      fixture = await makeFixture({});
    });
    afterEach(() => fixture.remove());

    it('counts what is put, written over and deleted, by keys and bytes, each life of a tenant apart', async () => {
      const { store } = fixture;
      await expectUsage(store, noUsage);
      await store.commit([transaction([put(tenant, 'a', 10), put(tenant, 'bcd', 20)])]);
      await expectUsage(store, { keys: 2, bytes: 34 });
      await store.commit([transaction([put(tenant, 'a', 5)]), transaction([put(other, 'a', 7)])]);
      await expectUsage(store, { keys: 2, bytes: 29 });
      await expectUsage(store, { keys: 1, bytes: 8 }, other);
      await store.commit([transaction([remove(tenant, 'a'), remove(tenant, 'never')])]);
      await expectUsage(store, { keys: 1, bytes: 23 });
      await store.commit([transaction([remove(tenant, 'bcd')])]);
      await expectUsage(store, noUsage);
    });

    it('counts no rows but those of callers', async () => {
      const { store } = fixture;
      const rows = [
        Buffer.concat([tenant, keyspace.hold('sku', 5, 'id')]),
        Buffer.concat([tenant, keyspace.counterShard('name', 1)]),
        Buffer.concat([reservedScope, keyspace.tenant('shop')]),
        Buffer.from('no scope at all'),
      ];
      const writes = rows.map((key) => ({
        kind: 'put' as const,
        key,
        value: Buffer.from('x'),
        history: 'none' as const,
      }));
      await store.commit([transaction(writes)]);
      await expectUsage(store, noUsage);
    });

    it('counts what has expired until it is swept, or written over', async () => {
      const { store, clock } = fixture;
      await store.commit([transaction([put(tenant, 'swept', 10, 1_000), put(tenant, 'over', 10, 1_000)])]);
      await expectUsage(store, { keys: 2, bytes: 29 });
      clock.advance(1_000);
      await store.commit([transaction([put(tenant, 'over', 1)])]);
      const { oldestRevision } = await store.status();
      for await (const { changes } of store.watch([{ start: tenant, end: other }], { afterRevision: oldestRevision })) {
        if (changes.some(({ kind, key }) => kind === 'expire' && key.includes('swept'))) break;
      }
      await expectUsage(store, { keys: 1, bytes: 5 });
    });

    it('is right after transactions that were refused, sent twice, or failed with the whole of their group', async () => {
      const { store } = fixture;
      const attemptId = Buffer.alloc(16, 3);
      const once = { ...transaction([put(tenant, 'once', 9)]), attemptId };
      const refused = {
        ...transaction([put(tenant, 'refused', 9)]),
        checks: [{ key: put(tenant, 'x', 1).key, revision: 7 }],
      };
      await store.commit([once, refused, once]);
      await store.commit([once]);
      await expectUsage(store, { keys: 1, bytes: 13 });
    });

    it('refuses what would pass the limit of keys, to the key, and nothing that adds none', async () => {
      const { store } = fixture;
      const quota = { keysMax: 2 };
      expect(await fate(store, [put(tenant, 'a', 1), put(tenant, 'b', 1)], quota)).toBe('committed');
      expect(await fate(store, [put(tenant, 'c', 1)], quota)).toBe('QUOTA_EXCEEDED');
      expect(await fate(store, [put(tenant, 'a', 1_000)], quota)).toBe('committed');
      expect(await fate(store, [remove(tenant, 'a'), put(tenant, 'c', 1)], quota)).toBe('committed');
      await expectUsage(store, { keys: 2, bytes: 4 });
    });

    it('refuses what would pass the limit of bytes, to the byte, says what is used, and lets what is over it shrink', async () => {
      const { store } = fixture;
      expect(await fate(store, [put(tenant, 'a', 9)], { bytesMax: 10 })).toBe('committed');
      const [outcome] = await store.commit([transaction([put(tenant, 'a', 10)], { bytesMax: 10 })]);
      expect(outcome).toMatchObject({
        kind: 'failed',
        error: { code: 'QUOTA_EXCEEDED', details: { limit: 'bytes', max: 10, used: 10, needed: 1 } },
      });
      expect(await fate(store, [put(tenant, 'a', 8)], { bytesMax: 3 })).toBe('committed');
      await expectUsage(store, { keys: 1, bytes: 9 });
    });

    it('is passed by nothing, however many write at once', async () => {
      const { store } = fixture;
      const each = Array.from({ length: 300 }, (_, index) => [put(tenant, `key ${index}`, 1)]);
      const fates = await Promise.all(each.map((writes) => fate(store, writes, { keysMax: 100 })));
      expect(fates.filter((one) => one === 'committed')).toHaveLength(100);
      expect(fates.filter((one) => one === 'QUOTA_EXCEEDED')).toHaveLength(200);
      const { results } = await store.read([{ start: tenant, end: other }]);
      const bytes = results[0]!.entries.reduce((sum, { key }) => sum + key.length - tenant.length, 0);
      await expectUsage(store, { keys: 100, bytes });
    });

    it('counts all of what is written on and on, also while it is being written down', async () => {
      const { store } = fixture;
      const keys = 500;
      for (let number = 100; number < 100 + keys; number += 1)
        await store.commit([transaction([put(tenant, `key ${number}`, 1)])]);
      await expectUsage(store, { keys, bytes: keys * 8 });
    });

    it('refuses a quota that is no whole number', async () => {
      for (const quota of [{ keysMax: -1 }, { bytesMax: 0.5 }, { keysMax: Number.NaN }]) {
        expect(await fate(fixture.store, [put(tenant, 'a', 1)], quota)).toBe('INVALID_ARGUMENT');
      }
    });

    it('is the same after a restart', async () => {
      await fixture.store.commit([transaction([put(tenant, 'a', 10)])]);
      await fixture.reopen?.();
      await expectUsage(fixture.store, { keys: 1, bytes: 11 });
    });
  });
}
