/** The answer to one query or mutation over HTTP: what is sent, and with which status. */
import type { DocumentNode } from 'graphql';
import type { Caller } from './authentication';
import { requestError, statusOf, toClientError } from './errors';
import type { ErrorScene } from './errors';
import type { Gateway } from './gateway';
import type { Inputs } from './compiled-query';
import { mediaTypes } from './http-io';
import type { MediaType } from './http-io';
import { shownResult } from './shown-result';
import type { ShownResult } from './shown-result';

/** Who asks, and how the answer is to be written. Apollo copies it, so it holds plain members only. */
export interface HttpCaller {
  readonly caller: Caller;
  readonly scene: ErrorScene;
  readonly mediaType: MediaType;
  /** As of `ExecutionRequest`. */
  readonly arrivedMs: number;
}

export interface AskedOperation {
  readonly document: DocumentNode;
  readonly operationName: string | null | undefined;
  readonly inputs: Inputs;
}

export interface Answer {
  readonly status: number;
  readonly result: ShownResult;
}

/** Runs it. Never rejects: failures are in the result. */
export async function answer(gateway: Gateway, asked: AskedOperation, by: HttpCaller): Promise<Answer> {
  const { scene, caller, mediaType, arrivedMs } = by;
  let operation;
  try {
    operation = gateway.executor.prepare(asked.document, asked.operationName);
    if (operation.type === 'subscription')
      throw requestError('BAD_REQUEST', 'A subscription needs a WebSocket, or "accept: text/event-stream".');
  } catch (error) {
    return { status: 400, result: { errors: [toClientError(error, scene)] } };
  }
  const executed = await gateway.execute({ operation, inputs: asked.inputs, caller, scene, arrivedMs });
  const result = shownResult(executed, scene);
  // Variables that did not fit: nothing was executed. application/json says 200 to every well-formed request.
  const isRefused = result.errors !== undefined && result.data === undefined;
  return { status: isRefused && mediaType === mediaTypes.response ? statusOf(result.errors![0]!) : 200, result };
}
