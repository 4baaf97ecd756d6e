/** What the compose file and the Kubernetes manifests share: the members of etcd, and how much time a stop needs. */
import { settings } from '../../../src/config';
import { unless } from './image';

export type Environment = Readonly<Record<string, string>>;

export const stopDeadlineMs = Number(settings.NORIGATE_STOP_DEADLINE_MS.default);
/** What is given up at the deadline may take a second more for each step. */
export const stopGraceMs = 5_000;
/** In the place of a secret. */
export const secretText = 's'.repeat(32);

/** `--name=value` of a command; empty where it has none. */
export function flagOf(command: readonly string[], name: string): string {
  return command.find((each) => each.startsWith(`--${name}=`))?.slice(name.length + 3) ?? '';
}

/** At the end of an address. */
export const portOf = (url: string): string => /:(\d+)$/.exec(url)?.[1] ?? '';
/** For comparing what has no order. */
export const sorted = (items: Iterable<string>): string => [...items].sort().join(',');

/** A member of etcd, as it is configured. */
export interface Member {
  readonly name: string;
  readonly host: string;
  readonly command: readonly string[];
  readonly advertisedClient: string;
  readonly advertisedPeer: string;
}

/** What a cluster of etcd is told of itself, against who its members are and what norigate dials. */
export function memberFaults(members: readonly Member[], endpoints: string, mountedAt: string): string[] {
  const { command } = members[0]!;
  const client = portOf(flagOf(command, 'listen-client-urls'));
  const peer = portOf(flagOf(command, 'listen-peer-urls'));
  const cluster = members.map(({ name, host }) => `${name}=http://${host}:${peer}`);
  return [
    ...unless(
      sorted(endpoints.split(',')) === sorted(members.map(({ host }) => `${host}:${client}`)),
      'endpoints are not the members',
    ),
    ...unless(
      sorted(flagOf(command, 'initial-cluster').split(',')) === sorted(cluster),
      'initial-cluster is not the members',
    ),
    ...members.flatMap(({ host, advertisedClient, advertisedPeer }) => [
      ...unless(advertisedClient === `http://${host}:${client}`, `${host} is not reached at ${advertisedClient}`),
      ...unless(advertisedPeer === `http://${host}:${peer}`, `${host} is not reached at ${advertisedPeer}`),
    ]),
    ...unless(flagOf(command, 'data-dir').startsWith(`${mountedAt}/`), 'etcd keeps its data beside its volume'),
    ...unless(flagOf(command, 'quota-backend-bytes') === String(8 * 2 ** 30), 'etcd may not grow to 8 GiB'),
    ...unless(
      members.length % 2 === 1 && members.length >= 3,
      `${members.length} members survive no more than one fewer`,
    ),
  ];
}
