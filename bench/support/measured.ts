/** Figures of a case, and what several rounds of it come to. */

/** How a case is to be run: long enough to be warm, then for as long as is measured. */
export interface RunSpec {
  readonly warmMs: number;
  readonly measureMs: number;
  /** Whose CPU time is read at the beginning and the end of the measured time, by name. */
  readonly pids: Readonly<Record<string, number>>;
}

export interface Measured {
  /** Answers a second, in the measured time. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU milliseconds per 1,000 answers, by the name of the process; NaN where the system does not tell. */
  readonly cpu: Readonly<Record<string, number>>;
  /** Every answer that came, before and after the measured time too. */
  readonly answered: number;
  readonly failures: number;
  /** What was wrong with the first answer that was wrong. */
  readonly failure?: string | undefined;
}

/** Throws where any answer was wrong. */
export function requireSound(name: string, { failures, failure }: Measured): void {
  if (failures > 0) throw new Error(`${name}: ${failures} answers were wrong; the first one: ${failure}`);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Each figure is the median of its rounds; answers and failures are added up. */
export function medianOfRounds(rounds: readonly Measured[]): Measured {
  const of = (pick: (each: Measured) => number): number => median(rounds.map(pick));
  const sum = (pick: (each: Measured) => number): number => rounds.reduce((all, each) => all + pick(each), 0);
  const names = Object.keys(rounds[0]?.cpu ?? {});
  return {
    perSecond: of((each) => each.perSecond),
    p50Ms: of((each) => each.p50Ms),
    p99Ms: of((each) => each.p99Ms),
    cpu: Object.fromEntries(names.map((name) => [name, of((each) => each.cpu[name] ?? Number.NaN)])),
    answered: sum((each) => each.answered),
    failures: sum((each) => each.failures),
  };
}
