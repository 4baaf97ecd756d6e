/** Usage and quotas on every engine, and through the wire. */
import { open } from 'lmdb';
import { ManualClock } from '../../src/core/clock';
import { makeSeededIds, systemIds } from '../../src/core/ids';
import { keyspace, tenantScope } from '../../src/core/keyspace';
import { billedBytes, decodeUsage, noUsage, usageKey } from '../../src/core/usage';
import type { Store } from '../../proto/store';
import { openLmdbEngine } from '../../storage/engines/lmdb';
import { metaKeys } from '../../storage/engines/lmdb-format';
import { LocalStore } from '../../storage/local-store';
import { lmdbFixture } from '../support/lmdb-fixture';
import { memoryFixture, servedFixture } from '../support/store-fixtures';
import { temporaryDirectory } from '../e2e/support/program';
import { describeUsage } from './suite/usage';

describeUsage('the memory store', memoryFixture);
describeUsage('the lmdb store', lmdbFixture);
describeUsage('the gRPC store over lmdb', servedFixture(lmdbFixture));

const scopes = [tenantScope('a', 1), tenantScope('a\0', 1), tenantScope('', 4_294_967_295)];

async function stored(store: Store, scope: Buffer): Promise<typeof noUsage> {
  const end = Buffer.concat([scope, Buffer.of(0xff)]);
  const { results } = await store.read([{ start: scope, end }, { start: usageKey(scope) }]);
  const rows = results[0]!.entries.filter(({ key }) => key[scope.length] === 0x10);
  const counted = {
    keys: rows.length,
    bytes: rows.reduce((sum, { key, value }) => sum + billedBytes(key, scope.length, value.length), 0),
  };
  const [row] = results[1]!.entries;
  expect(row ? decodeUsage(row.value) : noUsage).toEqual(counted);
  return counted;
}

test.each([
  ['memory', memoryFixture],
  ['lmdb', lmdbFixture],
] as const)('on %s usage is the sum of the rows, whatever was written in whatever order', async (_, makeFixture) => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const ids = makeSeededIds(seed);
    const below = (bound: number): number => Math.floor(ids.fraction() * bound);
    const { store, clock, remove } = await makeFixture({});
    for (let round = 0; round < 20; round += 1) {
      const transactions = Array.from({ length: 1 + below(6) }, () => {
        const scope = scopes[below(scopes.length)]!;
        const names = new Set(Array.from({ length: 1 + below(4) }, () => below(8)));
        const writes = [...names].map((name) => {
          const key = Buffer.concat([scope, below(4) === 0 ? keyspace.rateLimit(`${name}`) : keyspace.kv(`${name}`)]);
          if (below(3) === 0) return { kind: 'delete' as const, key, history: 'value' as const };
          const ttl = below(3) === 0 ? { ttlMs: 1 + below(40) } : {};
          return { kind: 'put' as const, key, value: Buffer.alloc(below(30)), history: 'value' as const, ...ttl };
        });
        return { checks: below(5) === 0 ? [{ key: writes[0]!.key, revision: 1 }] : [], writes, scope };
      });
      await store.commit(transactions);
      clock.advance(below(30));
    }
    // Past every expiry, and swept.
    await store.commit([
      {
        checks: [],
        writes: [{ kind: 'put', key: Buffer.from('end'), value: Buffer.alloc(1), ttlMs: 50, history: 'key' }],
      },
    ]);
    clock.advance(50);
    for await (const { changes } of store.watch([{ start: Buffer.from('end') }], { afterRevision: 0 })) {
      if (changes.some(({ kind }) => kind === 'expire')) break;
    }
    for (const scope of scopes) await stored(store, scope);
    await remove();
  }
});

test('data of a program that did not count it is counted at the first start', async () => {
  const directory = await temporaryDirectory();
  const clock = new ManualClock();
  const openStore = async (): Promise<LocalStore> =>
    new LocalStore({ engine: await openLmdbEngine({ directory: directory.path, ids: systemIds }), clock });
  const first = await openStore();
  for (const scope of scopes) {
    const writes = ['x', 'yz'].map((key) => ({
      kind: 'put' as const,
      key: Buffer.concat([scope, keyspace.kv(key)]),
      value: Buffer.alloc(5),
      history: 'value' as const,
    }));
    await first.commit([{ checks: [], writes, scope }]);
  }
  await first.close();
  const raw = open<Buffer, Buffer>({ path: directory.path, noSubdir: false, maxDbs: 12, keyEncoding: 'binary' });
  const file = (name: string) => raw.openDB<Buffer, Buffer>({ name, keyEncoding: 'binary', encoding: 'binary' });
  file('meta').removeSync(metaKeys.usage);
  file('rows').removeSync(usageKey(scopes[0]!));
  const wrong = file('rows').getBinary(usageKey(scopes[1]!))!;
  wrong[wrong.length - 1] = 99;
  file('rows').putSync(usageKey(scopes[1]!), wrong);
  await raw.close();
  const second = await openStore();
  for (const scope of scopes) expect(await stored(second, scope)).toEqual({ keys: 2, bytes: 13 });
  await second.close();
  await directory.remove();
});
