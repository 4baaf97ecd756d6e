/**
 * What the program needs: idle, all its processes together; and what 1,000,000 keys of 200 bytes add to the heap of each. The heap is
 * taken as all memory that belongs to no file (V8, buffers, native code): the map of the data file, which the system
 * gives and takes as it likes, is none of it.
 */
import { atMost } from './support/bench';
import type { Bench, ValueRow } from './support/bench';
import { largeCount, largeValueBytes, loadMillion } from './support/large-store';
import { memoryOf } from './support/process-figures';
import type { Memory } from './support/process-figures';
import { Program } from './support/program';

const mebibyte = 1_048_576;
const idleMaxMib = 250;
const growthMaxMib = 100;
/** Until what a start leaves behind is collected, and until what the load left behind is. */
const settleMs = 3_000;

type ByProcess = Readonly<Record<string, Memory>>;

export const memory: Bench = {
  name: 'memory',
  title: `Memory: idle, and with ${largeCount.toLocaleString('en-US')} keys of ${largeValueBytes} bytes`,
  async run(world) {
    const program = await Program.start(world);
    await settle();
    const idle = look(program);
    const { seconds } = await loadMillion(world, program);
    const peak = look(program);
    await settle();
    const loaded = look(program);
    await program.stop();
    const sum = (pick: (each: Memory) => number): number =>
      Object.values(idle).reduce((all, each) => all + pick(each), 0) / mebibyte;
    const residentMib = sum((each) => each.residentBytes);
    return {
      rates: [],
      values: [
        row('idle: resident, all processes', residentMib, atMost(residentMib, idleMaxMib, `< ${idleMaxMib} MiB`)),
        row(
          'idle: resident, shared pages once',
          sum((each) => each.proportionalBytes),
        ),
        ...Object.keys(idle).flatMap((name) => growthRows(name, { idle, peak, loaded })),
        { name: 'loading the keys', value: largeCount / seconds, unit: 'keys/s' },
      ],
      notes: [],
    };
  },
};

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, settleMs));
}

function look({ pids }: Program): ByProcess {
  const found = Object.entries(pids).map(([name, pid]) => {
    const memory = memoryOf(pid);
    if (!memory) throw new Error('this system does not tell how much memory a process has');
    return [name, memory] as const;
  });
  return Object.fromEntries(found);
}

function row(name: string, value: number, target?: ValueRow['target']): ValueRow {
  return { name, value, unit: 'MiB', target };
}

interface Growth {
  readonly idle: ByProcess;
  readonly peak: ByProcess;
  readonly loaded: ByProcess;
}

function growthRows(name: string, { idle, peak, loaded }: Growth): ValueRow[] {
  const before = idle[name]!.anonymousBytes;
  const growth = (at: ByProcess): number => (at[name]!.anonymousBytes - before) / mebibyte;
  return [
    row(`idle: heap of ${name}`, before / mebibyte),
    row(`heap of ${name} grew, when the last key was in`, growth(peak)),
    row(
      `heap of ${name} grew, ${settleMs / 1_000} s later`,
      growth(loaded),
      atMost(growth(loaded), growthMaxMib, `≤ ${growthMaxMib} MiB`),
    ),
  ];
}
