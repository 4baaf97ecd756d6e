/**
 * GraphQL over HTTP: POST, GET for queries, server-sent events where the caller takes them. What a browser could send from
 * a foreign page without asking first is refused before the body is read. With `application/json` every well-formed
 * request is answered with 200, with `application/graphql-response+json` the status tells (draft of GraphQL over HTTP).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isAppError } from '../core/errors';
import { answer } from './answer';
import type { AskedOperation, HttpCaller } from './answer';
import { Apollo } from './apollo';
import { statusOf, toClientError } from './errors';
import type { ErrorScene } from './errors';
import type { Gateway } from './gateway';
import type { Admission } from './request-limit';
import { presentedByHeaders } from './authentication';
import {
  HttpRefusal,
  contentTypes,
  mediaTypes,
  parseJson,
  readAccept,
  readBody,
  requireJson,
  send,
  sendErrors,
} from './http-io';
import type { Acceptance, MediaType } from './http-io';
import { EventStreams } from './event-stream';
import type { StreamedOperation } from './event-stream';

export interface GraphqlHttpOptions {
  readonly bodyBytesMax: number;
  readonly slowConsumerMs: number;
  readonly heartbeatMs: number;
}

/** The parameters of a request, checked for their types. */
interface Parameters {
  readonly query?: string | undefined;
  readonly documentId?: unknown;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | null | undefined;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: 'GET' | 'POST';
  readonly accept: Acceptance;
  readonly mediaType: MediaType;
  readonly scene: ErrorScene;
}

export class GraphqlHttp {
  readonly #gateway: Gateway;
  readonly #options: GraphqlHttpOptions;
  readonly #apollo: Apollo;
  readonly #events: EventStreams;

  constructor(gateway: Gateway, options: GraphqlHttpOptions) {
    this.#gateway = gateway;
    this.#options = options;
    this.#apollo = new Apollo(gateway);
    this.#events = new EventStreams(gateway, options);
  }

  start(): Promise<void> {
    return this.#apollo.start();
  }

  async stop(): Promise<void> {
    await this.#apollo.stop();
  }

  /** Answers a request that has passed the guards. Throws HttpRefusal; every other failure is answered here. */
  async handle(request: IncomingMessage, response: ServerResponse, search: string): Promise<void> {
    const { method } = request;
    if (method !== 'POST' && method !== 'GET')
      throw new HttpRefusal(405, 'GraphQL is served by GET and POST.', { allow: 'GET, POST' });
    const accept = readAccept(request.headers.accept);
    if (accept.whole === undefined && !accept.events)
      throw new HttpRefusal(406, `The answers here are ${Object.values(mediaTypes).join(', ')}.`);
    const scene = this.#gateway.scene();
    const exchange: Exchange = { request, response, method, accept, mediaType: accept.whole ?? mediaTypes.json, scene };
    if (method === 'POST') requireJson(request);
    const body = method === 'POST' ? await readBody(request, this.#options.bodyBytesMax) : undefined;
    const read = (): Parameters => (body ? checkParameters(parseJson(body)) : parametersOfSearch(search));
    try {
      await this.#serve(exchange, read);
    } catch (thrown) {
      this.#refuse(exchange, Array.isArray(thrown) ? thrown : [thrown]);
    }
  }

  /** What waits for its turn is not read yet: bytes cost the collector little, while values that wait by the hundred delay everyone. */
  async #serve(exchange: Exchange, read: () => Parameters): Promise<void> {
    const gateway = this.#gateway;
    const { request, scene, mediaType } = exchange;
    const arrivedMs = gateway.clock.monotonicMs();
    const caller = await gateway.authenticate(presentedByHeaders(request.headers));
    const admission = gateway.admit(caller, scene);
    if (admission) this.#admit(exchange, await admission);
    const by: HttpCaller = { caller, scene, mediaType, arrivedMs };
    const turn = gateway.beginTurn(caller.tenantId);
    if (turn) await turn;
    let subscription: StreamedOperation | undefined;
    try {
      subscription = await this.#answer(exchange, read(), by);
    } finally {
      gateway.endTurn(caller.tenantId);
    }
    if (subscription) await this.#events.serve(exchange, subscription);
  }

