/** The machine that the figures are of: without it they say little. */
import { closeSync, fdatasyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { makeSeededIds } from '../../src/core/ids';
import type { World } from './world';

export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGib: number;
  readonly node: string;
  readonly system: string;
  /** Writes of 8 KiB, each with its fdatasync, that the disk does in a second. */
  readonly flushesPerSecond: number;
  /** How busy it was before: processes that wanted a core, the minute before. */
  readonly loadBefore: number;
}

const writeBytes = 8_192;
const fileWrites = 2_048;

export function lookAtMachine(world: World): Machine {
  refuseMemoryDisk(world.options.directory);
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGib: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    system: `${process.platform} ${process.arch}`,
    loadBefore: loadavg()[0] ?? 0,
    flushesPerSecond: flushesPerSecond(world, 1_000),
  };
}

/** Lines for people. */
export function machineLines(machine: Machine): string[] {
  return [
    `${machine.cores} cores (${machine.cpu}), ${machine.memoryGib} GiB, ${machine.system}, Node ${machine.node}`,
    `disk: ${Math.round(machine.flushesPerSecond).toLocaleString('en-US')} flushes a second (8 KiB and fdatasync); load before: ${machine.loadBefore.toFixed(1)}`,
  ];
}

/** Overwrites parts of a file that has its room already, as a database does; one after the other, so that it is the disk's latency. */
export function flushesPerSecond(world: World, forMs: number): number {
  const path = join(world.makeDirectory(), 'flushes');
  const file = openSync(path, 'w');
  const ids = makeSeededIds(1);
  const bytes = Buffer.alloc(writeBytes, 'f');
  try {
    for (let write = 0; write < fileWrites; write += 1) writeSync(file, bytes);
    fdatasyncSync(file);
    const startMs = performance.now();
    let count = 0;
    while (performance.now() - startMs < forMs) {
      writeSync(file, bytes, 0, writeBytes, Math.floor(ids.fraction() * fileWrites) * writeBytes);
      fdatasyncSync(file);
      count += 1;
    }
    return (count / (performance.now() - startMs)) * 1_000;
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

const tmpfsMagic = 0x0102_1994;

/** What is flushed to memory says nothing about writes. */
function refuseMemoryDisk(directory: string): void {
  if (process.platform === 'linux' && statfsSync(directory).type === tmpfsMagic)
    throw new Error(`${directory} is in memory (tmpfs): give a directory on a disk with --dir`);
}
