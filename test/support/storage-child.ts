/**
 * A storage process for tests: serves what it is told in its one argument (JSON), until SIGTERM. It tells its parent when
 * it serves.
 */
import { systemClock } from '../../src/core/clock';
import { systemIds } from '../../src/core/ids';
import { openStore } from '../../storage/open';
import { serveStore } from '../../storage/server';

export interface StorageChildOptions {
  readonly directory: string;
  readonly address: string;
}

async function main(): Promise<void> {
  const { directory, address } = JSON.parse(process.argv[2]!) as StorageChildOptions;
  const store = await openStore({
    engine: 'lmdb',
    directory,
    clock: systemClock,
    ids: systemIds,
    address,
    onFatal: (error) => {
      console.error(error);
      process.exit(1);
    },
  });
  const server = await serveStore({ store, address, clock: systemClock });
  const stop = async (): Promise<void> => {
    await server.stop();
    await store.close();
    process.exit(0);
  };
  process.once('SIGTERM', () => void stop());
  process.send!('ready');
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
