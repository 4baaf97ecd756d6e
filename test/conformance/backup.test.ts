/** Exports and imports: every engine to every engine, one tenant and all, damage of every kind, imports that were cut off. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../../proto/store';
import { ManualClock, systemClock } from '../../src/core/clock';
import { makeSeededIds, systemIds } from '../../src/core/ids';
import { families, keyspace, reservedScope, tenantScope } from '../../src/core/keyspace';
import { holdsDueRange, holdsDueValue, itemFormat, readHoldsDueKey } from '../../src/core/holds-due';
import { varintOf } from '../../src/core/varint';
import { decodeGate, encodeGate } from '../../src/core/tenant-gate';
import { decodeUsage, noUsage, usageKey } from '../../src/core/usage';
import { readBackup, readBackupBytes, verifyBackup, writeBackup } from '../../storage/backup/backup-file';
import type { ByteSource } from '../../storage/backup/backup-file';
import type { BackupPart } from '../../storage/backup/backup-parts';
import { exportData } from '../../storage/backup/export-data';
import { decodePart, encodePart } from '../../storage/backup/part-message';
import { partCodec } from '../../proto/backup-wire';
import { importData, refuseHalfImported } from '../../storage/backup/import-data';
import { revisionsSkipped } from '../../storage/backup/import-steps';
import { makeMemoryEngine } from '../../storage/engines/memory';
import { openEtcdStore } from '../../storage/etcd/etcd-store';
import { LocalStore } from '../../storage/local-store';
import { openStore } from '../../storage/open';
import { everyKey } from '../../storage/portable';
import type { Portable } from '../../storage/portable';
import { encode } from '../../src/patterns/tenant-decisions';
import { EtcdCluster } from '../support/etcd';

type Whole = Store & Portable;
const startMs = Date.UTC(2026, 0, 1);
const stores: Store[] = [];
let directory: string;
let cluster: EtcdCluster;

beforeAll(async () => {
  cluster = await EtcdCluster.start();
}, 30_000);
afterAll(() => cluster.stop());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'norigate-'));
});
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  await rm(directory, { recursive: true, force: true });
});

let opened = 0;
type EngineName = 'lmdb' | 'memory' | 'etcd';

async function open(engine: EngineName, clock = new ManualClock(startMs)): Promise<Whole> {
  const store =
    engine === 'memory'
      ? new LocalStore({ engine: makeMemoryEngine({ storeId: `memory-${(opened += 1)}` }), clock })
      : engine === 'etcd'
        ? await openProcess(`test-${systemIds.uuid()}/`, { clock })
        : await openStore({ engine, directory: join(directory, `data-${(opened += 1)}`), clock, ids: systemIds });
  stores.push(store);
  return store;
}

/** A storage process on a prefix of etcd. */
function openProcess(
  prefix: string,
  {
    clock = new ManualClock(startMs),
    name = 'storage under test',
    ...more
  }: Partial<Parameters<typeof openEtcdStore>[0]>,
): Promise<Whole> {
  const etcd = { endpoints: cluster.endpoints, prefix };
  const retention = { markKeepMs: 86_400_000, ...more.retention };
  return openEtcdStore({ etcd, clock, transportClock: systemClock, ids: systemIds, name, ...more, retention });
}

const scopeOf = (tenant: string): Buffer => tenantScope(tenant, 1);
const reserved = (key: Buffer): Buffer => Buffer.concat([reservedScope, key]);

