/**
 * The one place where failures become GraphQL errors. An AppError shows its code, whether to retry, and its details; an
 * error of GraphQL itself about the request shows as what it is; everything else is a bug or damage: the client sees an
 * id, the log has the rest under that id.
 */
import { GraphQLError } from 'graphql';
import type { GraphQLFormattedError } from 'graphql';
import { failureKinds, isAppError } from '../core/errors';
import type { AppError } from '../core/errors';
import type { Logger } from '../core/telemetry';

/** A request that is not GraphQL over HTTP, or names nothing that can be run. */
export type RequestErrorCode =
  'BAD_REQUEST' | 'BAD_USER_INPUT' | 'GRAPHQL_PARSE_FAILED' | 'GRAPHQL_VALIDATION_FAILED' | 'PERSISTED_QUERY_NOT_FOUND';

/** An error about the request as such; its message is for the caller. */
export function requestError(code: RequestErrorCode, message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code } });
}

/** Where an error came up: whose log takes what is masked, under which id. */
export interface ErrorScene {
  readonly requestId: string;
  readonly logger: Logger;
}

/** What a client may be shown beside a message; `code` is a member of ErrorCode in the SDL. */
export interface ClientError extends GraphQLFormattedError {
  readonly message: string;
  readonly extensions: { readonly code: string; readonly retryable: boolean; readonly [detail: string]: unknown };
}

const messageCharactersMax = 2_000;

const requestCodes = new Set<string>([
  'BAD_REQUEST',
  'BAD_USER_INPUT',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'PERSISTED_QUERY_NOT_FOUND',
]);

/** Apollo's own codes that the contract has other words for. */
const renamedCodes: Readonly<Record<string, string>> = {
  OPERATION_RESOLUTION_FAILURE: 'BAD_REQUEST',
  PERSISTED_QUERY_NOT_SUPPORTED: 'BAD_REQUEST',
};

const retryableCodes = new Set<string>(
  Object.values(failureKinds)
    .filter((each) => each.isRetryable)
    .map((each) => each.graphqlCode),
);

/** Any thrown thing as the error that a client sees. Logs what it masks. */
export function toClientError(thrown: unknown, scene: ErrorScene): ClientError {
  const located = thrown instanceof GraphQLError ? thrown : undefined;
  const place = {
    ...(located?.locations && located.locations.length > 0 ? { locations: located.locations } : {}),
    ...(located?.path ? { path: located.path } : {}),
  };
  const failure = appErrorOf(thrown);
  if (failure && failureKinds[failure.code].isPublic) {
    const { graphqlCode, isRetryable } = failureKinds[failure.code];
    const extensions = { ...failure.details, code: graphqlCode, retryable: isRetryable };
    return { message: shortened(failure.message), ...place, extensions };
  }
  const code = located && !failure ? requestCodeOf(located) : undefined;
  if (code !== undefined)
    return {
      message: shortened(withoutValues(located!)),
      ...place,
      extensions: { code, retryable: retryableCodes.has(code) },
    };
  const cause = located?.originalError ?? thrown;
  scene.logger.error({ err: cause, requestId: scene.requestId, path: located?.path }, 'an internal error was masked');
  return {
    message: `Internal error (id ${scene.requestId})`,
    ...place,
    extensions: { code: 'INTERNAL', retryable: false },
  };
}

/** The code that a client sees of this error: a label for metrics. */
export function codeOf(thrown: unknown): string {
  const failure = appErrorOf(thrown);
  if (failure) return failureKinds[failure.code].graphqlCode;
  return (thrown instanceof GraphQLError ? requestCodeOf(thrown) : undefined) ?? 'INTERNAL';
}

function appErrorOf(thrown: unknown): AppError | undefined {
  if (isAppError(thrown)) return thrown;
  if (!(thrown instanceof GraphQLError)) return undefined;
  // graphql-js may wrap an error more than once on its way up.
  let inner: unknown = thrown.originalError;
  while (inner instanceof GraphQLError) inner = inner.originalError;
  return isAppError(inner) ? inner : undefined;
}

/** The code of an error that GraphQL itself raised about the request; undefined where it is about our answer, or not GraphQL's. */
function requestCodeOf(error: GraphQLError): string | undefined {
  const given = error.extensions?.['code'];
  if (typeof given === 'string') {
    const code = renamedCodes[given] ?? given;
    return requestCodes.has(code) ? code : undefined;
  }
  // Without a path nothing was executed yet: the variables did not fit, or the request is not one.
  if (!error.path) return error.nodes ? 'BAD_USER_INPUT' : error.originalError ? undefined : 'BAD_REQUEST';
  return !error.originalError && error.message.startsWith('Argument "') ? 'BAD_USER_INPUT' : undefined;
}

/**
 * What GraphQL says of variables that do not fit, without the objects and lists that it quotes: they may hold a token or a password, and an
 * error message is what gets logged on the caller's side. A single value that does not fit is still shown.
 */
function withoutValues({ message, originalError }: GraphQLError): string {
  const match = /^(Variable "\$\w+" got invalid value)( [[{].*)$/s.exec(message);
  if (!match) return message;
  const [, beginning, rest] = match as unknown as [string, string, string];
  const reason = originalError?.message ?? '';
  const quoted = reason !== '' && rest.endsWith(`; ${reason}`) ? rest.slice(0, -reason.length - 2) : rest;
  const place = / at "[\w.[\]]+"$/.exec(quoted)?.[0] ?? '';
  return `${beginning}${place}; ${reason.replace(/: [[{].*$/s, ': a list or an object')}`;
}

function shortened(message: string): string {
  return message.length <= messageCharactersMax ? message : `${message.slice(0, messageCharactersMax)}…`;
}

/** The HTTP status of an answer without data: by the code of its first error. */
export function statusOf(error: ClientError): number {
  switch (error.extensions.code) {
    case 'UNAUTHENTICATED':
      return 401;
    case 'FORBIDDEN':
      return 403;
    case 'RATE_LIMITED':
      return 429;
    case 'OVERLOADED':
    case 'UNAVAILABLE':
      return 503;
    case 'INTERNAL':
      return 500;
    case 'PERSISTED_QUERY_NOT_FOUND':
      return 200;
    default:
      return 400;
  }
}
