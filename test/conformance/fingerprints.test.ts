/**
 * Deduplication in a collection of more fingerprints than are compared exactly: the nearest is found by an index then, which may miss one. Of
 * texts that are near to a stored one, and of others, it names the very nearest of at least 99 in 100.
 */
import { ManualClock, systemClock } from '../../src/core/clock';
import { encodeRecord } from '../../src/core/codec';
import type { EmbeddingProvider } from '../../src/core/embedding';
import { makeSeededIds } from '../../src/core/ids';
import { tenantScope } from '../../src/core/keyspace';
import { distanceBetween } from '../../src/core/vector-distance';
import { makePatterns } from '../../src/patterns/patterns';
import { Collections } from '../../src/store/collections';
import { LaneMemory } from '../../src/store/lane-memory';
import { ScopedStore } from '../../src/store/scoped-store';
import { makeMemoryEngine } from '../../storage/engines/memory';
import { LocalStore } from '../../storage/local-store';
import { VectorStore } from '../../storage/vectors/vector-store';
import { LocalIndexes } from '../support/local-indexes';
import { meaning } from '../support/meaning';

const dimensions = 32;
const storedCount = 20_300;
const askedCount = 200;
const clusters = 150;
const seed = 19;

const ids = makeSeededIds(seed);
const noise = (): number => ids.fraction() + ids.fraction() - 1;
const centres = Array.from({ length: clusters }, () => Array.from({ length: dimensions }, () => 2 * noise()));

function near(centre: ArrayLike<number>, width: number): Float32Array {
  const vector = Float32Array.from(centre, (each) => each + width * noise());
  const length = Math.hypot(...vector);
  return vector.map((each) => each / length);
}

/** A text is the number of its vector. */
const vectors = Array.from({ length: storedCount }, (_, at) => near(centres[at % clusters]!, 1.5));
const embeddings: EmbeddingProvider = {
  id: 'numbered',
  dimensions,
  embed: (texts) => Promise.resolve(texts.map((text) => vectors[Number(text)]!)),
};

const clock = new ManualClock();
const base = new LocalStore({ engine: makeMemoryEngine(), clock });
const indexed = new VectorStore({ store: base, clock, makeIndexes: () => new LocalIndexes(systemClock) });
const store = new ScopedStore(indexed, tenantScope('tenant', 1));
const { deduplication, transact } = makePatterns({
  store,
  memory: new LaneMemory(),
  memoryScope: 'tenant',
  clock,
  ids,
  secret: () => Buffer.alloc(32, 7),
  ...meaning,
  embeddings,
});

const check = (at: number, threshold: number): ReturnType<typeof deduplication.check> =>
  deduplication.check({ id: `f${at}`, content: String(at), threshold, collection: 'c' });

/** The similarity of the nearest of those that are stored. */
function nearestTo(vector: Float32Array, stored: Iterable<number>): number {
  let least = Infinity;
  for (const at of stored) least = Math.min(least, distanceBetween('cosine', vector, vectors[at]!));
  return 1 - least;
}

afterAll(() => indexed.close());

it(`finds the nearest of ${storedCount} fingerprints, 99 of 100 times`, async () => {
  await check(0, 1);
  // What many checks would have stored, at once: all but the first are no news to anybody.
  const collections = new Collections({ store, transact, ids, owner: 'fingerprint', provider: embeddings });
  const metadata = Buffer.alloc(0);
  for (let from = 1; from < storedCount; from += 100) {
    const rows = vectors.slice(from, from + 100).map((vector, offset) => ({
      id: `f${from + offset}`,
      vector,
      metadata,
      payload: encodeRecord(1, { hash: `h${from + offset}` }),
    }));
    await collections.put('c', rows, undefined);
  }
  const stored = new Set(vectors.keys());

  // The first search has the index made, whose vectors then move into its graph; what it is like is known anew with each change.
  await check(1, 1);
  const again = { id: 'f2', vector: vectors[2]!, metadata, payload: encodeRecord(1, { hash: 'h2' }) };
  const isMoving = (): boolean => indexed.indexStates()[0]!.flat > 1_000;
  for (let turns = 0; turns < 20_000 && isMoving(); turns += 1) {
    await collections.put('c', [again], undefined);
    await new Promise((resolve) => setImmediate(resolve));
  }

  let right = 0;
  for (let asked = 0; asked < askedCount; asked += 1) {
    const isTwin = asked % 2 === 0;
    const at = vectors.push(isTwin ? near(vectors[asked * 50]!, 0.02) : near(centres[asked % clusters]!, 1.5)) - 1;
    const nearest = nearestTo(vectors[at]!, stored);
    // Once the index is there, its vectors move into the graph before anything is asked of it.
    while (indexed.indexStates().some(({ flat }) => flat > 1_000))
      await new Promise((resolve) => setImmediate(resolve));
    const result = await check(at, 0.97);
    if (Math.abs(result.similarity - nearest) < 1e-6) right += 1;
    expect(result.similarity).toBeLessThanOrEqual(nearest + 1e-6);
    if (result.similarity >= 0.97)
      expect(result).toMatchObject({ isDuplicate: true, stored: false, method: 'semantic' });
    else expect(result).toMatchObject({ isDuplicate: false, stored: true });
    if (result.stored) stored.add(at);
    if (isTwin) expect(nearest).toBeGreaterThan(0.97);
  }
  const [state] = indexed.indexStates();
  expect(state!.count).toBeGreaterThan(20_000);
  expect(state!.flat).toBeLessThan(1_000);
  expect(right / askedCount).toBeGreaterThanOrEqual(0.99);
}, 60_000);
