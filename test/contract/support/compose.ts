/** The compose file of examples/cluster, held to the program and its image: rules that give the faults as sentences. */
import { memberFaults, portOf, secretText, sorted, stopDeadlineMs, stopGraceMs } from './etcd-members';
import type { Environment } from './etcd-members';
import { configFaults, unless } from './image';
import type { Image } from './image';
import { documentsOf } from './yaml';

interface ComposeService {
  readonly image: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment: Environment;
  readonly volumes: readonly string[];
  readonly ports?: readonly string[];
  readonly hostname?: string;
  readonly read_only?: boolean;
  readonly restart?: string;
  readonly stop_grace_period?: string;
}

interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

export function composeFaults(text: string, image: Image): string[] {
  // What it asks of the environment, as somebody would set it; defaults where there are some.
  const filled = text.replace(/\$\{\w+:-([^}]*)\}/g, '$1').replace(/\$\{\w+:\?[^}]*\}/g, secretText);
  const compose = documentsOf(filled)[0] as Compose;
  const services = Object.entries(compose.services);
  const machines = services.filter(([, { environment }]) => 'NORIGATE_ENGINE' in environment);
  const etcds = services.filter(([, { entrypoint }]) => entrypoint?.join() === 'etcd');
  const [, machine] = machines[0]!;
  const members = etcds.map(([host, { environment, command = [] }]) => ({
    name: environment['ETCD_NAME'] ?? '',
    host,
    command,
    advertisedClient: environment['ETCD_ADVERTISE_CLIENT_URLS'] ?? '',
    advertisedPeer: environment['ETCD_INITIAL_ADVERTISE_PEER_URLS'] ?? '',
  }));
  const volumesOf = ({ volumes }: ComposeService): string[][] => volumes.map((each) => each.split(':'));
  const used = services.flatMap(([, service]) => volumesOf(service).map(([name]) => name!));
  return [
    ...memberFaults(members, machine.environment['NORIGATE_ETCD_ENDPOINTS'] ?? '', volumesOf(etcds[0]![1])[0]![1]!),
    ...unless(machines.length + etcds.length === services.length, 'a service is neither etcd nor norigate'),
    ...unless(
      used.length === services.length && sorted(new Set(used)) === sorted(Object.keys(compose.volumes)),
      'services and volumes are not one to one',
    ),
    ...unless(
      new Set(machines.map(([, { hostname }]) => hostname)).size === machines.length,
      'two machines have one host name',
    ),
    ...services.flatMap(([name, service]) => [
      ...unless(service.read_only === true, `${name} may write beside its volume`),
      ...unless(service.restart === 'unless-stopped', `${name} is not started again`),
    ]),
    ...machines.flatMap(([name, service]) => [
      ...configFaults({ ...image.environment, ...service.environment }),
      ...unless(volumesOf(service)[0]?.[1] === image.volume, `${name} has its volume not at ${image.volume}`),
      ...unless(
        (service.ports ?? []).every((each) => each.startsWith('127.0.0.1:') && portOf(each) === image.port),
        `${name} is open to others, or at another port than ${image.port}`,
      ),
      ...unless(
        Number(/^(\d+)s$/.exec(service.stop_grace_period ?? '')?.[1] ?? 0) * 1_000 >= stopDeadlineMs + stopGraceMs,
        `${name} is killed before it has stopped`,
      ),
    ]),
  ];
}
