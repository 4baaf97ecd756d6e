/**
 * What the transports share: documents, execution, the contexts of requests, subscriptions. HTTP, SSE and WebSocket are
 * thin layers over this.
 */
import type { ExecutionResult, GraphQLSchema } from 'graphql';
import type { RequestContext } from '../../resolvers/context';
import type { Clock } from '../core/clock';
import type { AppError } from '../core/errors';
import type { Ids } from '../core/ids';
import type { Logger, Metrics } from '../core/telemetry';
import type { Authentication, Caller, Presented } from './authentication';
import type { Inputs } from './compiled-query';
import { Documents } from './documents';
import type { ValidDocument } from './documents';
import type { DocumentLimits } from './document-limits';
import { codeOf, requestError } from './errors';
import type { ErrorScene } from './errors';
import { Executor } from './executor';
import { FairTurns } from './fair-turns';
import { refuseForbidden } from './field-roles';
import type { OwnRoles } from './field-roles';
import type { Operation } from './executor';
import { Subscriptions } from './subscriptions';
import type { OpenSubscription, RefusedSubscription, Subscriber } from './subscriptions';
import { makeResumable, resumableFields } from './resumable';
import type { Resumptions } from './resumable';
import { RequestLimit } from './request-limit';
import type { Admission, RequestLimitOptions } from './request-limit';
import type { TrustedDocuments } from './trusted-documents';

/** Found by measuring: more makes a tenant wait for another one's batches, less makes batches too small to be worth their flush. */
const turns = { atOnce: 16, waitingMax: 20_000 };

/** What resolvers are given. */
export type MakeContext = (caller: Caller, requestId: string) => RequestContext;

export interface GatewayOptions {
  readonly schema: GraphQLSchema;
  readonly limits: DocumentLimits;
  readonly allowIntrospection: boolean;
  readonly trustedDocuments: TrustedDocuments;
  readonly authentication: Authentication;
  readonly makeContext: MakeContext;
  /** Requests that a tenant and a key may send; left out: any number. */
  readonly requestLimit?: RequestLimitOptions | undefined;
  /** Subscriptions that a tenant may have open here. */
  readonly subscriptionsOfTenantMax: number;
  /** Of fields that an application added. */
  readonly ownRoles?: OwnRoles | undefined;
  /** Subscription fields that can be gone on with. Default: those of the contract. */
  readonly resumptions?: Resumptions | undefined;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What a request says it wants to run. */
export interface RequestedDocument {
  readonly query?: unknown;
  readonly documentId?: unknown;
  readonly operationName?: string | null | undefined;
}

export interface ExecutionRequest {
  readonly operation: Operation;
  readonly inputs: Inputs;
  readonly caller: Caller;
  readonly scene: ErrorScene;
  /** When it came, in monotonic milliseconds: its time is counted from there. Default: now. */
  readonly arrivedMs?: number;
}

export interface SubscriptionStart extends ExecutionRequest {
  readonly operationName: string | null | undefined;
  readonly subscriber: Subscriber;
  /** Where to go on, whatever the arguments say; undefined: none was sent. */
  readonly lastEventId: string | undefined;
}

export class Gateway {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly executor: Executor;
  readonly documents: Documents;
  readonly trustedDocuments: TrustedDocuments;
  readonly makeContext: MakeContext;
  readonly #authentication: Authentication;
  readonly #subscriptions: Subscriptions;
  readonly #ownRoles: OwnRoles | undefined;
  readonly #requestLimit: RequestLimit | undefined;
  readonly #turns: FairTurns;

  constructor(options: GatewayOptions) {
    ({ clock: this.clock, ids: this.ids, logger: this.logger, metrics: this.metrics } = options);
    this.executor = new Executor(options.schema);
    this.documents = new Documents(options);
    this.trustedDocuments = options.trustedDocuments;
    this.makeContext = options.makeContext;
    this.#requestLimit = options.requestLimit && new RequestLimit(options.requestLimit);
    this.#authentication = options.authentication;
    this.#ownRoles = options.ownRoles;
    this.#turns = new FairTurns({ clock: this.clock, ...turns });
    const { schema, clock, metrics, resumptions = resumableFields, subscriptionsOfTenantMax: tenantMax } = options;
    makeResumable(schema, resumptions);
    this.#subscriptions = new Subscriptions({ executor: this.executor, resumptions, tenantMax, clock, metrics });
  }

  /** A name for a request, under which what it hides from its caller is logged. */
  scene(): ErrorScene {
    return { requestId: this.ids.uuid(), logger: this.logger };
  }

