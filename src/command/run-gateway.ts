/** Puts the gateway of a process together: the store over gRPC with its wrappers, the patterns of each tenant, the server. */
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ProxyTracerProvider, trace } from '@opentelemetry/api';
import type { Tracer } from '@opentelemetry/api';
import type { Store } from '../../proto/store';
import { resolverClasses } from '../../resolvers/index';
import { readContractSdl } from '../../schema/sdl';
import type { Config } from '../config';
import type { Clock } from '../core/clock';
import type { Ids } from '../core/ids';
import { tenantScope } from '../core/keyspace';
import type { Lifecycle } from '../core/lifecycle';
import { keyedHash } from '../core/secret';
import type { SecretSource } from '../core/secret';
import type { Logger, Metrics } from '../core/telemetry';
import { BoundedMap } from '../gateway/bounded-map';
import type { MakeContext } from '../gateway/gateway';
import { buildGatewaySchema, printGatewaySchema } from '../gateway/schema';
import { createGateway } from '../gateway/server';
import type { GatewayServer } from '../gateway/server';
import { TrustedDocuments, readTrustedDocuments } from '../gateway/trusted-documents';
import { CacheBudget } from '../patterns/cache-entries';
import { makePatterns } from '../patterns/patterns';
import type { Patterns } from '../patterns/patterns';
import { BatchedStore } from '../store/batched-store';
import type { ClientTls } from '../store/grpc-connection';
import { GrpcStore } from '../store/grpc-store';
import { LaneMemory } from '../store/lane-memory';
import { ScopedStore } from '../store/scoped-store';
import { SharedWatchStore } from '../store/shared-watch-store';
import { makeTracedStore } from '../store/traced-store';
import type { StoreObserver } from '../store/traced-store';
import { secretSource } from './server-secret';

export interface RunGatewayOptions {
  readonly config: Config;
  /** Where storage listens. */
  readonly storageAddress: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly lifecycle: Lifecycle;
}

export interface RunningGateway {
  readonly server: GatewayServer;
  readonly port: number;
  /** http or https, host and port. */
  readonly origin: string;
}

/** Tenants whose patterns are kept ready; one that was not seen for long is made anew, and loses nothing by it. */
const tenantsMax = 1_000;
const readyWithinMs = 1_000;
const lanesLookEveryMs = 5;
/** The program's own folder: `dist/` when built, else the checkout. */
const home = join(__dirname, '..', '..');

/** Starts it; resolves when it listens. Storage need not answer yet: /readyz tells when it does. */
export async function runGateway(options: RunGatewayOptions): Promise<RunningGateway> {
  const { config, clock, ids, logger, metrics, lifecycle } = options;
  const secret = secretSource(config);
  const tls = storageTlsOf(config, options.storageAddress);
  const grpcStore = new GrpcStore({
    address: options.storageAddress,
    clock,
    ids,
    deadlineMs: config.NORIGATE_STORE_DEADLINE_MS,
    ...(tls && { tls }),
  });
  lifecycle.onStop('store', () => grpcStore.close());
  grpcStore.onStateChange((isReady, reason) => {
    if (isReady) logger.info('storage answers');
    else if (!lifecycle.isStopping) logger.warn({ reason }, 'storage does not answer');
  });
  const tracer = registeredTracer();
  const traced = makeTracedStore(grpcStore, { clock, observer: observerOf(metrics), ...(tracer && { tracer }) });
  const store = new SharedWatchStore(new BatchedStore(traced), { clock });
  metrics.measureWatchLag(() => store.lagMs());
  const contexts = makeContexts({ config, store, clock, ids, metrics, grpcStore, secret });
  const server = await createGateway({
    ...serverOptionsOf(config),
    resolvers: resolverClasses,
    sdl: readContractSdl(),
    makeContext: contexts.makeContext,
    isStorageReady: () => answersSoon(grpcStore, clock),
    clock,
    ids,
    logger,
    metrics,
  });
  lifecycle.onStop('gateway', async (signal) => {
    server.drain();
    await clock.sleep(config.NORIGATE_DRAIN_MS, signal);
    await server.stop(signal);
    // What ends with its subscription may have something to write: a leader resigns.
    while (contexts.isBusy() && !signal.aborted) await clock.sleep(lanesLookEveryMs, signal);
  });
  const port = await server.listen(config.PORT, config.HOST);
  const scheme = config.NORIGATE_TLS_CERT === undefined ? 'http' : 'https';
  const host = config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST;
  return { server, port, origin: `${scheme}://${host}:${port}` };
}

/** The tracer of an OpenTelemetry SDK that was loaded before the program (`node --require`); undefined where there is none. */
function registeredTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  return provider instanceof ProxyTracerProvider
    ? provider.getDelegateTracer('norigate')
    : provider.getTracer('norigate');
}

/** What the gateway shows and asks for on the way to storage; undefined: no TLS, which a unix socket never has. */
function storageTlsOf(config: Config, address: string): ClientTls | undefined {
  const {
    NORIGATE_STORAGE_TLS_CA: caFile,
    NORIGATE_STORAGE_TLS_CERT: certFile,
    NORIGATE_STORAGE_TLS_KEY: keyFile,
  } = config;
  if (caFile === undefined || address.startsWith('unix:')) return undefined;
  return certFile === undefined || keyFile === undefined ? { caFile } : { caFile, certFile, keyFile };
}

