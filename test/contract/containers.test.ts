/**
 * The image, the compose file and the Kubernetes manifests agree with the program, without a container engine: every rule holds
 * of what is in the repository, and every rule catches the mistake that it is for.
 */
import path from 'node:path';
import { existsSync } from 'node:fs';
import { ensureBuilt, startProgram, temporaryDirectory } from '../e2e/support/program';
import { get } from '../e2e/support/http-get';
import { composeFaults } from './support/compose';
import { imageFaults, imageOf, letsIn } from './support/image';
import { kubernetesFaults, manifestsOf, podEnvironment, specOf } from './support/kubernetes';
import { readJson, readText, repositoryRoot } from './support/repository';

const manifest = readJson<{ bin: { norigate: string }; engines: { node: string } }>('package.json');
const dockerfile = readText('Dockerfile');
const dockerignore = readText('.dockerignore');
const compose = readText('examples/cluster/compose.yaml');
const kubernetes = readText('examples/cluster/kubernetes.yaml');
const image = imageOf(dockerfile);
const surroundings = { program: manifest.bin.norigate, nodeMajor: Number(/\d+/.exec(manifest.engines.node)![0]) };

/** What a text's rules say after a mistake was made in it. */
type Mistake = readonly [mistake: string, from: string, to: string, fault: string];

function mistaken(text: string, [, from, to]: Mistake): string {
  expect(text).toContain(from);
  return text.replace(from, to);
}

describe('the image', () => {
  it('fits the program', () => {
    expect(imageFaults(image, surroundings)).toEqual([]);
  });

  it.each<Mistake>([
    [
      'a directory that is not its user’s',
      'chown node:node /data',
      'chown root:root /data',
      'is not given to the user',
    ],
    ['data beside the volume', 'DATA_DIR=/data', 'DATA_DIR=/norigate/data', 'the data is kept in /norigate/data'],
    ['a root', 'USER 1000:1000', 'USER 0:0', 'is not a number above 0'],
    ['a user by name', 'USER 1000:1000', 'USER node', 'is not a number above 0'],
    ['two bases', 'FROM node:20-bookworm-slim AS', 'FROM node:20-alpine AS', 'native modules'],
    ['an old Node', 'node:20-', 'node:18-', 'is not Node 20'],
    ['another port', 'EXPOSE 4000', 'EXPOSE 8080', 'port 8080 is shown'],
    ['loopback', 'HOST=0.0.0.0', 'HOST=127.0.0.1', 'nobody outside'],
    ['nobody asked for a credential', ' NORIGATE_AUTH=required', '', 'HOST must be a loopback address'],
    ['a setting that is none', 'NORIGATE_AUTH', 'NORIGATE_AUTHENTICATION', 'is not a setting'],
    ['no health check', '"health"]', '"healthy"]', 'the health check'],
    ['another entry', 'ENTRYPOINT ["node", "dist/src/main.js"]', 'ENTRYPOINT ["node", "dist/main.js"]', 'the entry'],
  ])('does not fit with %s', (...mistake) => {
    const faults = imageFaults(imageOf(mistaken(dockerfile, mistake)), surroundings);
    expect(faults.join('\n')).toContain(mistake[3]);
  });

  it('is made of what the build reads, and of nothing else in the folder', () => {
    const build = readText('scripts/build.mjs');
    const [, folders = ''] = /const programFolders = \[([^\]]*)\]/.exec(build) ?? [];
    const read = [...folders.matchAll(/'(\w+)'/g)].map((match) => match[1]!).filter((folder) => folder !== 'bench');
    expect(read).toContain('storage');
    const needed = [...read, 'src/graphiql/index.html', 'tsconfig.json', 'scripts/build.mjs', ...image.taken].filter(
      (each) => each !== '.',
    );
    expect(needed).toContain('package-lock.json');
    expect(needed.filter((each) => !letsIn(dockerignore, each))).toEqual([]);
    expect(dockerignore).toMatch(/^\*$/m);
    const named = dockerignore.split('\n').flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));
    expect(named.filter((each) => !existsSync(path.join(repositoryRoot, each)))).toEqual([]);
    for (const outside of [
      'data/data.mdb',
      '.git/config',
      'node_modules/a',
      'dist/src/main.js',
      'test/a.ts',
      '.env',
      'key.pem',
    ])
      expect([outside, letsIn(dockerignore, outside)]).toEqual([outside, false]);
  });
});

