/** Failures as NoriKV's clients read them. They send again what is UNAVAILABLE, key or no key: only what surely did not happen is. */
import { status } from '@grpc/grpc-js';
import type { FailureCode } from '../../src/core/errors';
import { toAppError } from '../../src/core/errors';

const codes: Readonly<Record<FailureCode, status>> = {
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  UNAUTHENTICATED: status.UNAUTHENTICATED,
  FORBIDDEN: status.PERMISSION_DENIED,
  NOT_FOUND: status.NOT_FOUND,
  DIMENSION_MISMATCH: status.INVALID_ARGUMENT,
  RATE_LIMITED: status.RESOURCE_EXHAUSTED,
  QUOTA_EXCEEDED: status.RESOURCE_EXHAUSTED,
  IDEMPOTENCY_KEY_REUSED: status.INVALID_ARGUMENT,
  CONTENTION: status.UNAVAILABLE,
  SLOW_CONSUMER: status.RESOURCE_EXHAUSTED,
  HISTORY_GONE: status.OUT_OF_RANGE,
  UNAVAILABLE: status.UNAVAILABLE,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  OUTCOME_UNKNOWN: status.ABORTED,
  OVERLOADED: status.RESOURCE_EXHAUSTED,
  INTERNAL: status.INTERNAL,
};

export interface NorikvFailure {
  readonly code: status;
  readonly details: string;
}

/** An answer that is none of our failures. */
export class Refusal extends Error implements NorikvFailure {
  readonly code: status;
  readonly details: string;

  constructor(code: status, details: string) {
    super(details);
    this.code = code;
    this.details = details;
  }
}

export function toNorikvFailure(thrown: unknown): NorikvFailure {
  if (thrown instanceof Refusal) return thrown;
  const { code, message } = toAppError(thrown);
  // What is a bug of ours, or damage, is nobody's business.
  return { code: codes[code], details: code === 'INTERNAL' ? 'internal error' : message.slice(0, 1_000) };
}
