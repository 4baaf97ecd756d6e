/** Elections as their users have them: two gateways on one storage process, over HTTP and WebSocket, killed and paused. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Client } from 'graphql-ws';
import { Collector, until } from './support/collector';
import { ensureBuilt, startProgram, temporaryDirectory } from './support/program';
import type { Program } from './support/program';
import type { GraphqlAnswer } from './support/sample-gateway';

const minute = 60_000;
/** What a busy machine may add to any time. */
const slackMs = 3_000;

interface Leadership {
  readonly candidateId: string;
  readonly fencingToken: number;
}
interface Status {
  readonly isLeader: boolean;
  readonly leadership: Leadership | null;
  readonly leader: Leadership | null;
}
type Outcome = { readonly __typename: string; readonly fencingToken?: number; readonly leader?: Leadership | null };

const campaignText = `mutation($input: CampaignInput!) { campaign(input: $input) {
  __typename ... on Leadership { candidateId fencingToken } ... on LeadershipHeld { leader { candidateId fencingToken } } } }`;
const standText = `subscription($election: String!, $candidateId: String!, $leaseMs: SafeInt!) {
  campaign(election: $election, candidateId: $candidateId, leaseMs: $leaseMs) {
    isLeader leadership { candidateId fencingToken } leader { candidateId fencingToken } } }`;
const putText = `mutation($input: KvPutInput!) { kvPut(input: $input) { __typename ... on Fenced { currentToken } } }`;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let storage: Program;
let election: string;
let tests = 0;
let one: Program;
let two: Program;
const programs: Program[] = [];
const clients: Client[] = [];
const workers: ChildProcess[] = [];

const start = (args: string[]): Program => {
  const program = startProgram(directory.path, {}, args);
  programs.push(program);
  return program;
};
const startStorage = async (): Promise<void> => {
  storage = start(['storage']);
  await storage.logged('storage listens');
};

const isOver = ({ process: { exitCode, signalCode } }: Program): boolean => exitCode !== null || signalCode !== null;
/** The gateway, or another in its place. */
const living = (gateway: Program | undefined): Promise<Program> =>
  gateway && !isOver(gateway) ? Promise.resolve(gateway) : start(['gateway']).ready();

beforeAll(ensureBuilt, 5 * minute);
beforeAll(async () => {
  directory = await temporaryDirectory();
  await startStorage();
}, minute);
/** An election of its own for each test. */
beforeEach(async () => {
  election = `e${(tests += 1)}`;
  [one, two] = await Promise.all([living(one), living(two)]);
}, minute);
afterEach(() => {
  for (const worker of workers.splice(0)) worker.kill('SIGKILL');
  for (const client of clients.splice(0)) void client.dispose();
});
afterAll(async () => {
  await Promise.all(programs.splice(0).map((each) => each.destroy()));
  await directory?.remove();
});

/** A candidate behind a socket of its own. */
class Candidate {
  readonly seen = new Collector<Status>();
  readonly id: string;
  readonly #client: Client;

  constructor(program: Program, id: string, leaseMs: number) {
    this.id = id;
    this.#client = program.client();
    clients.push(this.#client);
    this.#client.subscribe(
      { query: standText, variables: { election, candidateId: id, leaseMs } },
      {
        next: ({ data }) => void (data && this.seen.add((data as { campaign: Status }).campaign)),
        error: () => undefined,
        complete: () => undefined,
      },
    );
  }

  get now(): Status | undefined {
    return this.seen.items.at(-1);
  }

  get leads(): boolean {
    return this.now?.isLeader === true;
  }

  get token(): number {
    return this.now!.leadership!.fencingToken;
  }

  /** Drops the socket. */
  leave(): void {
    this.#client.terminate();
  }
}

const campaign = async (program: Program, input: Record<string, unknown>): Promise<Outcome> => {
  const { data, errors } = await program.query(campaignText, { input: { election, ...input } });
  if (!data) throw new Error(errors![0]!.extensions.code);
  return data['campaign'] as Outcome;
};
const fencedPut = (program: Program, token: number): Promise<GraphqlAnswer> =>
  program.query(putText, { input: { key: 'k', value: { text: 'v' }, fence: { election, token } } });

