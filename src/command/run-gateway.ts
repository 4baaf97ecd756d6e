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
import type { EmbeddingProvider } from '../core/embedding';
import type { Ids } from '../core/ids';
import { tenantScope } from '../core/keyspace';
import type { Lifecycle } from '../core/lifecycle';
import { keyedHash } from '../core/secret';
import type { SecretSource } from '../core/secret';
import type { Logger, Metrics } from '../core/telemetry';
import { uint64 } from '../core/tuple';
import { makeAuthentication } from '../gateway/authentication';
import type { Authentication } from '../gateway/authentication';
import { BoundedMap } from '../core/bounded-map';
import type { MakeContext } from '../gateway/gateway';
import { makeVerifyJwt } from '../gateway/jwt';
import type { VerifyJwt } from '../gateway/jwt';
import { buildGatewaySchema, printGatewaySchema } from '../gateway/schema';
import { createGateway } from '../gateway/server';
import type { GatewayServer, GatewayServerOptions } from '../gateway/server';
import { TrustedDocuments, readTrustedDocuments } from '../gateway/trusted-documents';
import { CacheBudget } from '../patterns/cache-entries';
import { makeDueRows, makePatterns, makeTenancy } from '../patterns/patterns';
import type { DueRows } from '../patterns/inventory-due-rows';
import type { RemovalProgress } from '../patterns/tenant-removal';
import { storageTlsOf } from './client-tls';
import { makeProgressBars } from './progress-bars';
import type { Patterns, Tenancy } from '../patterns/patterns';
import { BatchedStore } from '../store/batched-store';
import { GrpcStore } from '../store/grpc-store';
import { LaneMemory } from '../store/lane-memory';
import { SharedWatchStore } from '../store/shared-watch-store';
import { makeTracedStore } from '../store/traced-store';
import { TenantStore } from '../store/tenant-store';
import type { ScopedLife } from '../store/tenant-store';
import type { StoreObserver } from '../store/traced-store';
import { makeEmbeddings } from './embeddings';
import { indexingReader } from './index-progress';
import { secretSource } from './server-secret';
import { askedOnce } from './status-reader';
import { clockSkewReader } from './storage-clock';

