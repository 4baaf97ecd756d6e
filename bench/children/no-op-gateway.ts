/** The real gateway over resolvers that do nothing: no patterns, no store. */
import type { RequestContext } from '../../resolvers/context';
import { systemClock } from '../../src/core/clock';
import { AppError } from '../../src/core/errors';
import { systemIds } from '../../src/core/ids';
import { Metrics, makeLogger } from '../../src/core/telemetry';
import { createGateway } from '../../src/gateway/server';
import { TrustedDocuments } from '../../src/gateway/trusted-documents';
import { behave } from '../support/child-side';
import { NoOpResolver, noOpSdl } from '../support/no-op-resolvers';

/** A server of HTTP. */
export interface HttpServerChild {
  readonly config: null;
  readonly started: { readonly port: number };
  readonly run: null;
  readonly result: null;
}

behave<HttpServerChild>(async () => {
  const server = await createGateway({
    resolvers: [NoOpResolver],
    sdl: noOpSdl,
    limits: { depthMax: 20, aliasesMax: 100, tokensMax: 5_000, directivesMax: 50, rootFieldsMax: 50 },
    allowIntrospection: true,
    trustedDocuments: new TrustedDocuments([], false),
    authentication: {
      authenticate: ({ authorization, tenantId = 'default' }) =>
        authorization === undefined
          ? Promise.resolve({ tenantId, role: 'ADMIN', isOperator: true })
          : Promise.reject(new AppError('UNAUTHENTICATED', 'there are no credentials here')),
      hold: () => Promise.resolve(() => undefined),
    },
    makeContext: (caller, requestId) => ({ ...caller, requestId, patterns: {} }) as unknown as RequestContext,
    clock: systemClock,
    ids: systemIds,
    logger: makeLogger({ level: 'info', format: 'json', name: 'gateway' }),
    metrics: new Metrics(),
    allowedOrigins: [],
    isLoopbackOnly: true,
    graphiql: { assets: undefined, operations: 'schema/operations' },
    bodyBytesMax: 2_097_152,
    operationsPerSocketMax: 200,
    connectionsMax: 10_000,
    slowConsumerMs: 30_000,
    heartbeatMs: 12_000,
    subscriptionsOfTenantMax: 10_000,
    isStorageReady: () => Promise.resolve(true),
  });
  return { started: { port: await server.listen(0, '127.0.0.1') } };
});
