/** Failures on the wire: AppError to `Failure` and to gRPC status, and back. Nowhere else do the two meet. */
import { Metadata, status } from '@grpc/grpc-js';
import type { FailureCode, FailureDetails } from '../src/core/errors';
import { AppError, failureKinds } from '../src/core/errors';
import { makeReader, messageType } from './wire-types';

/** `Failure` of store.proto, as protobufjs gives it. */
export interface WireFailure {
  readonly code: string;
  readonly message: string;
  readonly details: readonly WireDetail[];
  readonly notBegun: boolean;
}

interface WireDetail {
  readonly name: string;
  readonly text?: string;
  readonly number?: number;
  readonly flag?: boolean;
}

const failureType = messageType('Failure');
const failureKey = 'norigate-failure-bin';

/** Client messages and metadata stay far below what HTTP/2 headers carry. */
const statusMessageMax = 1_000;

const statusCodes: Readonly<Record<FailureCode, status>> = {
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  UNAUTHENTICATED: status.UNAUTHENTICATED,
  FORBIDDEN: status.PERMISSION_DENIED,
  NOT_FOUND: status.NOT_FOUND,
  RATE_LIMITED: status.RESOURCE_EXHAUSTED,
  QUOTA_EXCEEDED: status.RESOURCE_EXHAUSTED,
  IDEMPOTENCY_KEY_REUSED: status.ALREADY_EXISTS,
  CONTENTION: status.ABORTED,
  SLOW_CONSUMER: status.RESOURCE_EXHAUSTED,
  HISTORY_GONE: status.OUT_OF_RANGE,
  UNAVAILABLE: status.UNAVAILABLE,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  OUTCOME_UNKNOWN: status.UNKNOWN,
  DIMENSION_MISMATCH: status.INVALID_ARGUMENT,
  OVERLOADED: status.RESOURCE_EXHAUSTED,
  INTERNAL: status.INTERNAL,
};

export function toWireFailure(error: AppError, notBegun = false): WireFailure {
  const details = Object.entries(error.details).map(([name, value]): WireDetail => {
    if (typeof value === 'string') return { name, text: value };
    if (typeof value === 'number') return { name, number: value };
    return typeof value === 'boolean' ? { name, flag: value } : { name };
  });
  return { code: error.code, message: error.message, details, notBegun };
}

export function fromWireFailure(failure: WireFailure): AppError {
  const details: Record<string, string | number | boolean | null> = {};
  for (const detail of failure.details) {
    // defineProperty, since a name such as __proto__ must stay a plain member.
    const value = valueOf(detail);
    Object.defineProperty(details, detail.name, { value, enumerable: true, configurable: true, writable: true });
  }
  const code = Object.hasOwn(failureKinds, failure.code) ? (failure.code as FailureCode) : 'INTERNAL';
  return new AppError(code, failure.message, { details: details satisfies FailureDetails });
}

function valueOf(detail: WireDetail): string | number | boolean | null {
  // Members that were not sent are on the prototype, with their defaults.
  if (Object.hasOwn(detail, 'text')) return detail.text!;
  if (Object.hasOwn(detail, 'number')) return detail.number!;
  return Object.hasOwn(detail, 'flag') ? detail.flag! : null;
}

/** How a call ends with a failure: what grpc-js wants as an error of a server stream. */
export interface FailureStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** `code` where the failure's own mapping is not meant, as for a refused hello. */
export function toStatus(error: AppError, code: status = statusCodes[error.code]): FailureStatus {
  const message = error.message.slice(0, statusMessageMax);
  const metadata = new Metadata();
  const wire = { ...toWireFailure(error), message };
  metadata.set(failureKey, Buffer.from(failureType.encode(wire).finish()));
  return { code, details: message, metadata };
}

/** How a call failed. Without a failure of ours, it is the transport that broke: UNAVAILABLE. */
export function fromStatus(error: {
  readonly details?: string;
  readonly message: string;
  readonly metadata?: Metadata;
}): AppError {
  const carried = error.metadata?.get(failureKey)[0];
  if (Buffer.isBuffer(carried)) {
    try {
      return fromWireFailure(failureType.decode(makeReader(carried)) as unknown as WireFailure);
    } catch (cause) {
      return new AppError('INTERNAL', 'storage ended a call with a malformed failure', { cause });
    }
  }
  return new AppError('UNAVAILABLE', `the connection to storage broke: ${error.details ?? error.message}`, {
    cause: error,
  });
}
