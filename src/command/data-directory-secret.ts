/**
 * The secret of the server: what secrets that can be shown again are derived from. Made where it is first needed, in the data
 * directory, for its owner alone; all gateways of one data directory have the same.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ids } from '../core/ids';
import type { ServerSecret } from '../patterns/tenant-keys';

const secretBytes = 32;

/** Reads it, and makes it where there is none. */
export function dataDirectorySecret(directory: string, ids: Ids): ServerSecret {
  let secret: Buffer | undefined;
  return () => {
    secret ??= readOrMake(join(directory, 'secret'), ids);
    return secret;
  };
}

function readOrMake(path: string, ids: Ids): Buffer {
  try {
    // Whoever is second finds the first one's.
    writeFileSync(path, `${ids.bytes(secretBytes).toString('hex')}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return Buffer.from(readFileSync(path, 'utf8').trim(), 'hex');
}
