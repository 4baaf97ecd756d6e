/** What a bench is, and what it reports. */
import type { Measured } from './measured';
import type { World } from './world';

export interface Bench {
  /** As it is asked for on the command line. */
  readonly name: string;
  readonly title: string;
  /** Rejects where an answer is wrong: a missed target is no failure, a wrong sum is. */
  run(world: World): Promise<Report>;
}

/** What is to be reached, and whether it was. */
export interface Target {
  readonly text: string;
  readonly isMet: boolean;
  /** How much is missing, in words; empty where it is met. */
  readonly missing: string;
}

/** A case that ran for a while, in rounds. */
export interface RateRow {
  readonly name: string;
  /** Medians of the rounds. */
  readonly measured: Measured;
  readonly rounds: readonly Measured[];
  /** (highest - lowest) / median of the rates of the rounds. */
  readonly spread: number;
  readonly ratios: readonly Ratio[];
  readonly targets: readonly Target[];
}

/** How this case compares with another one of the same run: the median of the ratios of the rounds. */
export interface Ratio {
  readonly value: number;
  readonly to: string;
}

/** A single figure. */
export interface ValueRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly target?: Target | undefined;
}

export interface Report {
  readonly rates: readonly RateRow[];
  readonly values: readonly ValueRow[];
  /** What a reader of the figures must know, in sentences. */
  readonly notes: readonly string[];
}

/** At least this much. */
export function atLeast(value: number, wanted: number, text: string): Target {
  const isMet = value >= wanted;
  return { text, isMet, missing: isMet ? '' : `${percent(1 - value / wanted)} short` };
}

/** At most this much. */
export function atMost(value: number, wanted: number, text: string): Target {
  const isMet = value <= wanted;
  return { text, isMet, missing: isMet ? '' : `${percent(value / wanted - 1)} over` };
}

function percent(part: number): string {
  return `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %`;
}
