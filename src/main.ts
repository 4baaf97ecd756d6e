#!/usr/bin/env node
/**
 * The command line: `norigate` (all in one), `gateway`, `storage`, `schema`, `export`, `import`, `health`. Besides `config.ts` the only place that reads the
 * environment; the only one that ends the process. Exit codes: 0 after a graceful stop, 1 where it cannot run, 2 for a
 * command line that makes no sense.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { banner } from './command/banner';
import { helpText } from './command/help';
import type { RunningGateway } from './command/run-gateway';
import { StorageChild, StorageFailure } from './command/storage-child';
import { socketAddress } from './command/socket-address';
import { WorkerSide } from './command/worker-side';
import { ConfigError, readConfig } from './config';
import type { Config } from './config';
import { keepProcess, systemClock } from './core/clock';
import { systemIds } from './core/ids';
import { Lifecycle } from './core/lifecycle';
import { Metrics, makeLogger } from './core/telemetry';
import type { Logger } from './core/telemetry';

// What outlived its collections while batches were written would be made among old objects ever after, in code that small requests share:
// each such object, dead at once, then keeps alive what it refers to until a full collection. Measured: a fifth of the gateway's CPU.
setFlagsFromString('--no-allocation-site-pretenuring');

const commands = ['all', 'gateway', 'storage', 'schema', 'export', 'import', 'health'] as const;
type Command = (typeof commands)[number];

interface Session {
  readonly config: Config;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  /** Stops everything and ends the process. */
  readonly end: (code: number) => void;
}