async function msUntil(holds: () => boolean): Promise<number> {
  const fromMs = performance.now();
  await until(holds);
  return performance.now() - fromMs;
}

describe('candidates at two gateways', () => {
  it(
    'by mutation, many at once: one leads, the others are told who, and only its token writes',
    async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 40 }, (_, index) =>
          campaign(index % 2 === 0 ? one : two, { candidateId: `c${index}`, leaseMs: 500 }),
        ),
      );
      const leading = outcomes.filter(({ __typename }) => __typename === 'Leadership');
      expect(leading).toMatchObject([{ fencingToken: 1 }]);
      for (const outcome of outcomes.filter(({ __typename }) => __typename === 'LeadershipHeld'))
        expect(outcome.leader).toMatchObject({ fencingToken: 1 });
      expect((await fencedPut(two, 1)).data).toEqual({ kvPut: { __typename: 'KvPutSuccess' } });
      await until(async () => (await campaign(two, { candidateId: 'next', leaseMs: 500 })).__typename === 'Leadership');
      for (const program of [one, two]) {
        expect((await fencedPut(program, 1)).data).toEqual({ kvPut: { __typename: 'Fenced', currentToken: 2 } });
        expect((await fencedPut(program, 2)).data).toEqual({ kvPut: { __typename: 'KvPutSuccess' } });
        expect((await fencedPut(program, 3)).errors![0]!.extensions.code).toBe('BAD_USER_INPUT');
      }
    },
    minute,
  );

  it(
    'that stand: one leads; when its socket is lost, or its gateway stops, the next one leads at once',
    async () => {
      const leaseMs = 30_000;
      const a = new Candidate(one, 'a', leaseMs);
      await until(() => a.leads);
      const b = new Candidate(two, 'b', leaseMs);
      await b.seen.atLeast(1);
      expect(b.now).toMatchObject({ isLeader: false, leadership: null, leader: { candidateId: 'a', fencingToken: 1 } });
      a.leave();
      expect(await msUntil(() => b.leads)).toBeLessThan(slackMs);
      expect(b.token).toBe(2);
      const c = new Candidate(one, 'c', leaseMs);
      await c.seen.atLeast(1);
      two.process.kill('SIGTERM');
      expect(await msUntil(() => c.leads)).toBeLessThan(slackMs);
      expect(c.token).toBe(3);
      expect((await two.ended).code).toBe(0);
    },
    minute,
  );

  it(
    'and the gateway of the leader is killed with -9: another leads when the lease is over, and nobody before',
    async () => {
      const leaseMs = 1_500;
      const a = new Candidate(one, 'a', leaseMs);
      await until(() => a.leads);
      const others = ['b', 'c', 'd'].map((id) => new Candidate(two, id, leaseMs));
      await Promise.all(others.map(({ seen }) => seen.atLeast(1)));
      one.process.kill('SIGKILL');
      const ms = await msUntil(() => others.some(({ leads }) => leads));
      // The last renewal was at most a third of the lease ago.
      expect(ms).toBeGreaterThan(leaseMs / 2);
      expect(ms).toBeLessThan(leaseMs + leaseMs / 3 + 1_000 + slackMs);
      expect(others.filter(({ leads }) => leads)).toMatchObject([{ token: 2 }]);
      expect((await fencedPut(two, 1)).data).toEqual({ kvPut: { __typename: 'Fenced', currentToken: 2 } });
    },
    minute,
  );

  it(
    'and the gateway of the leader is paused: another leads, and the first hears that it does not',
    async () => {
      const leaseMs = 1_500;
      const a = new Candidate(one, 'a', leaseMs);
      await until(() => a.leads);
      const b = new Candidate(two, 'b', leaseMs);
      await b.seen.atLeast(1);
      one.process.kill('SIGSTOP');
      await until(() => b.leads);
      expect(b.token).toBe(2);
      one.process.kill('SIGCONT');
      await until(() => !a.leads);
      await until(() => a.now?.leader?.candidateId === 'b');
      expect(b.leads).toBe(true);
      expect((await fencedPut(one, 1)).data).toEqual({ kvPut: { __typename: 'Fenced', currentToken: 2 } });
    },
    minute,
  );
});