/** A tenant with rows of several kinds, with and without an end, with marks and an API key. */
async function fill(store: Store, tenant: string, { rows, seed }: { rows: number; seed: number }): Promise<void> {
  const ids = makeSeededIds(seed);
  const scope = scopeOf(tenant);
  const put = (key: Buffer, value: Buffer, history: 'value' | 'key' | 'none', ttlMs?: number): void =>
    void transactions.push({
      checks: [],
      writes: [{ kind: 'put', key, value, history, ...(ttlMs === undefined ? {} : { ttlMs }) }],
      marks: [{ key: Buffer.concat([scope, ids.bytes(32)]), value: ids.bytes(40) }],
      scope,
    });
  const transactions: Parameters<Store['commit']>[0][0][] = [];
  put(reserved(keyspace.tenant(tenant)), encode({ name: tenant, plan: 'PRO', createdAtMs: 1 }), 'key');
  const keyId = ids.bytes(16);
  const apiKey = {
    tenantId: tenant,
    incarnation: 1,
    name: 'k',
    role: 'READER' as const,
    createdAtMs: 1,
    secretHash: '',
  };
  put(reserved(keyspace.apiKey(keyId)), encode(apiKey), 'key');
  put(reserved(keyspace.apiKeyOfTenant(tenant, 1, keyId)), Buffer.of(1), 'none');
  put(reserved(keyspace.apiKeyHead(tenant, 1)), encode({ count: 1 }), 'none');
  for (let row = 0; row < rows; row += 1) {
    const tail = ids.bytes(1 + Math.floor(ids.fraction() * 40));
    const value = ids.bytes(Math.floor(ids.fraction() * 200));
    const ttlMs = ids.fraction() < 0.3 ? 1 + Math.floor(ids.fraction() * 100_000) : undefined;
    put(Buffer.concat([scope, keyspace.kv(tail)]), value, 'value', ttlMs);
    put(Buffer.concat([scope, keyspace.counterShard('c', row)]), value, 'key');
    put(Buffer.concat([scope, keyspace.sessionHead(tail)]), value, 'none', ttlMs);
  }
  for (let at = 0; at < transactions.length; at += 1_000)
    for (const outcome of await store.commit(transactions.slice(at, at + 1_000)))
      expect(outcome.kind).toBe('committed');
}

/** All that a store holds, but for the usage that it counts itself, as text that two stores can be compared by. */
async function contents(store: Whole): Promise<string[]> {
  const snapshot = await store.snapshot();
  const lines: string[] = [];
  for await (const page of snapshot.rows(everyKey))
    for (const { key, value, expiresAtMs, history } of page.filter((row) => !isUsage(row)))
      lines.push(['row', key.toString('hex'), value.toString('hex'), expiresAtMs, history].join(' '));
  for await (const page of snapshot.marks(everyKey))
    for (const { key, value, revision, committedAtMs } of page)
      lines.push(['mark', key.toString('hex'), value.toString('hex'), revision, committedAtMs].join(' '));
  snapshot.release();
  return lines.sort();
}

const isUsage = ({ key }: { readonly key: Buffer }): boolean =>
  key[0] === reservedScope[0] && key[1] === families.tenantUsage.code;

async function* listed(parts: readonly BackupPart[]): AsyncGenerator<BackupPart> {
  for (const part of parts) yield await Promise.resolve(part);
}

async function partsOf(store: Whole, tenantId?: string): Promise<BackupPart[]> {
  const parts: BackupPart[] = [];
  for await (const part of exportData(store, { tenantId }, systemIds)) parts.push(part);
  return parts;
}

const targets = ['memory', 'etcd'] as const;
const alone = { isAlone: true };
const refusal = (text: RegExp): unknown =>
  expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(text) as unknown });

describe.each([
  ['lmdb', 'lmdb'],
  ['lmdb', 'memory'],
  ['memory', 'lmdb'],
  ['lmdb', 'etcd'],
  ['etcd', 'lmdb'],
  ['etcd', 'etcd'],
] as const)('a whole store, from %s to %s', (from, to) => {
  it.each([0, 1, 60])('is the same with %i rows, over a file', async (rows) => {
    const source = await open(from);
    if (rows > 0) await fill(source, 'shop', { rows, seed: rows });
    await fill(source, 'other', { rows, seed: rows + 1 });
    const path = join(directory, 'all.backup');
    await writeBackup(path, exportData(source, {}, systemIds));
    expect((await stat(path)).mode & 0o077).toBe(0);
    const target = await open(to);
    await importData(target, readBackup(path), alone);
    expect(await contents(target)).toEqual(await contents(source));
    await expect(refuseHalfImported(target)).resolves.toBeUndefined();
  });
});

