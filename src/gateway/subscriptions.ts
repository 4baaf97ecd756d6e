/**
 * Subscriptions, whatever carries them. Each begins with a source of its own, so that it is given exactly what it asked for (the
 * present state first, its own place in the history). Equal ones (document, variables, tenant, role) share their work: a payload is
 * executed and written as JSON once, and where the field can be gone on with, those that have come to the same place go on
 * together, with one source for all of them (`audience.ts`).
 */
import { GraphQLError, createSourceEventStream } from 'graphql';
import type { ExecutionResult } from 'graphql';
import type { Clock } from '../core/clock';
import { AppError, invalidArgument, toAppError } from '../core/errors';
import type { Metrics } from '../core/telemetry';
import { Audience } from './audience';
import type { AudienceHooks, Member } from './audience';
import type { Caller } from './authentication';
import type { Inputs } from './compiled-query';
import { Delivery } from './delivery';
import { toClientError } from './errors';
import type { ClientError, ErrorScene } from './errors';
import type { Executor, Operation } from './executor';
import type { Outlet } from './outlet';
import { placeVariable } from './place-variable';
import { Beginning, lastEventIdName, placeIn } from './resumable';
import type { Place, Resumption, Resumptions, Standing } from './resumable';
import { resultJson } from './shown-result';

/** Who is written to. */
export interface Subscriber {
  readonly outlet: Pick<Outlet, 'isFull' | 'whenDrained'>;
  /** Writes it, at once. */
  deliver(delivery: Delivery): void;
  /** Called once; nothing comes after it. */
  end(how: SubscriptionEnd): void;
}

/** `stopped`: by this side, which goes away; whoever comes back may go on. */
export type SubscriptionEnd =
  | { readonly kind: 'completed' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly errors: readonly ClientError[] };

/** What a transport asks for: an operation of a valid document, by a known caller. */
export interface SubscriptionRequest {
  readonly operation: Operation;
  readonly operationName: string | null | undefined;
  readonly inputs: Inputs;
  readonly caller: Caller;
  readonly subscriber: Subscriber;
  /** Stands before the field's own argument; undefined: none was sent. */
  readonly lastEventId: string | undefined;
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

export interface OpenSubscription {
  /** Ends it for a reason that its subscriber is told, with where to go on. */
  end(reason: AppError): void;
  /** Ends it without a word; calling it twice does nothing. */
  close(): void;
}

/** Open subscriptions that are equal. */
interface Share {
  readonly key: string;
  members: number;
  /** Audiences by the place where they stand. */
  readonly standing: Map<Standing, Audience>;
}

interface Opened extends Member, OpenSubscription {
  readonly request: SubscriptionRequest;
  readonly share: Share;
  readonly beginning: Beginning;
  /** The one way to its end; what `how` gives is told to the subscriber. */
  finish(how: () => SubscriptionEnd | undefined): void;
}

export interface SubscriptionsOptions {
  readonly executor: Executor;
  readonly resumptions: Resumptions;
  /** Open at once of one tenant. */
  readonly tenantMax: number;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  /** What equal subscriptions make of a payload; it goes when the payload goes. */
  readonly #prepared = new WeakMap<object, Map<string, Promise<Delivery>>>();
  readonly #shares = new Map<string, Share>();
  readonly #standsAt = new Map<Audience, { readonly share: Share; readonly place: Standing }>();
  readonly #ofTenants = new Map<string, number>();
  readonly #operationIds = new WeakMap<Operation, number>();
  #operationsSeen = 0;
  readonly #open = new Set<Opened>();

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** Opens a subscription, or says why not. Deliveries may begin before it resolves. */
  async open(request: SubscriptionRequest): Promise<OpenSubscription | RefusedSubscription> {
    const { operation, caller, lastEventId } = request;
    const letGo = this.#count(caller.tenantId);
    try {
      const resumption = this.#resumptionOf(operation);
      const beginning = new Beginning(readLastEventId(operation, resumption, lastEventId), {
        isGiven: lastEventId !== undefined,
      });
      const source = await this.#begin(request, beginning);
      const opened = this.#add(request, beginning, letGo);
      this.#options.metrics.countOperation('subscription', operation.field, 'ok');
      this.#run(source, opened);
      return opened;
    } catch (error) {
      letGo();
      return this.refuse(request, Array.isArray(error) ? error : [error]);
    }
  }

