/**
 * Many subscribers, cheaply: WebSockets that speak graphql-transport-ws by hand, and count what comes. The one who makes the changes is in
 * the same process, so that one clock says how long a change takes to its last subscriber.
 */
import { WebSocket } from 'ws';
import { behave } from '../support/child-side';
import { DeliveryMeter } from '../support/delivery-meter';
import { HttpConnection, faultOf, graphqlRequest } from '../support/http-connection';
import type { Measured, RunSpec } from '../support/measured';

export interface Subscribers {
  readonly config: {
    readonly port: number;
    readonly count: number;
    readonly subscription: string;
    /** One change that every subscriber is told of once. */
    readonly mutation: string;
    /** Stands in the answer of every change. */
    readonly expected: string;
  };
  readonly started: true;
  readonly run: RunSpec & {
    /** Changes on their way at once. */
    readonly inFlight: number;
    /** Between the last delivery of a change and the next change. */
    readonly pauseMs: number;
  };
  readonly result: Measured;
}

const socketsAtOnce = 50;
const probeEveryMs = 200;
const quietMs = 500;
const nextHead = Buffer.from('{"id":"1","type":"next"');

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class Audience {
  readonly #config: Subscribers['config'];
  /** Deliveries to each subscriber. */
  readonly #received: Uint32Array;
  readonly #publisher: Publisher;
  #total = 0;
  #meter: DeliveryMeter | undefined;
  #failure: string | undefined;

  private constructor(config: Subscribers['config'], publisher: Publisher) {
    this.#config = config;
    this.#publisher = publisher;
    this.#received = new Uint32Array(config.count);
  }

  /** All have subscribed and are told of changes. */
  static async open(config: Subscribers['config']): Promise<Audience> {
    const audience = new Audience(config, await Publisher.open(config));
    for (let from = 0; from < config.count; from += socketsAtOnce) {
      const to = Math.min(from + socketsAtOnce, config.count);
      await Promise.all(Array.from({ length: to - from }, (_, index) => audience.#open(from + index)));
    }
    // Nothing acknowledges a subscription: changes are made until each subscriber was told of one.
    while (audience.#received.includes(0)) {
      await audience.#publisher.publish();
      await sleep(probeEveryMs);
    }
    await audience.#quiet();
    return audience;
  }

  async run({ inFlight, pauseMs, ...spec }: Subscribers['run']): Promise<Measured> {
    const { count } = this.#config;
    this.#received.fill(0);
    const meter = new DeliveryMeter(spec, count);
    this.#meter = meter;
    await Promise.all(Array.from({ length: inFlight }, () => this.#change(meter, pauseMs)));
    await this.#quiet();
    this.#meter = undefined;
    // Each of them exactly once to each subscriber: what comes twice, or too late, shows here.
    const wrong = this.#received.findIndex((each) => each !== meter.changes);
    if (wrong >= 0)
      meter.failed(`subscriber ${wrong} was told ${this.#received[wrong]} times of ${meter.changes} changes`);
    if (this.#failure !== undefined) meter.failed(this.#failure);
    return meter.result();
  }

  async #change(meter: DeliveryMeter, pauseMs: number): Promise<void> {
    while (!meter.isOver && this.#failure === undefined) {
      const delivered = meter.begin();
      await Promise.all([this.#publisher.publish(), delivered]);
      if (pauseMs > 0) await sleep(pauseMs);
    }
  }

  #open(subscriber: number): Promise<void> {
    const { port, subscription } = this.#config;
    const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws', {
      perMessageDeflate: false,
      skipUTF8Validation: true,
    });
    return new Promise((resolve, reject) => {
      socket.on('open', () => socket.send('{"type":"connection_init"}'));
      socket.once('message', () => {
        socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: subscription } }));
        socket.on('message', (data) => this.#onMessage(subscriber, data as Buffer));
        resolve();
      });
      socket.on('error', reject);
      socket.on('close', (code, reason) => (this.#failure ??= `a socket was closed: ${code} ${String(reason)}`));
    });
  }

  #onMessage(subscriber: number, data: Buffer): void {
    if (data.compare(nextHead, 0, nextHead.length, 0, nextHead.length) !== 0) {
      this.#failure ??= `a subscriber was sent ${data.toString('utf8', 0, 300)}`;
      return;
    }
    const change = this.#received[subscriber]!;
    this.#received[subscriber] = change + 1;
    this.#total += 1;
    this.#meter?.delivered(change);
  }

  /** Resolves when nothing has come for a while. */
  async #quiet(): Promise<void> {
    for (let before = -1; before !== this.#total;) {
      before = this.#total;
      await sleep(quietMs);
    }
  }
}

/** Makes changes over as many connections as there are changes at once. */
class Publisher {
  readonly #config: Subscribers['config'];
  readonly #request: Buffer;
  #idle: HttpConnection[] = [];
  readonly #waiting = new Map<HttpConnection, { resolve: () => void; reject: (error: Error) => void }>();

  private constructor(config: Subscribers['config']) {
    this.#config = config;
    this.#request = graphqlRequest(config, config.mutation);
  }

  static async open(config: Subscribers['config']): Promise<Publisher> {
    const publisher = new Publisher(config);
    await publisher.publish();
    return publisher;
  }

  /** Resolves when the change is acknowledged. */
  async publish(): Promise<void> {
    const expected = Buffer.from(this.#config.expected);
    const connection =
      this.#idle.pop() ??
      (await HttpConnection.open(this.#config.port, {
        onAnswer: (from, answer) => {
          const fault = faultOf(answer, expected);
          if (fault === undefined) this.#waiting.get(from)?.resolve();
          else this.#waiting.get(from)?.reject(new Error(fault));
        },
        onFailure: (from, why) => {
          // A server may close one that nobody uses.
          this.#idle = this.#idle.filter((each) => each !== from);
          this.#waiting.get(from)?.reject(new Error(why));
        },
      }));
    await new Promise<void>((resolve, reject) => {
      this.#waiting.set(connection, { resolve, reject });
      connection.send(this.#request);
    });
    this.#idle.push(connection);
  }
}

behave<Subscribers>(async (config) => {
  const audience = await Audience.open(config);
  return { started: true, run: (run) => audience.run(run) };
});
