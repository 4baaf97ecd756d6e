/** What exports and imports on etcd have to do with several storage processes, and with what etcd forgets. */
import type { Store } from '../../proto/store';
import { ManualClock, systemClock } from '../../src/core/clock';
import { encodeRecord } from '../../src/core/codec';
import { systemIds } from '../../src/core/ids';
import { keyspace, tenantScope } from '../../src/core/keyspace';
import type { BackupPart } from '../../storage/backup/backup-parts';
import { exportData, spanOf } from '../../storage/backup/export-data';
import { importData, refuseHalfImported } from '../../storage/backup/import-data';
import { revisionsSkipped } from '../../storage/backup/import-steps';
import { makeMemoryEngine } from '../../storage/engines/memory';
import { EtcdChannel } from '../../storage/etcd/channel';
import { openEtcdStore } from '../../storage/etcd/etcd-store';
import { Layout, encodeProcess, formatByte } from '../../storage/etcd/layout';
import { methods, putOp } from '../../storage/etcd/messages';
import { LocalStore } from '../../storage/local-store';
import { everyKey } from '../../storage/portable';
import type { Portable } from '../../storage/portable';
import { EtcdCluster } from '../support/etcd';

type Whole = Store & Portable;
let cluster: EtcdCluster;
let channel: EtcdChannel;
let prefix: string;
let clock: ManualClock;
const stores: Store[] = [];

jest.setTimeout(30_000);
beforeAll(async () => {
  cluster = await EtcdCluster.start();
  channel = new EtcdChannel({ endpoints: cluster.endpoints, clock: systemClock });
}, 30_000);
afterAll(async () => {
  channel.close();
  await cluster.stop();
});
beforeEach(() => {
  prefix = `test-${systemIds.uuid()}/`;
  clock = new ManualClock();
});
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
});

async function open(name: string, more: Partial<Parameters<typeof openEtcdStore>[0]> = {}): Promise<Whole> {
  const etcd = { endpoints: cluster.endpoints, prefix };
  const store = await openEtcdStore({ etcd, clock: systemClock, ids: systemIds, name, ...more });
  stores.push(store);
  return store;
}

const scope = tenantScope('shop', 1);
const keyOf = (name: string): Buffer => Buffer.concat([scope, keyspace.kv(name)]);
const alone = { isAlone: true };

async function put(store: Store, key: Buffer, value: Buffer, revision?: number): Promise<number | 'conflict'> {
  const checks = revision === undefined ? [] : [{ key, revision }];
  const [outcome] = await store.commit([{ checks, writes: [{ kind: 'put', key, value, history: 'value' }] }]);
  if (outcome!.kind === 'failed') throw outcome!.error;
  return outcome!.kind === 'conflict' ? 'conflict' : outcome!.revision;
}

async function valueOf(store: Store, key: Buffer): Promise<{ value: string; revision: number } | undefined> {
  const [entry] = (await store.read([{ start: key }])).results[0]!.entries;
  return entry && { value: entry.value.toString(), revision: entry.revision };
}

async function backupOf(rows: Readonly<Record<string, Buffer>>, tenantId?: string): Promise<BackupPart[]> {
  const source = new LocalStore({ engine: makeMemoryEngine({ storeId: systemIds.uuid() }), clock: systemClock });
  stores.push(source);
  for (const [name, value] of Object.entries(rows)) await put(source, keyOf(name), value);
  const parts: BackupPart[] = [];
  for await (const part of exportData(source, { tenantId }, systemIds)) parts.push(part);
  return parts;
}

async function* listed(parts: readonly BackupPart[]): AsyncGenerator<BackupPart> {
  for (const part of parts) yield await Promise.resolve(part);
}

const refusal = (text: RegExp): unknown =>
  expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(text) as unknown });

