/** `service Backup` inside the storage process. Both calls go at the pace of the slower side, and end when the server stops. */
import type { ServerReadableStream, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import { exportRequestCodec, importResultCodec } from '../../proto/backup-wire';
import type { Store } from '../../proto/store';
import { toStatus } from '../../proto/wire-failure';
import { AppError, toAppError } from '../../src/core/errors';
import type { Ids } from '../../src/core/ids';
import type { Portable } from '../portable';
import type { BackupPart } from './backup-parts';
import { exportData } from './export-data';
import { importData } from './import-data';
import type { Imported } from './import-data';
import { decodePart, encodePart } from './part-message';

export interface BackupCallsOptions {
  readonly store: Store & Portable;
  readonly ids: Ids;
  /** Aborts when the server stops. */
  readonly stopping: AbortSignal;
}

/** Its handlers, as `addService` wants them. */
export function backupCalls(options: BackupCallsOptions): {
  export: (call: ServerWritableStream<Buffer, Buffer>) => void;
  import: (call: ServerReadableStream<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => void;
} {
  return {
    export: (call) => void serveExport(call, options),
    import: (call, answer) => {
      importServed(call, options).then(
        (imported) => answer(null, importResultCodec.encode(imported)),
        (error: unknown) => answer(toStatus(toAppError(error))),
      );
    },
  };
}

async function importServed(
  call: ServerReadableStream<Buffer, Buffer>,
  { store, stopping }: BackupCallsOptions,
): Promise<Imported> {
  return importData(store, received(call, stopping), { isAlone: false });
}

async function serveExport(
  call: ServerWritableStream<Buffer, Buffer>,
  { store, ids, stopping }: BackupCallsOptions,
): Promise<void> {
  try {
    const { tenantId } = exportRequestCodec.decode(call.request);
    for await (const part of exportData(store, { tenantId: tenantId ?? undefined }, ids)) {
      if (stopping.aborted) throw new AppError('UNAVAILABLE', 'storage is stopping');
      if (call.cancelled) return;
      if (!call.write(encodePart(part))) await drained(call, stopping);
    }
    call.end();
  } catch (error) {
    if (!call.cancelled) call.emit('error', toStatus(toAppError(error)));
  }
}

/** Resolves when more may be written, or never will be. */
function drained(call: ServerWritableStream<Buffer, Buffer>, stopping: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      call.removeListener('drain', go);
      call.removeListener('cancelled', go);
      stopping.removeEventListener('abort', go);
      resolve();
    };
    call.once('drain', go);
    call.once('cancelled', go);
    stopping.addEventListener('abort', go, { once: true });
    if (call.cancelled || stopping.aborted) go();
  });
}

async function* received(
  call: ServerReadableStream<Buffer, Buffer>,
  stopping: AbortSignal,
): AsyncGenerator<BackupPart, void, void> {
  // Else whoever waits for the next part would wait for ever.
  const giveUp = (): void => void call.destroy(new AppError('UNAVAILABLE', 'the import was given up by its caller'));
  call.once('cancelled', giveUp);
  for await (const bytes of call) {
    if (stopping.aborted) throw new AppError('UNAVAILABLE', 'storage is stopping: import the same backup again');
    yield decodePart(bytes as Buffer);
  }
}
