/** Vectors over real processes: one storage tier with its thread, two gateways, kill -9. */
import { readdir } from 'node:fs/promises';
import { makeSeededIds } from '../../src/core/ids';
import { distanceBetween } from '../../src/core/vector-distance';
import { until } from './support/collector';
import type { Program } from './support/program';
import { useTier } from './support/tier';

const minute = 60_000;
const { startStorage, startTwoGateways, directoryPath } = useTier();

type Vectors = Map<string, readonly number[]>;

const ids = makeSeededIds(21);
const dimensions = 24;
const centres = Array.from({ length: 30 }, () => Array.from({ length: dimensions }, () => 4 * ids.fraction() - 2));
const makeVector = (): number[] => {
  const centre = centres[Math.floor(ids.fraction() * centres.length)]!;
  // As they are stored: 32-bit floats.
  return [...Float32Array.from(centre, (each) => each + ids.fraction() - 0.5)];
};

async function ask(gateway: Program, query: string, variables: Record<string, unknown>): Promise<unknown> {
  const { data, errors } = await gateway.query(query, variables);
  if (!data) throw new Error(JSON.stringify(errors));
  return Object.values(data)[0];
}

const create = (gateway: Program, namespace: string, distance = 'EUCLIDEAN') =>
  ask(gateway, `mutation($i: VectorCreateIndexInput!) { vectorCreateIndex(input: $i) { __typename } }`, {
    i: { namespace, dimensions, distance },
  });

interface Input {
  readonly id: string;
  readonly vector: readonly number[];
  readonly metadata?: object;
}

const insert = (gateway: Program, namespace: string, vectors: readonly Input[], idempotencyKey?: string) =>
  ask(
    gateway,
    `mutation($i: VectorInsertInput!) {
      vectorInsert(input: $i) { __typename ... on VectorInsertSuccess { inserted updated } }
    }`,
    { i: { namespace, vectors, idempotencyKey } },
  ) as Promise<{ inserted: number; updated: number }>;

const remove = (gateway: Program, namespace: string, id: string) =>
  ask(gateway, `mutation($i: VectorDeleteInput!) { vectorDelete(input: $i) }`, { i: { namespace, id } });

interface Match {
  readonly id: string;
  readonly distance: number;
}

async function near(
  gateway: Program,
  namespace: string,
  vector: readonly number[],
  rest: Record<string, unknown> = {},
): Promise<readonly Match[]> {
  const query = `query($n: String!, $v: [Float!], $k: Int! = 10, $f: JSON) {
    vectorSearch(namespace: $n, near: { vector: $v }, k: $k, filter: $f) { matches { id distance } searchTimeUs }
  }`;
  const { matches } = (await ask(gateway, query, { n: namespace, v: vector, ...rest })) as { matches: Match[] };
  return matches;
}

function nearestOf(vectors: Vectors, vector: readonly number[], k = 10): string[] {
  const from = Float32Array.from(vector);
  return Array.from(vectors, ([id, each]) => ({ id, at: distanceBetween('euclidean', from, Float32Array.from(each)) }))
    .sort((a, b) => a.at - b.at)
    .slice(0, k)
    .map(({ id }) => id);
}

/** The part of the truly nearest that searches through both gateways find; distances must be exact. */
async function recall(gateways: readonly Program[], vectors: Vectors): Promise<number> {
  let found = 0;
  const rounds = 20;
  for (let round = 0; round < rounds; round += 1) {
    const vector = makeVector();
    const matches = await near(gateways[round % 2]!, 'many', vector);
    for (const { id, distance } of matches) {
      const exact = distanceBetween('euclidean', Float32Array.from(vector), Float32Array.from(vectors.get(id)!));
      expect(Math.abs(distance - exact)).toBeLessThan(1e-4);
    }
    const wanted = new Set(nearestOf(vectors, vector));
    found += matches.filter(({ id }) => wanted.has(id)).length;
  }
  return found / (rounds * 10);
}

