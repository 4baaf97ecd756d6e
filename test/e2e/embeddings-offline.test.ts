/** The model of this machine, in its real thread. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../src/core/clock';
import { OfflineEmbeddings } from '../../src/embedding/offline';

const register = join(__dirname, '..', 'support', 'register-ts.cjs');
const script = join(__dirname, '..', '..', 'src', 'embedding', 'offline-worker.ts');
const threads: Worker[] = [];
let provider: OfflineEmbeddings;

function startWorker(): Worker {
  // Whatever would go over the network fails.
  const offline = "globalThis.fetch = () => { throw new Error('no network here'); };";
  const code = `${offline}\nrequire(${JSON.stringify(register)});\nrequire(${JSON.stringify(script)});`;
  const thread = new Worker(code, { eval: true });
  threads.push(thread);
  return thread;
}

beforeAll(() => {
  provider = new OfflineEmbeddings({ clock: systemClock, startWorker });
});
afterAll(() => provider.close());

async function similarity(one: string, other: string): Promise<number> {
  const [a, b] = await provider.embed([one, other]);
  return a!.reduce((sum, value, index) => sum + value * b![index]!, 0);
}

const fox = 'The quick brown fox jumps over the lazy dog.';

describe('the offline model', () => {
  it('takes two sentences that say the same for the same, and others not', async () => {
    expect(await similarity(fox, 'A quick brown fox jumped over a lazy dog.')).toBeGreaterThanOrEqual(0.95);
    expect(await similarity(fox, 'the QUICK, brown fox... jumps over the lazy dog')).toBeCloseTo(1, 5);
    expect(await similarity(fox, 'Machine learning is transforming industries.')).toBeLessThan(0.4);
    expect(await similarity('How do I bake bread?', 'A recipe for a loaf from flour and yeast')).toBeGreaterThan(
      await similarity('How do I bake bread?', 'The parliament voted on a new tax'),
    );
  });

  it('keeps numbers apart that make a difference', async () => {
    expect(await similarity('Invoice 48213 is due in May', 'Invoice 97560 is due in May')).toBeLessThan(0.97);
  });

  it('gives the same vector alone and among others, of length 1 and its dimensions', async () => {
    const texts = [fox, 'a', '日本語', '?!', ' ', 'word '.repeat(500)];
    const together = await provider.embed(texts);
    for (const [index, text] of texts.entries()) {
      const [alone] = await provider.embed([text]);
      expect(alone).toHaveLength(provider.dimensions);
      expect(Math.hypot(...alone!)).toBeCloseTo(1, 4);
      expect(alone!.reduce((sum, value, at) => sum + value * together[index]![at]!, 0)).toBeCloseTo(1, 5);
    }
  });

  it('reads a long text to its end', async () => {
    const filler = 'Notes on the weather of an ordinary week. '.repeat(40);
    const about = 'Volcanoes and earthquakes follow the borders of tectonic plates. '.repeat(20);
    const question = 'Why do mountains of fire erupt where plates meet?';
    expect(await similarity(question, filler + about)).toBeGreaterThan((await similarity(question, filler)) + 0.1);
  });

  it('starts a new thread when one is lost, and fails what that one worked on alone', async () => {
    const lost = provider.embed(['word '.repeat(4_000)]);
    await threads.at(-1)!.terminate();
    await expect(lost).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await provider.embed([fox])).toHaveLength(1);
    expect(threads).toHaveLength(2);
  });
});
