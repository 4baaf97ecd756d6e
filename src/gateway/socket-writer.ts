/**
 * Writes to WebSockets without filling memory: while a socket's buffer is full, whoever writes to it waits, which stops the source
 * of what is written. A socket that takes nothing at all for too long is given up: what waits for it ends with
 * SLOW_CONSUMER, then it is closed.
 */
import type { WebSocket } from 'ws';
import type { Clock } from '../core/clock';
import type { OpenSubscription } from './subscriptions';

const bufferedBytesMax = 262_144;
/** "Try again later", of the WebSocket registry of close codes. */
const tryAgainLater = 1013;

export class SocketWriter {
  readonly #clock: Clock;
  readonly #slowConsumerMs: number;
  /** For each socket whose buffer is full: how to give up what waits for it. */
  readonly #waiting = new WeakMap<WebSocket, Set<() => void>>();

  constructor(clock: Clock, slowConsumerMs: number) {
    this.#clock = clock;
    this.#slowConsumerMs = slowConsumerMs;
  }

  /** Writes to the socket; where its buffer is full, resolves when what was written has gone out. */
  send(socket: WebSocket, data: string, subscription?: OpenSubscription): Promise<void> | undefined {
    if (socket.readyState !== socket.OPEN) return undefined;
    if (socket.bufferedAmount < bufferedBytesMax) {
      socket.send(data);
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(socket) ?? new Set();
      this.#waiting.set(socket, waiting);
      const giveUp = (): void => {
        settle();
        if (subscription) reject(subscription.slowConsumerError());
        else resolve();
      };
      let before = socket.bufferedAmount;
      const look = (): void => {
        const now = socket.bufferedAmount;
        if (now >= before) return this.#giveUp(socket);
        before = now;
        cancel = this.#clock.after(this.#slowConsumerMs, look);
      };
      let cancel = this.#clock.after(this.#slowConsumerMs, look);
      const settle = (): void => {
        cancel();
        waiting.delete(giveUp);
      };
      waiting.add(giveUp);
      socket.send(data, () => {
        settle();
        resolve();
      });
    });
  }

  /** The socket takes nothing: everything that waits for it ends, and it closes behind their last words. */
  #giveUp(socket: WebSocket): void {
    for (const giveUp of [...(this.#waiting.get(socket) ?? [])]) giveUp();
    // Those words are on their way in promises; ws drops the connection when they do not arrive.
    setImmediate(() => socket.close(tryAgainLater, 'SLOW_CONSUMER'));
  }
}
