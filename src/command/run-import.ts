/** `norigate import FILE`: reads all of the file first, then brings what it holds into storage; see docs/backup.md. */
import { resolve } from 'node:path';
import { readBackup, verifyBackup } from '../../storage/backup/backup-file';
import type { BackupPart } from '../../storage/backup/backup-parts';
import { openBackupAccess } from './backup-access';
import { makeProgressBars } from './progress-bars';
import type { BackupCommand } from './run-export';

/** Throws what it cannot do; a file that is damaged changes nothing. */
export async function runImport({ file, tenantId, logger, ...options }: BackupCommand): Promise<void> {
  const path = resolve(file);
  const { head, totals } = await verifyBackup(readBackup(path));
  const access = await openBackupAccess({ ...options, isExport: false });
  const show = makeProgressBars(process.stderr);
  const name = `import of ${file}`;
  let done = 0;
  const counted = async function* (): AsyncGenerator<BackupPart, void, void> {
    for await (const part of readBackup(path)) {
      yield part;
      if (part.kind !== 'block') continue;
      done += part.block.count;
      show({ name, done, total: totals.records, unit: 'records', isDone: false });
    }
  };
  try {
    const { id: backup, engine, tenant } = head;
    logger.info({ file: path, backup, engine, tenant: tenant?.id, into: access.where, ...totals }, 'import begins');
    const imported = await access.import(counted(), tenantId);
    logger.info({ file: path, ...imported }, 'import is done');
  } finally {
    show({ name, done, total: totals.records, unit: 'records', isDone: true });
    await access.close();
  }
}
