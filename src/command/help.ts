/** What `norigate --help` prints: commands, and every setting from the one table. */
import { settings } from '../config';

export function helpText(): string {
  const lines = [
    'norigate: a GraphQL gateway of correct patterns over a key/value storage tier',
    '',
    'Usage:',
    '  norigate             storage and gateway, all in one',
    '  norigate gateway     the gateway alone, on a storage tier that runs elsewhere',
    '  norigate storage     the storage tier alone',
    '  norigate schema      prints the SDL',
    '  norigate export FILE [--tenant ID]   a backup of everything, or of one tenant, into a file',
    '  norigate import FILE [--tenant ID]   brings a backup into a store that is empty, or where that tenant is not',
    '  norigate health      whether the gateway of these settings runs: 0 where it does, 1 where it does not',
    '  norigate --help      this',
    '  norigate --version   the version',
    '',
    'Settings are environment variables:',
    '',
  ];
  for (const [name, { type, default: fallback, description }] of Object.entries(settings)) {
    lines.push(`  ${name}  (${type}${fallback === '' ? '' : `, default ${fallback}`})`);
    lines.push(...wrapped(description, 96).map((line) => `      ${line}`));
  }
  return `${lines.join('\n')}\n`;
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
