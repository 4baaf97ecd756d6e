/**
 * Where storage listens. A unix socket file that a dead process left behind is removed; one behind which a process
 * answers, and anything else that lies there, is refused and left as it is.
 */
import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { AppError } from '../src/core/errors';

/** The longest path that every system takes in a socket's address. */
export const socketPathBytesMax = 103;

/** The path of `unix:/path`; undefined for other addresses. */
export function unixPath(address: string): string | undefined {
  return address.startsWith('unix:') ? address.slice('unix:'.length) : undefined;
}

/**
 * Refuses an address where a process listens, before anything is done in its name: whoever opens a store that several share takes the
 * place of the one that had this address. Throws as `clearSocketPath`.
 */
export async function refuseTaken(address: string): Promise<void> {
  const path = unixPath(address);
  if (path !== undefined) return clearSocketPath(path);
  const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  if (port === undefined || port === '0') return;
  // What else may be wrong with it is said by whoever listens.
  if (await answers({ host, port: Number(port) }).catch(() => false)) throw alreadyListens(address);
}

/** Makes the place of a socket free. Throws INVALID_ARGUMENT for an impossible path, UNAVAILABLE where it is taken. */
export async function clearSocketPath(path: string): Promise<void> {
  const bytes = Buffer.byteLength(path);
  if (bytes > socketPathBytesMax) {
    const rule = `has ${bytes} bytes, the path of a unix socket has at most ${socketPathBytesMax}`;
    throw new AppError('INVALID_ARGUMENT', `the address unix:${path} ${rule}: choose a shorter one or host:port`);
  }
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new AppError('UNAVAILABLE', `cannot look at the socket ${path}: ${error.message}`, { cause: error });
  });
  if (!found) return;
  if (!found.isSocket())
    throw new AppError('INVALID_ARGUMENT', `${path} exists and is not a socket; storage cannot listen there`);
  if (await answers({ path })) throw alreadyListens(path);
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT')
      throw new AppError('UNAVAILABLE', `cannot remove the stale socket ${path}: ${error.message}`);
  });
}

/** Whether a process listens there. */
export function answers(
  place: { readonly path: string } | { readonly host: string; readonly port: number },
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(place);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') return resolve(false);
      const where = 'path' in place ? place.path : `${place.host}:${place.port}`;
      reject(new AppError('UNAVAILABLE', `cannot tell who listens on ${where}: ${error.message}`, { cause: error }));
    });
  });
}

function alreadyListens(where: string): AppError {
  return new AppError(
    'UNAVAILABLE',
    `another process already listens on ${where}; stop it first, or choose another address`,
  );
}
