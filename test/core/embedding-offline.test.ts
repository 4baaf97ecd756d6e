/** The queue in front of the thread that runs the offline model, with a thread that the test plays. */
import { EventEmitter } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { ManualClock } from '../../src/core/clock';
import { OfflineEmbeddings } from '../../src/embedding/offline';
import type { OfflineOptions } from '../../src/embedding/offline';
import type { OfflineRequest } from '../../src/embedding/offline-messages';

class Thread extends EventEmitter {
  readonly asked: (readonly string[])[] = [];

  postMessage({ texts }: OfflineRequest): void {
    this.asked.push(texts);
  }

  unref(): void {}

  terminate(): Promise<number> {
    this.emit('exit', 1);
    return Promise.resolve(1);
  }

  /** Answers what it was asked last. */
  answer(): void {
    const vectors = this.asked.at(-1)!.map((text) => Float32Array.of(Number(text)));
    this.emit('message', { kind: 'embedded', vectors });
  }
}

function world(options: Partial<OfflineOptions> = {}): {
  provider: OfflineEmbeddings;
  threads: Thread[];
  clock: ManualClock;
  lost: string[];
} {
  const threads: Thread[] = [];
  const lost: string[] = [];
  const clock = new ManualClock();
  const startWorker = (): Worker => {
    threads.push(new Thread());
    return threads.at(-1) as unknown as Worker;
  };
  const onWorkerLost = (reason: string): void => void lost.push(reason);
  return { provider: new OfflineEmbeddings({ clock, startWorker, onWorkerLost, ...options }), threads, clock, lost };
}

const numbers = (vectors: readonly Float32Array[]): number[] => vectors.map(([value]) => value!);
const failure = (code: string, message: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(message) as unknown }) as unknown;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the offline provider', () => {
  it('starts its thread at the first use, and no other', async () => {
    const { provider, threads } = world();
    expect(threads).toHaveLength(0);
    const [one, other] = [provider.embed(['1', '2']), provider.embed(['3'])];
    await turn();
    threads[0]!.answer();
    threads[0]!.answer();
    expect([numbers(await one), numbers(await other), threads.length]).toEqual([[1, 2], [3], 1]);
    expect(await provider.embed([])).toEqual([]);
  });

  it('gives short texts together and long ones alone, and lets callers take turns', async () => {
    const { provider, threads } = world();
    const long = (digit: string): string => digit.padStart(900, '0');
    const many = provider.embed([long('1'), long('2'), long('3')]);
    const few = provider.embed(['4', '5']);
    await turn();
    const [thread] = threads;
    for (let answers = 0; answers < 4; answers += 1) thread!.answer();
    expect(thread!.asked).toEqual([[long('1')], ['4', '5'], [long('2')], [long('3')]]);
    expect([numbers(await many), numbers(await few)]).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
  });

  it('gives eight texts at most together', async () => {
    const { provider, threads } = world();
    const all = provider.embed(Array.from({ length: 20 }, (_, index) => String(index)));
    await turn();
    for (let answers = 0; answers < 3; answers += 1) threads[0]!.answer();
    expect(threads[0]!.asked.map(({ length }) => length)).toEqual([8, 8, 4]);
    expect(numbers(await all)).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  it('fails what a dying thread worked on, alone, and goes on with a new one', async () => {
    const { provider, threads, lost } = world();
    const [hit, next] = [provider.embed(['1']), provider.embed(['2'])];
    await turn();
    threads[0]!.emit('error', new Error('out of memory'));
    threads[0]!.emit('exit', 1);
    await expect(hit).rejects.toEqual(failure('UNAVAILABLE', 'use-lite-hashed-1 ended: out of memory'));
    threads[1]!.answer();
    expect(numbers(await next)).toEqual([2]);
    expect(lost).toEqual(['ended: out of memory']);
  });

  it('starts again after a thread that died with nothing to do', async () => {
    const { provider, threads, lost } = world();
    const one = provider.embed(['1']);
    await turn();
    threads[0]!.answer();
    await one;
    threads[0]!.emit('exit', 3);
    const two = provider.embed(['2']);
    await turn();
    threads[1]!.answer();
    expect([numbers(await two), lost]).toEqual([[2], ['ended with code 3']]);
  });

  it('ends a thread that does not answer in time', async () => {
    const { provider, threads, clock } = world({ answerMs: 1_000 });
    const [hit, next] = [provider.embed(['1']), provider.embed(['2'])];
    await turn();
    clock.advance(1_000);
    await expect(hit).rejects.toEqual(failure('UNAVAILABLE', 'did not answer within 1000 ms'));
    threads[1]!.answer();
    expect(numbers(await next)).toEqual([2]);
    clock.advance(5_000);
    expect(threads).toHaveLength(2);
  });

  it('says what the thread says of a model that cannot be loaded', async () => {
    const { provider, threads } = world();
    const one = provider.embed(['1']);
    await turn();
    threads[0]!.emit('message', { kind: 'failed', message: 'no such file' });
    await expect(one).rejects.toEqual(failure('UNAVAILABLE', 'cannot be used: no such file'));
  });

  it('refuses what would make too much wait, and takes one text however long', async () => {
    const { provider, threads } = world({ queuedCharsMax: 300 });
    const first = provider.embed(['1'.padStart(1_000, '0')]);
    await expect(provider.embed(['2'])).rejects.toEqual(failure('OVERLOADED', 'too much to do'));
    await turn();
    threads[0]!.answer();
    await first;
    const again = provider.embed(['3']);
    await turn();
    threads[0]!.answer();
    expect(numbers(await again)).toEqual([3]);
  });

  it('lets a caller go, and leaves its other texts out', async () => {
    const { provider, threads } = world();
    const leaving = new AbortController();
    const long = '1'.padStart(900, '0');
    const left = provider.embed([long, long, long], { signal: leaving.signal });
    const never = provider.embed(['7'], { signal: leaving.signal });
    const stays = provider.embed(['2']);
    await turn();
    leaving.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    await expect(never).rejects.toThrow('gone');
    threads[0]!.answer();
    threads[0]!.answer();
    expect(numbers(await stays)).toEqual([2]);
    expect(threads[0]!.asked).toEqual([[long], ['2']]);
  });

  it('ends with its thread: what waits fails', async () => {
    const { provider, threads, lost } = world();
    const [running, waiting] = [provider.embed(['1']), provider.embed(['2'])];
    await turn();
    await provider.close();
    await expect(running).rejects.toEqual(failure('UNAVAILABLE', 'is stopping'));
    await expect(waiting).rejects.toEqual(failure('UNAVAILABLE', 'is stopping'));
    await expect(provider.embed(['3'])).rejects.toEqual(failure('UNAVAILABLE', 'is stopping'));
    expect([threads.length, lost]).toEqual([1, []]);
  });
});
