/**
 * Apollo Server, tuned. It serves what a plain request does not need: persisted queries (APQ) and GET. The execution is handed
 * back to us (`responseForOperation`), so that an operation gives the same answer on either way; its plugins that
 * wrap resolvers, phone home or serve pages are off.
 */
import { ApolloServer, HeaderMap } from '@apollo/server';
import type { ApolloServerPlugin, GraphQLRequestListener, GraphQLResponse, HTTPGraphQLResponse } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import { answer } from './answer';
import type { HttpCaller } from './answer';
import { toClientError } from './errors';
import type { Gateway } from './gateway';
import { mediaTypes } from './http-io';
import type { MediaType } from './http-io';

/** A request in Apollo's terms. */
export interface ApolloRequest {
  readonly method: 'GET' | 'POST';
  /** The query string with its question mark; empty for POST. */
  readonly search: string;
  readonly body: unknown;
  readonly caller: HttpCaller;
}

/** One for every media type, shared by all requests: Apollo reads nothing else from headers here. */
const sharedHeaders = Object.fromEntries(
  Object.values(mediaTypes).map((type) => [
    type,
    {
      GET: new HeaderMap([['accept', type]]),
      POST: new HeaderMap([
        ['accept', type],
        ['content-type', mediaTypes.json],
      ]),
    },
  ]),
) as unknown as Record<MediaType, Record<'GET' | 'POST', HeaderMap>>;

export class Apollo {
  readonly #server: ApolloServer<HttpCaller>;

  constructor(gateway: Gateway) {
    this.#server = new ApolloServer<HttpCaller>({
      schema: gateway.executor.schema,
      // Also sees what comes by hash alone; everything else was checked before it came here.
      documentStore: {
        get: async (key) => gateway.documents.getByHash(key.slice(key.lastIndexOf(':') + 1)),
        set: async () => undefined,
        delete: async () => undefined,
      },
      ...(gateway.trustedDocuments.areExclusive ? { persistedQueries: false as const } : {}),
      introspection: true,
      csrfPrevention: false,
      includeStacktraceInErrorResponses: false,
      stopOnTerminationSignals: false,
      nodeEnv: 'production',
      logger: quietLogger(gateway),
      formatError: (formatted, error) => {
        const { requestId } = gateway.scene();
        return error instanceof Error ? toClientError(error, { requestId, logger: gateway.logger }) : formatted;
      },
      plugins: [
        ApolloServerPluginCacheControlDisabled(),
        ApolloServerPluginLandingPageDisabled(),
        ApolloServerPluginSchemaReportingDisabled(),
        ApolloServerPluginUsageReportingDisabled(),
        executionPlugin(gateway),
      ],
    });
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  handle({ method, search, body, caller }: ApolloRequest): Promise<HTTPGraphQLResponse> {
    return this.#server.executeHTTPGraphQLRequest({
      httpGraphQLRequest: { method, headers: sharedHeaders[caller.mediaType][method], search, body },
      context: () => Promise.resolve(caller),
    });
  }
}

/** Executes in Apollo's place. Its result is sent as it is. The caller rides through Apollo as its context value. */
function executionPlugin(gateway: Gateway): ApolloServerPlugin<HttpCaller> {
  const listener: GraphQLRequestListener<HttpCaller> = {
    async responseForOperation({ document, request, contextValue }) {
      const { operationName, variables } = request;
      const { status, result } = await answer(
        gateway,
        { document, operationName, inputs: variables ?? {} },
        contextValue,
      );
      // With the type given, Apollo does not negotiate it once more.
      const headers = new HeaderMap([['content-type', contextValue.mediaType]]);
      return { http: { status, headers }, body: { kind: 'single', singleResult: result as GraphQLResponseResult } };
    },
  };
  return { requestDidStart: () => Promise.resolve(listener) };
}

type GraphQLResponseResult = Extract<
  GraphQLResponse<Record<string, unknown>>['body'],
  { kind: 'single' }
>['singleResult'];

function quietLogger(gateway: Gateway): { debug: Log; info: Log; warn: Log; error: Log } {
  const { logger } = gateway;
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error'): Log =>
    (message) =>
      logger[level](String(message));
  return { debug: at('debug'), info: at('debug'), warn: at('warn'), error: at('error') };
}

type Log = (message?: unknown) => void;
