/** A gateway over the sample resolvers, listening on a free port; its log is kept for the test. */
import type { RequestContext } from '../../../resolvers/context';
import { systemClock } from '../../../src/core/clock';
import { AppError } from '../../../src/core/errors';
import { systemIds } from '../../../src/core/ids';
import { Metrics, makeLogger } from '../../../src/core/telemetry';
import { createGateway } from '../../../src/gateway/server';
import type { GatewayServer, GatewayServerOptions } from '../../../src/gateway/server';
import { TrustedDocuments } from '../../../src/gateway/trusted-documents';
import { sampleResumptions } from './sample-log';
import { SampleResolver } from './sample-resolvers';

export interface SampleGateway {
  readonly server: GatewayServer;
  readonly port: number;
  /** http://127.0.0.1:PORT */
  readonly origin: string;
  /** Lines that were logged so far, parsed. */
  readonly log: Record<string, unknown>[];
  stop(): Promise<void>;
}

export const sampleSdl = `
"The words."
type Query { "Says hello." hello: String! }
input OneOfInput @oneOf { "As text." text: String number: Int }
enum Color { "Like a rose." RED BLUE }
`;

export async function startSampleGateway(overrides: Partial<GatewayServerOptions> = {}): Promise<SampleGateway> {
  const log: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>) };
  const server = await createGateway({
    resolvers: [SampleResolver],
    sdl: sampleSdl,
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
    logger: makeLogger({ level: 'info', format: 'json', name: 'gateway', destination }),
    metrics: new Metrics(),
    allowedOrigins: [],
    isLoopbackOnly: true,
    graphiql: { assets: undefined, operations: 'schema/operations' },
    bodyBytesMax: 2_097_152,
    operationsPerSocketMax: 200,
    connectionsMax: 1_000,
    slowConsumerMs: 30_000,
    heartbeatMs: 12_000,
    subscriptionsOfTenantMax: 10_000,
    resumptions: sampleResumptions,
    isStorageReady: () => Promise.resolve(true),
    ...overrides,
  });
  const port = await server.listen(0, '127.0.0.1');
  return {
    server,
    port,
    origin: `http://127.0.0.1:${port}`,
    log,
    stop: () => server.stop(AbortSignal.timeout(2_000)),
  };
}

/** Sends a GraphQL request as JSON; gives status, headers and parsed body. */
export async function post(
  origin: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; type: string; body: GraphqlAnswer }> {
  const answer = await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return {
    status: answer.status,
    type: answer.headers.get('content-type') ?? '',
    body: (await answer.json()) as GraphqlAnswer,
  };
}

export interface GraphqlAnswer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly path?: readonly unknown[];
    readonly extensions: { readonly code: string; readonly retryable: boolean; readonly [detail: string]: unknown };
  }[];
}
