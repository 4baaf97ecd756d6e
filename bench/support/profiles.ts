/** CPU profiles that the servers left behind, in short: where their time went, by function. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { table } from './table';
import type { Format } from './table';
import type { World } from './world';

/** A profile as V8 writes it, as far as it is read here. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
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
  const usByFunction = selfTimes(profile);
  const totalUs = [...usByFunction.values()].reduce((sum, us) => sum + us, 0);
  const rows = [...usByFunction]
    .sort(([, a], [, b]) => b - a)
    .slice(0, functionsShown)
    .map(([name, us]) => [name, `${((us / totalUs) * 100).toFixed(1)} %`]);
  return table(['Function', 'Share of busy time'], rows, format);
}

/** Time spent in each function itself, without what it called; idle time is left out. */
function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): Map<string, number> {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  const wholeUs = timeDeltas.reduce((sum, us) => sum + us, 0);
  const skippedUs = wholeUs > 2 * startUs ? startUs : 0;
  let atUs = 0;
  for (const [index, sample] of samples.entries()) {
    const us = timeDeltas[index] ?? 0;
    atUs += us;
    const name = names.get(sample)!;
    if (atUs > skippedUs && !idleNames.has(name)) times.set(name, (times.get(name) ?? 0) + us);
  }
  return times;
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? 'anonymous' : functionName;
  if (url === '') return name;
  const place = url
    .replace(/^file:\/\//, '')
    .replace(/^.*\/node_modules\//, '')
    .replace(/^.*\/dist\//, '');
  return `${name} ${place}:${lineNumber + 1}`;
}
