/** A case of HTTP load: a server, and a maker of load that has a process of its own for as long as the bench runs. */
import type { LoadGenerator } from '../children/load-generator';
import { Child } from './child';
import { durationMs } from './rounds';
import type { Candidate } from './rounds';
import type { World } from './world';

export interface HttpLoadOptions extends Omit<LoadGenerator['config'], 'variables'> {
  readonly name: string;
  readonly variables?: readonly object[];
  /** Processes whose CPU time counts, by name. */
  readonly pids: Readonly<Record<string, number>>;
}

/** Load on a server, ready to run; it ends with the world. */
export async function makeHttpLoad(world: World, options: HttpLoadOptions): Promise<Candidate> {
  const { name, pids, variables = [], ...others } = options;
  const child = await Child.start<LoadGenerator>(world, {
    file: 'load-generator.js',
    config: { ...others, variables },
  });
  return { name, run: (spec) => child.run({ ...spec, pids }, durationMs(spec)) };
}
