/**
 * The Kubernetes manifests of examples/cluster, held to the program (its settings, its ports, how it stops), to the image's user
 * and volume, and to what etcd needs so that a majority stays: rules that give the faults as sentences.
 */

import { settings } from '../../../src/config';
import type { SettingName } from '../../../src/config';
import { flagOf, memberFaults, portOf, secretText, sorted, stopDeadlineMs, stopGraceMs } from './etcd-members';
import type { Environment, Member } from './etcd-members';
import { configFaults, unless } from './image';
import type { Image } from './image';
import { documentsOf } from './yaml';

const isSecret = (name: string): boolean => name in settings && 'isSecret' in settings[name as SettingName];

interface Labels {
  readonly matchLabels: Environment;
}

interface AffinityTerm {
  readonly topologyKey: string;
  readonly labelSelector: Labels;
}

export interface Probe {
  readonly httpGet: { readonly path: string; readonly port: number };
  readonly timeoutSeconds?: number;
  readonly periodSeconds?: number;
  readonly failureThreshold?: number;
}

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef?: { readonly name: string; readonly key: string } };
}

interface Container {
  readonly command?: readonly string[];
  readonly env: readonly Variable[];
  readonly ports: readonly { readonly containerPort: number }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly resources: { readonly limits?: { readonly memory: string } };
  readonly securityContext: {
    readonly readOnlyRootFilesystem?: boolean;
    readonly allowPrivilegeEscalation?: boolean;
    readonly capabilities?: { readonly drop: readonly string[] };
  };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Pod {
  readonly enableServiceLinks?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly affinity: {
    readonly podAntiAffinity: { readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly AffinityTerm[] };
  };
  readonly containers: readonly Container[];
  readonly volumes?: readonly { readonly name: string }[];
}

interface Spec {
  readonly replicas: number;
  readonly serviceName?: string;
  readonly podManagementPolicy?: string;
  readonly publishNotReadyAddresses?: boolean;
  readonly maxUnavailable: number;
  readonly selector: Labels & Environment;
  readonly ports: readonly { readonly port: number; readonly targetPort?: number }[];
  readonly template: { readonly metadata: { readonly labels: Environment }; readonly spec: Pod };
  readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
}

export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Spec;
}

export const manifestsOf = (text: string): Manifest[] => documentsOf(text) as Manifest[];

export function specOf(manifests: readonly Manifest[], kind: string, name: string): Spec {
  const found = manifests.find((each) => each.kind === kind && each.metadata.name === name);
  if (!found) throw new Error(`there is no ${kind} ${name}`);
  return found.spec;
}

/** The environment of a pod's program, with texts for what comes from a Secret. */
export function podEnvironment({ env }: Container): Environment {
  return Object.fromEntries(env.map(({ name, value }) => [name, value ?? secretText]));
}

export function kubernetesFaults(text: string, image: Image): string[] {
  const manifests = manifestsOf(text);
  const spec = (kind: string, name: string): Spec => specOf(manifests, kind, name);
  const [members, budget] = [spec('StatefulSet', 'etcd'), spec('PodDisruptionBudget', 'etcd')];
  return [
    ...unless(members.replicas - budget.maxUnavailable > members.replicas / 2, 'no majority of etcd stays'),
    ...etcdFaults(members, spec('Service', 'etcd'), programOf(spec('Deployment', 'norigate'))),
    ...programFaults(spec('Deployment', 'norigate'), spec('Service', 'norigate'), image),
    ...(['StatefulSet etcd', 'Deployment norigate'] as const).flatMap((title) => {
      const [kind = '', name = ''] = title.split(' ');
      return ownerFaults(name, spec(kind, name), spec('PodDisruptionBudget', name));
    }),
  ];
}

const podOf = ({ template }: Spec): Pod => template.spec;
const programOf = (spec: Spec): Container => podOf(spec).containers[0]!;

/** What holds of the pods of both. */
function ownerFaults(name: string, owner: Spec, budget: Spec): string[] {
  const { labels } = owner.template.metadata;
  const isOfPods = (selected: Environment): boolean => JSON.stringify(selected) === JSON.stringify(labels);
  const pod = podOf(owner);
  const { volumeMounts, securityContext } = programOf(owner);
  const volumes = [...(pod.volumes ?? []), ...(owner.volumeClaimTemplates ?? []).map(({ metadata }) => metadata)];
  const { runAsUser, runAsGroup, fsGroup, runAsNonRoot } = pod.securityContext;
  const isLocked =
    securityContext.readOnlyRootFilesystem === true &&
    securityContext.allowPrivilegeEscalation === false &&
    securityContext.capabilities?.drop.join() === 'ALL';
  return [
    ...unless(isOfPods(owner.selector.matchLabels), `${name} does not select its own pods`),
    ...unless(isOfPods(budget.selector.matchLabels), `the budget of ${name} is of other pods`),
    ...unless(owner.replicas > budget.maxUnavailable, `none of ${name} stays`),
    ...unless(pod.enableServiceLinks === false, `${name} is given variables of Services`),
    ...unless(
      runAsNonRoot === true && runAsUser === runAsGroup && runAsGroup === fsGroup,
      `the volume of ${name} is not its user's`,
    ),
    ...unless(isLocked, `${name} may do more than it needs`),
    ...unless(
      sorted(volumeMounts.map((each) => each.name)) === sorted(volumes.map((each) => each.name)),
      `${name} mounts what is not there`,
    ),
  ];
}