  /**
   * Counts a request of a tenant; undefined where nothing limits it, or the caller is of no tenant. Rejects with the store's failures.
   */
  admit(caller: Caller, { requestId }: ErrorScene): Promise<Admission | undefined> | undefined {
    if (!this.#requestLimit || caller.tenantId === '') return undefined;
    const { requestLimits } = this.makeContext(caller, requestId).patterns;
    return this.#requestLimit.admit(requestLimits, caller.apiKey?.id);
  }

  /** The source of the document that a request means. Throws where it names none, or one that may not be run. */
  sourceOf({ query, documentId }: RequestedDocument): string | undefined {
    if (documentId !== undefined && documentId !== null) {
      const source = typeof documentId === 'string' ? this.trustedDocuments.get(documentId) : undefined;
      if (source === undefined)
        throw requestError('PERSISTED_QUERY_NOT_FOUND', 'There is no trusted document with this documentId.');
      return source;
    }
    if (query === undefined || query === null || query === '') return undefined;
    if (typeof query !== 'string') throw requestError('BAD_REQUEST', 'query must be a string.');
    if (!this.trustedDocuments.allows(query))
      throw requestError('BAD_REQUEST', 'Only trusted documents are run here: send a documentId.');
    return query;
  }

  /** The valid document of a source. Throws the list of its errors. */
  documentOf(source: string): ValidDocument {
    const found = this.documents.get(source);
    if ('document' in found) return found;
    throw found.errors;
  }

  /** The operation that a request means, ready to run. Throws an error, or the list of a document's errors. */
  prepare(requested: RequestedDocument): Operation {
    const source = this.sourceOf(requested);
    if (source === undefined) throw requestError('BAD_REQUEST', 'The request has neither a query nor a documentId.');
    return this.executor.prepare(this.documentOf(source).document, requested.operationName);
  }

  /** A turn of a tenant: undefined, it has one now; else resolves when it has, or rejects with OVERLOADED. Whoever has one must `endTurn`. */
  beginTurn(tenantId: string): Promise<void> | undefined {
    return this.#turns.enter(tenantId);
  }

  endTurn(tenantId: string): void {
    this.#turns.leave(tenantId);
  }

  /** Runs a query or a mutation, which belongs in a turn. Never rejects: what is thrown is in the result's errors. */
  async execute(request: ExecutionRequest): Promise<ExecutionResult> {
    const { operation, inputs, caller, scene, arrivedMs = this.clock.monotonicMs() } = request;
    let result: ExecutionResult;
    try {
      refuseForbidden(operation, caller, this.#ownRoles);
      const context = this.makeContext(caller, scene.requestId);
      const running = operation.run(undefined, context, inputs);
      result = running instanceof Promise ? await running : running;
    } catch (error) {
      result = { errors: [error as never] };
    }
    this.#record(operation, result, arrivedMs);
    return result;
  }

  /** Who asks. Rejects with UNAUTHENTICATED or FORBIDDEN. */
  authenticate(presented: Presented): Promise<Caller> {
    return this.#authentication.authenticate(presented);
  }

  /** Opens a subscription, or says why not. It ends with what its caller may. */
  async subscribe(start: SubscriptionStart): Promise<OpenSubscription | RefusedSubscription> {
    const { operation, caller, scene } = start;
    try {
      refuseForbidden(operation, caller, this.#ownRoles);
      let end: (reason: AppError) => void = () => undefined;
      let ended: AppError | undefined;
      const release = await this.#authentication.hold(caller, (reason) => {
        ended = reason;
        end(reason);
      });
      const contextValue = this.makeContext(caller, scene.requestId);
      const opened = await this.#subscriptions.open({ ...start, contextValue, onClose: release });
      if ('errors' in opened) release();
      else {
        end = (reason) => opened.end(reason);
        if (ended) opened.end(ended);
      }
      return opened;
    } catch (error) {
      return this.#subscriptions.refuse(start, [error]);
    }
  }

  /** Ends every subscription, since this side goes away. */
  stopSubscriptions(): void {
    this.#subscriptions.stopAll();
  }

  #record(operation: Operation, result: ExecutionResult, arrivedMs: number): void {
    const { metrics, clock } = this;
    const first = result.errors?.[0];
    const outcome = first === undefined ? 'ok' : codeOf(first);
    metrics.countOperation(operation.type, operation.field, outcome);
    metrics.timeOperation(operation.type, clock.monotonicMs() - arrivedMs);
  }
}
