import { mergeSources } from '../../src/core/merge-sources';
import { turn } from '../patterns/support/world';

/** A source that the test feeds. */
class Fed {
  readonly #members: string[] = [];
  #wake = (): void => undefined;
  isOver = false;
  hasLeft = false;
  failure: Error | undefined;

  give(...members: string[]): void {
    this.#members.push(...members);
    this.#wake();
  }

  end(failure?: Error): void {
    this.isOver = true;
    this.failure = failure;
    this.#wake();
  }

  readonly start = async function* (this: Fed, signal: AbortSignal): AsyncGenerator<string, void, void> {
    signal.addEventListener('abort', () => this.#wake());
    try {
      while (!signal.aborted) {
        const member = this.#members.shift();
        if (member !== undefined) yield member;
        else if (this.failure) throw this.failure;
        else if (this.isOver) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.hasLeft = true;
    }
  }.bind(this);
}

function read(sources: readonly Fed[]) {
  const leaving = new AbortController();
  const seen: string[] = [];
  const ended = (async () => {
    const starts = sources.map(({ start }) => start);
    for await (const member of mergeSources(starts, leaving.signal)) seen.push(member);
  })();
  return { seen, ended, leave: () => leaving.abort() };
}

it('gives what comes, from whichever source, each in its order', async () => {
  const [a, b] = [new Fed(), new Fed()];
  const reader = read([a, b]);
  b.give('b1');
  await turn();
  a.give('a1', 'a2');
  await turn();
  expect(reader.seen).toEqual(['b1', 'a1', 'a2']);
  a.end();
  b.give('b2');
  b.end();
  await reader.ended;
  expect(reader.seen).toEqual(['b1', 'a1', 'a2', 'b2']);
});

it('lets no source that always has something keep the others from being read', async () => {
  const [a, b] = [new Fed(), new Fed()];
  a.give('a1', 'a2', 'a3', 'a4');
  b.give('b1', 'b2');
  const reader = read([a, b]);
  await turn();
  expect(reader.seen.slice(0, 4).sort()).toEqual(['a1', 'a2', 'b1', 'b2']);
  reader.leave();
  await reader.ended;
});

it('ends with its signal, and lets go of every source', async () => {
  const sources = [new Fed(), new Fed()];
  const reader = read(sources);
  await turn();
  reader.leave();
  await reader.ended;
  expect(sources.map(({ hasLeft }) => hasLeft)).toEqual([true, true]);
});

it('throws what a source throws, and lets go of the others', async () => {
  const [a, b] = [new Fed(), new Fed()];
  const reader = read([a, b]);
  a.give('a1');
  a.end(new Error('gone'));
  await expect(reader.ended).rejects.toThrow('gone');
  expect([reader.seen, b.hasLeft]).toEqual([['a1'], true]);
});

it('ends at once without sources', async () => {
  await read([]).ended;
});