describe('the compose file', () => {
  it('fits the program and its image', () => {
    expect(composeFaults(compose, image)).toEqual([]);
  });

  it.each<Mistake>([
    ['a setting that is none', 'NORIGATE_ETCD_ENDPOINTS', 'NORIGATE_ETCD_ENDPOINT', 'is not a setting'],
    ['an endpoint that is nobody', 'etcd2:2379\n', 'etcd3:2379\n', 'endpoints are not the members'],
    ['another port of etcd', 'client-urls=http://0.0.0.0:2379', 'client-urls=http://0.0.0.0:4001', 'endpoints'],
    ['a member that is missing', ',etcd2=http://etcd2:2380', '', 'initial-cluster'],
    ['a member by another name', 'ETCD_NAME: etcd1', 'ETCD_NAME: etcd0', 'initial-cluster'],
    ['an address of another', 'URLS: http://etcd1:2379', 'URLS: http://etcd0:2379', 'etcd1 is not reached'],
    ['etcd’s data beside its volume', '--data-dir=/data/etcd', '--data-dir=/var/etcd', 'beside its volume'],
    ['a small quota', '8589934592', '2147483648', '8 GiB'],
    ['one volume for two', "['etcd1:/data']", "['etcd0:/data']", 'one to one'],
    ['a volume elsewhere', "['norigate1:/data']", "['norigate1:/norigate/data']", 'norigate1 has its volume not at'],
    ['two of one name', 'hostname: norigate1', 'hostname: norigate0', 'one host name'],
    ['no time to stop', 'stop_grace_period: 20s', 'stop_grace_period: 10s', 'is killed before'],
    ['a port for everybody', '127.0.0.1:4001:4000', '4001:4000', 'norigate1 is open to others'],
    ['another port', '127.0.0.1:4001:4000', '127.0.0.1:4001:4001', 'at another port'],
    [
      'a secret that is too short',
      '${NORIGATE_SECRET:?the same text of at least 32 bytes for all, and for good}',
      'x',
      'NORIGATE_SECRET must be',
    ],
    ['a file system that is written to', 'read_only: true', 'read_only: false', 'may write'],
    ['nobody who starts it again', 'restart: unless-stopped', 'restart: on-failure', 'is not started again'],
  ])('does not fit with %s', (...mistake) => {
    expect(composeFaults(mistaken(compose, mistake), image).join('\n')).toContain(mistake[3]);
  });
});

