/**
 * The server secret: what NORIGATE_SECRET says, or else the file `secret` in the data directory, which storage makes at its first start,
 * readable by its owner alone. Never logged, never in a message.
 */
import { closeSync, existsSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '../config';
import { AppError } from '../core/errors';
import type { Ids } from '../core/ids';
import { isLoopback } from '../core/loopback';
import type { SecretSource } from '../core/secret';

const fileName = 'secret';
const secretBytes = 32;
const textPattern = /^[0-9a-f]{64}$/;

type SecretConfig = Pick<Config, 'NORIGATE_SECRET' | 'NORIGATE_STORAGE' | 'DATA_DIR' | 'storageAddress'>;

/** Makes the file where there is none and no setting says the secret. For storage, which owns the directory. */
export function ensureSecret({ NORIGATE_SECRET: given, DATA_DIR: directory }: SecretConfig, ids: Ids): void {
  const path = join(directory, fileName);
  if (given !== undefined || existsSync(path)) return;
  // Written aside and linked: whoever finds the file finds it whole, and nobody's is replaced.
  const aside = `${path}.${ids.uuid()}`;
  const file = openSync(aside, 'wx', 0o600);
  try {
    writeSync(file, `${ids.bytes(secretBytes).toString('hex')}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside);
  }
  const folder = openSync(directory, 'r');
  fsyncSync(folder);
  closeSync(folder);
}

/**
 * Where a gateway has the secret from. Throws where it can have none: a fault of the configuration. Beside a storage process that shares
 * the directory and has not started yet, the secret is UNAVAILABLE until it has.
 */
export function secretSource(config: SecretConfig): SecretSource {
  const { NORIGATE_SECRET: given, DATA_DIR: directory } = config;
  if (given !== undefined) return () => given;
  const path = join(directory, fileName);
  let secret = isOnThisMachine(config) && existsSync(path) ? readSecret(path) : undefined;
  if (!secret && !sharesDirectory(config)) {
    throw new Error(
      `NORIGATE_SECRET must be set: storage at ${config.storageAddress} does not share the directory ${directory} with this gateway, or has not made a secret there.`,
    );
  }
  return () => {
    if (!secret && !existsSync(path)) throw new AppError('UNAVAILABLE', 'storage has not started yet: try again later');
    return (secret ??= readSecret(path));
  };
}

/** Whether storage surely is the one that owns the data directory: it listens there. */
function sharesDirectory({ NORIGATE_STORAGE: given, DATA_DIR: directory, storageAddress }: SecretConfig): boolean {
  return given === undefined || dirname(storageAddress.slice('unix:'.length)) === directory;
}

function isOnThisMachine({ storageAddress }: SecretConfig): boolean {
  return storageAddress.startsWith('unix:') || isLoopback(storageAddress.slice(0, storageAddress.lastIndexOf(':')));
}

function readSecret(path: string): Buffer {
  const text = readFileSync(path, 'utf8').trim();
  if (!textPattern.test(text)) {
    throw new AppError('INTERNAL', `${path} is damaged: it does not hold a secret. Restore it from a backup`);
  }
  return Buffer.from(text, 'hex');
}
