/**
 * Whether a counter counted each increment exactly once. Where the answers say what the counter stood at, each increment has a place of its own on the way
 * from 0 to the end, in the order in which they were made. What was never answered may fill gaps, wholly or not at all.
 */
import type { Span } from './span';
import { orderFaults } from './span';

export interface Increment extends Span {
  /** Above 0. */
  readonly by: number;
  /** What it stood at right after; null where that was not said. */
  readonly value: number | null;
}

export interface CounterHistory {
  readonly acknowledged: readonly Increment[];
  /** What was sent and never answered. */
  readonly unknown: readonly number[];
  /** What it stands at in the end. */
  readonly end: number;
}

/** What is wrong with it; empty: nothing. */
export function counterFaults({ acknowledged, unknown, end }: CounterHistory): string[] {
  const sum = acknowledged.reduce((total, { by }) => total + by, 0);
  const faults: string[] = [];
  if (!sumsOf(unknown).has(end - sum))
    faults.push(
      `${sum} was acknowledged, and it stands at ${end}: ${unknown.length} unknown increments do not explain it`,
    );
  const placed = acknowledged.filter(hasValue).sort((a, b) => a.value - b.value);
  let reached = 0;
  for (const { by, value } of placed) {
    if (value - by < reached) faults.push(`an increment by ${by} to ${value} overlaps one to ${reached}`);
    reached = value;
  }
  if (reached > end) faults.push(`an increment to ${reached} was acknowledged, and it stands at ${end}`);
  return [...faults, ...orderFaults(placed, ({ by, value }) => `the increment by ${by} to ${value}`)];
}

function hasValue(increment: Increment): increment is Increment & { readonly value: number } {
  return increment.value !== null;
}

/** All sums of some of the numbers. */
function sumsOf(numbers: readonly number[]): ReadonlySet<number> {
  const sums = new Set([0]);
  for (const number of numbers) for (const sum of [...sums]) sums.add(sum + number);
  return sums;
}
