/** Parts of a backup as messages, and back. */
import { partCodec } from '../../proto/backup-wire';
import { AppError } from '../../src/core/errors';
import type { BackupHead, BackupPart } from './backup-parts';

export function encodePart(part: BackupPart): Buffer {
  if (part.kind === 'head') return partCodec.encode({ head: JSON.stringify(part.head) });
  return partCodec.encode(part.kind === 'block' ? { block: part.block } : { isEnd: true });
}

/** Throws INVALID_ARGUMENT for what is none. */
export function decodePart(bytes: Buffer): BackupPart {
  const message = partCodec.decode(bytes);
  if (message.isEnd) return { kind: 'end' };
  if (message.block) return { kind: 'block', block: message.block };
  if (!message.head) throw new AppError('INVALID_ARGUMENT', 'a part of a backup that is empty');
  return { kind: 'head', head: JSON.parse(message.head) as BackupHead };
}
