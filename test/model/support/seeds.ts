/**
 * Seeds of random runs. Every run has new ones; a failure names its seed, and `NORIGATE_TEST_SEED=1234` before the command repeats that
 * seed alone.
 */
import { systemClock } from '../../../src/core/clock';
import { makeSeededIds } from '../../../src/core/ids';
import type { Ids } from '../../../src/core/ids';

/** Dice. */
export interface Chance extends Pick<Ids, 'fraction'> {
  /** An integer in [0, below). */
  whole(below: number): number;
  pick<T>(list: readonly T[]): T;
  /** True with this probability. */
  happens(probability: number): boolean;
  readonly ids: Ids;
}

export function makeChance(seed: number): Chance {
  const ids = makeSeededIds(seed);
  const whole = (below: number): number => Math.floor(ids.fraction() * below);
  return {
    ids,
    fraction: () => ids.fraction(),
    whole,
    pick: (list) => list[whole(list.length)]!,
    happens: (probability) => ids.fraction() < probability,
  };
}

/** What one run of a model found wrong, in sentences; empty: nothing. */
export type RunModel = (seed: number) => Promise<readonly string[]>;

const given = process.env['NORIGATE_TEST_SEED'];
const firstSeed = given === undefined ? systemClock.nowMs() % 1_000_000 : Number(given);

/** Runs a model with `count` seeds and throws at the first that finds something. */
export async function holdsForSeeds(count: number, run: RunModel): Promise<void> {
  for (let seed = firstSeed; seed < firstSeed + (given === undefined ? count : 1); seed += 1) {
    const faults = await run(seed);
    if (faults.length > 0) throw new Error(`NORIGATE_TEST_SEED=${seed}\n${faults.join('\n')}`);
  }
}

/** The first fault that a model finds within `count` seeds; undefined: none. The seeds are always the same. */
export async function firstFault(count: number, run: RunModel): Promise<string | undefined> {
  for (let seed = 1; seed <= count; seed += 1) {
    const [fault] = await run(seed);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