describe('vectors', () => {
  it(
    'are found through the other gateway as soon as they are written, moved when updated, gone when deleted',
    async () => {
      await startStorage();
      const [one, other] = await startTwoGateways();
      await create(one, 'small');
      const far = makeVector().map((each) => each + 1_000);
      for (let round = 0; round < 20; round += 1) {
        const id = `id${round}`;
        const vector = makeVector();
        await insert(one, 'small', [{ id, vector }]);
        expect((await near(other, 'small', vector, { k: 1 }))[0]).toMatchObject({ id, distance: 0 });
        await insert(other, 'small', [{ id, vector: far }]);
        expect((await near(one, 'small', vector, { k: 1 }))[0]!.distance).toBeGreaterThan(1_000);
        expect((await near(one, 'small', far, { k: 1 }))[0]).toMatchObject({ id, distance: 0 });
        await remove(one, 'small', id);
        expect(await near(other, 'small', far, { k: 50 })).toEqual([]);
      }
    },
    minute,
  );

  it(
    'by the thousands are found by a graph, through kills of storage, with nothing acknowledged lost',
    async () => {
      let storage = await startStorage();
      const gateways = await startTwoGateways();
      await create(gateways[0], 'many');
      const vectors: Vectors = new Map();
      let batches = 0;
      /** Sends a batch until it is acknowledged. */
      const insertSurely = async (): Promise<void> => {
        const batch = Array.from({ length: 100 }, (_, at): Input => {
          const number = batches * 100 + at;
          return {
            id: `v${number}`,
            vector: makeVector(),
            metadata: { group: number % 1_000, even: number % 2 === 0 },
          };
        });
        const key = `batch${(batches += 1)}`;
        for (const { id, vector } of batch) vectors.set(id, vector);
        await until(async () => {
          const gateway = gateways[batches % 2]!;
          return insert(gateway, 'many', batch, key).then(
            ({ inserted }) => (expect(inserted).toBe(100), true),
            () => false,
          );
        });
      };
      const insertAll = async (count: number): Promise<void> => {
        for (let at = 0; at < count; at += 4) await Promise.all([1, 2, 3, 4].map(insertSurely));
      };
      await insertAll(28);
      expect(await recall(gateways, vectors)).toBe(1);

      // In the middle of many writes.
      const writing = insertAll(28);
      await until(() => batches > 34);
      storage.process.kill('SIGKILL');
      await storage.ended;
      storage = await startStorage();
      await writing;
      const size = await ask(gateways[0], `{ vectorIndex(namespace: "many") { size } }`, {});
      expect(size).toEqual({ size: 5_600 });
      expect(await recall(gateways, vectors)).toBeGreaterThanOrEqual(0.95);
      const matching = await near(gateways[1], 'many', makeVector(), { f: { group: 77 } });
      expect(matching.map(({ id }) => Number(id.slice(1)) % 1_000)).toEqual(Array(6).fill(77));
      expect(await near(gateways[1], 'many', makeVector(), { f: { even: true }, k: 40 })).toHaveLength(40);

      // A graceful stop writes the index down; what comes after is in it all the same.
      storage.process.kill('SIGTERM');
      expect((await storage.ended).code).toBe(0);
      const files = await readdir(`${directoryPath()}/vectors`);
      expect(files.map((file) => file.slice(file.lastIndexOf('.'))).sort()).toEqual(['.graph', '.members']);
      storage = await startStorage();
      const last = makeVector();
      await until(() =>
        insert(gateways[0], 'many', [{ id: 'last', vector: last }]).then(
          () => true,
          () => false,
        ),
      );
      vectors.set('last', last);
      expect((await near(gateways[1], 'many', last, { k: 1 }))[0]).toMatchObject({ id: 'last', distance: 0 });
      expect(await recall(gateways, vectors)).toBeGreaterThanOrEqual(0.95);

      // And an index that is dropped is gone, through a kill as well.
      expect(await ask(gateways[0], `mutation { vectorDropIndex(input: { namespace: "many" }) }`, {})).toBe(true);
      storage.process.kill('SIGKILL');
      await storage.ended;
      storage = await startStorage();
      await until(() =>
        ask(gateways[1], `{ vectorIndexes { namespace } }`, {}).then(
          (indexes) => (expect(indexes).toEqual([]), true),
          () => false,
        ),
      );
    },
    2 * minute,
  );
});