describe('everything', () => {
  it('is refused while another storage process serves the store, and taken when it has ended', async () => {
    const parts = await backupOf({ a: Buffer.from('1') });
    const other = await open('the other');
    const own = await open('the import');
    await expect(importData(own, listed(parts), alone)).rejects.toEqual(refusal(/\(the other\).*stop all/));
    expect((await own.read([everyKey])).results[0]!.entries).toEqual([]);
    await other.close();
    await importData(own, listed(parts), alone);
    expect(await valueOf(own, keyOf('a'))).toMatchObject({ value: '1' });
  });

  it('is taken where a process has left its row and is silent; it is no process any more', async () => {
    const parts = await backupOf({ a: Buffer.from('1') });
    const layout = new Layout(prefix);
    const row = layout.process(Buffer.alloc(8, 7));
    const value = encodeProcess({ incarnation: Buffer.alloc(8), storageMs: 1, wallMs: 1, name: 'gone' });
    await channel.ask(methods.txn, { compare: [], success: [putOp(row, value)], failure: [] });
    await importData(await open('the import'), listed(parts), alone);
    const { kvs } = await channel.ask(methods.range, { key: row });
    expect(kvs).toEqual([]);
  });

  it('that was imported ends whoever served what was there before', async () => {
    const fatal: Error[] = [];
    const ended = new Promise<void>((resolve) => {
      void open('back after a pause', {
        onFatal: (error) => {
          fatal.push(error);
          resolve();
        },
      }).then(() => {
        const value = encodeRecord(formatByte, { steps: [], base: 5, life: 1 });
        const { bases } = new Layout(prefix);
        return channel.ask(methods.txn, { compare: [], success: [putOp(bases, value)], failure: [] });
      });
    });
    await ended;
    expect(fatal).toEqual([expect.objectContaining({ message: expect.stringMatching(/imported anew/) as unknown })]);
    await expect(put(stores[0]!, keyOf('a'), Buffer.of(1))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('half of it is not served by a process that starts meanwhile, which the import goes on beside', async () => {
    const parts = await backupOf({ a: Buffer.from('1'), b: Buffer.from('2') });
    const own = await open('the import');
    await importData(
      own,
      (async function* () {
        for (const part of parts) {
          yield part;
          if (part.kind !== 'block') continue;
          const late = await open('started meanwhile');
          await expect(refuseHalfImported(late)).rejects.toMatchObject({ code: 'INTERNAL' });
          await late.close();
        }
      })(),
      alone,
    );
    await expect(refuseHalfImported(own)).resolves.toBeUndefined();
    expect(await valueOf(own, keyOf('b'))).toMatchObject({ value: '2' });
  });

  it('is neither given nor taken by a process whose clock is wrong', async () => {
    await open('the clock that counts');
    const ahead = { ...systemClock, nowMs: () => systemClock.nowMs() + 3_600_000 };
    const own = await open('the import', { clock: ahead, transportClock: systemClock });
    const wrong = { code: 'UNAVAILABLE', message: expect.stringMatching(/clock of this storage machine/) as unknown };
    await expect(own.snapshot()).rejects.toMatchObject(wrong);
    const floor = { revision: 1, clockMs: undefined, isAll: false };
    await expect(own.load({ rows: [], marks: [], floor })).rejects.toMatchObject(wrong);
    await expect(put(own, keyOf('a'), Buffer.of(1))).rejects.toMatchObject(wrong);
  });

  it('may hold the largest values there are, and many small rows with an end', async () => {
    const rows: Record<string, Buffer> = {};
    for (let row = 0; row < 20; row += 1) rows[`large ${row}`] = Buffer.alloc(1_200_000, row);
    const store = await open('the import');
    await importData(store, listed(await backupOf(rows)), alone);
    const small = Array.from({ length: 5_000 }, (_, row) => {
      return { key: keyOf(`small ${row}`), value: Buffer.of(1), expiresAtMs: 2 ** 45, history: 'key' as const };
    });
    await store.load({ rows: [...small, ...small.slice(0, 3)], marks: [] });
    const snapshot = await store.snapshot();
    let bytes = 0;
    let found = 0;
    for await (const page of snapshot.rows(spanOf(scope)))
      for (const { value } of page) {
        found += 1;
        bytes += value.length;
      }
    snapshot.release();
    expect([found, bytes]).toEqual([5_020, 24_005_000]);
  });
});

describe('one tenant, while another process serves the store', () => {
  it('shows no revision of before otherwise, and none of later below; who watches loses nothing', async () => {
    const [first, second] = await Promise.all([open('first'), open('second')]);
    const other = Buffer.from('another scope');
    const before = await put(second!, other, Buffer.from('0'));
    const watching = new AbortController();
    const seen: number[] = [];
    let newest = 0;
    const watched = (async () => {
      for await (const { changes, revision } of second!.watch([{ start: other }], {
        afterRevision: before as number,
        signal: watching.signal,
      })) {
        expect(revision).toBeGreaterThanOrEqual(newest);
        newest = revision;
        for (const change of changes) seen.push(Number(change.value!.toString()));
        if (seen.at(-1) === 60) return;
      }
    })();
    let resume: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (resume = resolve));
    const parts = await backupOf({ a: Buffer.from('1'), b: Buffer.from('2') }, 'shop');
    const imported = begun.then(() => importData(first!, listed(parts), { isAlone: false, tenantId: 'shop' }));
    const writing = (async () => {
      let last = before as number;
      for (let number = 1; number <= 60; number += 1) {
        // On what the write before it answered, so that a revision that is shown in two ways would be a conflict.
        const revision = await put(number % 2 ? second! : first!, other, Buffer.from(`${number}`), last);
        expect(revision).toBeGreaterThan(last);
        last = revision as number;
        expect(await valueOf(number % 3 ? second! : first!, other)).toEqual({ value: `${number}`, revision: last });
        if (number === 20) resume();
        if (number === 40) await imported;
      }
    })();
    await Promise.all([writing, imported, watched]);
    expect(seen).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    expect((await second!.status()).revision).toBeGreaterThan(revisionsSkipped);
    expect(await valueOf(second!, keyOf('b'))).toMatchObject({ value: '2' });
    const late = second!.watch([everyKey], { afterRevision: before as number })[Symbol.asyncIterator]();
    await expect(late.next()).rejects.toMatchObject({ code: 'HISTORY_GONE' });
    // What is shown does not depend on who remembers how it came about.
    const third = await open('third');
    expect(await valueOf(third, other)).toEqual(await valueOf(first!, other));
    expect((await third.status()).revision).toBeGreaterThan(revisionsSkipped);
  });
});

describe('what etcd forgets', () => {
  const retention = { logKeepMs: 20_000 };
  const names = Array.from({ length: 200 }, (_, index) => `row ${String(index).padStart(3, '0')}`);

  /** Writes over everything, a second apart by the storage clock, until history is longer than what is kept. */
  async function live(store: Store, isOver: () => Promise<boolean>): Promise<void> {
    for (let round = 0; !(await isOver()); round += 1) {
      clock.advance(1_000);
      for (const name of names.slice(0, 3)) await put(store, keyOf(name), Buffer.from(`round ${round}`));
    }
  }

  it('is not what an export reads, nor is history kept once it is done', async () => {
    const store = await open('eldest', { clock, transportClock: systemClock, retention });
    for (const name of names) await put(store, keyOf(name), Buffer.from('first'));
    const snapshot = await store.snapshot();
    const pages = snapshot.rows(everyKey)[Symbol.asyncIterator]();
    await pages.next();
    let rounds = 0;
    await live(store, () => Promise.resolve((rounds += 1) > 25));
    expect((await store.status()).oldestRevision).toBeLessThanOrEqual(snapshot.revision);
    let found = 0;
    for (;;) {
      const { done, value } = await pages.next();
      if (done) break;
      for (const row of value as readonly { value: Buffer }[]) {
        found += 1;
        expect(row.value.toString()).toBe('first');
      }
    }
    expect(found).toBeGreaterThan(100);
    snapshot.release();
    await live(store, async () => (await store.status()).oldestRevision > snapshot.revision);
  });

  it('under an export all the same ends it with HISTORY_GONE, not with a part', async () => {
    const store = await open('eldest', { clock, transportClock: systemClock });
    for (const name of names) await put(store, keyOf(name), Buffer.alloc(20_000));
    const parts = exportData(store, {}, systemIds);
    await parts.next();
    const revision = (await put(store, keyOf('later'), Buffer.of(1))) as number;
    await channel.ask(methods.compact, { revision });
    await expect(
      (async () => {
        for await (const part of parts) expect(part.kind).not.toBe('end');
      })(),
    ).rejects.toMatchObject({
      code: 'HISTORY_GONE',
      message: expect.stringMatching(/start the export again/) as unknown,
    });
  });

  it('goes on where a reader was killed: its hold is over after a while', async () => {
    const store = await open('eldest', { clock, transportClock: systemClock, retention });
    const layout = new Layout(prefix);
    const dead = layout.hold(Buffer.alloc(16, 1));
    const snapshot = await store.snapshot();
    snapshot.release();
    await channel.ask(methods.txn, {
      compare: [],
      success: [putOp(dead, Buffer.concat([Buffer.of(formatByte), Buffer.alloc(8)]))],
      failure: [],
    });
    await live(store, async () => (await store.status()).oldestRevision > snapshot.revision);
    const { kvs } = await channel.ask(methods.range, { key: dead });
    expect(kvs).toEqual([]);
  });
});