export interface RunGatewayOptions {
  readonly config: Config;
  /** Where storage listens. */
  readonly storageAddress: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** What `/metrics` shows; left out: the metrics of this process. */
  readonly showMetrics?: (() => Promise<string>) | undefined;
  readonly lifecycle: Lifecycle;
  /** Fields of an application; left out: none. */
  readonly extension?: GatewayServerOptions['extension'];
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
/** Between the failure of something that goes on beside requests and its next beginning. */
const restartMs = 1_000;
const flushUsesMs = 10_000;
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
  const batched = new BatchedStore(traced);
  const store = new SharedWatchStore(batched, { clock });
  const memory = new LaneMemory();
  const tenancy = makeTenancy({
    // Past the shared watch: what is watched here is little, and the shared one brings every change of every tenant.
    store: batched,
    memory,
    clock,
    ids,
    report: reporterOf(metrics),
    serverSecret: secret,
    unknownExists: config.NORIGATE_AUTH === 'development',
    reportRemoval: removalReporter(logger),
  });
  // Other data than before: what was known of the old is void.
  grpcStore.onStoreReplaced(() => {
    memory.clear();
    tenancy.access.reset();
  });
  metrics.measureWatchLag(() => store.lagMs());
  const asked = askedOnce(grpcStore);
  metrics.measureClockSkew(clockSkewReader(asked, clock));
  metrics.measureIndexing(indexingReader(asked, clock));
  const embeddings = makeEmbeddings({ config, clock, ids, logger });
  lifecycle.onStop('embeddings', () => embeddings.close());
  const { provider } = embeddings;
  const contexts = makeContexts({
    config,
    embeddings: provider,
    store,
    clock,
    ids,
    metrics,
    grpcStore,
    secret,
    memory,
    tenancy,
  });
  const server = await createGateway({
    ...serverOptionsOf(config),
    resolvers: resolverClasses,
    sdl: readContractSdl(),
    extension: options.extension,
    authentication: await authenticationOf({ config, clock, tenancy }),
    makeContext: contexts.makeContext,
    isStorageReady: () => answersSoon(grpcStore, clock),
    showMetrics: options.showMetrics,
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
  const dueRows = makeDueRows({ store: batched, clock, ids }, contexts.patternsOf);
  followTenancy({ tenancy, dueRows, clock, logger, lifecycle });
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
  | 'isLoopbackOnly'
  | 'tls'
  | 'graphiql'
  | 'bodyBytesMax'
  | 'operationsPerSocketMax'
  | 'connectionsMax'
  | 'slowConsumerMs'
  | 'heartbeatMs'
  | 'subscriptionsOfTenantMax'
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
    isLoopbackOnly: config.NORIGATE_AUTH === 'development',
    ...(cert !== undefined && key !== undefined ? { tls: { cert: readFileSync(cert), key: readFileSync(key) } } : {}),
    graphiql: {
      assets: config.NORIGATE_GRAPHIQL ? join(home, 'graphiql') : undefined,
      operations: join(home, 'schema', 'operations'),
    },
    bodyBytesMax: config.NORIGATE_BODY_BYTES_MAX,
    operationsPerSocketMax: config.NORIGATE_SUBSCRIPTIONS_MAX,
    connectionsMax: config.NORIGATE_CONNECTIONS_MAX,
    slowConsumerMs: config.NORIGATE_SLOW_CONSUMER_MS,
    heartbeatMs: config.NORIGATE_HEARTBEAT_MS,
    subscriptionsOfTenantMax: config.NORIGATE_TENANT_SUBSCRIPTIONS_MAX,
    requestLimit:
      config.NORIGATE_RATE_LIMIT === undefined && config.NORIGATE_RATE_LIMIT_PER_KEY === undefined
        ? undefined
        : {
            tenantLimit: config.NORIGATE_RATE_LIMIT,
            keyLimit: config.NORIGATE_RATE_LIMIT_PER_KEY,
            windowMs: config.NORIGATE_RATE_LIMIT_WINDOW_MS,
          },
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
  readonly embeddings: EmbeddingProvider;
  readonly memory: LaneMemory;
  readonly tenancy: Tenancy;
}

interface Contexts {
  readonly makeContext: MakeContext;
  patternsOf(tenantId: string): Patterns;
  /** Whether commands of any tenant wait or run. */
  isBusy(): boolean;
}

interface KnownTenant {
  readonly patterns: Patterns;
  /** Lets go of what tells when its life is over. */
  readonly release: () => void;
}

/** Contexts of requests, over patterns that are made once a life of a tenant. */
function makeContexts(parts: ContextParts): Contexts {
  const { config, store, grpcStore, clock, ids, metrics, secret, embeddings, memory, tenancy } = parts;
  const { access } = tenancy;
  let made = 0;
  const cacheLimits = { entriesMax: config.NORIGATE_CACHE_ENTRIES_MAX, ttlMs: config.NORIGATE_CACHE_TTL_MS };
  const cacheBudget = new CacheBudget(config.NORIGATE_CACHE_BYTES_MAX);
  const tenants = new BoundedMap<string, KnownTenant>({ entriesMax: tenantsMax, onEvict: ({ release }) => release() });
  // Other data than before: what was remembered of the old is void.
  grpcStore.onStoreReplaced(() => {
    for (const tenantId of [...tenants.keys()]) tenants.delete(tenantId);
  });
  const make = (tenantId: string): KnownTenant => {
    let release = (): void => undefined;
    const forget = (): void => {
      if (tenants.get(tenantId) === known) tenants.delete(tenantId);
      release();
    };
    const life = async (): Promise<ScopedLife> => {
      const found = await access.scopeOf(tenantId);
      release = access.hold({ tenantId, asOf: found.asOf }, forget);
      return found;
    };
    // Each has a part of its own in the memory: no two lives of a tenant share one.
    const memoryScope = Buffer.concat([tenantScope(tenantId, 0), uint64((made += 1))]).toString('latin1');
    const patterns = makePatterns({
      store: new TenantStore(store, { life, quota: () => access.quotaOf(tenantId), onOver: forget }),
      memory,
      memoryScope,
      clock,
      ids,
      // Each tenant has its own, so that what is derived for one says nothing of another.
      secret: () => keyedHash(secret(), 'tenant', tenantId),
      embeddings,
      tasteHalfLifeMs: config.NORIGATE_TASTE_HALF_LIFE_MS,
      cacheLimits,
      cacheBudget,
      report: reporterOf(metrics),
    });
    const known = { patterns, release: () => release() };
    return known;
  };
  const patternsOf = (tenantId: string): Patterns => {
    let known = tenants.get(tenantId);
    if (!known) tenants.set(tenantId, (known = make(tenantId)));
    return known.patterns;
  };
  return {
    makeContext(caller, requestId) {
      const { tenantId } = caller;
      return { tenantId, caller, requestId, patterns: patternsOf(tenantId), tenancy };
    },
    patternsOf,
    isBusy: () => [...tenants.keys()].some((tenantId) => tenants.get(tenantId)!.patterns.transact.depth > 0),
  };
}

/** On a terminal as a bar, and in the log at the end; elsewhere in the log. */
function removalReporter(logger: Logger): (progress: RemovalProgress) => void {
  const showProgress = makeProgressBars(process.stderr);
  return (progress) => {
    const { tenantId, keysHeld, rowsRemoved, isDone } = progress;
    const name = `removing tenant ${tenantId}`;
    showProgress({ name, done: rowsRemoved, total: Math.max(keysHeld, rowsRemoved), unit: 'rows', isDone });
    if (isDone || process.stderr.isTTY !== true) logger.info(progress, 'removing the data of a deleted tenant');
  };
}

function reporterOf(metrics: Metrics): (report: { readonly commands: number; readonly conflicts: number }) => void {
  return ({ commands, conflicts }) => {
    metrics.laneDepth.observe(commands);
    if (conflicts > 0) metrics.conflicts.inc(conflicts);
  };
}

interface TenancyParts {
  readonly tenancy: Tenancy;
  readonly dueRows: DueRows;
  readonly clock: Clock;
  readonly config: Config;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
}

/** Who callers are, by the settings. Throws where the issuer's keys are no key set. */
async function authenticationOf({
  config,
  clock,
  tenancy,
}: Pick<TenancyParts, 'config' | 'clock' | 'tenancy'>): Promise<Authentication> {
  return makeAuthentication({
    isRequired: config.NORIGATE_AUTH === 'required',
    operatorKey: config.NORIGATE_OPERATOR_KEY,
    verifyJwt: await verifyJwtOf(config, clock),
    access: tenancy.access,
    clock,
  });
}

async function verifyJwtOf(config: Config, clock: Clock): Promise<VerifyJwt | undefined> {
  const {
    NORIGATE_JWT_ISSUER: issuer,
    NORIGATE_JWT_AUDIENCE: audience,
    NORIGATE_JWT_JWKS: keySet,
    NORIGATE_JWT_TENANT_CLAIM: tenantClaim,
    NORIGATE_JWT_ROLE_CLAIM: roleClaim,
  } = config;
  if (issuer === undefined || audience === undefined || keySet === undefined) return undefined;
  return makeVerifyJwt({ issuer, audience, keySet, tenantClaim, roleClaim, clock });
}

/** What goes on beside requests: who is let in no longer, what deleted tenants had, when keys were used, which holds have ended. */
function followTenancy({ tenancy, dueRows, clock, logger, lifecycle }: Omit<TenancyParts, 'config'>): void {
  const stopping = new AbortController();
  const { access, removals, apiKeys } = tenancy;
  const goOn = async (what: string, run: (signal: AbortSignal) => Promise<void>): Promise<void> => {
    while (!stopping.signal.aborted) {
      await run(stopping.signal).catch((error: unknown) => logger.error({ err: error }, `${what} failed`));
      await clock.sleep(restartMs, stopping.signal);
    }
  };
  const flushUses = async (signal: AbortSignal): Promise<void> => {
    await clock.sleep(flushUsesMs, signal);
    // Storage is away: what was not written down is noted again when the key is used again.
    await apiKeys.flushUses().catch(() => undefined);
  };
  const running = [
    goOn('following who is let in', (signal) => access.follow(signal)),
    goOn('removing what deleted tenants had', (signal) => removals.run(signal)),
    goOn('noting when keys were used', flushUses),
    goOn('recording which holds have ended', (signal) => dueRows.run(signal)),
  ];
  lifecycle.onStop('tenancy', async () => {
    stopping.abort();
    await Promise.all(running);
  });
}

function observerOf(metrics: Metrics): StoreObserver {
  return {
    onOperation(name, ms, outcome, { asked }) {
      if (name === 'watch') return;
      metrics.storeSeconds.observe({ method: name, outcome }, ms / 1_000);
      if (name === 'read' || name === 'commit') metrics.batchSize.observe({ method: name }, asked);
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
