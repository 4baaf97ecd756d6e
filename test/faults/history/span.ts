/** What the checkers of histories share: when a call was made and answered, and how they say what is wrong. */

/** In steps of one count that all callers share: a call that was answered before another was made came before it. */
export interface Span {
  readonly calledAt: number;
  /** Infinity: its answer never came, and it may have been applied at any time since, or never. */
  readonly answeredAt: number;
}

/** Takes the number of a step. */
export type Count = () => number;

/** A count from 1 on. */
export function makeCount(): Count {
  let last = 0;
  return () => (last += 1);
}

/** Pairs of calls of which the first was over before the second began, where the given order says that it came later. */
export function orderFaults<Call extends Span>(ordered: readonly Call[], show: (call: Call) => string): string[] {
  const faults: string[] = [];
  let earliest: Call | undefined;
  // From the last to the first: none may begin after one behind it was answered.
  for (const call of [...ordered].reverse()) {
    if (earliest && earliest.answeredAt < call.calledAt)
      faults.push(`${show(call)} was called after ${show(earliest)} was answered, and comes before it`);
    if (!earliest || call.answeredAt < earliest.answeredAt) earliest = call;
  }
  return faults;
}
