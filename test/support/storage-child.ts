/** A storage process for tests: serves what `startStorage` is told in its one argument (JSON), until SIGTERM. */
import { startStorage } from '../../storage/start';
import type { StorageOptions } from '../../storage/start';

async function main(): Promise<void> {
  const storage = await startStorage(JSON.parse(process.argv[2]!) as StorageOptions);
  process.once('SIGTERM', () => void storage.stop().then(() => process.exit(0)));
  process.send!('ready');
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
