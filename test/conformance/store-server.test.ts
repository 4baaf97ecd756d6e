/** The gRPC server in front of a Store: where it listens, whom it serves, and what it does with peers that misbehave. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { Client, Metadata, Server, ServerCredentials, credentials, status } from '@grpc/grpc-js';
import { storeLimits } from '../../proto/limits';
import type { KeyRange, ReadResult, WatchBatch, WatchOptions } from '../../proto/store';
import { Gatherer, decodeServerMessage, encodeHello } from '../../proto/wire';
import type { Hello, Operation, ServerMessage } from '../../proto/wire';
import { storeService } from '../../proto/wire-types';
import { systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { GrpcStore } from '../../src/store/grpc-store';
import { serveStore } from '../../storage/server';
import { wholeCommits } from '../../storage/watch-call';
import { ServedStore, whenReady } from '../support/served-store';
import { TinyStore } from '../support/tiny-store';

const limits = { messageBytesMax: 0, readRangesMax: 0, commitTransactionsMax: 0 };
const hello: Hello = { major: 1, minor: 1, storeId: '', engine: '', limits, revision: 0 };

let directory: string;
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'norigate-'))));
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('where it listens', () => {
  const serve = (path: string) => serveStore({ store: new TinyStore(), address: `unix:${path}`, clock: systemClock });

  test('on a socket that only its owner can open, and which is gone afterwards', async () => {
    const path = join(directory, 'storage.sock');
    const server = await serve(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await server.stop();
    expect(() => statSync(path)).toThrow('ENOENT');
  });

  test('a socket that a dead process left is taken over', async () => {
    const path = join(directory, 'storage.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    expect(() => execFileSync(process.execPath, ['-e', script], { stdio: 'ignore' })).toThrow();
    expect(statSync(path).isSocket()).toBe(true);
    const server = await serve(path);
    await server.stop();
  });

  test('a socket behind which a process answers is refused and left alone', async () => {
    const path = join(directory, 'storage.sock');
    const other = createServer().listen(path);
    await once(other, 'listening');
    await expect(serve(path)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('another process already listens'),
    });
    expect(statSync(path).isSocket()).toBe(true);
    other.close();
  });

  test('a file that is no socket is refused and left alone; so is a path that is too long', async () => {
    const path = join(directory, 'data');
    writeFileSync(path, 'precious');
    await expect(serve(path)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('is not a socket'),
    });
    expect(statSync(path).size).toBe(8);
    await expect(serve(join(directory, 'x'.repeat(120)))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('on TCP, with the port that it got; a port that is taken is refused', async () => {
    const server = await serveStore({ store: new TinyStore(), address: '127.0.0.1:0', clock: systemClock });
    expect(server.address).toMatch(/^127\.0\.0\.1:[1-9]\d+$/);
    const client = new GrpcStore({ address: server.address, clock: systemClock, ids: systemIds });
    expect(await client.status()).toMatchObject({ engine: 'tiny' });
    const second = serveStore({ store: new TinyStore(), address: server.address, clock: systemClock });
    await expect(second).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining(server.address),
    });
    await client.close();
    await server.stop();
  });
});

describe('TLS by files', () => {
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });

  test('serves clients that trust its authority and show a certificate, and nobody else', async () => {
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      'key.pem',
      '-out',
      'cert.pem',
      ...subject,
    );
    const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
    const store = new TinyStore();
    const server = await serveStore({
      store,
      address: '127.0.0.1:0',
      clock: systemClock,
      tls: { certFile, keyFile, clientCaFile: certFile },
    });
    const options = { address: server.address, clock: systemClock, ids: systemIds, deadlineMs: 1_000 };
    const trusted = new GrpcStore({ ...options, tls: { caFile: certFile, certFile, keyFile } });
    expect(await trusted.status()).toMatchObject({ engine: 'tiny' });
    const [plain, nameless] = [new GrpcStore(options), new GrpcStore({ ...options, tls: { caFile: certFile } })];
    await expect(plain.status()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(nameless.status()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await Promise.all([trusted, plain, nameless].map((client) => client.close()));
    await server.stop();
  });
});

/** A session by hand. */
class RawSession {
  readonly #client: Client;
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly messages: ServerMessage[] = [];
  readonly ended: Promise<{ code: number; details: string }>;
  #wake: (() => void) | undefined;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = storeService.session;
    this.#call = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
    this.#call.on('data', (bytes: Buffer) => {
      this.messages.push(decodeServerMessage(bytes));
      this.#wake?.();
    });
    this.#call.on('error', () => undefined);
    this.ended = new Promise((resolve) => this.#call.on('status', resolve));
  }

  send(bytes: Buffer): void {
    this.#call.write(bytes);
  }

  /** Says that nothing more comes. */
  end(): void {
    this.#call.end();
  }

  async count(messages: number): Promise<void> {
    while (this.messages.length < messages) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  close(): void {
    this.#call.cancel();
    this.#client.close();
  }
}

