/**
 * Subscriptions, whatever carries them. Each subscriber has a source of its own, so that it is given exactly what it asked for
 * (the present state first, its own place in the history); but where sources hand out the same object for the
 * same change, it is executed and written as JSON once for every equal subscription (document, variables, tenant),
 * and each of them only pays for a write. Sources are pulled: who does not take the next message stops its source.
 */
import { GraphQLError, createSourceEventStream } from 'graphql';
import type { ExecutionResult } from 'graphql';
import { AppError, toAppError } from '../core/errors';
import type { Metrics } from '../core/telemetry';
import type { Caller } from './authentication';
import { toClientError } from './errors';
import type { ClientError, ErrorScene } from './errors';
import type { Executor, Operation } from './executor';
import type { Inputs } from './compiled-query';

/** What a transport asks for: an operation of a valid document, by a known caller. */
export interface SubscriptionRequest {
  readonly operation: Operation;
  readonly operationName: string | null | undefined;
  readonly inputs: Inputs;
  readonly caller: Caller;
  /** Called once, when the subscription is over. */
  readonly onClose: () => void;
  /** Given to the resolver. */
  readonly contextValue: object;
  readonly scene: ErrorScene;
}

/** A refusal: nothing was opened. */
export interface RefusedSubscription {
  readonly errors: readonly ClientError[];
}

/** An open subscription: payloads as JSON, pulled one at a time. */
export interface OpenSubscription {
  /** The next payload; undefined: complete. Rejects with a SubscriptionEnded when it cannot go on. */
  next(): Promise<string | undefined>;
  /** Ends it because its subscriber takes nothing: what `next` then rejects with. */
  slowConsumerError(): SubscriptionEnded;
  /** Ends it for a reason that is not its source's: `next` rejects with it, also one that waits. */
  end(reason: AppError): void;
  /** Ends the source; calling it twice does nothing. */
  close(): void;
}

/** Why a subscription ended that was meant to go on, or did not begin. */
export class SubscriptionEnded extends Error {
  readonly errors: readonly ClientError[];

  constructor(errors: readonly ClientError[]) {
    super(errors[0]?.message);
    this.name = 'SubscriptionEnded';
    this.errors = errors;
  }
}

type SharedJson = Map<string, Promise<string>>;

export class Subscriptions {
  readonly #executor: Executor;
  readonly #metrics: Metrics;
  /** What equal subscriptions make of a payload; it goes when the payload goes. */
  readonly #shared = new WeakMap<object, SharedJson>();
  readonly #operationIds = new WeakMap<Operation, number>();
  #operationsSeen = 0;
  readonly #open = new Set<OpenSubscription>();

  constructor(executor: Executor, metrics: Metrics) {
    this.#executor = executor;
    this.#metrics = metrics;
  }

  /** How many are open. */
  get openCount(): number {
    return this.#open.size;
  }

  /** Opens a subscription, or says why not. */
  async open(request: SubscriptionRequest): Promise<OpenSubscription | RefusedSubscription> {
    const { operation } = request;
    const refuse = (errors: readonly unknown[]): RefusedSubscription => this.refuse(request, errors);
    let source: AsyncIterable<unknown> | ExecutionResult;
    try {
      source = await createSourceEventStream({
        schema: this.#executor.schema,
        document: operation.document,
        operationName: request.operationName ?? null,
        variableValues: request.inputs,
        contextValue: request.contextValue,
      });
    } catch (error) {
      return refuse([error]);
    }
    if (!(Symbol.asyncIterator in source)) return refuse(source.errors ?? [new Error('no source and no error')]);
    this.#metrics.countOperation('subscription', operation.field, 'ok');
    return this.#deliver(source[Symbol.asyncIterator](), request);
  }

  /** What is answered, and counted, where nothing was opened. */
  refuse(
    { operation, scene }: Pick<SubscriptionRequest, 'operation' | 'scene'>,
    errors: readonly unknown[],
  ): RefusedSubscription {
    const shown = errors.map((error) => toClientError(error, scene));
    this.#metrics.countOperation('subscription', operation.field, shown[0]!.extensions.code);
    return { errors: shown };
  }