describe('the Kubernetes manifests', () => {
  it('fit the program and its image', () => {
    expect(kubernetesFaults(kubernetes, image)).toEqual([]);
  });

  it('are refused where one is missing', () => {
    expect(() => kubernetesFaults(kubernetes.replace('kind: Deployment', 'kind: DaemonSet'), image)).toThrow(
      'Deployment',
    );
  });

  const deployment = kubernetes.slice(kubernetes.indexOf('kind: Deployment'));
  const stateful = kubernetes.slice(kubernetes.indexOf('kind: StatefulSet'), kubernetes.indexOf('kind: Deployment'));
  /** In the one part of the file that is meant. */
  const inside = (part: string, from: string, to: string): readonly [string, string] => [part, part.replace(from, to)];

  it.each<Mistake>([
    ['a setting that is none', 'NORIGATE_DRAIN_MS,', 'NORIGATE_DRAIN,', 'is not a setting'],
    ['an endpoint that is nobody', "etcd-2.etcd:2379'", "etcd-3.etcd:2379'", 'endpoints are not the members'],
    ['fewer members', 'replicas: 3', 'replicas: 2', 'endpoints are not the members'],
    ['another Service', 'serviceName: etcd', 'serviceName: members', 'endpoints are not the members'],
    [
      'members that wait for each other',
      'publishNotReadyAddresses: true',
      'publishNotReadyAddresses: false',
      'do not find',
    ],
    ['members one after the other', 'Parallel', 'OrderedReady', 'waits for ever'],
    [
      'members on one node',
      'topologyKey: kubernetes.io/hostname',
      'topologyKey: topology.kubernetes.io/zone',
      'share a node',
    ],
    [
      'no majority',
      'maxUnavailable: 1\n  selector: { matchLabels: { app: etcd } }',
      'maxUnavailable: 2\n  selector: { matchLabels: { app: etcd } }',
      'no majority',
    ],
    [
      'no gateway left',
      'maxUnavailable: 1\n  selector: { matchLabels: { app: norigate } }',
      'maxUnavailable: 2\n  selector: { matchLabels: { app: norigate } }',
      'none of norigate',
    ],
    [
      'variables of the Service',
      ...inside(deployment, 'enableServiceLinks: false', 'enableServiceLinks: true'),
      'variables of Services',
    ],
    ['another user', ...inside(deployment, 'runAsUser: 1000', 'runAsUser: 1001'), 'another user'],
    ['a volume of root', ...inside(deployment, 'fsGroup: 1000', 'fsGroup: 0'), "is not its user's"],
    [
      'a volume of another for etcd',
      ...inside(stateful, 'fsGroup: 65532', 'fsGroup: 0'),
      "the volume of etcd is not its user's",
    ],
    [
      'a volume elsewhere',
      ...inside(deployment, 'mountPath: /data', 'mountPath: /norigate/data'),
      'the volume is not at',
    ],
    [
      'a volume that is not there',
      ...inside(deployment, '{ name: data, emptyDir: {} }', '{ name: scratch, emptyDir: {} }'),
      'mounts what is not there',
    ],
    ['another port', 'containerPort: 4000', 'containerPort: 8080', 'a port is not 4000'],
    ['a probe elsewhere', 'path: /readyz, port: 4000', 'path: /readyz, port: 80', 'a probe asks'],
    ['readiness that says nothing', '/readyz', '/healthz', 'readiness is not asked'],
    [
      'liveness by storage',
      ...inside(deployment, 'livenessProbe: { httpGet: { path: /healthz', 'livenessProbe: { httpGet: { path: /readyz'),
      'would be restarted',
    ],
    ['no time to answer', 'periodSeconds: 5, timeoutSeconds: 3', 'periodSeconds: 5', 'takes a second'],
    ['no time to stop', 'terminationGracePeriodSeconds: 30', 'terminationGracePeriodSeconds: 10', 'is killed before'],
    ['no time to drain', "'5000'", "'0'", 'does not serve while'],
    ['a drain that takes all', "'5000'", "'10000'", 'no time left'],
    [
      'a secret in the open',
      'valueFrom: { secretKeyRef: { name: norigate, key: secret } }',
      `value: '${'s'.repeat(32)}'`,
      'NORIGATE_SECRET is not from a Secret',
    ],
    ['too little memory', 'memory: 3Gi', 'memory: 1Gi', 'do not fit'],
    [
      'a file system that is written to',
      ...inside(deployment, 'readOnlyRootFilesystem: true', 'readOnlyRootFilesystem: false'),
      'may do more',
    ],
  ])('do not fit with %s', (...mistake) => {
    expect(kubernetesFaults(mistaken(kubernetes, mistake), image).join('\n')).toContain(mistake[3]);
  });

  it(
    'ask at addresses that answer whoever is in the pod’s network, and nothing else of the gateway’s',
    async () => {
      await ensureBuilt();
      const directory = await temporaryDirectory();
      const [container] = specOf(manifestsOf(kubernetes), 'Deployment', 'norigate').template.spec.containers;
      const { NORIGATE_ETCD_ENDPOINTS: _, ...environment } = { ...image.environment, ...podEnvironment(container!) };
      const of = { ...environment, NORIGATE_ENGINE: 'memory', NORIGATE_DRAIN_MS: '0', DATA_DIR: directory.path };
      const pod = startProgram(directory.path, of);
      try {
        await pod.logged('storage answers');
        const { origin } = await pod.ready();
        const probes = [container!.startupProbe!, container!.readinessProbe!, container!.livenessProbe!];
        const paths = [...probes.map(({ httpGet }) => httpGet.path), '/graphql?query={__typename}'];
        const ask = (each: string) => get(origin.replace('0.0.0.0', '127.0.0.1'), each, { host: '10.1.2.3:4000' });
        expect(await Promise.all(paths.map(ask))).toEqual([200, 200, 200, 401]);
      } finally {
        await pod.destroy();
        await directory.remove();
      }
    },
    5 * 60_000,
  );
});
