/** A WebSocket that speaks graphql-transport-ws by hand, so that a test sees every message. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import { Collector } from './collector';

export interface SocketMessage {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

export interface RawSocket {
  readonly socket: WebSocket;
  readonly messages: Collector<SocketMessage>;
  readonly closed: Promise<[number, Buffer]>;
  /** Asks for a subscription; `variables` go with it. */
  subscribe(id: string, query: string, variables?: Readonly<Record<string, unknown>>): void;
}

/** Opens it and says connection_init with these parameters; resolves when it is acknowledged. */
export async function openAcknowledged(
  port: number,
  parameters: unknown,
  options: ClientOptions = {},
): Promise<RawSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws', options);
  const messages = new Collector<SocketMessage>();
  const closed = once(socket, 'close') as Promise<[number, Buffer]>;
  socket.on('message', (data) => messages.add(JSON.parse(String(data)) as SocketMessage));
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: parameters }));
  await messages.atLeast(1);
  const subscribe: RawSocket['subscribe'] = (id, query, variables) =>
    socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query, variables } }));
  return { socket, messages, closed, subscribe };
}