describe('storage that is killed with -9', () => {
  it(
    'under campaigns that are sent again: no token is given twice, none is lost',
    async () => {
      const reigns = new Map<number, string>();
      let isOver = false;
      let restarts = 0;
      const stand = async (caller: number): Promise<void> => {
        for (let round = 0; !isOver; round += 1) {
          const candidateId = `c${caller}.${round}`;
          const input = { candidateId, leaseMs: 100, idempotencyKey: candidateId };
          const answers: Outcome[] = [];
          // Until two answers have come, through either gateway.
          while (answers.length < 2) {
            const program = (round + answers.length) % 2 === 0 ? one : two;
            const answer = await campaign(program, input).catch(() => undefined);
            if (answer) answers.push(answer);
          }
          const [first, again] = answers;
          expect(again!.__typename).toBe(first!.__typename);
          if (first!.__typename !== 'Leadership') continue;
          expect(again).toEqual(first);
          const token = first!.fencingToken!;
          expect([token, reigns.get(token)]).toEqual([token, undefined]);
          reigns.set(token, candidateId);
        }
      };
      const callers = Promise.all(Array.from({ length: 8 }, (_, caller) => stand(caller)));
      callers.catch(() => (isOver = true));
      for (; restarts < 3 && !isOver; restarts += 1) {
        const { size } = reigns;
        await until(() => isOver || reigns.size >= size + 4);
        storage.process.kill('SIGKILL');
        await storage.ended;
        await startStorage();
      }
      const { size } = reigns;
      await until(() => isOver || reigns.size >= size + 4);
      isOver = true;
      await callers;
      const highest = Math.max(...reigns.keys());
      expect([...reigns.keys()].sort((x, y) => x - y)).toEqual(
        Array.from({ length: highest }, (_, index) => index + 1),
      );
    },
    minute,
  );

  it(
    'makes a standing candidate give up in time, and lead again when storage is back',
    async () => {
      const leaseMs = 1_500;
      const a = new Candidate(one, 'a', leaseMs);
      await until(() => a.leads);
      storage.process.kill('SIGKILL');
      expect(await msUntil(() => !a.leads)).toBeLessThan((leaseMs * 2) / 3 + slackMs / 2);
      await storage.ended;
      await startStorage();
      await until(() => a.leads);
      expect((await fencedPut(two, a.token)).data).toEqual({ kvPut: { __typename: 'KvPutSuccess' } });
    },
    minute,
  );
});

describe('the worker of the examples', () => {
  interface Line {
    readonly event: string;
    readonly token?: number;
  }
  const runWorker = (program: Program, id: string): { process: ChildProcess; lines: Collector<Line> } => {
    const file = join(__dirname, '..', '..', 'examples', 'leader-worker', 'worker.mjs');
    const child = spawn(process.execPath, [file, program.origin, election, id, '1500'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    workers.push(child);
    const lines = new Collector<Line>();
    createInterface({ input: child.stdout }).on('line', (line) => lines.add(JSON.parse(line) as Line));
    return { process: child, lines };
  };
  const has = ({ lines }: { lines: Collector<Line> }, event: string, token?: number): boolean =>
    lines.items.some((line) => line.event === event && (token === undefined || line.token === token));

  it(
    'works alone, stops in time when its gateway is paused, hands over when it is asked to stop',
    async () => {
      const a = runWorker(one, 'a');
      await until(() => has(a, 'done', 1));
      const b = runWorker(two, 'b');
      await until(() => has(b, 'waiting'));
      expect(has(b, 'leading')).toBe(false);
      one.process.kill('SIGSTOP');
      await until(() => has(b, 'done', 2));
      // By then the other has stopped by itself: nobody told it.
      await until(() => has(a, 'stopped', 1));
      const doneBy = a.lines.items.filter(({ event }) => event === 'done').length;
      one.process.kill('SIGCONT');
      await until(() => has(a, 'waiting'));
      expect(a.lines.items.filter(({ event }) => event === 'done')).toHaveLength(doneBy);
      const ended = once(b.process, 'close');
      b.process.kill('SIGTERM');
      expect(await msUntil(() => has(a, 'leading', 3))).toBeLessThan(slackMs);
      expect((await ended)[0]).toBe(0);
      await until(() => has(a, 'done', 3));
    },
    minute,
  );
});
