/** CPU profiles that the servers left behind, in short: where their time went, by function. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { table } from './table';
import type { Format } from './table';
import type { World } from './world';

interface Frame {
  readonly functionName: string;
  readonly url: string;
  /** From 0. */
  readonly lineNumber: number;
}

/** A profile as V8 writes it, as far as it is read here. */
interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: Frame }[];
  readonly samples: readonly number[];
  /** Microseconds between the samples. */
  readonly timeDeltas: readonly number[];
}

const functionsShown = 25;
/** Starting is not what is looked at, unless the process did little else. */
const startUs = 3_000_000;
const idleNames = new Set(['(idle)', '(root)']);

/** A table for each server that this run has profiled. */
export function showProfiles(folder: string, world: World, format: Format): string {
  const shown = readdirSync(folder).flatMap((file) => {
    const name = world.nameOf(Number(/\.(\d+)\.\d+\.\d+\.cpuprofile$/.exec(file)?.[1]));
    if (name === undefined) return [];
    const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
    return [`${format === 'markdown' ? '### ' : ''}CPU of ${name} (${file})\n\n${showProfile(profile, format)}\n`];
  });
  return shown.join('\n');
}

function showProfile(profile: CpuProfile, format: Format): string {
  const usByFrame = selfTimes(profile);
  const usByPart = new Map<string, number>();
  const usByName = new Map<string, number>();
  for (const [frame, us] of usByFrame) {
    add(usByPart, partOf(frame), us);
    add(usByName, nameOf(frame), us);
  }
  const title = 'Share of busy time';
  const parts = table(['Part of the program', title], shares(usByPart), format);
  const functions = table(['Function', title], shares(usByName).slice(0, functionsShown), format);
  return `${parts}\n\n${functions}`;
}

function add(times: Map<string, number>, name: string, us: number): void {
  times.set(name, (times.get(name) ?? 0) + us);
}

/** Largest first; what is under half a percent is left out. */
function shares(times: ReadonlyMap<string, number>): string[][] {
  const totalUs = [...times.values()].reduce((sum, us) => sum + us, 0);
  return [...times]
    .filter(([, us]) => us >= totalUs / 200)
    .sort(([, a], [, b]) => b - a)
    .map(([name, us]) => [name, `${((us / totalUs) * 100).toFixed(1)} %`]);
}

/** Time spent in each function itself, without what it called; idle time is left out. */
function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): Map<Frame, number> {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const wholeUs = timeDeltas.reduce((sum, us) => sum + us, 0);
  const skippedUs = wholeUs > 2 * startUs ? startUs : 0;
  const times = new Map<Frame, number>();
  let atUs = 0;
  for (const [index, sample] of samples.entries()) {
    const us = timeDeltas[index] ?? 0;
    atUs += us;
    const frame = frames.get(sample)!;
    if (atUs > skippedUs && !idleNames.has(frame.functionName)) times.set(frame, (times.get(frame) ?? 0) + us);
  }
  return times;
}

/** The file without what lies before the program or the package. */
function fileOf({ url }: Frame): string {
  const folder = url.includes('/node_modules/') ? /^.*\/node_modules\// : /^.*\/dist\//;
  return url.replace(folder, '');
}

function nameOf(frame: Frame): string {
  const name = frame.functionName === '' ? 'anonymous' : frame.functionName;
  return frame.url === '' ? name : `${name} ${fileOf(frame)}:${frame.lineNumber + 1}`;
}

/** A package, a folder of ours, Node's own JavaScript, or native code. */
function partOf(frame: Frame): string {
  const { url, functionName } = frame;
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (url === '' || functionName === '(program)') return 'native code: system calls, V8, libraries';
  if (url.startsWith('node:')) return "Node's JavaScript";
  const file = fileOf(frame);
  if (url.includes('/node_modules/'))
    return file
      .split('/')
      .slice(0, file.startsWith('@') ? 2 : 1)
      .join('/');
  const folder = file.slice(0, file.lastIndexOf('/'));
  return folder === '' ? 'compiled queries' : folder;
}
