/**
 * A member that comes back at another address, as one in a container does: what was dialled before leads nowhere, without a word, and
 * a new connection leads to it.
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { systemClock } from '../../src/core/clock';
import { EtcdChannel } from '../../storage/etcd/channel';
import { methods } from '../../storage/etcd/messages';
import { EtcdCluster } from '../support/etcd';

/** An address behind which nobody is, until the member is there for those who dial from then on. */
class Address {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #member: string | undefined;

  constructor() {
    this.#server = createServer((socket) => {
      this.#keep(socket);
      if (this.#member === undefined) return;
      const [host = '', port = ''] = this.#member.split(':');
      const other = this.#keep(connect(Number(port), host));
      socket.pipe(other).pipe(socket);
    });
  }

  async listen(): Promise<string> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when somebody dials it from now on. */
  async dialled(): Promise<void> {
    await once(this.#server, 'connection');
  }

  /** Whoever waits already goes on waiting. */
  leadTo(member: string): void {
    this.#member = member;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    return socket.on('error', () => socket.destroy()).on('close', () => this.#sockets.delete(socket));
  }
}

describe.each([1, 2])('of %d endpoints, those behind which nobody is', (count) => {
  test('are dialled anew, and found when they are there again', async () => {
    const cluster = await EtcdCluster.start();
    const addresses = Array.from({ length: count }, () => new Address());
    const endpoints = await Promise.all(addresses.map((each) => each.listen()));
    const channel = new EtcdChannel({ endpoints, clock: systemClock, readMs: 500 });
    try {
      const dialled = Promise.all(addresses.map((each) => each.dialled()));
      await expect(channel.ask(methods.status, {})).rejects.toThrow('etcd does not answer');
      await channel.ask(methods.status, {}).catch(() => undefined);
      await dialled;
      for (const address of addresses) address.leadTo(cluster.endpoints[0]!);
      const beganMs = systemClock.monotonicMs();
      while (!(await channel.ask(methods.status, {}).catch(() => undefined)))
        if (systemClock.monotonicMs() - beganMs > 5_000) throw new Error('nobody dialled anew');
    } finally {
      channel.close();
      for (const address of addresses) address.close();
      await cluster.stop();
    }
  }, 30_000);
});
