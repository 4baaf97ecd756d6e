/** What faults are run on: three members of etcd, two machines with a storage process and a gateway each, and a network between all of them that can fail. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureBuilt, startProgram, temporaryDirectory } from '../../e2e/support/program';
import type { Program } from '../../e2e/support/program';
import { EtcdCluster } from '../../support/etcd';
import { Network } from './network';

const run = promisify(execFile);
const memberCount = 3;
const clockPreload = join(__dirname, 'shifted-clock.cjs');

/** Variables of the programs. */
type Settings = Readonly<Record<string, string>>;

export interface BedOptions {
  /** Further arguments of every member. */
  readonly memberArgs?: readonly string[];
  readonly settings?: Settings;
}

/** A storage process and the gateway beside it. */
export class Machine {
  readonly name: string;
  /** Between its storage process and each member. */
  readonly networks: readonly Network[];
  readonly #directory: string;
  readonly #environment: Readonly<Record<string, string>>;
  storage!: Program;
  gateway!: Program;

  constructor(name: string, directory: string, networks: readonly Network[], settings: Settings) {
    this.name = name;
    this.networks = networks;
    this.#directory = join(directory, name);
    this.#environment = {
      NORIGATE_ENGINE: 'etcd',
      NORIGATE_ETCD_ENDPOINTS: networks.map(({ port }) => `127.0.0.1:${port}`).join(','),
      NORIGATE_SECRET: 'the same secret on every machine',
      ...settings,
      CLOCK_FILE: join(directory, `${name}.clock`),
      NODE_OPTIONS: `--require ${clockPreload}`,
    };
  }

  async start(): Promise<void> {
    await this.#writeClock(0);
    await this.startStorage();
    await this.startGateway();
  }

  async startStorage(): Promise<void> {
    this.storage = startProgram(this.#directory, this.#environment, ['storage']);
    await this.storage.logged('storage listens');
  }

  async startGateway(): Promise<void> {
    const { NODE_OPTIONS: _, ...environment } = this.#environment;
    this.gateway = await startProgram(this.#directory, environment, ['gateway']).ready();
  }

  /** Sets the clock of its storage process wrong by so many milliseconds. */
  async shiftClock(offsetMs: number): Promise<void> {
    await this.#writeClock(offsetMs);
    this.storage.process.kill('SIGUSR2');
  }

  #writeClock(offsetMs: number): Promise<void> {
    return writeFile(this.#environment['CLOCK_FILE']!, String(offsetMs));
  }
}

export class Bed {
  readonly cluster: EtcdCluster;
  readonly machines: readonly Machine[];
  /** In front of each member, for the others. */
  readonly #peers: readonly Network[];
  /** What etcd calls each member. */
  readonly #memberIds: readonly string[];
  readonly #removeDirectory: () => Promise<void>;

  private constructor(
    cluster: EtcdCluster,
    machines: readonly Machine[],
    peers: readonly Network[],
    memberIds: readonly string[],
    removeDirectory: () => Promise<void>,
  ) {
    this.cluster = cluster;
    this.machines = machines;
    this.#peers = peers;
    this.#memberIds = memberIds;
    this.#removeDirectory = removeDirectory;
  }

  static async start({ memberArgs = [], settings = {} }: BedOptions = {}): Promise<Bed> {
    await ensureBuilt();
    const directory = await temporaryDirectory();
    const peers: Network[] = [];
    const before = async (port: number): Promise<number> => {
      const network = await Network.start(port, { readsSources: true });
      peers.push(network);
      return network.port;
    };
    const cluster = await EtcdCluster.start({ members: memberCount, isDurable: true, args: memberArgs, before });
    const memberIds = await idsOf(cluster);
    const machines: Machine[] = [];
    for (const name of ['first', 'second']) {
      const ports = cluster.endpoints.map((endpoint) => Number(endpoint.split(':')[1]));
      const networks = await Promise.all(ports.map((port) => Network.start(port)));
      machines.push(new Machine(name, directory.path, networks, settings));
    }
    const bed = new Bed(cluster, machines, peers, memberIds, directory.remove);
    // One after the other: the first storage process is the one whose clock counts.
    for (const machine of machines) await machine.start();
    return bed;
  }

  async stop(): Promise<void> {
    await Promise.all(this.machines.flatMap(({ storage, gateway }) => [storage?.destroy(), gateway?.destroy()]));
    await this.cluster.stop();
    await Promise.all(
      [...this.#peers, ...this.machines.flatMap(({ networks }) => networks)].map((each) => each.stop()),
    );
    await this.#removeDirectory();
  }

  /** Cuts a member off from the others, both ways; its clients still reach it. */
  isolate(member: number): void {
    const id = this.#memberIds[member];
    this.#peers.forEach((network, index) =>
      network.treat(index === member ? 'cut' : (source) => (source === id ? 'cut' : 'pass')),
    );
  }

  /** All members reach each other. */
  rejoin(): void {
    for (const network of this.#peers) network.treat('pass');
  }

  /** What `etcdctl` does, on one member or on all. */
  async etcdctl(args: readonly string[], endpoints = this.cluster.endpoints): Promise<string> {
    return etcdctl(args, endpoints);
  }
}

async function etcdctl(args: readonly string[], endpoints: readonly string[]): Promise<string> {
  const { PATH = '' } = process.env;
  const options = { env: { PATH, ETCDCTL_API: '3' } };
  const { stdout } = await run('etcdctl', [`--endpoints=${endpoints.join(',')}`, ...args], options);
  return stdout;
}

/** In the order of the members. */
async function idsOf(cluster: EtcdCluster): Promise<string[]> {
  const lines = (await etcdctl(['member', 'list'], cluster.endpoints)).trim().split('\n');
  const idByName = new Map(lines.map((line) => line.split(', ')).map(([id, , name]) => [name!, id!]));
  return cluster.members.map(({ name }) => idByName.get(name)!);
}
