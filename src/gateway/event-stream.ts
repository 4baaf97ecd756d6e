/**
 * GraphQL over server-sent events, distinct connections mode (the protocol of graphql-sse): one operation a request, a
 * `next` event for each result, then `complete`. Events of a field that can be gone on with have an `id`; a request that brings
 * it back as Last-Event-ID goes on there. A stream that ends without `complete` was cut off: by this side too, when it stops, so that
 * clients come back. Written by hand, since a caller who reads slowly must slow its source down instead of filling a queue.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../core/errors';
import { nextEvent } from './delivery';
import type { Gateway, SubscriptionStart } from './gateway';
import { Outlet } from './outlet';
import { lastEventIdName } from './resumable';
import { resultJson } from './shown-result';
import type { OpenSubscription, Subscriber, SubscriptionEnd } from './subscriptions';

export interface EventStreamOptions {
  readonly slowConsumerMs: number;
  /** Between the comments that keep proxies from closing a quiet stream. */
  readonly heartbeatMs: number;
}

export type StreamedOperation = Omit<SubscriptionStart, 'subscriber' | 'lastEventId'>;

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const comment = ':\n\n';
const complete = 'event: complete\ndata:\n\n';

export class EventStreams {
  readonly #gateway: Gateway;
  readonly #options: EventStreamOptions;

  constructor(gateway: Gateway, options: EventStreamOptions) {
    this.#gateway = gateway;
    this.#options = options;
  }

  /** Runs the operation and writes what comes of it; resolves when the stream has ended. */
  async serve(exchange: Exchange, start: StreamedOperation): Promise<void> {
    const { response } = exchange;
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
    });
    // Some browsers open the stream with the first byte only.
    response.write(comment);
    if (start.operation.type === 'subscription') return this.#subscription(exchange, start);
    response.end(nextEvent(resultJson(await this.#gateway.execute(start), start.scene)) + complete);
  }

  async #subscription({ request, response }: Exchange, start: StreamedOperation): Promise<void> {
    const { clock } = this.#gateway;
    const { slowConsumerMs } = this.#options;
    let opened: OpenSubscription | undefined = undefined;
    const giveUp = (): void => {
      opened?.end(new AppError('SLOW_CONSUMER', 'the subscriber has taken nothing for too long'));
      // Whoever reads nothing would not read the end either; after as long again the connection goes.
      clock.after(slowConsumerMs, () => response.destroy());
    };
    const outlet = new Outlet(response, { clock, stalledMs: slowConsumerMs, onStalled: giveUp });
    let finish!: (how: SubscriptionEnd) => void;
    const ended = new Promise<SubscriptionEnd>((resolve) => (finish = resolve));
    const subscriber: Subscriber = { outlet, deliver: ({ event }) => void response.write(event), end: finish };
    const subscription = await this.#gateway.subscribe({ ...start, subscriber, lastEventId: lastEventIdOf(request) });
    if ('errors' in subscription) {
      response.end(nextEvent(JSON.stringify({ errors: subscription.errors })) + complete);
      return;
    }
    opened = subscription;
    const stopBeats = this.#heartbeat(response, outlet);
    const close = (): void => {
      subscription.close();
      finish({ kind: 'stopped' });
    };
    response.once('close', close);
    if (response.destroyed) close();
    const how = await ended;
    stopBeats();
    if (how.kind === 'failed') response.write(nextEvent(JSON.stringify({ errors: how.errors })));
    if (how.kind !== 'stopped') response.end(complete);
    // The connection would wait for another request, and the stop for the connection.
    else response.end(() => request.socket.end());
  }

  #heartbeat(response: ServerResponse, outlet: Outlet): () => void {
    const { heartbeatMs } = this.#options;
    const { clock } = this.#gateway;
    const beat = (): void => {
      if (!outlet.isWaiting) response.write(comment);
      cancel = clock.after(heartbeatMs, beat);
    };
    let cancel = clock.after(heartbeatMs, beat);
    return () => cancel();
  }
}

/** Undefined where none was sent; browsers send none before they have one. */
function lastEventIdOf({ headers }: IncomingMessage): string | undefined {
  const given = headers[lastEventIdName.toLowerCase()];
  return given === undefined || given === '' ? undefined : String(given);
}
