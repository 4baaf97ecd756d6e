/** Real etcd members on free ports of this machine, with data directories of their own, which tests start, pause, kill and start again. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock';
import { EtcdChannel } from '../../storage/etcd/channel';
import { methods } from '../../storage/etcd/messages';

export interface EtcdClusterOptions {
  /** Default 1. */
  readonly members?: number;
  /** Flushes to disk as etcd does; without, a kill may lose what was acknowledged, and tests are faster. Default false. */
  readonly isDurable?: boolean;
  /** Further arguments of every member. */
  readonly args?: readonly string[];
  /** Puts something between the members: given the port of one, the port by which the others reach it. */
  readonly before?: (peerPort: number) => Promise<number>;
}

interface Member {
  readonly name: string;
  readonly endpoint: string;
  readonly args: readonly string[];
  process: ChildProcess | undefined;
}

export class EtcdCluster {
  readonly directory: string;
  readonly members: readonly Member[];

  private constructor(directory: string, members: readonly Member[]) {
    this.directory = directory;
    this.members = members;
  }

  /** Starts the members; resolves when they have a leader. */
  static async start(options: EtcdClusterOptions = {}): Promise<EtcdCluster> {
    const { members: count = 1, isDurable = false, args = [], before } = options;
    const directory = await mkdtemp(join(tmpdir(), 'norigate-etcd-'));
    const ports = await freePorts(2 * count);
    const peerPorts = ports.slice(count);
    const shownPorts = before ? await Promise.all(peerPorts.map(before)) : peerPorts;
    const peers = shownPorts.map((port, index) => `m${index}=http://127.0.0.1:${port}`);
    const members = peers.map((peer, index): Member => {
      const endpoint = `127.0.0.1:${ports[index]}`;
      const peerUrl = peer.slice(peer.indexOf('=') + 1);
      const name = `m${index}`;
      const own = ['--name', name, '--data-dir', join(directory, name)];
      own.push('--listen-client-urls', `http://${endpoint}`, '--advertise-client-urls', `http://${endpoint}`);
      own.push('--listen-peer-urls', `http://127.0.0.1:${peerPorts[index]}`, '--initial-advertise-peer-urls', peerUrl);
      own.push(
        '--initial-cluster',
        peers.join(','),
        '--initial-cluster-state',
        'new',
        '--logger',
        'zap',
        '--log-level',
        'error',
      );
      if (!isDurable) own.push('--unsafe-no-fsync');
      return { name, endpoint, args: [...own, ...args], process: undefined };
    });
    const cluster = new EtcdCluster(directory, members);
    for (const index of members.keys()) cluster.#spawn(index);
    await cluster.leader();
    return cluster;
  }

  get endpoints(): readonly string[] {
    return this.members.map(({ endpoint }) => endpoint);
  }

  /** The number of the member that leads; waits until one does. */
  async leader(): Promise<number> {
    const channel = new EtcdChannel({ endpoints: this.endpoints, clock: systemClock, callMs: 500 });
    try {
      for (;;) {
        const { members } = await channel.ask(methods.memberList, {}).catch(() => ({ members: [] }));
        for (const [index, { endpoint }] of this.members.entries()) {
          const status = await channel.askAt(endpoint, methods.status, {}).catch(() => undefined);
          const own = members.find(({ name }) => name === this.members[index]!.name);
          if (own && status && status.leader === own.id) return index;
        }
        await systemClock.sleep(50);
      }
    } finally {
      channel.close();
    }
  }

  signal(index: number, signal: NodeJS.Signals): void {
    this.members[index]!.process!.kill(signal);
  }

  /** Ends a member with kill -9; resolves when it is gone. */
  async kill(index: number): Promise<void> {
    const { process } = this.members[index]!;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const gone = once(process, 'exit');
    process.kill('SIGKILL');
    await gone;
  }

  /** Starts a member again on its data. */
  restart(index: number): void {
    this.#spawn(index);
  }

  /** Ends all members and removes their data. */
  async stop(): Promise<void> {
    await Promise.all(this.members.map((_, index) => this.kill(index)));
    await rm(this.directory, { recursive: true, force: true });
  }

  #spawn(index: number): void {
    const member = this.members[index]!;
    // Its own words are of no use to a test that passes; of one that fails the reason is on the standard error.
    member.process = spawn('etcd', [...member.args], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

/** Ports that nobody uses now, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
