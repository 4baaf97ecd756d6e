/** NoriKV's face through clients built from its own proto: versions, conditions, idempotency, absence, words, failures, views. */
import { Client, Metadata, credentials, status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { norikvService } from '../../proto/norikv-wire';
import type { ClusterView } from '../../proto/norikv-wire';
import type { CommitOutcome, Store } from '../../proto/store';
import { ManualClock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import { keyspace, tenantScope } from '../../src/core/keyspace';
import { ScopedStore } from '../../src/store/scoped-store';
import { serveNorikv } from '../../storage/norikv/norikv-server';
import type { NorikvServer } from '../../storage/norikv/norikv-server';
import { addressOf, callNorikv, useEngine, vectorsOf } from '../support/norikv-face';

interface Version {
  readonly term: number;
  readonly index: number;
}
interface Answer {
  readonly version: Version | null;
  readonly value: Buffer;
  readonly tombstoned: boolean;
}

describe.each(['memory', 'etcd'] as const)('on %s', (engine) => {
  const clock = new ManualClock();
  const scope = tenantScope('default', 1);
  const open = useEngine(engine);
  let base: Store;
  let served: ScopedStore;
  let server: NorikvServer;
  let client: Client;
  /** What stands between the face and the store in a test. */
  let hook: ((commit: () => Promise<readonly CommitOutcome[]>) => Promise<readonly CommitOutcome[]>) | undefined;
  let snapshots = 0;

  beforeEach(async () => {
    hook = undefined;
    snapshots = 0;
    base = await open(clock);
    served = new ScopedStore(base, scope);
    await listen(served);
  });
  afterEach(async () => {
    await unlisten();
    await base.close();
  });

  async function listen(store: Store): Promise<void> {
    const hooked: Store = {
      read: (...args) => store.read(...args),
      commit: (...args) => (hook ? hook(() => store.commit(...args)) : store.commit(...args)),
      watch: (...args) => store.watch(...args),
      search: (...args) => store.search(...args),
      status: () => store.status(),
      close: () => Promise.resolve(),
    };
    const snapshot = (): Promise<void> => Promise.resolve(void (snapshots += 1));
    const vectors = vectorsOf(hooked, clock);
    server = await serveNorikv({
      store: hooked,
      vectors: () => vectors,
      clock,
      host: '127.0.0.1',
      port: 0,
      addressOf,
      snapshot,
    });
    client = new Client(server.address, credentials.createInsecure(), { 'grpc.enable_retries': 0 });
  }

  async function unlisten(): Promise<void> {
    client.close();
    const stopped = server.stop(1_000);
    clock.advance(1_000);
    await stopped;
  }

  const call = (service: 'Kv' | 'Admin', name: string, request: object): Promise<Answer> =>
    callNorikv(client, service, name, request);
  const bytes = (text: string): Buffer => Buffer.from(text);
  const put = (key: string, value: string, more: object = {}): Promise<Answer> =>
    call('Kv', 'Put', { key: bytes(key), value: bytes(value), ...more });
  const get = (key: string, more: object = {}): Promise<Answer> => call('Kv', 'Get', { key: bytes(key), ...more });
  const del = (key: string, more: object = {}): Promise<Answer> => call('Kv', 'Delete', { key: bytes(key), ...more });
  const failing = (code: status, text = ''): unknown =>
    expect.objectContaining({ code, details: expect.stringContaining(text) as unknown });
  const mismatch = failing(status.FAILED_PRECONDITION, 'version mismatch');

  describe('a version', () => {
    it('is what Put answers and Get answers, from 1 and below 2^53, and is the revision of GraphQL', async () => {
      const { version } = await put('k', 'one');
      const got = await get('k');
      expect(got.version).toEqual(version);
      expect(got.value).toEqual(bytes('one'));
      expect(version!.term).toBeGreaterThanOrEqual(1);
      expect(Number.isSafeInteger(version!.index) && version!.index >= 1).toBe(true);
      const { results } = await served.read([{ start: keyspace.kv('k') }]);
      expect(results[0]!.entries[0]).toMatchObject({ revision: version!.index, value: bytes('one') });
    });

    it('is set on every Delete, of nothing in an empty store too', async () => {
      expect(await del('nothing')).toMatchObject({ tombstoned: false, version: { term: 1 } });
      await put('k', 'v');
      const first = await del('k');
      expect(first.tombstoned).toBe(true);
      expect((await del('k')).tombstoned).toBe(false);
      expect((await put('k', 'v')).version!.index).toBeGreaterThan(first.version!.index);
    });
  });

  describe('absence', () => {
    it('is OK, an empty value and no version; an empty value that is stored has one', async () => {
      expect(await get('k')).toMatchObject({ value: Buffer.alloc(0), version: null });
      await put('k', '');
      expect((await get('k')).version).not.toBeNull();
    });

    it('begins with the end of the ttl; a new put replaces or clears it', async () => {
      await put('k', 'v', { ttlMs: 1_000 });
      clock.advance(999);
      expect((await get('k')).version).not.toBeNull();
      clock.advance(1);
      expect((await get('k')).version).toBeNull();
      await put('k', 'v', { ttlMs: 1_000 });
      await put('k', 'v');
      clock.advance(2_000);
      expect((await get('k')).version).not.toBeNull();
    });
  });

  describe('if_match', () => {
    it('writes over that version alone', async () => {
      const { version } = await put('k', 'one');
      const second = await put('k', 'two', { ifMatch: version });
      await expect(put('k', 'three', { ifMatch: version })).rejects.toEqual(mismatch);
      await expect(del('k', { ifMatch: version })).rejects.toEqual(mismatch);
      expect((await get('k')).value).toEqual(bytes('two'));
      expect(await del('k', { ifMatch: second.version })).toMatchObject({ tombstoned: true });
    });

    it.each([
      { term: 1, index: 1 },
      { term: 2, index: 1 },
      { term: 0, index: 7 },
      { term: 1, index: 2 ** 60 },
    ])('that no version is (%j) is a mismatch, on an absent key too', async (ifMatch) => {
      await expect(put('absent', 'v', { ifMatch })).rejects.toEqual(
        failing(status.FAILED_PRECONDITION, 'version mismatch: key does not exist'),
      );
      await put('other', 'v');
      await put('k', 'v');
      await expect(put('k', 'v', { ifMatch })).rejects.toEqual(mismatch);
      await expect(del('k', { ifMatch })).rejects.toEqual(mismatch);
    });

    it('of 0/0 writes where there is nothing; of many at once one does', async () => {
      const ifMatch = { term: 0, index: 0 };
      const all = await Promise.allSettled(Array.from({ length: 20 }, (_, at) => put('k', String(at), { ifMatch })));
      expect(all.filter(({ status: how }) => how === 'fulfilled')).toHaveLength(1);
      await expect(put('k', 'v', { ifMatch })).rejects.toEqual(failing(status.ALREADY_EXISTS));
      await expect(del('k', { ifMatch })).rejects.toEqual(mismatch);
    });

    it('loses no step of many who count up with it', async () => {
      await put('n', '0');
      const countUp = async (): Promise<void> => {
        for (;;) {
          const { value, version } = await get('n');
          const done = await put('n', String(Number(value.toString()) + 1), { ifMatch: version }).then(
            () => true,
            (error: ServiceError) => {
              expect(error.details).toContain('version mismatch');
              return false;
            },
          );
          if (done) return;
        }
      };
      await Promise.all(Array.from({ length: 15 }, countUp));
      expect((await get('n')).value).toEqual(bytes('15'));
    });
  });

  describe('an idempotency key', () => {
    it('gives the first answer again, also from a server that was started later', async () => {
      const first = await put('k', 'one', { idempotencyKey: 'a' });
      await put('k', 'two');
      await unlisten();
      await listen(served);
      expect(await put('k', 'one', { idempotencyKey: 'a' })).toEqual(first);
      expect((await get('k')).value).toEqual(bytes('two'));
      await expect(put('k', 'other', { idempotencyKey: 'a' })).rejects.toEqual(
        failing(status.INVALID_ARGUMENT, 'idempotency_key'),
      );
      const gone = await del('k', { idempotencyKey: 'a' });
      expect(gone.tombstoned).toBe(true);
      await put('k', 'three');
      expect(await del('k', { idempotencyKey: 'a' })).toEqual(gone);
      expect((await get('k')).value).toEqual(bytes('three'));
    });

    it('remembers refusals, and that nothing was there', async () => {
      const { version } = await put('k', 'one');
      const second = await put('k', 'two');
      const stale = { ifMatch: version, idempotencyKey: 'a' };
      await expect(put('k', 'x', stale)).rejects.toEqual(mismatch);
      await expect(put('k', 'x', stale)).rejects.toEqual(mismatch);
      const exists = { ifMatch: { term: 0, index: 0 }, idempotencyKey: 'b' };
      await expect(put('k', 'x', exists)).rejects.toEqual(failing(status.ALREADY_EXISTS));
      await del('k', { ifMatch: second.version });
      await expect(put('k', 'x', exists)).rejects.toEqual(failing(status.ALREADY_EXISTS));
      const nothing = await del('k', { idempotencyKey: 'c' });
      expect(nothing.tombstoned).toBe(false);
      await put('k', 'v');
      expect(await del('k', { idempotencyKey: 'c' })).toEqual(nothing);
      expect((await get('k')).value).toEqual(bytes('v'));
    });

    it('of many at once is one write', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => put('k', 'v', { idempotencyKey: 'a' })));
      expect(new Set(answers.map(({ version }) => version!.index)).size).toBe(1);
      const gone = await Promise.all(Array.from({ length: 20 }, () => del('k', { idempotencyKey: 'b' })));
      expect(gone.every(({ tombstoned }) => tombstoned)).toBe(true);
    });

    it('of an answer that was lost gives it', async () => {
      hook = async (commit) => {
        hook = undefined;
        await commit();
        throw new AppError('OUTCOME_UNKNOWN', 'the answer was lost');
      };
      await expect(put('k', 'v', { idempotencyKey: 'a' })).rejects.toEqual(failing(status.ABORTED));
      const again = await put('k', 'v', { idempotencyKey: 'a' });
      expect(again.version).toEqual((await get('k')).version);
    });
  });

  describe('words and limits', () => {
    it.each(['', 'undefined', 'lease', 'linearizable', 'strong', 'stale_ok', 'eventual', 'bounded_staleness'])(
      'Get takes the consistency "%s"',
      async (consistency) => {
        await put('k', 'v');
        expect((await get('k', { consistency })).value).toEqual(bytes('v'));
      },
    );

    it.each([
      ['a consistency that there is not', () => get('k', { consistency: 'weak' }), 'consistency'],
      ['an empty key', () => put('', 'v'), 'key'],
      ['a key of 1,025 bytes', () => get('k'.repeat(1_025)), '1024'],
      ['a value of more than 1 MiB', () => put('k', 'v'.repeat(1_048_577)), '1048576'],
      ['a ttl past the limit', () => put('k', 'v', { ttlMs: 2 ** 52 }), 'ttl_ms'],
      ['a long idempotency key', () => put('k', 'v', { idempotencyKey: 'a'.repeat(257) }), 'idempotency_key'],
    ])('%s is INVALID_ARGUMENT', async (_what, act, text) => {
      await expect(act()).rejects.toEqual(failing(status.INVALID_ARGUMENT, text));
    });

    it('the largest key and value, of any bytes, come back as they were', async () => {
      const key = Buffer.alloc(1_024);
      const value = Buffer.alloc(1_048_576, 0xff);
      await call('Kv', 'Put', { key, value });
      expect((await call('Kv', 'Get', { key })).value.equals(value)).toBe(true);
    });
  });

  describe('failures', () => {
    it.each([
      ['UNAVAILABLE', status.UNAVAILABLE],
      ['OUTCOME_UNKNOWN', status.ABORTED],
      ['QUOTA_EXCEEDED', status.RESOURCE_EXHAUSTED],
      ['FORBIDDEN', status.PERMISSION_DENIED],
    ] as const)('%s is said as it is', async (code, expected) => {
      hook = () => Promise.reject(new AppError(code, 'made by the test'));
      await expect(put('k', 'v')).rejects.toEqual(failing(expected, 'made by the test'));
    });

    it('that nobody should read are not shown', async () => {
      hook = () => Promise.reject(new Error('a path of the machine'));
      await expect(put('k', 'v')).rejects.toMatchObject({ code: status.INTERNAL, details: 'internal error' });
    });
  });

  describe('the cluster', () => {
    const watch = (): { views: ClusterView[]; first: Promise<void>; ended: Promise<number> } => {
      const { path, requestSerialize, responseDeserialize } = norikvService('Meta')['WatchCluster']!;
      const stream = client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { epoch: 77 },
        new Metadata(),
      );
      const views: ClusterView[] = [];
      const first = new Promise<void>((resolve) => {
        stream.on('data', (view: ClusterView) => {
          views.push(view);
          resolve();
        });
      });
      const ended = new Promise<number>((resolve) => stream.on('error', (error: ServiceError) => resolve(error.code)));
      return { views, first, ended };
    };

    it('is shown at once, with an address to dial, and then only where it is another', async () => {
      const { views, first, ended } = watch();
      await first;
      expect(views).toMatchObject([
        { epoch: expect.any(Number) as number, nodes: [{ addr: server.address, role: 'leader' }], shards: [] },
      ]);
      for (let look = 0; look < 5; look += 1) {
        clock.advance(1_000);
        await put('k', 'v');
      }
      expect(views).toHaveLength(1);
      const stopped = server.stop(1_000);
      expect(await ended).toBe(status.UNAVAILABLE);
      await stopped;
    });

    it('answers SnapshotShard with the shard when the backup stands; TransferShard says why it cannot be', async () => {
      expect(await call('Admin', 'SnapshotShard', { id: 3 })).toMatchObject({ id: 3 });
      expect(snapshots).toBe(1);
      await expect(call('Admin', 'TransferShard', { id: 3 })).rejects.toEqual(
        failing(status.UNIMPLEMENTED, 'no shards'),
      );
    });
  });
});