function etcdFaults(owner: Spec, service: Spec, program: Container): string[] {
  const { command = [], volumeMounts, ports, readinessProbe } = programOf(owner);
  const name = owner.serviceName ?? '';
  const members = Array.from({ length: owner.replicas }, (_, index): Member => {
    const own = (flag: string): string => flagOf(command, flag).replace('$(NAME)', `etcd-${index}`);
    return {
      name: own('name'),
      host: `etcd-${index}.${name}`,
      command,
      advertisedClient: own('advertise-client-urls'),
      advertisedPeer: own('initial-advertise-peer-urls'),
    };
  });
  const listens = ['listen-client-urls', 'listen-peer-urls'].map((flag) => portOf(flagOf(command, flag)));
  const [apart] = podOf(owner).affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const isApart =
    apart?.topologyKey === 'kubernetes.io/hostname' &&
    JSON.stringify(apart.labelSelector.matchLabels) === JSON.stringify(owner.template.metadata.labels);
  return [
    ...memberFaults(members, podEnvironment(program)['NORIGATE_ETCD_ENDPOINTS'] ?? '', volumeMounts[0]!.mountPath),
    ...unless(
      sorted(service.ports.map(({ port }) => String(port))) === sorted(listens),
      'the Service etcd has other ports',
    ),
    ...unless(sorted(ports.map((each) => String(each.containerPort))) === sorted(listens), 'etcd has other ports'),
    ...unless(readinessProbe?.httpGet.path === '/health', 'etcd is not asked for its health'),
    ...unless(service.publishNotReadyAddresses === true, 'members do not find each other before they are ready'),
    ...unless(owner.podManagementPolicy === 'Parallel', 'the first member waits for ever to be ready'),
    ...unless(isApart, 'two members may share a node'),
  ];
}

const gibibytes = (text: string): number => Number(/^(\d+)Gi$/.exec(text)?.[1] ?? 0) * 2 ** 30;

function programFaults(owner: Spec, service: Spec, image: Image): string[] {
  const pod = podOf(owner);
  const container = programOf(owner);
  const environment = { ...image.environment, ...podEnvironment(container) };
  const { startupProbe, readinessProbe, livenessProbe } = container;
  const probes = [startupProbe, readinessProbe, livenessProbe];
  const open = container.env.filter(({ name, valueFrom }) => isSecret(name) && !valueFrom?.secretKeyRef);
  const drainMs = Number(environment['NORIGATE_DRAIN_MS'] ?? settings.NORIGATE_DRAIN_MS.default);
  const memoryBytes =
    Number(settings.NORIGATE_VECTOR_MEMORY_BYTES_MAX.default) + Number(settings.NORIGATE_CACHE_BYTES_MAX.default);
  return [
    ...configFaults(environment),
    ...open.map(({ name }) => `${name} is not from a Secret`),
    ...unless(
      `${pod.securityContext['runAsUser']}:${pod.securityContext['fsGroup']}` === image.user,
      'another user than the image has',
    ),
    ...unless(container.volumeMounts[0]?.mountPath === image.volume, `the volume is not at ${image.volume}`),
    ...unless(container.command === undefined, 'the command of the image is replaced'),
    ...unless(
      [
        ...service.ports.map(({ port, targetPort }) => targetPort ?? port),
        ...container.ports.map((each) => each.containerPort),
      ].every((port) => String(port) === image.port),
      `a port is not ${image.port}`,
    ),
    ...unless(
      probes.every((each) => String(each?.httpGet.port) === image.port),
      `a probe asks at another port than ${image.port}`,
    ),
    ...unless(readinessProbe?.httpGet.path === '/readyz', 'readiness is not asked of /readyz'),
    ...unless(livenessProbe?.httpGet.path === '/healthz', 'a gateway whose storage is away would be restarted'),
    ...unless((readinessProbe?.timeoutSeconds ?? 1) > 1, '/readyz itself takes a second to say no'),
    ...unless(
      (pod.terminationGracePeriodSeconds ?? 30) * 1_000 >= stopDeadlineMs + stopGraceMs,
      'a pod is killed before it has stopped',
    ),
    ...unless(
      drainMs >= 2_000 && drainMs <= stopDeadlineMs / 2,
      'a pod does not serve while it is taken out, or has no time left to stop',
    ),
    ...unless(gibibytes(container.resources.limits?.memory ?? '') >= 2 * memoryBytes, 'vectors and caches do not fit'),
  ];
}
