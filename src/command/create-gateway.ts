/**
 * The gateway as a library: `norigate` with an application's own fields, inside the application's process. Storage runs as a
 * process of its own beside it, started and watched as the command does it, or elsewhere where NORIGATE_STORAGE says so. Nothing is
 * read from the environment that the application does not hand over, and signals are the application's business.
 */
import { join } from 'node:path';
import { ConfigError, readConfig } from '../config';
import type { Config, SettingName } from '../config';
import { systemClock } from '../core/clock';
import { systemIds } from '../core/ids';
import { Lifecycle } from '../core/lifecycle';
import { Metrics, makeLogger } from '../core/telemetry';
import type { Logger } from '../core/telemetry';
import type { SchemaExtension } from '../gateway/extend-schema';
import { runGateway } from './run-gateway';
import { socketAddress } from './socket-address';
import { StorageChild } from './storage-child';

export { ConfigError };

/** Settings by the names of their variables, as docs/configuration.md has them. */
export type GatewayConfig = Readonly<
  Partial<Record<SettingName, string | number | boolean>> & Record<string, string | number | boolean | undefined>
>;

export interface CreateGatewayOptions extends Partial<SchemaExtension> {
  /** Left out: the defaults. `process.env` may be given as it is, or spread with what differs. */
  readonly config?: GatewayConfig;
  /** Storage has died and cannot come back (a damaged file, a directory of another process). Default: everything stops. */
  readonly onFailure?: (failure: Error) => void;
}

export interface ApplicationGateway {
  readonly port: number;
  /** http or https, host and port. */
  readonly origin: string;
  /** The SDL that is served. */
  readonly sdl: string;
  /** Finishes what runs, within NORIGATE_STOP_DEADLINE_MS; calling it again gives the same promise. */
  stop(): Promise<void>;
}

/**
 * Starts storage and the gateway; resolves when it listens. Rejects with ConfigError where the settings have faults, and with an Error that
 * names every fault where the application's fields do not fit.
 */
export async function createGateway(options: CreateGatewayOptions = {}): Promise<ApplicationGateway> {
  const environment = environmentOf(options.config ?? {});
  const config = readConfig(environment);
  if (config.NORIGATE_WORKERS > 1)
    throw new ConfigError([
      `NORIGATE_WORKERS must be 1 in an application, whose process is one gateway; it is ${config.NORIGATE_WORKERS}.`,
    ]);
  const logger = makeLogger({ level: config.NORIGATE_LOG_LEVEL, format: config.NORIGATE_LOG_FORMAT, name: 'gateway' });
  const lifecycle = new Lifecycle(systemClock);
  const stop = async (): Promise<void> => {
    for (const { step, error } of await lifecycle.stop(config.NORIGATE_STOP_DEADLINE_MS))
      logger.warn({ err: error }, `${step} did not stop in order`);
  };
  try {
    const onFailure = options.onFailure ?? (() => void stop());
    const storageAddress =
      config.NORIGATE_STORAGE === undefined
        ? await startStorage({ config, environment, logger, lifecycle, onFailure })
        : config.storageAddress;
    const { server, port, origin } = await runGateway({
      config,
      storageAddress,
      clock: systemClock,
      ids: systemIds,
      logger,
      metrics: new Metrics(),
      lifecycle,
      extension: extensionOf(options),
    });
    logger.info({ graphql: `${origin}/graphql`, graphiql: `${origin}/graphiql`, storage: storageAddress }, 'ready');
    return { port, origin, sdl: server.sdl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function environmentOf(config: GatewayConfig): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [name, value === undefined ? undefined : String(value)]),
  );
}

function extensionOf({ typeDefs, resolvers, roles }: CreateGatewayOptions): SchemaExtension | undefined {
  if (typeDefs === undefined && resolvers === undefined && roles === undefined) return undefined;
  if (typeDefs === undefined)
    throw new Error('resolvers and roles need typeDefs, the SDL of the fields that they are for');
  return { typeDefs, resolvers: resolvers ?? {}, roles };
}

interface StorageParts {
  readonly config: Config;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly onFailure: (failure: Error) => void;
}

/** Its address, once it listens there. */
async function startStorage({ config, environment, logger, lifecycle, onFailure }: StorageParts): Promise<string> {
  const address = socketAddress(config.storageAddress);
  const child = new StorageChild({
    command: [join(__dirname, '..', 'main.js'), 'storage'],
    environment: { ...environment, NORIGATE_STORAGE: address },
    clock: systemClock,
    ids: systemIds,
    logger,
    onFailure: (failure) => {
      logger.fatal(failure.message);
      onFailure(failure);
    },
  });
  await child.start();
  lifecycle.onStop('storage', (signal) => child.stop(config.NORIGATE_STOP_DEADLINE_MS, signal));
  return address;
}
