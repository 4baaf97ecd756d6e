/**
 * A piece of network in front of a TCP server of this machine, which can be cut, stand still, or lose what the server answers. Between members of etcd
 * it knows by the headers of a connection's first request who made it, so that one member can be cut off from the others both ways.
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

export type Treatment =
  /** Bytes go through. */
  | 'pass'
  /** Nothing comes through, and nobody is told. What was sent meanwhile arrives when it passes again. */
  | 'still'
  /** Connections are cut, and new ones refused. */
  | 'cut'
  /** The server hears, and its answers are lost; such a connection is cut afterwards. */
  | 'deaf';

/** How connections are treated, by who made them (what etcd calls the member), where that is known. */
export type Rule = (source: string | undefined) => Treatment;

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  source: string | undefined;
  treatment: Treatment;
  hasLost: boolean;
}

export class Network {
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #readsSources: boolean;
  #rule: Rule = () => 'pass';
  #onLost: (() => void) | undefined;

  private constructor(targetPort: number, readsSources: boolean) {
    this.#readsSources = readsSources;
    this.#server = createServer((client) => this.#join(client, connect(targetPort, '127.0.0.1')));
  }

  /** In front of a port of this machine. */
  static async start(targetPort: number, options: { readonly readsSources?: boolean } = {}): Promise<Network> {
    const network = new Network(targetPort, options.readsSources ?? false);
    network.#server.listen(0, '127.0.0.1');
    await once(network.#server, 'listening');
    return network;
  }

  /** Of the port that leads through it. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  treat(rule: Treatment | Rule): void {
    this.#rule = typeof rule === 'string' ? () => rule : rule;
    for (const connection of [...this.#connections]) this.#apply(connection);
  }

  /** Resolves when something more that the server said was lost. */
  lost(): Promise<void> {
    return new Promise((resolve) => (this.#onLost = resolve));
  }

  async stop(): Promise<void> {
    for (const { client } of this.#connections) client.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket, server: Socket): void {
    const connection: Connection = { client, server, source: undefined, treatment: 'pass', hasLost: false };
    this.#connections.add(connection);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#connections.delete(connection);
        other.destroy();
      });
    }
    client.on('data', (bytes: Buffer) => this.#fromClient(connection, bytes));
    server.on('data', (bytes: Buffer) => {
      if (connection.treatment !== 'deaf') return void client.write(bytes);
      connection.hasLost = true;
      this.#onLost?.();
      this.#onLost = undefined;
    });
    if (!this.#readsSources) this.#apply(connection);
  }

  #fromClient(connection: Connection, bytes: Buffer): void {
    if (this.#readsSources && connection.source === undefined) {
      connection.source = /\r\nX-Server-From: (\w+)\r\n/i.exec(bytes.toString('latin1'))?.[1] ?? '';
      this.#apply(connection);
    }
    if (connection.client.destroyed) return;
    connection.server.write(bytes);
  }

  #apply(connection: Connection): void {
    const { client, server, source, hasLost } = connection;
    connection.treatment = this.#rule(source);
    const isOver = connection.treatment === 'cut' || (connection.treatment !== 'deaf' && hasLost);
    for (const socket of [client, server])
      if (isOver) socket.destroy();
      else if (connection.treatment === 'still') socket.pause();
      else socket.resume();
  }
}
