/** Where the storage process that we start ourselves listens. */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { socketPathBytesMax } from '../../storage/listen-address';

/**
 * The address itself, unless the data directory lies so deep that a socket's path cannot name it: then a socket in a folder of the
 * user's own below the temporary one, the same for the same data directory.
 */
export function socketAddress(address: string): string {
  const path = address.slice('unix:'.length);
  if (!address.startsWith('unix:') || Buffer.byteLength(path) <= socketPathBytesMax) return address;
  const folder = join(tmpdir(), `norigate-${userInfo().uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return `unix:${join(folder, `${createHash('sha256').update(path).digest('hex').slice(0, 32)}.sock`)}`;
}