  /** What is answered, and counted, where nothing was opened. */
  refuse(
    { operation, scene }: Pick<SubscriptionRequest, 'operation' | 'scene'>,
    errors: readonly unknown[],
  ): RefusedSubscription {
    const shown = errors.map((error) => toClientError(error, scene));
    this.#options.metrics.countOperation('subscription', operation.field, shown[0]!.extensions.code);
    return { errors: shown };
  }

  /** Ends all of them, since this side goes away. */
  stopAll(): void {
    for (const each of [...this.#open]) each.finish(() => ({ kind: 'stopped' }));
  }

  /** One more of the tenant. Throws OVERLOADED; gives what takes it back, once. */
  #count(tenantId: string): () => void {
    const { tenantMax } = this.#options;
    const open = this.#ofTenants.get(tenantId) ?? 0;
    if (open >= tenantMax)
      throw new AppError('OVERLOADED', `the tenant has ${open} subscriptions open here, which is the limit`);
    this.#ofTenants.set(tenantId, open + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const left = this.#ofTenants.get(tenantId)! - 1;
      if (left === 0) this.#ofTenants.delete(tenantId);
      else this.#ofTenants.set(tenantId, left);
    };
  }

  #resumptionOf({ field }: Operation): Resumption | undefined {
    const { resumptions } = this.#options;
    return Object.hasOwn(resumptions, field) ? resumptions[field] : undefined;
  }