/** The SDL of what the gateway serves. */
export function schemaText(): string {
  return printGatewaySchema(buildGatewaySchema({ resolvers: resolverClasses, sdl: readContractSdl() }));
}

function serverOptionsOf(
  config: Config,
): Pick<
  Parameters<typeof createGateway>[0],
  | 'limits'
  | 'allowIntrospection'
  | 'trustedDocuments'
  | 'allowedOrigins'
  | 'tls'
  | 'graphiql'
  | 'bodyBytesMax'
  | 'operationsPerSocketMax'
  | 'connectionsMax'
  | 'slowConsumerMs'
  | 'requestLimit'
> {
  const { NORIGATE_TLS_CERT: cert, NORIGATE_TLS_KEY: key, NORIGATE_DOCUMENTS: documents } = config;
  return {
    limits: {
      depthMax: config.NORIGATE_DEPTH_MAX,
      aliasesMax: config.NORIGATE_ALIASES_MAX,
      tokensMax: config.NORIGATE_TOKENS_MAX,
      directivesMax: config.NORIGATE_DIRECTIVES_MAX,
      rootFieldsMax: config.NORIGATE_ROOT_FIELDS_MAX,
    },
    allowIntrospection: config.NORIGATE_INTROSPECTION,
    trustedDocuments:
      documents === undefined
        ? new TrustedDocuments([], false)
        : readTrustedDocuments(documents, config.NORIGATE_DOCUMENTS_ONLY),
    allowedOrigins: config.NORIGATE_ALLOWED_ORIGINS,
    ...(cert !== undefined && key !== undefined ? { tls: { cert: readFileSync(cert), key: readFileSync(key) } } : {}),
    graphiql: {
      assets: config.NORIGATE_GRAPHIQL ? join(home, 'graphiql') : undefined,
      operations: join(home, 'schema', 'operations'),
    },
    bodyBytesMax: config.NORIGATE_BODY_BYTES_MAX,
    operationsPerSocketMax: config.NORIGATE_SUBSCRIPTIONS_MAX,
    connectionsMax: config.NORIGATE_CONNECTIONS_MAX,
    slowConsumerMs: config.NORIGATE_SLOW_CONSUMER_MS,
    requestLimit:
      config.NORIGATE_RATE_LIMIT === undefined
        ? undefined
        : { limit: config.NORIGATE_RATE_LIMIT, windowMs: config.NORIGATE_RATE_LIMIT_WINDOW_MS },
  };
}

interface ContextParts {
  readonly config: Config;
  readonly store: Store;
  readonly grpcStore: GrpcStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly metrics: Metrics;
  readonly secret: SecretSource;
}

interface Contexts {
  readonly makeContext: MakeContext;
  /** Whether commands of any tenant wait or run. */
  isBusy(): boolean;
}

/** Contexts of requests, over patterns that are made once a tenant. */
function makeContexts({ config, store, grpcStore, clock, ids, metrics, secret }: ContextParts): Contexts {
  let memory = new LaneMemory();
  const cacheLimits = { entriesMax: config.NORIGATE_CACHE_ENTRIES_MAX, ttlMs: config.NORIGATE_CACHE_TTL_MS };
  const cacheBudget = new CacheBudget(config.NORIGATE_CACHE_BYTES_MAX);
  const tenants = new BoundedMap<string, Patterns>({ entriesMax: tenantsMax });
  // Other data than before: what was remembered of the old is void.
  grpcStore.onStoreReplaced(() => {
    memory = new LaneMemory();
    for (const tenantId of [...tenants.keys()]) tenants.delete(tenantId);
  });
  const patternsOf = (tenantId: string): Patterns => {
    const known = tenants.get(tenantId);
    if (known) return known;
    const scope = tenantScope(tenantId, 1);
    const patterns = makePatterns({
      store: new ScopedStore(store, scope),
      memory,
      memoryScope: scope.toString('latin1'),
      clock,
      ids,
      // Each tenant has its own, so that what is derived for one says nothing of another.
      secret: () => keyedHash(secret(), 'tenant', scope),
      cacheLimits,
      cacheBudget,
      report: ({ commands, conflicts }) => {
        metrics.laneDepth.observe(commands);
        if (conflicts > 0) metrics.conflicts.inc(conflicts);
      },
    });
    tenants.set(tenantId, patterns);
    return patterns;
  };
  return {
    makeContext: ({ tenantId, requestId }) => ({ tenantId, requestId, patterns: patternsOf(tenantId) }),
    isBusy: () => [...tenants.keys()].some((tenantId) => patternsOf(tenantId).transact.depth > 0),
  };
}

function observerOf(metrics: Metrics): StoreObserver {
  return {
    onOperation(name, ms, outcome, { asked }) {
      if (name === 'watch') return;
      metrics.storeSeconds.observe({ method: name, outcome }, ms / 1_000);
      if (name !== 'status') metrics.batchSize.observe({ method: name }, asked);
    },
  };
}

/** Whether storage answers within a second. */
async function answersSoon(store: GrpcStore, clock: Clock): Promise<boolean> {
  if (!store.isReady()) return false;
  let cancel: (() => void) | undefined;
  const late = new Promise<false>((resolve) => {
    cancel = clock.after(readyWithinMs, () => resolve(false));
  });
  const answer = store.status().then(
    () => true,
    () => false,
  );
  const isReady = await Promise.race([answer, late]);
  cancel?.();
  return isReady;
}