describe('sessions', () => {
  let served: ServedStore;
  let store: TinyStore;
  beforeEach(async () => {
    store = new TinyStore();
    served = await ServedStore.start(store);
  });
  afterEach(() => served.stop());

  const encoded = (...operations: Operation[]): Buffer => {
    const gatherer = new Gatherer<Operation>('operations');
    for (const operation of operations) gatherer.add(operation);
    return gatherer.take()[0]!;
  };
  const statusOperation = (id: number): Operation => ({ id, body: { kind: 'status' } });

  test('begin with a hello that says what the store is', async () => {
    const session = new RawSession(served.address);
    session.send(encodeHello(hello));
    await session.count(1);
    const { messageBytesMax, readRangesMax, commitTransactionsMax } = storeLimits;
    const expected = {
      major: 1,
      minor: 1,
      storeId: 'tiny',
      engine: 'tiny',
      revision: 0,
      limits: { messageBytesMax, readRangesMax, commitTransactionsMax },
    };
    expect(session.messages[0]).toEqual({ hello: expected, replies: [] });
    session.close();
  });

  test('of a client of another major are refused, saying whom to upgrade', async () => {
    const session = new RawSession(served.address);
    session.send(encodeHello({ ...hello, major: 7 }));
    expect(await session.ended).toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: 'storage speaks protocol 1, the gateway speaks 7: upgrade the storage',
    });
    session.close();
  });

  test.each([
    ['operations before the hello', (session: RawSession) => session.send(encoded(statusOperation(1)))],
    ['bytes that are no message', (session: RawSession) => session.send(Buffer.from('GET / HTTP/1.1'))],
    ['a second hello', (session: RawSession) => [session.send(encodeHello(hello)), session.send(encodeHello(hello))]],
  ])('with %s end with INVALID_ARGUMENT', async (_what, act) => {
    const session = new RawSession(served.address);
    act(session);
    expect(await session.ended).toMatchObject({ code: status.INVALID_ARGUMENT });
    session.close();
  });

  test('answer the operations of one message in one message, and all that runs before they end', async () => {
    const session = new RawSession(served.address);
    session.send(encodeHello(hello));
    await session.count(1);
    session.send(encoded(statusOperation(1), statusOperation(2), statusOperation(3)));
    session.end();
    expect(await session.ended).toMatchObject({ code: status.OK });
    expect(session.messages).toHaveLength(2);
    expect(session.messages[1]!.replies.map(({ id }) => id)).toEqual([1, 2, 3]);
    session.close();
  });

  test('refuse a result that fits into no message, and go on', async () => {
    const client = served.client();
    const value = Buffer.alloc(1_000_000);
    const keys = Array.from({ length: 20 }, (_, index) => Buffer.from(`large${index}`));
    for (const key of keys)
      await client.commit([{ checks: [], writes: [{ kind: 'put', key, value, history: 'none' }] }]);
    const all: KeyRange = { start: Buffer.from('large'), end: Buffer.from('largf') };
    await expect(client.read([all])).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('fit into a message'),
    });
    // A conflict that is too large wrote nothing, and what the same commit wrote is still said.
    const put = { kind: 'put', key: Buffer.from('other'), value, history: 'none' } as const;
    const checks = keys.map((key) => ({ key, revision: 0 }));
    const outcomes = await client.commit([
      { checks: [], writes: [put] },
      { checks, writes: [{ ...put, key: Buffer.from('never') }] },
    ]);
    expect(outcomes).toMatchObject([{ kind: 'committed' }, { kind: 'failed', error: { code: 'OVERLOADED' } }]);
    expect((await client.read([{ start: Buffer.from('never') }])).results[0]!.entries).toEqual([]);
    expect((await client.read([{ ...all, limit: 10 }])).results[0]!.more).toBe(true);
  });
});

