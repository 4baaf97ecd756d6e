/** A subscriber to all events of a tenant, which goes on behind the last cursor that it saw whenever it is cut off, at whichever gateway answers. */
import { createClient } from 'graphql-ws';
import type { Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Clock } from '../../../src/core/clock';
import type { Machine } from './bed';

export interface FollowerOptions {
  readonly machines: readonly Machine[];
  /** The machine that it begins at. */
  readonly first: number;
  readonly tenantId: string;
  readonly clock: Clock;
  /** What it asks for of each event. */
  readonly fields: string;
  readonly onEvent: () => void;
}

interface Delivery<Event> {
  readonly allEvents: { readonly event: Event | null; readonly cursor: string; readonly caughtUp: boolean };
}

const pauseMs = 50;

export class Follower<Event> {
  readonly events: Event[] = [];
  readonly #options: FollowerOptions;
  readonly #query: string;
  #cursor: string | undefined;
  #client: Client | undefined;
  #running: Promise<void> | undefined;
  #isEnded = false;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#query = `subscription ($after: String) { allEvents(after: $after) { event { ${options.fields} } cursor caughtUp } }`;
  }

  /** Resolves when it is live. */
  begin(): Promise<void> {
    return new Promise((resolve) => (this.#running = this.#run(resolve)));
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    this.#client?.terminate();
    await this.#running;
  }

  async #run(onLive: () => void): Promise<void> {
    const { machines, first, clock } = this.#options;
    for (let at = first; !this.#isEnded; at = (at + 1) % machines.length) {
      await this.#follow(machines[at]!, onLive);
      await clock.sleep(pauseMs);
    }
  }

  /** Resolves when it breaks off, whyever. */
  #follow({ gateway }: Machine, onLive: () => void): Promise<void> {
    const client = createClient({
      url: `${gateway.origin.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { 'x-tenant-id': this.#options.tenantId },
      retryAttempts: 0,
    });
    this.#client = client;
    return new Promise<void>((resolve) => {
      client.subscribe<Delivery<Event>>(
        { query: this.#query, variables: { after: this.#cursor } },
        {
          next: ({ data }) => {
            if (!data) return;
            const { event, cursor, caughtUp } = data.allEvents;
            this.#cursor = cursor;
            if (event) this.events.push(event);
            if (caughtUp) onLive();
            this.#options.onEvent();
          },
          error: () => resolve(),
          complete: () => resolve(),
        },
      );
    }).then(() => void client.dispose());
  }
}
