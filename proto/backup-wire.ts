/** The messages of `backup.proto`, and its two calls as grpc-js wants them; messages go through grpc-js as bytes. */
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { AppError } from '../src/core/errors';
// Sets protobufjs up: numbers of 64 bits as plain ones.
import { makeReader } from './wire-types';

const root = new protobuf.Root();
root.loadSync(join(__dirname, 'backup.proto'));

const passOn = (bytes: Buffer): Buffer => bytes;
const asBytes = {
  requestSerialize: passOn,
  requestDeserialize: passOn,
  responseSerialize: passOn,
  responseDeserialize: passOn,
} as const;

/** `service Backup`, with encoded messages. */
export const backupService = {
  export: { path: '/norigate.backup.v1.Backup/Export', requestStream: false, responseStream: true, ...asBytes },
  import: { path: '/norigate.backup.v1.Backup/Import', requestStream: true, responseStream: false, ...asBytes },
} as const;

/** What an optional field was not sent with is null. */
export interface ExportRequestMessage {
  readonly tenantId?: string | null;
}

export interface PartMessage {
  readonly head?: string | null;
  readonly block?: { readonly count: number; readonly bytes: Buffer } | null;
  readonly isEnd?: boolean;
}

export interface ImportResultMessage {
  readonly rows: number;
  readonly marks: number;
  readonly revision: number;
}

interface Codec<Message> {
  encode(message: Message): Buffer;
  /** Throws INVALID_ARGUMENT for what is not one. */
  decode(bytes: Buffer): Message;
}

function codecOf<Message extends object>(name: string): Codec<Message> {
  const type = root.lookupType(`norigate.backup.v1.${name}`);
  return {
    encode: (message) => Buffer.from(type.encode(message).finish()),
    decode(bytes) {
      try {
        return type.decode(makeReader(bytes)) as unknown as Message;
      } catch (cause) {
        throw new AppError('INVALID_ARGUMENT', `a malformed ${name} of a backup`, { cause });
      }
    },
  };
}

export const exportRequestCodec = codecOf<ExportRequestMessage>('ExportRequest');
export const partCodec = codecOf<PartMessage>('Part');
export const importResultCodec = codecOf<ImportResultMessage>('ImportResult');
