/**
 * GraphQL over server-sent events, distinct connections mode (the protocol of graphql-sse): one operation a request, a
 * `next` event for each result, then `complete`. Written by hand, since a caller who reads slowly must slow its source
 * down instead of filling a queue.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Gateway, SubscriptionStart } from './gateway';
import { resultJson, SubscriptionEnded } from './subscriptions';
import type { OpenSubscription } from './subscriptions';

export interface EventStreamOptions {
  readonly slowConsumerMs: number;
  /** Between the comments that keep proxies from closing a quiet stream. Default 12,000. */
  readonly heartbeatMs?: number;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export class EventStreams {
  readonly #gateway: Gateway;
  readonly #options: EventStreamOptions;

  constructor(gateway: Gateway, options: EventStreamOptions) {
    this.#gateway = gateway;
    this.#options = options;
  }

  /** Runs the operation and writes what comes of it; resolves when the stream has ended. */
  async serve({ response }: Exchange, start: SubscriptionStart): Promise<void> {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
    });
    // Some browsers open the stream with the first byte only.
    response.write(':\n\n');
    if (start.operation.type === 'subscription') await this.#subscription(response, start);
    else response.write(next(resultJson(await this.#gateway.execute(start), start.scene)));
    response.end('event: complete\ndata:\n\n');
  }

  async #subscription(response: ServerResponse, start: SubscriptionStart): Promise<void> {
    const subscription = await this.#gateway.subscribe(start);
    if ('errors' in subscription) {
      response.write(next(JSON.stringify({ errors: subscription.errors })));
      return;
    }
    const stopBeats = this.#heartbeat(response);
    const close = (): void => subscription.close();
    response.once('close', close);
    if (response.destroyed) close();
    try {
      for (let json = await subscription.next(); json !== undefined; json = await subscription.next())
        if (!response.write(next(json))) await this.#drained(response, subscription);
    } catch (error) {
      if (!(error instanceof SubscriptionEnded)) throw error;
      response.write(next(JSON.stringify({ errors: error.errors })));
    } finally {
      stopBeats();
      subscription.close();
    }
  }

  /** Resolves when the response takes more; rejects with SLOW_CONSUMER when it does not for too long. */
  #drained(response: ServerResponse, subscription: OpenSubscription): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#gateway.clock.after(this.#options.slowConsumerMs, () => {
        reject(subscription.slowConsumerError());
        // Whoever reads nothing would not read the end either; after as long again the connection goes.
        this.#gateway.clock.after(this.#options.slowConsumerMs, () => response.destroy());
      });
      const finish = (): void => {
        cancel();
        response.off('drain', finish);
        response.off('close', finish);
        resolve();
      };
      response.once('drain', finish);
      response.once('close', finish);
    });
  }

  #heartbeat(response: ServerResponse): () => void {
    const { heartbeatMs = 12_000 } = this.#options;
    const { clock } = this.#gateway;
    let cancel = clock.after(heartbeatMs, beat);
    function beat(): void {
      if (!response.writableNeedDrain) response.write(':\n\n');
      cancel = clock.after(heartbeatMs, beat);
    }
    return () => cancel();
  }
}

function next(json: string): string {
  return `event: next\ndata: ${json}\n\n`;
}
