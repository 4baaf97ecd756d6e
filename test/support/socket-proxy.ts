/** A proxy between a client and a unix socket, which can lose what the server answers and cut connections. */
import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';

export class SocketProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** While true, what the server says goes nowhere. */
  isDeaf = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(path: string, target: string): Promise<SocketProxy> {
    const proxy: SocketProxy = new SocketProxy(createServer((socket) => proxy.#join(socket, connect(target))));
    proxy.#server.listen(path);
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** Cuts every connection; new ones are taken. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket, server: Socket): void {
    client.pipe(server);
    server.on('data', (bytes: Buffer) => {
      if (!this.isDeaf) client.write(bytes);
    });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
