/**
 * Runs the operations of `crash-script.ts` on LMDB and kills itself with -9 at one physical commit: before it, in its middle,
 * or when it stands and nobody has been told. Each operation that was acknowledged adds a byte to a file.
 */
import { openSync, writeSync } from 'node:fs';
import { systemIds } from '../../src/core/ids';
import type { Applied, Engine } from '../../storage/engine';
import { openLmdbEngine } from '../../storage/engines/lmdb';
import { LocalStore } from '../../storage/local-store';
import { clockBefore, operations, runOperation } from './crash-script';

export type CrashMoment = 'before' | 'within' | 'after';

export interface CrashOptions {
  readonly directory: string;
  readonly acknowledgedFile: string;
  /** The number of the physical commit, from 1. */
  readonly at: number;
  readonly moment: CrashMoment;
}

const die = (): void => void process.kill(process.pid, 'SIGKILL');

/** The engine, which ends the process at one of its commits. */
function crashing(engine: Engine, { at, moment }: CrashOptions): Engine {
  let count = 0;
  const run = async (commit: (onBegun: () => void) => Promise<Applied>): Promise<Applied> => {
    count += 1;
    if (count !== at) return commit(() => undefined);
    if (moment === 'before') die();
    // The transaction has been written when this turn ends; then it is flushed on another thread.
    const applied = await commit(moment === 'within' ? () => setImmediate(die) : () => undefined);
    die();
    return applied;
  };
  return new Proxy(engine, {
    get(target, name) {
      if (name === 'apply') {
        return (takeGroup: Parameters<Engine['apply']>[0]) =>
          run((onBegun) => target.apply(() => (onBegun(), takeGroup())));
      }
      if (name === 'expire') {
        return (takeNowMs: Parameters<Engine['expire']>[0], rowsMax: number) =>
          run((onBegun) => target.expire(() => (onBegun(), takeNowMs()), rowsMax));
      }
      const value: unknown = target[name as keyof Engine];
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2]!) as CrashOptions;
  const clock = clockBefore(0);
  const engine = await openLmdbEngine({ directory: options.directory, ids: systemIds });
  const store = new LocalStore({ engine: crashing(engine, options), clock });
  const acknowledged = openSync(options.acknowledgedFile, 'w');
  for (let index = 0; index < operations.length; index += 1) {
    await runOperation({ store, clock }, index);
    writeSync(acknowledged, '.');
  }
  await store.close();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