  /** Ends all of them. */
  closeAll(): void {
    for (const each of [...this.#open]) each.close();
  }

  #deliver(source: AsyncIterator<unknown>, request: SubscriptionRequest): OpenSubscription {
    const { operation, scene } = request;
    const { tenantId, role, isOperator } = request.caller;
    const shareKey = JSON.stringify([this.#operationId(operation), tenantId, role, isOperator, request.inputs]);
    const deliveries = this.#metrics.deliveries.labels(operation.field);
    const subscribers = this.#metrics.subscribers.labels(operation.field);
    let resumeFrom: string | undefined;
    let isClosed = false;
    let endedBy: AppError | undefined;
    // Ends the wait for the source. Not a promise to race with: each race would stay in its memory until the end.
    let stopWaiting: (step: undefined) => void = () => undefined;
    const nextStep = (): Promise<IteratorResult<unknown> | undefined> =>
      new Promise((resolve, reject) => {
        stopWaiting = resolve;
        source.next().then(resolve, reject);
      });
    const ended = (thrown: unknown): SubscriptionEnded => {
      const failure = toAppError(thrown instanceof GraphQLError ? (thrown.originalError ?? thrown) : thrown);
      const details = resumeFrom === undefined ? failure.details : { resumeFrom, ...failure.details };
      const shown = toClientError(new AppError(failure.code, failure.message, { cause: failure, details }), scene);
      return new SubscriptionEnded([shown]);
    };
    /** What `next` comes to when it was closed from outside. */
    const over = (): undefined => {
      const reason = endedBy;
      endedBy = undefined;
      if (reason) throw ended(reason);
      return undefined;
    };
    const subscription: OpenSubscription = {
      next: async () => {
        let step: IteratorResult<unknown> | undefined;
        try {
          // A source that is a generator cannot be returned while it waits; the subscriber need not wait for it.
          step = isClosed ? undefined : await nextStep();
        } catch (error) {
          if (isClosed) return over();
          subscription.close();
          throw ended(error);
        }
        if (step === undefined || isClosed) return over();
        if (step.done === true) {
          subscription.close();
          return undefined;
        }
        const json = await this.#json(step.value, shareKey, request);
        resumeFrom = placeOf(step.value) ?? resumeFrom;
        deliveries.inc();
        return json;
      },
      slowConsumerError: () => {
        const error = ended(new AppError('SLOW_CONSUMER', 'the subscriber has taken nothing for too long'));
        subscription.close();
        return error;
      },
      end: (reason) => {
        if (isClosed) return;
        endedBy = reason;
        subscription.close();
      },
      close: () => {
        if (isClosed) return;
        isClosed = true;
        stopWaiting(undefined);
        this.#open.delete(subscription);
        subscribers.dec();
        request.onClose();
        // Its end is nobody's business any more, a failure on the way there included.
        void Promise.resolve(source.return?.()).catch(() => undefined);
      },
    };
    this.#open.add(subscription);
    subscribers.inc();
    return subscription;
  }

  #json(payload: unknown, shareKey: string, request: SubscriptionRequest): Promise<string> {
    if (typeof payload !== 'object' || payload === null) return this.#execute(payload, request);
    let shared = this.#shared.get(payload);
    if (!shared) this.#shared.set(payload, (shared = new Map()));
    let json = shared.get(shareKey);
    if (!json) shared.set(shareKey, (json = this.#execute(payload, request)));
    return json;
  }

  async #execute(payload: unknown, { operation, contextValue, inputs, scene }: SubscriptionRequest): Promise<string> {
    return resultJson(await operation.run(payload, contextValue, inputs), scene);
  }

  #operationId(operation: Operation): number {
    let id = this.#operationIds.get(operation);
    if (id === undefined) this.#operationIds.set(operation, (id = this.#operationsSeen += 1));
    return id;
  }
}

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

/** Where a subscriber that had this payload would go on. */
function placeOf(payload: unknown): string | undefined {
  const { cursor } = (payload ?? {}) as { cursor?: unknown };
  return typeof cursor === 'string' ? cursor : undefined;
}
