/** What a client of storage says when things go wrong: that each failure means exactly what the contract says. */
import { join } from 'node:path';
import type { CommitOutcome, ReadResult, Transaction } from '../../proto/store';
import { AppError } from '../../src/core/errors';
import { ServedStore, whenReady } from '../support/served-store';
import { SocketProxy } from '../support/socket-proxy';
import { TinyStore } from '../support/tiny-store';

const key = Buffer.from('key');
const put = (value: string, revision?: number): Transaction => ({
  checks: revision === undefined ? [] : [{ key, revision }],
  writes: [{ kind: 'put', key, value: Buffer.from(value), history: 'value' }],
});
const checkOnly: Transaction = { checks: [{ key, revision: 0 }], writes: [] };

/** A store that can be told not to answer: what it is asked it still does. */
class SilentStore extends TinyStore {
  isSilent = false;
  /** So often it does not know what became of a commit. */
  unknownTimes = 0;
  commitsSeen = 0;
  readonly #onCommit: (() => void)[] = [];

  override async read(...args: Parameters<TinyStore['read']>): Promise<ReadResult> {
    if (this.isSilent) await new Promise(() => undefined);
    return super.read(...args);
  }

  override async commit(transactions: readonly Transaction[]): Promise<readonly CommitOutcome[]> {
    this.commitsSeen += 1;
    const outcomes = await super.commit(transactions);
    for (const listener of this.#onCommit.splice(0)) listener();
    if (this.isSilent) await new Promise(() => undefined);
    if (this.commitsSeen <= this.unknownTimes)
      return transactions.map(() => ({ kind: 'failed', error: new AppError('OUTCOME_UNKNOWN', 'nobody knows') }));
    return outcomes;
  }

  nextCommit(): Promise<void> {
    return new Promise((resolve) => this.#onCommit.push(resolve));
  }
}

describe('failures of a client', () => {
  let served: ServedStore;
  let inner: SilentStore;

  beforeEach(async () => {
    inner = new SilentStore();
    served = await ServedStore.start(inner);
  });
  afterEach(() => served.stop());

  test('what never left is UNAVAILABLE, commits and reads alike', async () => {
    await served.stopServer();
    const client = served.client({ deadlineMs: 200 });
    await expect(client.commit([put('a')])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(client.read([{ start: key }])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(client.isReady()).toBe(false);
    expect(inner.commitsSeen).toBe(0);
  });

  test('what was sent and stays unanswered is OUTCOME_UNKNOWN for writes, DEADLINE_EXCEEDED for the rest', async () => {
    const client = served.client({ deadlineMs: 500 });
    await whenReady(client);
    inner.isSilent = true;
    const [write, check, read] = await Promise.allSettled([
      client.commit([put('a')]),
      client.commit([checkOnly]),
      client.read([{ start: key }]),
    ]);
    expect(write).toMatchObject({ reason: { code: 'OUTCOME_UNKNOWN' } });
    expect(check).toMatchObject({ reason: { code: 'DEADLINE_EXCEEDED' } });
    expect(read).toMatchObject({ reason: { code: 'DEADLINE_EXCEEDED' } });
  });

  test('what storage itself refuses comes as it is', async () => {
    const client = served.client();
    await inner.close();
    await expect(client.commit([put('a')])).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'the store is closed',
    });
  });

  test('too many, or too large, operations that wait are OVERLOADED, and the others go on', async () => {
    const client = served.client({ operationsWaitingMax: 3, bytesWaitingMax: 1_000_000 });
    const reads = Array.from({ length: 5 }, () => client.read([{ start: key }]));
    const results = await Promise.allSettled(reads);
    expect(
      results.map((each) => (each.status === 'fulfilled' ? 'ok' : (each.reason as { code: string }).code)),
    ).toEqual(['ok', 'ok', 'ok', 'OVERLOADED', 'OVERLOADED']);
    const large = put('x'.repeat(700_000));
    const [first, second] = await Promise.allSettled([client.commit([large]), client.commit([large])]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ reason: { code: 'OVERLOADED' } });
  });

  test('a caller that gives up is answered at once, by what is known then', async () => {
    const client = served.client();
    await client.status();
    inner.isSilent = true;
    const abort = new AbortController();
    const [write, check, read] = [
      client.commit([put('a')], abort),
      client.commit([checkOnly], abort),
      client.read([{ start: key }], abort),
    ];
    const unsent = new AbortController();
    await inner.nextCommit();
    const late = client.commit([put('b')], unsent);
    unsent.abort();
    await expect(late).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    abort.abort();
    await expect(write).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    await expect(check).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(read).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await expect(client.read([{ start: key }], abort)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  test('a commit whose answer was lost is applied once and answers as the first time', async () => {
    const path = join(served.directory, 'proxy.sock');
    const proxy = await SocketProxy.start(path, join(served.directory, 'storage.sock'));
    const client = served.client({ address: `unix:${path}` });
    await client.status();
    proxy.isDeaf = true;
    const applied = inner.nextCommit();
    const answer = client.commit([put('first', 0)]);
    await applied;
    expect(inner.revision).toBe(1);
    proxy.isDeaf = false;
    proxy.cut();
    expect(await answer).toMatchObject([{ kind: 'committed', revision: 1 }]);
    expect(inner.commitsSeen).toBe(2);
    expect(inner.revision).toBe(1);
    await client.close();
    await proxy.stop();
  });

  test('a lost answer that cannot be resolved is OUTCOME_UNKNOWN, not UNAVAILABLE, though storage then refuses', async () => {
    const path = join(served.directory, 'proxy.sock');
    const proxy = await SocketProxy.start(path, join(served.directory, 'storage.sock'));
    const client = served.client({ address: `unix:${path}` });
    await client.status();
    proxy.isDeaf = true;
    const applied = inner.nextCommit();
    const answer = client.commit([put('first')]);
    await applied;
    await inner.close();
    proxy.isDeaf = false;
    proxy.cut();
    await expect(answer).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    await client.close();
    await proxy.stop();
  });

  test('a commit whose fate storage does not know yet is asked for again on the same connection, and applied once', async () => {
    const client = served.client();
    await whenReady(client);
    inner.unknownTimes = 2;
    expect(await client.commit([put('first', 0)])).toMatchObject([{ kind: 'committed', revision: 1 }]);
    expect(inner.commitsSeen).toBe(3);
    expect(client.isReady()).toBe(true);
  });

  test('one whose fate it never finds out is OUTCOME_UNKNOWN, in its words', async () => {
    const client = served.client({ deadlineMs: 400 });
    await whenReady(client);
    inner.unknownTimes = Infinity;
    await expect(client.commit([put('first', 0)])).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      message: 'nobody knows',
    });
    expect(client.isReady()).toBe(true);
  });

  test('storage that stops in order loses nothing: what runs is answered, what comes later goes to its successor', async () => {
    const client = served.client();
    await client.status();
    let isOver = false;
    let committed = 0;
    const writers = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        await client.commit([put('x')]);
        committed += 1;
      }
    });
    for (let round = 0; round < 3; round += 1) {
      await inner.nextCommit();
      await served.stopServer();
      await served.serve(inner);
      await inner.nextCommit();
    }
    isOver = true;
    await Promise.all(writers);
    expect(inner.revision).toBe(committed);
  });

