/**
 * The Store contract itself, without a gateway: commits (one durable transaction of one put each) and point reads, at 1, 16 and 256 in
 * flight, through gRPC to a storage process and in the caller's own process. Beside it, what the disk does at all.
 */
import type { StoreCaller } from './children/store-caller';
import { atLeast } from './support/bench';
import type { Bench, RateRow, Target } from './support/bench';
import { Child } from './support/child';
import { flushesPerSecond } from './support/machine';
import { median } from './support/measured';
import { Program } from './support/program';
import { Rounds, durationMs } from './support/rounds';
import type { Candidate } from './support/rounds';
import type { World } from './support/world';

const operations = ['commit', 'read'] as const;
const depths = [1, 16, 256] as const;
const places = ['in process', 'through gRPC'] as const;
const deepest = 256;
const durableWanted = 15_000;
/** The disk that the figure above is for. */
const flushesWanted = 6_000;
const flushMs = 500;

type Operation = (typeof operations)[number];
type Place = (typeof places)[number];

function nameOf(operation: Operation, depth: number, place: Place): string {
  return `${operation}, ${depth} in flight, ${place}`;
}

export const store: Bench = {
  name: 'store',
  title: 'Store.commit and Store.read, through gRPC and in process',
  async run(world) {
    const program = await Program.start(world, { isStorageAlone: true });
    const callers: Record<Place, Child<StoreCaller>> = {
      'in process': await startCaller(world, { kind: 'local', directory: world.makeDirectory() }),
      'through gRPC': await startCaller(world, { kind: 'grpc', address: program.storageAddress }),
    };
    const flushes: number[] = [];
    const candidates = eachCase((operation, depth, place): Candidate => {
      const pids = place === 'in process' ? {} : program.pids;
      return {
        name: nameOf(operation, depth, place),
        run(spec) {
          if (operation === 'commit' && depth === deepest) flushes.push(flushesPerSecond(world, flushMs));
          return callers[place].run({ ...spec, pids, operation, inFlight: depth }, durationMs(spec));
        },
      };
    });
    const rounds = await Rounds.run(world, { name: 'store', candidates });
    for (const caller of Object.values(callers)) await caller.stop();
    await program.stop();
    const disk = median(flushes);
    return {
      rates: eachCase((operation, depth, place) => rowOf(rounds, { operation, depth, place, disk })),
      values: [{ name: 'the disk itself: 8 KiB and fdatasync, one after the other', value: disk, unit: 'flushes/s' }],
      notes: ['In process, storage and caller are one process: its CPU stands under "client".'],
    };
  },
};

function eachCase<Result>(make: (operation: Operation, depth: number, place: Place) => Result): Result[] {
  return operations.flatMap((operation) =>
    depths.flatMap((depth) => places.map((place) => make(operation, depth, place))),
  );
}

function startCaller(world: World, config: StoreCaller['config']): Promise<Child<StoreCaller>> {
  return Child.start<StoreCaller>(world, { file: 'store-caller.js', config, isServer: true });
}

interface Case {
  readonly operation: Operation;
  readonly depth: number;
  readonly place: Place;
  readonly disk: number;
}

function rowOf(rounds: Rounds, { operation, depth, place, disk }: Case): RateRow {
  const name = nameOf(operation, depth, place);
  const isDeepest = depth === deepest;
  if (place === 'in process') {
    const targets = operation === 'commit' && isDeepest ? [durable(rounds.of(name).perSecond, disk)] : [];
    return rounds.row(name, { targets });
  }
  const ratio = { ...rounds.ratio(name, nameOf(operation, depth, 'in process')), to: 'in process' };
  return rounds.row(name, {
    ratios: [ratio],
    targets: isDeepest ? [atLeast(ratio.value, 0.6, '≥ 0.6 × in process')] : [],
  });
}

/** The target is for a disk of a certain speed: on a slower one a miss is none. */
function durable(perSecond: number, disk: number): Target {
  const text = `≥ ${durableWanted.toLocaleString('en-US')}/s at ${flushesWanted.toLocaleString('en-US')} flushes/s`;
  const target = atLeast(perSecond, durableWanted, text);
  if (target.isMet || disk >= flushesWanted) return target;
  return { ...target, missing: `${target.missing}, but the disk is slower` };
}
