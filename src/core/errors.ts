/**
 * Failures: everything that goes wrong without being an outcome that a caller is expected to handle.
 * One table says, for each code, which GraphQL code a client sees, which HTTP status goes with it,
 * and whether sending the same thing again may help. Conversions happen once per edge.
 */

/** What a failure code means at the edges. */
export interface FailureKind {
  /** `extensions.code` of the GraphQL error: a member of `ErrorCode` in the SDL. */
  readonly graphqlCode: string;
  /** Whether the same call, sent again, may succeed. */
  readonly isRetryable: boolean;
  /** Whether the message may be shown to clients; others are masked and logged with an id. */
  readonly isPublic: boolean;
}

const kind = (graphqlCode: string, isRetryable: boolean, isPublic = true): FailureKind => ({
  graphqlCode,
  isRetryable,
  isPublic,
});

/** Every failure code of the product. */
export const failureKinds = {
  INVALID_ARGUMENT: kind('BAD_USER_INPUT', false),
  UNAUTHENTICATED: kind('UNAUTHENTICATED', false),
  FORBIDDEN: kind('FORBIDDEN', false),
  NOT_FOUND: kind('NOT_FOUND', false),
  /** More requests than the gateway lets a tenant send; `details.retryAfterMs` says when to come back. */
  RATE_LIMITED: kind('RATE_LIMITED', true),
  /** What a tenant's plan lets it store is used up: nothing was written. Details say which limit, and what is used. */
  QUOTA_EXCEEDED: kind('QUOTA_EXCEEDED', false),
  /** An idempotency key that came before with another input. */
  IDEMPOTENCY_KEY_REUSED: kind('IDEMPOTENCY_KEY_REUSED', false),
  /** Writers of other gateways won every one of a bounded number of tries. Nothing was written. */
  CONTENTION: kind('CONTENTION', true),
  /** A subscriber that takes nothing; `details.resumeFrom` says where to go on. */
  SLOW_CONSUMER: kind('SLOW_CONSUMER', true),
  /** History that is no longer kept; `details.oldest` says what is. */
  HISTORY_GONE: kind('HISTORY_GONE', false),
  /** The store cannot be reached or cannot write: surely nothing happened. */
  UNAVAILABLE: kind('UNAVAILABLE', true),
  /** A read that took too long. */
  DEADLINE_EXCEEDED: kind('DEADLINE_EXCEEDED', true),
  /** A write that was sent and whose answer was lost: it may or may not stand. */
  OUTCOME_UNKNOWN: kind('OUTCOME_UNKNOWN', true),
  /** A vector with another number of dimensions than its index, where there is no result union. */
  DIMENSION_MISMATCH: kind('DIMENSION_MISMATCH', false),
  /** A queue or a limit on things held at once is full. */
  OVERLOADED: kind('OVERLOADED', true),
  /** A bug, or damage. Never shown to a client as it is. */
  INTERNAL: kind('INTERNAL', false, false),
} as const satisfies Record<string, FailureKind>;

export type FailureCode = keyof typeof failureKinds;

/** Facts about a failure that clients may read, shown in `extensions`. */
export type FailureDetails = Readonly<Record<string, string | number | boolean | null>>;

export interface AppErrorOptions {
  readonly cause?: unknown;
  readonly details?: FailureDetails;
}

/** The one class of thrown failures. The message names the value, the rule and the limit. */
export class AppError extends Error {
  readonly code: FailureCode;
  readonly details: FailureDetails;

  constructor(code: FailureCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** Refuses a value of a caller: `field` is the path that the caller wrote, `rule` what it broke. */
export function invalidArgument(field: string, rule: string): AppError {
  return new AppError('INVALID_ARGUMENT', `${field} ${rule}`, { details: { field } });
}

/** An answer that a message cannot hold, though what was asked for is sound: asked for in smaller parts, it may. */
export function answerTooLarge(message: string, cause: unknown): AppError {
  return new AppError('OVERLOADED', message, { cause, details: { isAnswerTooLarge: true } });
}

export function isAnswerTooLarge(error: AppError): boolean {
  return error.details['isAnswerTooLarge'] === true;
}

export function isAppError(value: unknown, code?: FailureCode): value is AppError {
  return value instanceof AppError && (code === undefined || value.code === code);
}

/** Any thrown thing as an AppError; what is not one yet becomes INTERNAL with the original as its cause. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  return new AppError('INTERNAL', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}

/** Throws at once where an invariant of ours does not hold. */
export function assertInvariant(holds: boolean, expectation: string): asserts holds {
  if (!holds) throw new AppError('INTERNAL', `broken invariant: ${expectation}`);
}