  test('its state is told to listeners, with the reason', async () => {
    const client = served.client();
    const states: [boolean, string | undefined][] = [];
    client.onStateChange((isReady, reason) => states.push([isReady, reason]));
    await whenReady(client);
    await served.stopServer();
    await whenReady(client, false);
    await served.serve(inner);
    await whenReady(client);
    expect(states).toEqual([
      [true, undefined],
      [false, 'storage is stopping'],
      [true, undefined],
    ]);
  });

  test('another store in its place: watches end with HISTORY_GONE, listeners hear of it, and old decisions are not written to it', async () => {
    const client = served.client();
    const replaced: string[] = [];
    client.onStoreReplaced((storeId) => replaced.push(storeId));
    const watch = client.watch([{ start: key }])[Symbol.asyncIterator]();
    await watch.next();
    inner.isSilent = true;
    const applied = inner.nextCommit();
    const sent = client.commit([put('old', 0)]);
    sent.catch(() => undefined);
    await applied;
    await served.stopServer(0);
    const unsent = client.commit([put('never sent', 0)]);
    unsent.catch(() => undefined);
    const other = new TinyStore('other');
    await served.serve(other);
    await expect(sent).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    await expect(unsent).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(drain(watch)).rejects.toMatchObject({ code: 'HISTORY_GONE' });
    expect(replaced).toEqual(['other']);
    expect(other.revision).toBe(0);
    expect(await client.commit([put('new', 0)])).toMatchObject([{ kind: 'committed', revision: 1 }]);
  });

  test('a watch ends with UNAVAILABLE when storage stays away for too long', async () => {
    const client = served.client({ watchResumeMs: 300 });
    const watch = client.watch([{ start: key }])[Symbol.asyncIterator]();
    await watch.next();
    await served.stopServer();
    await expect(drain(watch)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('stayed away for 300 ms'),
    });
  });

  test('closing waits for what runs, ends watches, and later calls are UNAVAILABLE', async () => {
    const client = served.client();
    const watch = client.watch([{ start: key }])[Symbol.asyncIterator]();
    await watch.next();
    const running = client.commit([put('a')]);
    const closing = client.close();
    expect(await running).toMatchObject([{ kind: 'committed' }]);
    await closing;
    expect(await drain(watch)).toBeUndefined();
    await expect(client.read([{ start: key }])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(
      client
        .watch([{ start: key }])
        [Symbol.asyncIterator]()
        .next(),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('closing without a connection does not wait for one', async () => {
    await served.stopServer();
    const client = served.client({ deadlineMs: 60_000 });
    const waiting = client.commit([put('a')]);
    waiting.catch(() => undefined);
    await client.close();
    await expect(waiting).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

/** Pulls until it ends or throws. */
async function drain(iterator: AsyncIterator<unknown>): Promise<void> {
  for (;;) if ((await iterator.next()).done) return;
}
