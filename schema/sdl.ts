/** The SDL: all prose of the API, split by pattern in the .graphql files beside this one. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names of the SDL files, the shared definitions first, then by name. */
export function sdlFileNames(directory = __dirname): string[] {
  const names = readdirSync(directory).filter((name) => name.endsWith('.graphql'));
  return names.sort((a, b) => Number(b === 'common.graphql') - Number(a === 'common.graphql') || (a < b ? -1 : 1));
}

/** All SDL files in one text, which builds as one schema. */
export function readContractSdl(directory = __dirname): string {
  return sdlFileNames(directory)
    .map((name) => readFileSync(join(directory, name), 'utf8'))
    .join('\n');
}
