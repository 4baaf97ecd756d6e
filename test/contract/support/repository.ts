/** The repository as files: what the tests of documents and of tidiness read. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

export const repositoryRoot: string = path.resolve(__dirname, '..', '..', '..');

const isOutside = new Set(['node_modules', 'dist', 'data', 'coverage', '.git', '.cache']);

/** All files below `directory` (relative to the repository; none where it is not there) that `isWanted`, as relative paths with slashes, sorted. */
export function filesBelow(directory: string, isWanted: (file: string) => boolean): string[] {
  const found: string[] = [];
  const walk = (relative: string): void => {
    for (const name of readdirSync(path.join(repositoryRoot, relative))) {
      if (isOutside.has(name)) continue;
      const file = relative === '' ? name : `${relative}/${name}`;
      if (statSync(path.join(repositoryRoot, file)).isDirectory()) walk(file);
      else if (isWanted(file)) found.push(file);
    }
  };
  if (existsSync(path.join(repositoryRoot, directory))) walk(directory === '.' ? '' : directory);
  return found.sort();
}

export function readText(file: string): string {
  return readFileSync(path.join(repositoryRoot, file), 'utf8');
}

export function readJson<T>(file: string): T {
  return JSON.parse(readText(file)) as T;
}

/** What the one list has and the other has not, both ways, as sentences. */
export function differences(left: Named, right: Named): string[] {
  const leftNames = new Set(left.names);
  const rightNames = new Set(right.names);
  return [
    ...[...leftNames]
      .filter((name) => !rightNames.has(name))
      .map((name) => `${name} is in ${left.of}, not in ${right.of}`),
    ...[...rightNames]
      .filter((name) => !leftNames.has(name))
      .map((name) => `${name} is in ${right.of}, not in ${left.of}`),
  ].sort();
}

export interface Named {
  readonly of: string;
  readonly names: Iterable<string>;
}
