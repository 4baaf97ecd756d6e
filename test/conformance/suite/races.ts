/** Many callers at the same time: nothing is lost, nothing is done twice, and nobody sees half of a commit. */
import type { Revision, Store } from '../../../proto/store';
import { systemClock } from '../../../src/core/clock';
import { makeSeededIds } from '../../../src/core/ids';
import type { Suite } from './fixture';
import { WatchReader, replay } from './watch-reader';
import {
  asConflict,
  bytes,
  check,
  commitOne,
  contents,
  everything,
  put,
  readOne,
  span,
  textOf,
  transaction,
} from './words';

export function describeRaces(suite: Suite): void {
  describe('races', () => {
    test('of many that create the same key exactly one does, and all others are told what stands', async () => {
      const { store } = await suite.open();
      const outcomes = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          commitOne(store, transaction([put('a', String(index))], { checks: [check('a', 0)] })),
        ),
      );
      const winners = outcomes.flatMap((outcome, index) => (outcome.kind === 'committed' ? [index] : []));
      expect(winners).toHaveLength(1);
      for (const outcome of outcomes) {
        if (outcome.kind !== 'committed')
          expect(asConflict(outcome).entries).toMatchObject([{ value: bytes(String(winners[0])) }]);
      }
    });

    test('of many with the same mark exactly one is done', async () => {
      const { store } = await suite.open();
      const marks = [{ key: bytes('m'), value: bytes('done') }];
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, (_, index) => commitOne(store, transaction([put(`k${index}`)], { marks }))),
      );
      expect(outcomes.filter(({ kind }) => kind === 'committed')).toHaveLength(1);
      expect(Object.keys(await contents(store))).toHaveLength(1);
    });

    test('the sum of increments by compare-and-set is that of the acknowledged ones', async () => {
      const { store } = await suite.open();
      const keys = ['a', 'b', 'c'];
      const begin = (await store.status()).revision;
      const reader = await WatchReader.begin(store, [everything]);
      const acknowledged = await Promise.all(
        Array.from({ length: 36 }, (_, worker) => increment(store, keys[worker % keys.length]!, 6)),
      );
      const total = acknowledged.reduce((sum, each) => sum + each, 0);
      expect(total).toBe(216);
      const { results, revision } = await store.read([everything]);
      const values = results[0]!.entries.map(({ value }) => Number(textOf(value)));
      expect(values.reduce((sum, each) => sum + each, 0)).toBe(total);
      // Each step was seen once, and each was one more than the one before.
      await reader.until(revision);
      for (const key of keys) {
        const steps = reader.changes.filter((change) => textOf(change.key) === key);
        expect(steps.map(({ value }) => Number(textOf(value!)))).toEqual(steps.map((_, index) => index + 1));
      }
      expect(reader.changes).toHaveLength(total);
      expect(revision).toBeGreaterThanOrEqual(begin + total);
      await reader.end();
    });

    const seed = systemClock.nowMs() % 1_000_000;
    test(`readers and watches see only whole transactions (seed ${seed})`, async () => {
      const { store } = await suite.open();
      await transfers(store, seed);
    });
  });
}

/** Counts a key up, some times; gives how many of them were acknowledged. */
async function increment(store: Store, key: string, times: number): Promise<number> {
  let revision = 0;
  let count = 0;
  for (let done = 0; done < times;) {
    const write = put(key, String(count + 1));
    const outcome = await commitOne(store, transaction([write], { checks: [check(key, revision)] }));
    if (outcome.kind === 'committed') {
      done += 1;
      count += 1;
      revision = outcome.revision;
    } else {
      const entry = asConflict(outcome).entries[0]!;
      expect(entry.revision).toBeGreaterThan(revision);
      revision = entry.revision;
      count = Number(textOf(entry.value));
    }
  }
  return times;
}

const accounts = ['a', 'b', 'c', 'd', 'e', 'f'];
const each = 100;

/** Moves money between accounts while others read and watch: the sum is the same at every moment that anyone sees. */
async function transfers(store: Store, seed: number): Promise<void> {
  const ids = makeSeededIds(seed);
  const any = (): string => accounts[Math.floor(ids.fraction() * accounts.length)]!;
  const sum = accounts.length * each;
  const { revision: begin } = (await commitOne(
    store,
    transaction(accounts.map((account) => put(account, String(each)))),
  )) as { revision: Revision };
  const watch = await WatchReader.begin(store, [everything], { afterRevision: begin - 1 });
  let isOver = false;

  const move = async (): Promise<void> => {
    for (let done = 0; done < 20;) {
      const [from, to] = [any(), any()];
      if (from === to) continue;
      const { results } = await store.read([{ start: bytes(from) }, { start: bytes(to) }]);
      const [source, target] = results.map(({ entries }) => entries[0]!);
      const amount = Math.min(Number(textOf(source!.value)), 1 + Math.floor(ids.fraction() * 30));
      const outcome = await commitOne(
        store,
        transaction(
          [
            put(from, String(Number(textOf(source!.value)) - amount)),
            put(to, String(Number(textOf(target!.value)) + amount)),
          ],
          { checks: [check(from, source!.revision), check(to, target!.revision)] },
        ),
      );
      if (outcome.kind === 'committed') done += 1;
    }
  };
  const look = async (): Promise<number> => {
    let looks = 0;
    for (; !isOver || looks === 0; looks += 1) {
      // One range and several: each call is one snapshot.
      const { results } = await store.read([span('a', 'c'), span('c', 'd'), { ...span('d', 'g'), reverse: true }]);
      const seen = results.flatMap(({ entries }) => entries.map(({ value }) => Number(textOf(value))));
      expect([seen.length, seen.reduce((total, value) => total + value, 0)]).toEqual([accounts.length, sum]);
      // A read in this process may need no turn of the event loop; writers do.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return looks;
  };
  const looking = [look(), look()];
  await Promise.all(Array.from({ length: 8 }, move));
  isOver = true;
  await Promise.all(looking);

  await watch.until((await store.status()).revision);
  const state = new Map<string, number>();
  for (const batch of watch.batches) {
    for (const { key, value } of batch.changes) state.set(textOf(key), Number(textOf(value!)));
    if (state.size > 0) expect([...state.values()].reduce((total, value) => total + value, 0)).toBe(sum);
  }
  expect(replay(watch.changes)).toEqual(await contents(store));
  expect((await readOne(store, everything)).entries.every(({ value }) => Number(textOf(value)) >= 0)).toBe(true);
  await watch.end();
}
