/**
 * One WebSocket: what is written to it, whether it takes it, and whether anybody is there. A peer that takes nothing for too long,
 * or leaves a ping unanswered with nothing in its way, is given up: each of its subscriptions is told SLOW_CONSUMER with where to go
 * on, then the socket closes. Frames of subscriptions are written to the stream under the socket as they are; `ws` writes
 * whole frames at once too, since nothing here is compressed, so that the two never mix.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { CancelTimer, Clock } from '../core/clock';
import { AppError } from '../core/errors';
import type { Delivery, MessageHead } from './delivery';
import { Outlet } from './outlet';
import type { OpenSubscription } from './subscriptions';

export interface PeerOptions {
  readonly clock: Clock;
  readonly slowConsumerMs: number;
  /** Between pings; one that is unanswered when the next is due is a sign of a dead peer. */
  readonly heartbeatMs: number;
}

/** "Try again later", of the WebSocket registry of close codes. */
const tryAgainLater = 1013;

export class Peer {
  readonly #socket: WebSocket;
  readonly #stream: Duplex;
  readonly #options: PeerOptions;
  readonly outlet: Outlet;
  readonly #subscriptions = new Set<OpenSubscription>();
  #isAlive = true;
  #isGivenUp = false;
  #cancelBeat: CancelTimer;

  constructor(socket: WebSocket, stream: Duplex, options: PeerOptions) {
    this.#socket = socket;
    this.#stream = stream;
    this.#options = options;
    const { clock, slowConsumerMs: stalledMs, heartbeatMs } = options;
    this.outlet = new Outlet(stream, { clock, stalledMs, onStalled: () => this.#giveUp() });
    socket.on('pong', () => (this.#isAlive = true));
    this.#cancelBeat = clock.after(heartbeatMs, () => this.#beat());
    socket.once('close', () => this.#cancelBeat());
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** Writes a message of the protocol; where much waits already, resolves when it has gone out. */
  send(data: string): Promise<void> | undefined {
    if (!this.isOpen) return undefined;
    this.#socket.send(data);
    return this.outlet.isFull ? new Promise((resolve) => this.outlet.whenDrained(resolve)) : undefined;
  }

  deliver(delivery: Delivery, head: MessageHead): void {
    if (this.isOpen) delivery.writeFrame(this.#stream, head);
  }

  /** Its subscriptions end with it; gives what takes one off. */
  hold(subscription: OpenSubscription): () => void {
    this.#subscriptions.add(subscription);
    return () => this.#subscriptions.delete(subscription);
  }

  #beat(): void {
    const { clock, heartbeatMs } = this.#options;
    // What waits stands before the ping: then the outlet says when it is too long.
    if (!this.#isAlive && !this.outlet.isWaiting) return this.#giveUp();
    if (this.isOpen && !this.outlet.isWaiting) {
      this.#isAlive = false;
      this.#socket.ping();
    }
    this.#cancelBeat = clock.after(heartbeatMs, () => this.#beat());
  }

  #giveUp(): void {
    if (this.#isGivenUp) return;
    this.#isGivenUp = true;
    this.#cancelBeat();
    for (const each of [...this.#subscriptions])
      each.end(new AppError('SLOW_CONSUMER', 'the subscriber has taken nothing for too long'));
    // Those words are on their way in promises.
    setImmediate(() => this.#socket.close(tryAgainLater, 'SLOW_CONSUMER'));
    this.#cancelBeat = this.#options.clock.after(this.#options.heartbeatMs, () => this.#socket.terminate());
  }
}
