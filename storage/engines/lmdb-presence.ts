/**
 * That a process has the data open, shown by a unix socket in the directory on which it listens. The kernel ends that with the process,
 * however it ends, and answers for one that stands still; and it means the same in every container that the directory is mounted
 * into, where numbers of processes do not. Whoever wants in shows itself first and looks for others then, so that of two who come at the same
 * moment at least one sees the other: never both get in, perhaps neither, and then they may try again. Holds on one machine; where the
 * directory takes no socket, or lies too deep for the address of one, nothing is shown, and the number in the data alone tells.
 */
import { once } from 'node:events';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { AppError } from '../../src/core/errors';
import type { Ids } from '../../src/core/ids';
import { answers, socketPathBytesMax } from '../listen-address';

export interface Presence {
  /** Others may come in. */
  leave(): Promise<void>;
}

const fileName = /^owner-(\d+)-[0-9a-f]{8}\.sock$/;
const nowhere: Presence = { leave: () => Promise.resolve() };

/** Throws UNAVAILABLE where another process shows itself, or may. What dead ones have left is removed. */
export async function showPresence(directory: string, ids: Ids): Promise<Presence> {
  const name = `owner-${process.pid}-${ids.uuid().slice(0, 8)}.sock`;
  const path = join(directory, name);
  if (Buffer.byteLength(path) > socketPathBytesMax) return nowhere;
  const server = await listen(path);
  if (!server) return nowhere;
  const presence: Presence = {
    leave: () => new Promise((resolve) => void server.close(() => resolve())),
  };
  try {
    for (const other of readdirSync(directory)) {
      const pid = other === name ? undefined : fileName.exec(other)?.[1];
      if (pid === undefined) continue;
      if (await answers({ path: join(directory, other) })) throw dataInUse(directory, `process ${pid}`);
      rmSync(join(directory, other), { force: true });
    }
    // Whoever found us before we listened has taken us for dead.
    if (!existsSync(path)) throw dataInUse(directory, 'a process that came at the same moment');
    return presence;
  } catch (error) {
    await presence.leave();
    throw error;
  }
}

export function dataInUse(directory: string, by: string): AppError {
  const advice = 'stop that one, or choose another directory';
  return new AppError('UNAVAILABLE', `the data directory ${directory} is in use by ${by}: ${advice}`);
}

async function listen(path: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  server.unref();
  try {
    await once(server.listen(path), 'listening');
    // Who cannot be answered, as where too many files are open, has been connected all the same.
    return server.on('error', () => undefined);
  } catch {
    return undefined;
  }
}