  /** Its source. Rejects with what the field throws, or with the list of what is wrong with the request. */
  async #begin(request: SubscriptionRequest, beginning: Beginning): Promise<AsyncIterator<unknown>> {
    const source: AsyncIterable<unknown> | ExecutionResult = await createSourceEventStream({
      schema: this.#options.executor.schema,
      document: request.operation.document,
      operationName: request.operationName ?? null,
      variableValues: request.inputs,
      rootValue: beginning,
      contextValue: request.contextValue,
    });
    if (!(Symbol.asyncIterator in source)) throw source.errors ?? [new Error('no source and no error')];
    return source[Symbol.asyncIterator]();
  }

  #add(request: SubscriptionRequest, beginning: Beginning, letGo: () => void): Opened {
    const subscribers = this.#options.metrics.subscribers.labels(request.operation.field);
    const { subscriber } = request;
    const share = this.#shareOf(request);
    let isOver = false;
    const finish = (how: () => SubscriptionEnd | undefined): void => {
      if (isOver) return;
      isOver = true;
      this.#open.delete(opened);
      opened.audience?.remove(opened);
      this.#leaveShare(share);
      subscribers.dec();
      letGo();
      request.onClose();
      const end = how();
      if (end) subscriber.end(end);
    };
    const opened: Opened = {
      request,
      share,
      beginning,
      place: beginning.place,
      life: undefined,
      isCaughtUp: false,
      audience: undefined,
      outlet: subscriber.outlet,
      deliver: (delivery) => subscriber.deliver(delivery),
      finish,
      end: (reason) => finish(() => ({ kind: 'failed', errors: [this.#shown(reason, opened)] })),
      close: () => finish(() => undefined),
    };
    this.#open.add(opened);
    subscribers.inc();
    return opened;
  }

  /** Why a subscription ends that was meant to go on, with where that would be. */
  #shown(thrown: unknown, { place: given, beginning, request }: Opened): ClientError {
    const place = placeIn(given) ?? beginning.place;
    const failure = toAppError(thrown instanceof GraphQLError ? (thrown.originalError ?? thrown) : thrown);
    // What is gone cannot be gone on with.
    const isPlaceGone = place === undefined || failure.code === 'HISTORY_GONE';
    const details = isPlaceGone ? failure.details : { resumeFrom: place, ...failure.details };
    return toClientError(new AppError(failure.code, failure.message, { cause: failure, details }), request.scene);
  }

  #run(source: AsyncIterator<unknown>, opened: Opened): void {
    const { request, share, beginning } = opened;
    const deliveries = this.#options.metrics.deliveries.labels(request.operation.field);
    const resumption = beginning.isAlone ? undefined : this.#resumptionOf(request.operation);
    const hooks: AudienceHooks = {
      clock: this.#options.clock,
      prepare: (payload, member) => this.#prepare(payload, member as Opened),
      delivered: (count) => deliveries.inc(count),
      meet: (audience) => this.#meet(audience, share),
      leave: (audience) => this.#leavePlace(audience),
      suspend: (member) => member.outlet.whenDrained(() => void this.#resume(member as Opened)),
      ended: (member, error) => this.#ended(member as Opened, error),
    };
    void new Audience(source, opened, resumption, hooks).run();
  }

  /** Goes on behind the last place that the subscription was given. */
  async #resume(opened: Opened): Promise<void> {
    if (!this.#open.has(opened)) return;
    const { place, life, share, request, isCaughtUp } = opened;
    const other = share.standing.get(place!);
    const isLive = isCaughtUp || !this.#resumptionOf(request.operation)?.isCaughtUp;
    if (other?.place === place && isLive) return other?.add(opened);
    try {
      const source = await this.#begin(request, new Beginning(place, { isGiven: false, life }));
      if (this.#open.has(opened)) this.#run(source, opened);
      else void Promise.resolve(source.return?.()).catch(() => undefined);
    } catch (error) {
      this.#ended(opened, Array.isArray(error) ? (error as unknown[])[0] : error);
    }
  }

  #ended(opened: Opened, error: unknown): void {
    if (error === undefined) opened.finish(() => ({ kind: 'completed' }));
    else opened.finish(() => ({ kind: 'failed', errors: [this.#shown(error, opened)] }));
  }

  #meet(audience: Audience, share: Share): Audience | undefined {
    const place = audience.place!;
    const other = share.standing.get(place);
    if (other && other !== audience && other.place === place) return other;
    this.#leavePlace(audience);
    share.standing.set(place, audience);
    this.#standsAt.set(audience, { share, place });
    return undefined;
  }

  #leavePlace(audience: Audience): void {
    const at = this.#standsAt.get(audience);
    if (!at) return;
    this.#standsAt.delete(audience);
    if (at.share.standing.get(at.place) === audience) at.share.standing.delete(at.place);
  }

  #prepare(payload: unknown, opened: Opened): Promise<Delivery> {
    const { key } = opened.share;
    if (typeof payload !== 'object' || payload === null) return this.#execute(payload, opened);
    let shared = this.#prepared.get(payload);
    if (!shared) this.#prepared.set(payload, (shared = new Map()));
    let delivery = shared.get(key);
    if (!delivery) shared.set(key, (delivery = this.#execute(payload, opened)));
    return delivery;
  }

  async #execute(payload: unknown, { request }: Opened): Promise<Delivery> {
    const { operation, contextValue, inputs, scene } = request;
    const json = resultJson(await operation.run(payload, contextValue, inputs), scene);
    const resumption = this.#resumptionOf(operation);
    const given = (payload ?? {}) as Readonly<Record<string, unknown>>;
    return new Delivery(json, resumption?.placeOf(given), resumption?.lifeOf?.(given));
  }

  /** Whatever a payload's JSON depends on is in the key; where the subscription began is not. */
  #shareOf({ operation, caller, inputs }: SubscriptionRequest): Share {
    const { tenantId, role, isOperator } = caller;
    const resumption = this.#resumptionOf(operation);
    const variable = resumption && placeVariable(operation, resumption.argument);
    const counting = Object.entries(inputs).filter(([name]) => name !== variable);
    const key = JSON.stringify([this.#operationId(operation), tenantId, role, isOperator, counting]);
    let share = this.#shares.get(key);
    if (!share) this.#shares.set(key, (share = { key, members: 0, standing: new Map() }));
    share.members += 1;
    return share;
  }

  #leaveShare(share: Share): void {
    share.members -= 1;
    if (share.members === 0) this.#shares.delete(share.key);
  }

  #operationId(operation: Operation): number {
    let id = this.#operationIds.get(operation);
    if (id === undefined) this.#operationIds.set(operation, (id = this.#operationsSeen += 1));
    return id;
  }
}

/** Throws INVALID_ARGUMENT where the field cannot be gone on with, or this is no place of it. */
function readLastEventId(
  { field }: Operation,
  resumption: Resumption | undefined,
  lastEventId: string | undefined,
): Place | undefined {
  if (lastEventId === undefined) return undefined;
  if (resumption?.read) return resumption.read(lastEventId);
  throw invalidArgument(lastEventIdName, `is given, and ${field} cannot be gone on with: leave it out`);
}
