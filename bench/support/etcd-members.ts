/** Members of etcd for a bench, on free ports of this machine, that flush to the bench's disk as etcd does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock';
import { EtcdChannel } from '../../storage/etcd/channel';
import { methods } from '../../storage/etcd/messages';
import type { World } from './world';

export interface EtcdMembers {
  /** `host:port` each. */
  readonly endpoints: readonly string[];
  /** The processes, by name. */
  readonly pids: Readonly<Record<string, number>>;
}

const startMsMax = 20_000;

/** Starts so many; resolves when they have a leader. They end with the world. */
export async function startEtcdMembers(world: World, count: number): Promise<EtcdMembers> {
  const directory = world.makeDirectory();
  const ports = await freePorts(2 * count);
  const endpoints = ports.slice(0, count).map((port) => `127.0.0.1:${port}`);
  const peers = ports.slice(count).map((port) => `http://127.0.0.1:${port}`);
  const cluster = peers.map((peer, index) => `m${index}=${peer}`).join(',');
  const pids = endpoints.map((endpoint, index) => {
    const args = ['--name', `m${index}`, '--data-dir', join(directory, `m${index}`)];
    args.push('--listen-client-urls', `http://${endpoint}`, '--advertise-client-urls', `http://${endpoint}`);
    args.push('--listen-peer-urls', peers[index]!, '--initial-advertise-peer-urls', peers[index]!);
    args.push('--initial-cluster', cluster, '--logger', 'zap', '--log-level', 'error');
    const { pid } = spawn('etcd', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    if (pid === undefined) throw new Error('etcd could not be started: is it installed?');
    world.own(pid, `etcd ${index}`);
    return pid;
  });
  await led(endpoints);
  return { endpoints, pids: Object.fromEntries(pids.map((pid, index) => [`etcd ${index}`, pid])) };
}

/** Resolves when every member knows who leads. */
async function led(endpoints: readonly string[]): Promise<void> {
  const channel = new EtcdChannel({ endpoints, clock: systemClock });
  const beganMs = systemClock.monotonicMs();
  const isLed = async (endpoint: string): Promise<boolean> =>
    (await channel.askAt(endpoint, methods.status, {}).catch(() => ({ leader: 0 }))).leader !== 0;
  while (!(await Promise.all(endpoints.map(isLed))).every(Boolean)) {
    if (systemClock.monotonicMs() - beganMs > startMsMax) throw new Error('etcd has no leader in time');
    await systemClock.sleep(50);
  }
  channel.close();
}

/** Ports that nobody uses now, all different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
