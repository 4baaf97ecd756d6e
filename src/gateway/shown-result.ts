/** Results as they are sent. */
import type { ExecutionResult } from 'graphql';
import { toClientError } from './errors';
import type { ClientError, ErrorScene } from './errors';

/** A result as it is sent. */
export interface ShownResult {
  readonly errors?: readonly ClientError[];
  readonly data?: unknown;
}

/** A result of graphql-js or graphql-jit as a client sees it. */
export function shownResult(result: ExecutionResult, scene: ErrorScene): ShownResult {
  if (!result.errors || result.errors.length === 0) return { data: result.data };
  const errors = result.errors.map((error) => toClientError(error, scene));
  return result.data === undefined ? { errors } : { errors, data: result.data };
}

export function resultJson(result: ExecutionResult, scene: ErrorScene): string {
  return JSON.stringify(shownResult(result, scene));
}
