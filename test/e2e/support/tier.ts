/** For a test file: programs over one data directory, a fresh one for each test, all ended and removed after it. */
import { until } from './collector';
import { ensureBuilt, startProgram, temporaryDirectory } from './program';
import type { Program } from './program';

const buildMs = 300_000;

export interface Tier {
  /** The data directory of the test that runs. */
  directoryPath(): string;
  start(args: readonly string[], environment?: Record<string, string>): Program;
  /** A storage process; resolves when it listens. */
  startStorage(): Promise<Program>;
  /** Two gateways on it; resolves when storage answers both. */
  startTwoGateways(environment?: Record<string, string>): Promise<readonly [Program, Program]>;
}

/** Registers what comes before and after each test of the file. */
export function useTier(): Tier {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  const programs: Program[] = [];
  beforeAll(ensureBuilt, buildMs);
  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(async () => {
    await Promise.all(programs.splice(0).map((each) => each.destroy()));
    await directory.remove();
  });

  const start: Tier['start'] = (args, environment = {}) => {
    const program = startProgram(directory.path, environment, args);
    programs.push(program);
    return program;
  };
  return {
    start,
    directoryPath: () => directory.path,
    async startStorage() {
      const storage = start(['storage']);
      await storage.logged('storage listens');
      return storage;
    },
    async startTwoGateways(environment = {}) {
      const [first, second] = await Promise.all([1, 2].map(() => start(['gateway'], environment).ready()));
      for (const gateway of [first!, second!])
        await until(async () => (await fetch(`${gateway.origin}/readyz`)).status === 200);
      return [first!, second!];
    },
  };
}
