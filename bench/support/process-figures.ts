/** What the system tells of a process: CPU time, memory, children. Linux only; elsewhere there are no figures. */
import { readFileSync, readdirSync } from 'node:fs';

/** CPU time that the process has used so far, all its threads together, in milliseconds; NaN where nobody knows. */
export function cpuMsOf(pid: number): number {
  return scheduledMsOf(pid) ?? tickedMsOf(pid);
}

/**
 * From the scheduler's own account, to the nanosecond. The other account charges whoever runs at a tick of the clock with the whole
 * tick, which wrongs a process that a timer wakes. A thread that ends takes its time with it; a server's do not.
 */
function scheduledMsOf(pid: number): number | undefined {
  const threads = namesIn(`/proc/${pid}/task`);
  const texts = threads.map((thread) => readProc(pid, `task/${thread}/schedstat`));
  if (threads.length === 0 || texts.every((text) => text === undefined)) return undefined;
  return texts.reduce((sum, text) => sum + Number(text?.split(' ')[0] ?? 0) / 1e6, 0);
}

/** Linux tells it in hundredths of a second, whatever its own clock. */
const msPerTick = 10;

function tickedMsOf(pid: number): number {
  const fields = statOf(pid);
  return fields ? (Number(fields[11]) + Number(fields[12])) * msPerTick : Number.NaN;
}

export interface Memory {
  /** Resident pages, shared ones too, in bytes. */
  readonly residentBytes: number;
  /** The same, each shared page divided by the number of processes that share it: these may be added up. */
  readonly proportionalBytes: number;
  /** Pages that belong to no file: heaps, buffers, stacks, but not the map of a data file. */
  readonly anonymousBytes: number;
}

/** Undefined where nobody knows. */
export function memoryOf(pid: number): Memory | undefined {
  const text = readProc(pid, 'smaps_rollup');
  if (text === undefined) return undefined;
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1_024;
  return {
    residentBytes: bytes('Rss'),
    proportionalBytes: bytes('Pss'),
    anonymousBytes: bytes('Anonymous'),
  };
}

/** Processes that this one has started and that still run. */
export function childrenOf(pid: number): number[] {
  return processIds().filter((each) => Number(statOf(each)?.[1]) === pid);
}

/** Whether there is such a process. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function processIds(): number[] {
  return namesIn('/proc').map(Number).filter(Number.isInteger);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Fields of `/proc/PID/stat` behind the name of the program, which may hold anything: state, parent, … */
function statOf(pid: number): string[] | undefined {
  const text = readProc(pid, 'stat');
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function readProc(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return undefined;
  }
}
