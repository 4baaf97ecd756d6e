/** `norigate export FILE`: everything, or one tenant, into a file; see docs/backup.md. */
import { resolve } from 'node:path';
import { writeBackup } from '../../storage/backup/backup-file';
import type { Config } from '../config';
import type { Clock } from '../core/clock';
import type { Ids } from '../core/ids';
import type { Logger } from '../core/telemetry';
import { openBackupAccess } from './backup-access';
import { makeProgressBars } from './progress-bars';

export interface BackupCommand {
  readonly config: Config;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly file: string;
  readonly tenantId: string | undefined;
}

/** Throws what it cannot do; then no file is left. */
export async function runExport({ file, tenantId, logger, ...options }: BackupCommand): Promise<void> {
  const path = resolve(file);
  const access = await openBackupAccess({ ...options, isExport: true });
  const show = makeProgressBars(process.stderr);
  const name = `export to ${file}`;
  let done = 0;
  try {
    logger.info({ from: access.where, file: path, tenant: tenantId }, 'export begins');
    const totals = await writeBackup(path, access.export(tenantId), (records, head) => {
      done = records;
      show({ name, done, total: Math.max(head.rowsAbout, done), unit: 'records', isDone: false });
    });
    logger.info({ file: path, ...totals }, 'export is done');
  } finally {
    show({ name, done, total: done, unit: 'records', isDone: true });
    await access.close();
  }
}