test('a client refuses a server that answers with another major', async () => {
  const server = new Server();
  server.addService(storeService, {
    session: (call: { on(event: 'data', listener: () => void): void; write(bytes: Buffer): void }) =>
      call.on('data', () => call.write(encodeHello({ ...hello, major: 2 }))),
    watch: () => undefined,
  });
  const address = `unix:${join(directory, 'other.sock')}`;
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())),
  );
  const client = new GrpcStore({ address, clock: systemClock, ids: systemIds, deadlineMs: 300 });
  await expect(client.status()).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('upgrade the gateway'),
  });
  await client.close();
  server.forceShutdown();
});

describe('watch calls', () => {
  /** A watch that always has more, and counts what was taken. */
  class EndlessStore extends TinyStore {
    pulled = 0;
    isEnded = false;
    onEnd: (() => void) | undefined;

    override async *watch(_ranges: readonly KeyRange[], options: WatchOptions = {}): AsyncGenerator<WatchBatch> {
      try {
        for (let revision = (options.afterRevision ?? 0) + 1; !options.signal?.aborted; revision += 1) {
          this.pulled += 1;
          const change = {
            kind: 'put',
            key: Buffer.from('k'),
            revision,
            value: Buffer.alloc(100_000),
            expiresAtMs: 0,
          } as const;
          yield { changes: [change], revision, nowMs: 0 };
          // As a store does that reads from disk.
          await new Promise((resolve) => setImmediate(resolve));
        }
      } finally {
        this.isEnded = true;
        this.onEnd?.();
      }
    }

    override read(): Promise<ReadResult> {
      return Promise.resolve({ results: [], revision: 0, nowMs: 0 });
    }
  }

  test('of a slow reader are not pulled further than its buffers, slow nobody else, and end with it', async () => {
    const store = new EndlessStore();
    const served = await ServedStore.start(store);
    const client = served.client();
    const watch = client.watch([{ start: Buffer.from('k') }])[Symbol.asyncIterator]();
    await watch.next();
    let before = -1;
    // Until it stands still, which it does only where the reader holds it back.
    while (before !== store.pulled) {
      before = store.pulled;
      for (let round = 0; round < 200; round += 1) await client.read([{ start: Buffer.from('k') }]);
    }
    expect(store.pulled).toBeLessThan(100);
    for (let revision = 2; revision <= 300; revision += 1) {
      expect((await watch.next()).value).toMatchObject({ revision });
    }
    const ended = new Promise<void>((resolve) => (store.onEnd = resolve));
    await watch.return!();
    await ended;
    await served.stop();
  });

  test('end when their client is gone', async () => {
    const store = new TinyStore();
    const served = await ServedStore.start(store);
    const client = served.client();
    await whenReady(client);
    const watch = client.watch([{ start: Buffer.from('k') }])[Symbol.asyncIterator]();
    await watch.next();
    expect(store.watchesOpen).toBe(1);
    await client.close();
    // A stop waits for the watches that it served.
    await served.stopServer();
    expect(store.watchesOpen).toBe(0);
    await served.stop();
  });

  test('cut large batches between commits and nowhere else', () => {
    const change = (revision: number) =>
      ({ kind: 'put', key: Buffer.from('k'), revision, value: Buffer.alloc(10), expiresAtMs: 0 }) as const;
    const batch = { changes: [1, 1, 2, 2, 2, 3, 4].map(change), revision: 9, nowMs: 5 };
    const parts = wholeCommits(batch, 22);
    expect(parts.map((part) => [part.changes.map((each) => each.revision), part.revision])).toEqual([
      [[1, 1], 1],
      [[2, 2, 2], 2],
      [[3, 4], 9],
    ]);
    expect(wholeCommits(batch)).toEqual([batch]);
    expect(wholeCommits({ changes: [], revision: 3, nowMs: 5 })).toHaveLength(1);
  });
});