describe('an export', () => {
  it.each(['lmdb', 'etcd'] as const)('stands at one revision while writers go on (%s)', async (engine) => {
    const source = await open(engine);
    await fill(source, 'shop', { rows: 600, seed: 3 });
    const before = await contents(source);
    const parts: BackupPart[] = [];
    let written = 0;
    for await (const part of exportData(source, {}, systemIds)) {
      parts.push(part);
      await fill(source, 'shop', { rows: 20, seed: 100 + (written += 1) });
    }
    expect(written).toBeGreaterThan(2);
    const target = await open('memory');
    await importData(target, listed(parts), alone);
    expect(await contents(target)).toEqual(before);
  });

  it.each(['lmdb', 'etcd'] as const)('ends with the store (%s)', async (engine) => {
    const source = await open(engine);
    await fill(source, 'shop', { rows: 600, seed: 3 });
    const parts = exportData(source, {}, systemIds);
    await parts.next();
    await source.close();
    await expect(parts.next()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('of a tenant that is not there is NOT_FOUND', async () => {
    const source = await open('memory');
    await expect(partsOf(source, 'nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('an import', () => {
  it.each(['lmdb', 'memory', 'etcd'] as const)(
    'goes on with revisions above all that were given, and with the clock (%s)',
    async (engine) => {
      const clock = new ManualClock(startMs + 50_000);
      const source = await open(engine, clock);
      await fill(source, 'shop', { rows: 5, seed: 1 });
      const { revision } = await source.status();
      const target = await open(engine);
      await importData(target, listed(await partsOf(source)), alone);
      const after = await target.status();
      expect(after.revision).toBeGreaterThan(revision + revisionsSkipped);
      expect(after.nowMs).toBeGreaterThanOrEqual(startMs + 50_000);
      const watch = target.watch([everyKey], { afterRevision: revision })[Symbol.asyncIterator]();
      await expect(watch.next()).rejects.toMatchObject({ code: 'HISTORY_GONE' });
    },
  );

  it('counts usage anew', async () => {
    const source = await open('lmdb');
    await fill(source, 'shop', { rows: 30, seed: 1 });
    const target = await open('memory');
    await importData(target, listed(await partsOf(source)), alone);
    const usage = async (store: Store): Promise<unknown> => {
      const [entry] = (await store.read([{ start: usageKey(scopeOf('shop')) }])).results[0]!.entries;
      return entry ? decodeUsage(entry.value) : noUsage;
    };
    expect(await usage(target)).toEqual(await usage(source));
  });

  it.each([
    ['memory', 'lmdb'],
    ['lmdb', 'etcd'],
    ['etcd', 'lmdb'],
  ] as const)('carries marks, so that a command that was done is not done again (%s to %s)', async (from, to) => {
    const source = await open(from);
    const mark = { key: Buffer.concat([scopeOf('shop'), Buffer.alloc(32, 7)]), value: Buffer.from('first') };
    const command = {
      checks: [],
      writes: [
        {
          kind: 'put' as const,
          key: Buffer.concat([scopeOf('shop'), keyspace.kv('k')]),
          value: Buffer.of(1),
          history: 'value' as const,
        },
      ],
      marks: [mark],
      scope: scopeOf('shop'),
    };
    const [first] = await source.commit([command]);
    const target = await open(to);
    await importData(target, listed(await partsOf(source)), alone);
    const [again] = await target.commit([command]);
    const revision = first!.kind === 'committed' ? first!.revision : -1;
    expect(again).toMatchObject({ kind: 'conflict', marks: [{ value: mark.value, revision }] });
  });

  it.each(targets)('of a whole store is refused where there is data, and where storage is served (%s)', async (to) => {
    const source = await open('memory');
    await fill(source, 'shop', { rows: 3, seed: 1 });
    const parts = await partsOf(source);
    const target = await open(to);
    await expect(importData(target, listed(parts), { isAlone: false })).rejects.toEqual(refusal(/stop storage/));
    expect(await contents(target)).toEqual([]);
    await fill(target, 'other', { rows: 1, seed: 2 });
    const before = await contents(target);
    await expect(importData(target, listed(parts), alone)).rejects.toEqual(refusal(/has data/));
    expect(await contents(target)).toEqual(before);
  });

  it.each(targets)(
    'that is cut off after any part is not served, goes on with the same backup alone (%s)',
    async (to) => {
      const source = await open('memory');
      await fill(source, 'shop', { rows: 900, seed: 1 });
      const parts = await partsOf(source);
      expect(parts.length).toBeGreaterThan(3);
      for (let cut = 1; cut < parts.length; cut += 1) {
        const target = await open(to);
        await expect(importData(target, listed(parts.slice(0, cut)), alone)).rejects.toMatchObject({
          code: 'UNAVAILABLE',
        });
        await expect(refuseHalfImported(target)).rejects.toMatchObject({ code: 'INTERNAL' });
        await expect(importData(target, listed(await partsOf(source)), alone)).rejects.toEqual(
          refusal(/another backup/),
        );
        await importData(target, listed(parts), alone);
        expect(await contents(target)).toEqual(await contents(source));
      }
    },
  );
});

describe('one tenant', () => {
  const gateOf = async (store: Store): Promise<unknown> => {
    const [entry] = (await store.read([{ start: reserved(keyspace.tenantGate('shop')) }])).results[0]!.entries;
    return entry && decodeGate(entry.value);
  };
  const rowsOf = async (store: Whole, incarnation: number): Promise<string[]> => {
    const scope = tenantScope('shop', incarnation).toString('hex');
    return (await contents(store)).filter((line) => line.includes(scope)).map((line) => line.replace(scope, 'scope'));
  };

  it.each(['lmdb', 'memory', 'etcd'] as const)(
    'moves alone into a store with others, with its API keys (%s)',
    async (engine) => {
      const source = await open('lmdb');
      await fill(source, 'shop', { rows: 20, seed: 1 });
      await fill(source, 'private', { rows: 5, seed: 2 });
      const target = await open(engine);
      await fill(target, 'other', { rows: 5, seed: 3 });
      const others = await contents(target);
      await importData(target, listed(await partsOf(source, 'shop')), { isAlone: false, tenantId: 'shop' });
      const after = await contents(target);
      expect(after).toEqual(expect.arrayContaining(others));
      const moved = (await contents(source)).filter((line) => line.includes(Buffer.from('shop').toString('hex')));
      expect(
        after.filter((line) => line.includes(Buffer.from('shop').toString('hex')) && !others.includes(line)),
      ).toEqual(
        expect.arrayContaining(
          moved.filter((line) => line.startsWith('mark') || line.includes(scopeOf('shop').toString('hex'))),
        ),
      );
      expect(after.some((line) => line.includes(Buffer.from('private').toString('hex')))).toBe(false);
      expect(await gateOf(target)).toEqual({ incarnation: 1, isOpen: true });
    },
  );

  it.each(targets)('brings the rows that say when its holds end, in the life that it arrives in (%s)', async (to) => {
    const source = await open('memory');
    const item = (sku: string, value: Buffer) =>
      ({
        kind: 'put',
        key: Buffer.concat([scopeOf('shop'), keyspace.inventoryItem(sku)]),
        value,
        history: 'key',
      }) as const;
    const writes = [
      item('mug', Buffer.concat([Buffer.of(itemFormat), varintOf(startMs + 500)])),
      item('cup', Buffer.of(itemFormat, 0)),
      item('odd', Buffer.of(itemFormat, ...Array<number>(9).fill(255))),
      item('no item', Buffer.of(1, 5)),
    ];
    await source.commit([{ checks: [], writes }]);
    const target = await open(to);
    await target.commit([
      {
        checks: [],
        writes: [
          {
            kind: 'put',
            key: reserved(keyspace.tenantGate('shop')),
            value: encodeGate({ incarnation: 4, isOpen: false }),
            history: 'key',
          },
        ],
      },
    ]);
    await importData(target, listed(await partsOf(source, 'shop')), { isAlone: false });
    const range = holdsDueRange(startMs * 2);
    const { results } = await target.read([{ start: reserved(range.start), end: reserved(range.end) }]);
    expect(results[0]!.entries.map(({ key, value }) => ({ ...readHoldsDueKey(key.subarray(1)), value }))).toEqual([
      { atMs: startMs + 500, tenantId: 'shop', incarnation: 5, sku: 'mug', value: holdsDueValue },
    ]);
  });

  it.each(targets)(
    'is shut until all of it stands, and is taken up again where the import was cut off (%s)',
    async (to) => {
      const source = await open('memory');
      await fill(source, 'shop', { rows: 900, seed: 1 });
      const parts = await partsOf(source, 'shop');
      const target = await open(to);
      await expect(importData(target, listed(parts.slice(0, 2)), { isAlone: false })).rejects.toMatchObject({
        code: 'UNAVAILABLE',
      });
      expect(await gateOf(target)).toEqual({ incarnation: 1, isOpen: false });
      await expect(refuseHalfImported(target)).resolves.toBeUndefined();
      await expect(importData(target, listed(await partsOf(source, 'shop')), { isAlone: false })).rejects.toEqual(
        refusal(/another backup/),
      );
      await importData(target, listed(parts), { isAlone: false });
      expect(await gateOf(target)).toEqual({ incarnation: 1, isOpen: true });
      expect(await rowsOf(target, 1)).toEqual(await rowsOf(source, 1));
    },
  );

  it.each(targets)('comes back in the life after, where it was deleted, once what it had is gone (%s)', async (to) => {
    const source = await open('memory');
    await fill(source, 'shop', { rows: 10, seed: 1 });
    const parts = await partsOf(source, 'shop');
    const target = await open(to);
    const put = (key: Buffer, value: Buffer): void =>
      void writes.push({ kind: 'put', key: reserved(key), value, history: 'none' });
    const writes: Parameters<Store['commit']>[0][0]['writes'][0][] = [];
    put(keyspace.tenantGate('shop'), encode({ incarnation: 4, isOpen: false }));
    put(keyspace.tenantRemoval('shop', 4), encode({ startedAtMs: 1, rowsRemoved: 0, isDone: false }));
    await target.commit([{ checks: [], writes: writes.splice(0) }]);
    await expect(importData(target, listed(parts), { isAlone: false })).rejects.toEqual(refusal(/still being removed/));
    put(keyspace.tenantRemoval('shop', 4), encode({ startedAtMs: 1, rowsRemoved: 9, isDone: true }));
    await target.commit([{ checks: [], writes }]);
    await importData(target, listed(parts), { isAlone: false });
    expect(await gateOf(target)).toEqual({ incarnation: 5, isOpen: true });
    expect(await rowsOf(target, 5)).toEqual(await rowsOf(source, 1));
  });

  it.each(['a record', 'rows', 'an open gate'])('is refused where it is there already: %s', async (what) => {
    const source = await open('memory');
    await fill(source, 'shop', { rows: 3, seed: 1 });
    const parts = await partsOf(source, 'shop');
    const target = await open('memory');
    const row = {
      'a record': [reserved(keyspace.tenant('shop')), encode({ name: 's', plan: 'FREE', createdAtMs: 1 })],
      rows: [Buffer.concat([scopeOf('shop'), keyspace.kv('a')]), Buffer.of(1)],
      'an open gate': [reserved(keyspace.tenantGate('shop')), encode({ incarnation: 2, isOpen: true })],
    }[what]!;
    await target.commit([{ checks: [], writes: [{ kind: 'put', key: row[0]!, value: row[1]!, history: 'none' }] }]);
    const before = await contents(target);
    await expect(importData(target, listed(parts), { isAlone: false })).rejects.toEqual(refusal(/already/));
    expect(await contents(target)).toEqual(before);
  });

  it('of another id than is meant is refused, and so are rows of others in its backup', async () => {
    const source = await open('memory');
    await fill(source, 'shop', { rows: 3, seed: 1 });
    const parts = await partsOf(source, 'shop');
    const target = await open('memory');
    await expect(importData(target, listed(parts), { isAlone: true, tenantId: 'x' })).rejects.toEqual(
      refusal(/not of "x"/),
    );
    await expect(
      importData(target, listed(await partsOf(source)), { isAlone: true, tenantId: 'shop' }),
    ).rejects.toEqual(refusal(/whole store/));
    const forged = parts.map((part) =>
      part.kind === 'head' ? { ...part, head: { ...part.head, tenant: { ...part.head.tenant!, id: 'victim' } } } : part,
    );
    await expect(importData(target, listed(forged), { isAlone: true })).rejects.toEqual(refusal(/rows of others/));
  });
});

describe('parts from elsewhere', () => {
  const head = { id: 'a', storeId: 's', engine: 'e', revision: 1, clockMs: 1, rowsAbout: 1 };
  const encoded = (of: unknown): Buffer => partCodec.encode({ head: JSON.stringify(of) });

  it('are read where they are sound', () => {
    expect(decodePart(encoded(head))).toEqual({ kind: 'head', head });
    const tenant = { id: 't', incarnation: 2, record: 'AQ==' };
    expect(decodePart(encoded({ ...head, tenant }))).toEqual({ kind: 'head', head: { ...head, tenant } });
    expect(decodePart(encodePart({ kind: 'end' }))).toEqual({ kind: 'end' });
  });

  it.each([
    ['no JSON', partCodec.encode({ head: '{' })],
    ['null', encoded(null)],
    ['nothing', Buffer.alloc(0)],
    ['no message', Buffer.of(0xff, 0xff)],
    ['a revision that is text', encoded({ ...head, revision: '1' })],
    ['a revision below nothing', encoded({ ...head, revision: -1 })],
    ['a tenant without a life', encoded({ ...head, tenant: { id: 't' } })],
    ['a tenant without a name', encoded({ ...head, tenant: { id: '', incarnation: 1 } })],
    ['a tenant of a long name', encoded({ ...head, tenant: { id: 'a'.repeat(129), incarnation: 1 } })],
  ])('are refused: %s', (_what, bytes) => {
    expect(() => decodePart(bytes)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }) as Error);
  });

  it.each([
    ['a key that is too long', { key: Buffer.alloc(1_901, 1) }],
    ['an empty key', { key: Buffer.alloc(0) }],
    ['a value that is too long', { value: Buffer.alloc(1_310_721) }],
    ['an expiry that is no number', { expiresAtMs: 2 ** 60 }],
  ])('with %s are refused, and the store goes on', async (_what, wrong) => {
    const target = await open('lmdb');
    const row = { key: Buffer.of(1), value: Buffer.of(1), expiresAtMs: 0, history: 'key' as const, ...wrong };
    await expect(target.load({ rows: [row], marks: [] })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await fill(target, 'shop', { rows: 1, seed: 1 });
  });

  it('whose revision leaves no room are refused; nothing changes', async () => {
    const target = await open('memory');
    const parts: BackupPart[] = [
      { kind: 'head', head: { ...head, revision: Number.MAX_SAFE_INTEGER, tenant: undefined } },
      { kind: 'end' },
    ];
    await expect(importData(target, listed(parts), alone)).rejects.toEqual(refusal(/leaves no room/));
    expect((await target.status()).revision).toBe(0);
  });
});

describe('a file that is damaged', () => {
  let path: string;
  let bytes: Buffer;

  beforeEach(async () => {
    const source = await open('memory');
    await fill(source, 's', { rows: 0, seed: 1 });
    path = join(directory, 'small.backup');
    await writeBackup(path, exportData(source, {}, systemIds));
    bytes = await readFile(path);
  });

  const refused = async (damaged: Buffer): Promise<unknown> => {
    const read = (into: Buffer, offset: number, length: number, at: number): Promise<{ bytesRead: number }> =>
      Promise.resolve({ bytesRead: damaged.copy(into, offset, at, at + length) });
    return verifyBackup(readBackupBytes('small', { read } as unknown as ByteSource)).then(
      () => 'taken',
      (error: unknown) => (error as { code: string }).code,
    );
  };

  it('is sound to begin with', async () => {
    expect((await verifyBackup(readBackup(path))).totals.records).toBe(8);
  });

  it('is refused wherever it is cut off, or goes on', async () => {
    for (let length = 0; length < bytes.length; length += 1)
      expect([length, await refused(bytes.subarray(0, length))]).toEqual([length, 'INVALID_ARGUMENT']);
    expect(await refused(Buffer.concat([bytes, Buffer.of(0)]))).toBe('INVALID_ARGUMENT');
  });

  it('is refused whichever byte is another', async () => {
    for (let at = 0; at < bytes.length; at += 1) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1 << (at % 8);
      expect([at, await refused(damaged)]).toEqual([at, 'INVALID_ARGUMENT']);
    }
  });

  it('says what is wrong and where', async () => {
    await writeFile(path, bytes.subarray(0, bytes.length - 5));
    await expect(verifyBackup(readBackup(path))).rejects.toEqual(
      refusal(/small\.backup is damaged at byte \d+: it was cut off there/),
    );
    await writeFile(path, 'something else altogether');
    await expect(verifyBackup(readBackup(path))).rejects.toEqual(refusal(/is not a backup/));
  });

  it('does not come into being where the export fails, nor over another one', async () => {
    await expect(writeBackup(path, listed([]))).rejects.toEqual(refusal(/exists already/));
    const fresh = join(directory, 'fresh.backup');
    await expect(writeBackup(fresh, listed([]))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(stat(fresh)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(stat(`${fresh}.part`)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