  /** Answers, unless it is a subscription, which lasts longer than a turn. */
  async #answer(exchange: Exchange, parameters: Parameters, by: HttpCaller): Promise<StreamedOperation | undefined> {
    const gateway = this.#gateway;
    const source = gateway.sourceOf(parameters);
    if (source !== undefined) {
      const { document } = gateway.documentOf(source);
      const { operationName } = parameters;
      const asked: AskedOperation = { document, operationName, inputs: parameters.variables ?? {} };
      const streamed = exchange.accept.events ? this.#streamed(exchange, asked, by) : undefined;
      if (streamed?.operation.type === 'subscription') return streamed;
      if (streamed) {
        await this.#events.serve(exchange, streamed);
        return undefined;
      }
      // The ordinary request. Apollo would come to the same answer, at twice the price.
      if (exchange.method === 'POST' && !parameters.extensions?.['persistedQuery']) {
        const { status, result } = await answer(gateway, asked, by);
        send(exchange.response, status, contentTypes[exchange.mediaType], JSON.stringify(result));
        return undefined;
      }
    }
    await this.#runThroughApollo(exchange, { ...parameters, query: source }, by);
    return undefined;
  }

  /** Throws RATE_LIMITED where it is not let in. The fields go with whatever is answered. */
  #admit({ response }: Exchange, admission: Admission | undefined): void {
    if (!admission) return;
    for (const [name, value] of Object.entries(admission.fields)) response.setHeader(name, value);
    if (admission.refusal) throw admission.refusal;
  }

  /** What is to be served as server-sent events: a subscription, and where the caller takes nothing else, anything. */
  #streamed(exchange: Exchange, asked: AskedOperation, by: HttpCaller): StreamedOperation | undefined {
    const operation = this.#gateway.executor.prepare(asked.document, asked.operationName);
    if (operation.type !== 'subscription' && exchange.accept.whole !== undefined) return undefined;
    if (exchange.method === 'GET' && operation.type === 'mutation')
      throw new HttpRefusal(405, 'A mutation needs POST.', { allow: 'POST' });
    const { operationName, inputs } = asked;
    const { caller, scene, arrivedMs } = by;
    return { operation, operationName, inputs, caller, scene, arrivedMs };
  }

  async #runThroughApollo(exchange: Exchange, parameters: Parameters, caller: HttpCaller): Promise<void> {
    const given = await this.#apollo.handle(
      exchange.method === 'POST'
        ? { method: 'POST', search: '', body: bodyOf(parameters), caller }
        : { method: 'GET', search: searchOf(parameters), body: undefined, caller },
    );
    if (given.body.kind !== 'complete') throw new Error('Apollo answered in parts, which nobody asked for');
    const allow = given.headers.get('allow');
    send(
      exchange.response,
      given.status ?? 200,
      contentTypes[exchange.mediaType],
      given.body.string,
      allow === undefined ? {} : { allow },
    );
  }

  /** Answers with errors only. A document that cannot run is a well-formed request all the same. */
  #refuse({ response, mediaType, scene }: Exchange, thrown: readonly unknown[]): void {
    if (thrown[0] instanceof HttpRefusal) throw thrown[0];
    const errors = thrown.map((error) => toClientError(error, scene));
    const isWellFormed = errors[0]!.extensions.code.startsWith('GRAPHQL_');
    const status = isWellFormed && mediaType === mediaTypes.json ? 200 : statusOf(errors[0]!);
    const headers = isAppError(thrown[0], 'UNAUTHENTICATED') ? { 'www-authenticate': 'Bearer' } : {};
    sendErrors(response, status, mediaType, errors, headers);
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Throws HttpRefusal 400 where a parameter has another type than the protocol says. */
function checkParameters(body: unknown): Parameters {
  if (!isMap(body)) throw new HttpRefusal(400, 'The request must be a JSON object; batches are not taken.');
  const { query, documentId, operationName, variables, extensions } = body;
  const isAbsent = (value: unknown): boolean => value === undefined || value === null;
  if (!isAbsent(query) && typeof query !== 'string') throw new HttpRefusal(400, 'query must be a string.');
  if (!isAbsent(operationName) && typeof operationName !== 'string')
    throw new HttpRefusal(400, 'operationName must be a string.');
  if (!isAbsent(variables) && !isMap(variables)) throw new HttpRefusal(400, 'variables must be an object.');
  if (!isAbsent(extensions) && !isMap(extensions)) throw new HttpRefusal(400, 'extensions must be an object.');
  return { query: query ?? undefined, documentId, operationName, variables, extensions } as Parameters;
}

function parametersOfSearch(search: string): Parameters {
  const given = new URLSearchParams(search);
  const body: Record<string, unknown> = {};
  for (const name of ['query', 'documentId', 'operationName', 'variables', 'extensions']) {
    const [text, ...others] = given.getAll(name);
    if (others.length > 0) throw new HttpRefusal(400, `${name} may be given once.`);
    if (text === undefined || text === '') continue;
    if (name !== 'variables' && name !== 'extensions') body[name] = text;
    else {
      try {
        body[name] = JSON.parse(text);
      } catch {
        throw new HttpRefusal(400, `${name} must be JSON.`);
      }
    }
  }
  return checkParameters(body);
}

/** The body as Apollo wants it: it takes a member that is undefined for one of the wrong type. */
function bodyOf({ query, operationName, variables, extensions }: Parameters): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  if (query !== undefined) body['query'] = query;
  if (operationName !== undefined && operationName !== null) body['operationName'] = operationName;
  if (variables) body['variables'] = variables;
  if (extensions) body['extensions'] = extensions;
  return body;
}

function searchOf({ query, operationName, variables, extensions }: Parameters): string {
  const search = new URLSearchParams();
  if (query !== undefined) search.set('query', query);
  if (typeof operationName === 'string') search.set('operationName', operationName);
  if (variables) search.set('variables', JSON.stringify(variables));
  if (extensions) search.set('extensions', JSON.stringify(extensions));
  return `?${search}`;
}
