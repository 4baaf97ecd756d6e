/**
 * Candidates in turns: A B C A B C A B C. A machine that is slow for a while is slow for all of them, and a ratio is taken within
 * a round. What is shown is the median of the rounds.
 */
import type { RateRow, Ratio, Target } from './bench';
import { medianOfRounds, median, requireSound } from './measured';
import type { Measured, RunSpec } from './measured';
import type { World } from './world';

export interface Candidate {
  readonly name: string;
  /** Runs it once, with the ids of its own processes put into the spec. */
  readonly run: (spec: RunSpec) => Promise<Measured>;
}

export interface RoundsOptions {
  readonly name: string;
  readonly candidates: readonly Candidate[];
}

/** The first time code is still to be compiled, and connections are new. */
const firstWarmMs = 2_000;
const laterWarmMs = 300;

/** Results by candidate, round after round. */
export class Rounds {
  readonly #results = new Map<string, Measured[]>();

  /** Runs all rounds. Throws where an answer was wrong. */
  static async run(world: World, { name, candidates }: RoundsOptions): Promise<Rounds> {
    const all = new Rounds();
    const { rounds, seconds } = world.options;
    for (let round = 1; round <= rounds; round += 1) {
      for (const candidate of candidates) {
        world.say(`${name}: round ${round} of ${rounds}: ${candidate.name}`);
        const warmMs = round === 1 ? Math.min(firstWarmMs, seconds * 1_000) : laterWarmMs;
        const measured = await candidate.run({ warmMs, measureMs: seconds * 1_000, pids: {} });
        requireSound(candidate.name, measured);
        all.#add(candidate.name, measured);
      }
    }
    return all;
  }

  of(name: string): Measured {
    return medianOfRounds(this.#roundsOf(name));
  }

  /** The rate of one candidate over that of another. */
  ratio(name: string, to: string): Ratio {
    const others = this.#roundsOf(to);
    return { value: median(this.#roundsOf(name).map((each, round) => each.perSecond / others[round]!.perSecond)), to };
  }

  /** How many answers for the same CPU time of one of the processes, over those of another candidate. */
  cpuRatio(name: string, to: string, process: string): Ratio {
    const others = this.#roundsOf(to);
    const ratios = this.#roundsOf(name).map(({ cpu }, round) => others[round]!.cpu[process]! / cpu[process]!);
    return { value: median(ratios), to };
  }

  row(name: string, { ratios = [], targets = [] }: { ratios?: Ratio[]; targets?: Target[] } = {}): RateRow {
    const rounds = this.#roundsOf(name);
    const rates = rounds.map(({ perSecond }) => perSecond);
    const spread = (Math.max(...rates) - Math.min(...rates)) / median(rates);
    return { name, measured: this.of(name), rounds, spread, ratios, targets };
  }

  #add(name: string, measured: Measured): void {
    const list = this.#results.get(name);
    if (list) list.push(measured);
    else this.#results.set(name, [measured]);
  }

  #roundsOf(name: string): readonly Measured[] {
    const list = this.#results.get(name);
    if (!list) throw new Error(`there is no candidate ${name}`);
    return list;
  }
}

/** How long a run of this kind takes, about. */
export function durationMs({ warmMs, measureMs }: RunSpec): number {
  return warmMs + measureMs;
}
