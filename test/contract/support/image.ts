/** The image as its Dockerfile says it, and what is wrong with that: rules as functions that give the faults as sentences. */
import { readConfig, settings } from '../../../src/config';

/** What containers of the image are given, and what they may do. */
export interface Image {
  readonly bases: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly user: string;
  readonly volume: string;
  readonly port: string;
  readonly entry: readonly string[];
  readonly healthCheck: readonly string[];
  /** Commands run while it is made, in its last stage. */
  readonly runs: readonly string[];
  /** What the first stage takes from the folder. */
  readonly taken: readonly string[];
}

interface Instruction {
  readonly name: string;
  readonly text: string;
  readonly stage: number;
}

/** Of a text without escapes beyond the end of a line. */
function instructionsOf(dockerfile: string): Instruction[] {
  let stage = -1;
  return dockerfile
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => /^[A-Z]/.test(line))
    .map((line) => {
      const [, name = '', text = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
      if (name === 'FROM') stage += 1;
      return { name, text, stage };
    });
}

export function imageOf(dockerfile: string): Image {
  const all = instructionsOf(dockerfile);
  const lastStage = Math.max(...all.map(({ stage }) => stage));
  const texts = (name: string, stage = lastStage): string[] =>
    all.filter((each) => each.name === name && each.stage === stage).map(({ text }) => text);
  const last = (name: string): string => texts(name).at(-1) ?? '';
  const command = (text: string): string[] => JSON.parse(/\[.*\]$/.exec(text)?.[0] ?? '[]') as string[];
  const pairs = texts('ENV').flatMap((text) => text.split(/\s+/).map((pair) => pair.split('=') as [string, string]));
  return {
    bases: all.filter(({ name }) => name === 'FROM').map(({ text }) => text.split(' ')[0]!),
    environment: Object.fromEntries(pairs),
    user: last('USER'),
    volume: last('VOLUME'),
    port: last('EXPOSE'),
    entry: command(last('ENTRYPOINT')),
    healthCheck: command(last('HEALTHCHECK')),
    runs: texts('RUN'),
    taken: texts('COPY', 0).flatMap((text) => text.split(/\s+/).slice(0, -1)),
  };
}

/** What the configuration says against these variables. */
export function configFaults(environment: Readonly<Record<string, string>>): string[] {
  try {
    readConfig(environment);
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

/** `rule` where it does not hold. */
export const unless = (holds: boolean, rule: string): string[] => (holds ? [] : [rule]);

export interface ImageSurroundings {
  /** The program that package.json names. */
  readonly program: string;
  /** The oldest Node that it runs on. */
  readonly nodeMajor: number;
}

export function imageFaults(image: Image, { program, nodeMajor }: ImageSurroundings): string[] {
  const { environment, user, volume, port, entry, healthCheck, runs, bases } = image;
  const [uid = '', gid = ''] = user.split(':');
  const made = runs.join('\n');
  return [
    ...configFaults(environment),
    ...unless(
      new Set(bases).size === 1,
      `native modules are built on one base and run on another: ${bases.join(', ')}`,
    ),
    ...unless(
      bases.every((base) => base.startsWith(`node:${nodeMajor}-`)),
      `the base is not Node ${nodeMajor}`,
    ),
    ...unless(
      /^[1-9]\d*$/.test(uid) && uid === gid,
      `the user is not a number above 0, the same as its group: ${user}`,
    ),
    ...unless(
      volume === environment['DATA_DIR'],
      `the data is kept in ${environment['DATA_DIR']}, the volume is ${volume}`,
    ),
    ...unless(made.includes(`chown node:node ${volume}`), `${volume} is not given to the user`),
    ...unless(port === settings.PORT.default, `port ${port} is shown, the program listens on ${settings.PORT.default}`),
    ...unless(entry.join(' ') === `node ${program}`, `the entry is not ${program}`),
    ...unless(healthCheck.join(' ') === `node ${program} health`, 'the health check is not norigate health'),
    ...unless(environment['HOST'] === '0.0.0.0', 'nobody outside the container reaches it'),
  ];
}

/** Whether .dockerignore lets a path of the repository into the build: it refuses all and names what it lets in. */
export function letsIn(dockerignore: string, path: string): boolean {
  const allowed = dockerignore.split('\n').filter((line) => line.startsWith('!'));
  return allowed.some((line) => path === line.slice(1) || path.startsWith(`${line.slice(1)}/`));
}