function version(): string {
  const text = readFileSync(join(__dirname, '..', 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Says why it cannot run, in words for a person, and ends the process. */
function fail(message: string, code = 1): never {
  process.stderr.write(`norigate: ${message}\n`);
  process.exit(code);
}

interface CommandLine {
  readonly command: Command;
  /** Of a backup. */
  readonly file: string;
  readonly tenantId: string | undefined;
}

function readCommandLine(): CommandLine {
  let values: { help?: boolean; version?: boolean; tenant?: string };
  let positionals: string[];
  try {
    ({ values, positionals } = parseArgs({
      options: {
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
        tenant: { type: 'string' },
      },
      allowPositionals: true,
    }));
  } catch (error) {
    fail(`${(error as Error).message.split('. ')[0]}. See norigate --help.`, 2);
  }
  if (values.help) {
    process.stdout.write(helpText());
    process.exit(0);
  }
  if (values.version) {
    process.stdout.write(`${version()}\n`);
    process.exit(0);
  }
  const [name = 'all', ...others] = positionals;
  const command = commands.find((each) => each === name);
  if (!command || positionals[0] === 'all')
    fail(`there is no command ${JSON.stringify(name)}. See norigate --help.`, 2);
  const isBackup = command === 'export' || command === 'import';
  const file = isBackup ? others.shift() : '';
  if (file === undefined) fail(`${command} needs the name of a file. See norigate --help.`, 2);
  if (others.length > 0) fail(`${JSON.stringify(others[0])} is one argument too many. See norigate --help.`, 2);
  if (values.tenant !== undefined && !isBackup) fail('--tenant goes with export and import. See norigate --help.', 2);
  return { command, file, tenantId: values.tenant };
}

/** Graceful on the first signal, at once on the second. */
function makeSession(config: Config, name: string): Session {
  const logger = makeLogger({ level: config.NORIGATE_LOG_LEVEL, format: config.NORIGATE_LOG_FORMAT, name });
  const lifecycle = new Lifecycle(systemClock);
  const end = (code: number): void => {
    if (lifecycle.isStopping) return;
    void lifecycle.stop(config.NORIGATE_STOP_DEADLINE_MS).then((faults) => {
      for (const { step, error } of faults) logger.warn({ err: error }, `${step} did not stop in order`);
      logger.info('stopped');
      process.exit(code);
    });
  };
  return { config, logger, lifecycle, end };
}

function stopOnSignals({ logger, lifecycle, end }: Session, onSecond: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (lifecycle.isStopping) {
        onSecond();
        process.exit(1);
      }
      logger.info({ signal }, 'stopping; once more to stop at once');
      end(0);
    });
}

async function startGateway(session: Session, storageAddress: string, storage: string): Promise<void> {
  const { config, logger, lifecycle } = session;
  // Loaded by the processes that need it: storage is small without GraphQL.
  const { runGateway } = await import('./command/run-gateway');
  const metrics = new Metrics();
  const worker = WorkerSide.isOne ? new WorkerSide(metrics, () => session.end(0)) : undefined;
  let running: RunningGateway;
  try {
    running = await runGateway({
      config,
      storageAddress,
      clock: systemClock,
      ids: systemIds,
      logger,
      metrics,
      showMetrics: worker && (() => worker.allMetrics()),
      lifecycle,
    });
  } catch (error) {
    throw listenFailure(error, config);
  }
  if (worker) WorkerSide.report({ kind: 'ready', origin: running.origin });
  else announce(session, running.origin, storage);
}

function announce({ config, logger }: Session, origin: string, storage: string): void {
  logger.info({ graphql: `${origin}/graphql`, graphiql: `${origin}/graphiql`, storage }, 'ready');
  if (process.stdout.isTTY || config.NORIGATE_LOG_FORMAT === 'pretty')
    process.stdout.write(
      banner({
        version: version(),
        origin,
        storage,
        hasGraphiql: config.NORIGATE_GRAPHIQL,
        isAuthRequired: config.NORIGATE_AUTH === 'required',
      }),
    );
}

/** An address that is taken or cannot be had is a fault of the configuration, not of the program. */
function listenFailure(error: unknown, { HOST, PORT }: Config): unknown {
  const { code } = error as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${PORT} on ${HOST} is taken: another process listens there. Stop it, or choose another PORT.`,
    EACCES: `port ${PORT} on ${HOST} may not be used by this user. Choose a PORT above 1023.`,
    EADDRNOTAVAIL: `this machine has no address ${HOST}. Choose another HOST.`,
  };
  const reason = code === undefined ? undefined : reasons[code];
  return reason === undefined ? error : new StorageFailure(reason);
}

async function runAll(session: Session): Promise<void> {
  const { config, logger, lifecycle, end } = session;
  if (config.NORIGATE_STORAGE !== undefined) return runGatewayAlone(session);
  const address = socketAddress(config.storageAddress);
  const child = new StorageChild({
    command: [...process.execArgv, __filename, 'storage'],
    environment: { ...process.env, NORIGATE_STORAGE: address },
    clock: systemClock,
    ids: systemIds,
    logger,
    onFailure: (failure) => {
      logger.fatal(failure.message);
      process.exitCode = 1;
      end(1);
    },
  });
  stopOnSignals(session, () => child.kill());
  process.on('exit', () => child.kill());
  await child.start();
  lifecycle.onStop('storage', (signal) => child.stop(config.NORIGATE_STOP_DEADLINE_MS, signal));
  await startGateways(session, address, whereDataIs(config));
}

function whereDataIs(config: Config): string {
  if (config.NORIGATE_ENGINE === 'memory') return 'in memory, gone at the end';
  const etcd = config.NORIGATE_ETCD_ENDPOINTS;
  return etcd ? `etcd at ${etcd.addresses.join(', ')}` : config.DATA_DIR;
}

/** One, in this process, or several of their own. */
async function startGateways(session: Session, storageAddress: string, storage: string): Promise<void> {
  const { config, logger, lifecycle, end } = session;
  if (config.NORIGATE_WORKERS === 1 || WorkerSide.isOne) return startGateway(session, storageAddress, storage);
  const { WorkerPool } = await import('./command/worker-pool');
  const pool = new WorkerPool({
    count: config.NORIGATE_WORKERS,
    program: __filename,
    args: ['gateway'],
    environment: { NORIGATE_STORAGE: storageAddress },
    clock: systemClock,
    ids: systemIds,
    logger,
    onFailure: (message) => {
      logger.fatal(message);
      process.exitCode = 1;
      end(1);
    },
  });
  process.on('exit', () => pool.kill());
  lifecycle.onStop('gateways', (signal) => pool.stop(signal));
  announce(session, await pool.start(), storage);
}

async function runGatewayAlone(session: Session): Promise<void> {
  // Ctrl-C at a terminal reaches every process; one of several is told by the one that watches over them.
  if (WorkerSide.isOne) {
    for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
    process.on('SIGTERM', () => session.end(0));
  } else stopOnSignals(session, () => undefined);
  const { storageAddress } = session.config;
  await startGateways(session, storageAddress, `storage at ${storageAddress}`);
}

async function printSchema(): Promise<void> {
  const { schemaText } = await import('./command/run-gateway');
  process.stdout.write(schemaText());
}

async function main(): Promise<void> {
  const { command, file, tenantId } = readCommandLine();
  if (command === 'schema') return printSchema();
  let config: Config;
  try {
    config = readConfig(process.env);
  } catch (error) {
    if (error instanceof ConfigError) fail(error.message);
    throw error;
  }
  const session = makeSession(config, command === 'storage' ? 'storage' : 'gateway');
  // A promise that nobody waits for has failed: a bug of ours. Requests go on; the log has it.
  process.on('unhandledRejection', (error) => session.logger.error({ err: error }, 'a failure that nobody handled'));
  // A start that waits for something has nothing else yet that would keep the process.
  const release = keepProcess();
  try {
    if (command === 'storage') {
      // The heap of a storage process is small, and V8 counts the bytes of messages as a part of it: with large values all of it would be collected
      // several times a second, which everyone waits for. Measured: p99 beside a flood of 10 KB values 12 ms, 9 with this.
      setFlagsFromString('--heap-growing-percent=200');
      if (!process.connected) stopOnSignals(session, () => undefined);
      const { runStorage } = await import('./command/run-storage');
      await runStorage({ ...session, clock: systemClock, ids: systemIds });
    } else if (command === 'export' || command === 'import') {
      const backup = { config, clock: systemClock, ids: systemIds, logger: session.logger, file, tenantId };
      if (command === 'export') await (await import('./command/run-export')).runExport(backup);
      else await (await import('./command/run-import')).runImport(backup);
      session.end(0);
    } else if (command === 'health')
      await (await import('./command/run-health')).runHealth({ config, clock: systemClock });
    else if (command === 'gateway') await runGatewayAlone(session);
    else await runAll(session);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (!(error instanceof StorageFailure)) session.logger.debug({ err: error }, 'start failed');
    await session.lifecycle.stop(config.NORIGATE_STOP_DEADLINE_MS);
    // A storage process has told the one that started it.
    if (command === 'storage' && process.send) process.exit(1);
    if (WorkerSide.isOne) {
      WorkerSide.report({ kind: 'failed', message });
      process.exit(1);
    }
    fail(message);
  } finally {
    release();
  }
}

void main();
